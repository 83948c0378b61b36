#!/bin/sh
# The statistics against Python's unicodedata, str.split and str.casefold, over texts of random
# code points. Code points that Python's Unicode version does not know are left out.
set -u
cd "$(dirname "$0")/../../.." || exit 1
command -v python3 >/dev/null || {
    echo "SKIPPED: no python3"
    exit 77
}
exec python3 - "${GM_BUILD:-build}/tests/lib/tool_text_counts" <<'PYTHON'
import random
import subprocess
import sys
import unicodedata

SPACES = set("\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000") | {chr(c) for c in range(0x2000, 0x200B)}
KNOWN = [chr(c) for c in range(0x110000) if unicodedata.category(chr(c)) not in ("Cn", "Cs", "Co")]
CASED = [c for c in KNOWN if unicodedata.category(c) in ("Lu", "Ll")]
random.seed(1)


def counts(text):
    run = subprocess.run([sys.argv[1]], input=text.encode(), stdout=subprocess.PIPE, check=True)
    return {name: int(value) for name, value in (row.split() for row in run.stdout.decode().splitlines())}


def whitespace_words(text):
    return len("".join(" " if c in SPACES else "x" for c in text).split())


def check(name, text, wanted):
    found = counts(text)
    for key, value in wanted.items():
        if found[key] != value:
            sys.exit("%s: %s is %d, Python says %d: %r" % (name, key, found[key], value, text[:200]))


def check_classes(name, text):
    category = [unicodedata.category(c) for c in text]
    check(name, text, {
        "code_points": len(text), "line_feeds": text.count("\n"),
        "letters": sum(c[0] == "L" for c in category), "digits": category.count("Nd"),
        "punctuation": sum(c[0] == "P" for c in category),
        "spaces": sum(c in SPACES for c in text), "whitespace_words": whitespace_words(text)})


def check_words(name, words, separator):
    folded = {word.casefold() for word in words}
    check(name, separator.join(words), {
        "words": len(words), "distinct_words": len(folded),
        "word_code_points": sum(map(len, words)), "sentences": 1})


check_classes("every code point", "".join(KNOWN))
for i in range(40):
    pool = [KNOWN, KNOWN[:128], KNOWN[:0x600], [chr(c) for c in range(1, 128)]][i % 4]
    spaces = sorted(SPACES)
    text = "".join(random.choice(spaces if random.random() < 0.2 else pool) for _ in range(5000))
    check_classes("random text %d" % i, text)
for i in range(20):
    letters = CASED if i % 2 else [c for c in CASED if c < "\u0250"]
    words = ["".join(random.choice(letters) for _ in range(random.randrange(1, 3))) for _ in range(2000)]
    words = [w.upper() if random.random() < 0.3 else w for w in words]
    words = [w for w in words if all(unicodedata.category(c) in ("Lu", "Ll") for c in w)]
    check_words("random words %d" % i, words, " ")
print("ok")
PYTHON
