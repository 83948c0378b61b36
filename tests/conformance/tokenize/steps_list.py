"""What is compared: expressions, pre-tokenizers and normalizers, each with the reference's object.

A row is (name, steps, texts); a step is (line for the tool, function that makes the reference's object
from its modules P, N and Regex). Numbers in the lines: stages/tokenize/spec.h.
"""
from charsmap import build
from steps_cases import Random, step, texts

CONTRACTION = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
TAIL = r"\s+(?!\S)|\s+"
UPPER, LOWER = r"\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}", r"\p{Ll}\p{Lm}\p{Lo}\p{M}"


def cased(extra="", suffix=CONTRACTION + "?", numbers=r"\p{N}{1,3}", ends=r"[\r\n/]*", first=""):
    return (first + rf"[^\r\n\p{{L}}\p{{N}}]?[{UPPER}{extra}]*[{LOWER}{extra}]+{suffix}|"
            rf"[^\r\n\p{{L}}\p{{N}}]?[{UPPER}{extra}]+[{LOWER}{extra}]*{suffix}|{numbers}|"
            rf" ?[^\s\p{{L}}\p{{N}}]+{ends}|\s*[\r\n]+|{TAIL}")


def words(letters=r"\p{L}", numbers=r"\p{N}{1,3}", others=r"\s\p{L}\p{N}"):
    return (CONTRACTION + rf"|[^\r\n\p{{L}}\p{{N}}]?[{letters}]+|{numbers}| ?[^{others}]+[\r\n]*|"
            rf"\s*[\r\n]+|{TAIL}")


PATTERNS = {
    "gpt2": r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|" + TAIL,
    "cl100k": words(),
    "qwen2": words(numbers=r"\p{N}"),
    "qwen3.5": words(letters=r"\p{L}\p{M}", numbers=r"\p{N}", others=r"\s\p{L}\p{M}\p{N}"),
    "o200k": cased(),
    "tekken": cased(suffix="", numbers=r"\p{N}"),
    "kimi": cased(extra=r"&&[^\p{Han}]", ends=r"[\r\n]*", first=r"[\p{Han}]+|"),
    "deepseek numbers": r"\p{N}{1,3}",
    "deepseek cjk": "[一-龥぀-ゟ゠-ヿ]+",
    "deepseek words": "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|"
                      "[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\r\n]*|"
                      "\\s*[\r\n]+|" + TAIL,
    "deepseek coder": r"\s?\p{L}+", "deepseek punctuation": r"\s?\p{P}+",
    "bloom": r" ?[^(\s|[.,!?…。，、।۔،])]+",
    "possessive": CONTRACTION + r"|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+|"
                  r" ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s",
    "cl100k new": r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}|"
                  r" ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|" + TAIL,
    "w": r"\w+", "W": r"\W+", "class w": r"[\w]+|[^\W]", "d": r"\d+", "h": r"\h+", "S": r"\S+",
    "b": r"\b", "B": r"\B", "line start": r"^", "line end": r"$", "A": r"\A", "z": r"\z",
    "line ends": r"\n$|a$", "line starts": r"\n^|^a",
    "behind": r"(?<=a)b|(?<!\s)\s", "ahead": r"a(?=b)|\s(?=\w+\s)|(?!a)\w(?!b|c)",
    "lazy": r"a+?b|a*?c|.{2,4}?", "alternatives": r"(a|ab)(c|bcd)(d*)",
    "nested": r"((a|b)+c?)+|(?:a{2,3}){1,2}", "optional": r"(?:ab?){2,}|a??b",
    "empty": r"", "maybe empty": r"a*|b", "literals": r"a{|{|}|\.|\/|\-|]",
    "fold": r"(?i)abc|d[s-t]|k", "hexadecimal": r"\x{4e2d}|A|\x20+", "dot": r".+",
    "classes": r"[^a-z\s\p{P}]+|[-a]|[a-]|[\w-]", "negations": r"[^\P{L}\p{Lu}]+|\p{^L}",
    "interval": r"a{,2}b|(?:ab){2}|c{2,}",
}

BEHAVIORS = ["removed", "isolated", "merged_with_previous", "merged_with_next", "contiguous"]
FEW = list("abcd \n'sS1") + ["中", "é"]
SPACED = list("ab  1_▁.,中\n")
MARKED = list("aeocé가각각한") + [chr(c) for c in (
    0x300, 0x301, 0x308, 0x323, 0x327, 0x328, 0x345, 0x5B0, 0x5BC, 0x64B, 0x651, 0x653, 0x654, 0x93C,
    0x94D, 0x9BE, 0x9C7, 0xE38, 0xF71, 0xF72, 0xF74, 0x1161, 0x11A8, 0x11A7, 0x3099, 0x309A, 0x304B,
    0x30AB, 0x212B, 0x2126, 0xFB01, 0xFB2C, 0xFF76, 0xFF9E, 0x1D15E, 0x1D165, 0x1E5EF, 0x8CA, 0x1DF6,
    0x11935, 0x11930, 0x11938, 0x1E8D0, 0x1E944, 0x32FF, 0xA7F2, 0x10783, 0x1DFA, 0x7FD, 0x16121,
    0x16D68, 0x16D69, 0x113C5)]
CLUSTERED = [chr(c) for c in (
    0x61, 0x62, 0x41, 0x20, 0xD, 0xA, 0x9, 0x300, 0x301, 0x200D, 0x200C, 0x1F468, 0x1F469, 0x1F3FD,
    0x2764, 0xFE0F, 0x1F1E9, 0x1F1EA, 0x1F1EB, 0x600, 0x6DD, 0x110BD, 0x903, 0x93E, 0xE33, 0xE31,
    0x1100, 0x1161, 0x11A8, 0xAC00, 0xAC01, 0xA960, 0xD7B0, 0x915, 0x937, 0x94D, 0x93C, 0x9CD, 0x995,
    0xACD, 0xA95, 0xD4D, 0xD15, 0x1039, 0x1000, 0x17D2, 0x1780, 0xA9C0, 0xA98F, 0xAD, 0x200B, 0xFB01,
    0xFF21, 0x3000, 0x2581, 0x378, 0xE0041, 0x1133B, 0x113C2, 0x11BF0, 0x16D63, 0x16129, 0x1E5EF,
    0xDF2, 0x1B05, 0x1B44, 0x1F90F, 0x1FAF8, 0x897, 0xD4E, 0x111C2, 0x113D1)]


def expressions():
    for name, pattern in PATTERNS.items():
        for behavior in (0, 1):
            yield (f"regex {name} {BEHAVIORS[behavior]}",
                   [split(pattern, behavior, regex=True)],
                   texts(len(pattern), 1200) + texts(len(name), 800, FEW))


def split(pattern, behavior, invert=False, regex=False):
    return (step(69, 4 * regex + 8 * invert, behavior, pattern),
            lambda P, N, Regex: P.Split(Regex(pattern) if regex else pattern, BEHAVIORS[behavior],
                                        invert))


def byte_level(prefix, use_regex):
    return (step(65, 16 * prefix + 32 * use_regex),
            lambda P, N, Regex: P.ByteLevel(add_prefix_space=prefix, use_regex=use_regex))


def metaspace(scheme, cuts, replacement="▁"):
    names = ["never", "first", "always"]
    return (step(67, 128 * cuts, scheme, replacement),
            lambda P, N, Regex: P.Metaspace(replacement, names[scheme], cuts))


def punctuation(behavior):
    return step(68, 0, behavior), lambda P, N, Regex: P.Punctuation(BEHAVIORS[behavior])


def digits(individual):
    return step(66, 64 * individual), lambda P, N, Regex: P.Digits(individual)


def fixed_length(n):
    return step(74, 0, n), lambda P, N, Regex: P.FixedLength(n)


BERT = step(64), lambda P, N, Regex: P.BertPreTokenizer()
SCRIPTS = step(70), lambda P, N, Regex: P.UnicodeScripts()
WHITESPACE = step(71), lambda P, N, Regex: P.Whitespace()
WHITESPACE_SPLIT = step(72), lambda P, N, Regex: P.WhitespaceSplit()


def delimiter(c):
    return step(73, 0, 0, c), lambda P, N, Regex: P.CharDelimiterSplit(c)


def pre_tokenizer_steps():
    yield "bert", [BERT]
    yield "scripts", [SCRIPTS]
    yield "whitespace", [WHITESPACE]
    yield "whitespace split", [WHITESPACE_SPLIT]
    for flag in (False, True):
        yield f"digits {flag}", [digits(flag)]
        for use_regex in (False, True):
            yield f"byte level {flag} {use_regex}", [byte_level(flag, use_regex)]
        for scheme in range(3):
            for c in "▁_ ":
                yield f"metaspace {scheme} {flag} {c}", [metaspace(scheme, flag, c)]
        for behavior, name in enumerate(BEHAVIORS):
            yield f"split blank {name} {flag}", [split(" ", behavior, flag)]
            yield f"split ab {name} {flag}", [split("ab", behavior, flag)]
            yield f"split nothing {name} {flag}", [split("", behavior, flag)]
            yield f"split words {name} {flag}", [split(r"\p{L}+|\d", behavior, flag, True)]
            yield f"split a* {name} {flag}", [split("a*", behavior, flag, True)]
    for behavior, name in enumerate(BEHAVIORS):
        yield f"punctuation {name}", [punctuation(behavior)]
    for c in "a 中▁":
        yield f"delimiter {c}", [delimiter(c)]
    for n in (1, 2, 5):
        yield f"fixed length {n}", [fixed_length(n)]
    yield "sequence t5", [WHITESPACE_SPLIT, metaspace(2, True), punctuation(1)]
    yield "sequence digits", [digits(True), byte_level(True, True)]
    yield "sequence scripts", [SCRIPTS, digits(False), fixed_length(3)]
    yield "sequence first", [WHITESPACE_SPLIT, metaspace(1, True)]
    yield "sequence metaspaces", [metaspace(2, True), SCRIPTS, metaspace(2, False, "_")]


def pre_tokenizers():
    for name, steps in pre_tokenizer_steps():
        yield ("pre-tokenizer " + name, steps,
               texts(len(name), 1000) + texts(3 * len(name), 1000, SPACED))


def clusters():
    random, mapping = Random(3), {}
    for a in CLUSTERED:
        if random.below(3):
            mapping[a] = f"<{ord(a):x}>"
        for b in CLUSTERED:
            if random.below(8) == 0:
                mapping[a + b] = f"[{ord(a):x}{ord(b):x}]"
    mapping.update({"a": "A", "b\u0301": "B", "▁": ""})
    return build(mapping)


def replace(pattern, content, regex=False):
    return (step(10, 4 * regex, 0, pattern, content),
            lambda P, N, Regex: N.Replace(Regex(pattern) if regex else pattern, content))


def strip(left, right):
    return step(7, left + 2 * right), lambda P, N, Regex: N.Strip(left, right)


def prepend(text):
    return step(9, 0, 0, text), lambda P, N, Regex: N.Prepend(text)


def bert_normalizer(bits):
    flags = [bool(bits >> i & 1) for i in range(4)]
    return step(12, bits * 256), lambda P, N, Regex: N.BertNormalizer(*flags)


SIMPLE = {name: (step(kind), lambda P, N, Regex, name=name: getattr(N, name)())
          for kind, name in ((1, "NFC"), (2, "NFD"), (3, "NFKC"), (4, "NFKD"), (5, "Nmt"),
                             (6, "Lowercase"), (8, "StripAccents"))}


def normalizer_steps():
    for name, one in SIMPLE.items():
        yield name, [one]
    for left, right in ((True, True), (True, False), (False, True)):
        yield f"strip {left} {right}", [strip(left, right)]
    yield "prepend", [prepend("▁")]
    yield "prepend nothing", [prepend("")]
    yield "replace", [replace(" ", "▁")]
    yield "replace by nothing", [replace("ab", "")]
    yield "replace nothing", [replace("", "x")]
    yield "replace spaces", [replace(" {2,}", " ", True)]
    yield "replace maybe", [replace(r"\s*", "-", True)]
    yield "replace quotes", [replace(r"(?<=\w)''|^", '"', True)]
    for bits in range(16):
        yield f"bert {bits}", [bert_normalizer(bits)]
    yield "albert", [replace("``", '"'), SIMPLE["NFKD"], SIMPLE["StripAccents"], SIMPLE["Lowercase"]]
    yield "llama 2", [prepend("▁"), replace(" ", "▁")]
    yield "mixed", [SIMPLE["Nmt"], SIMPLE["NFKC"], replace(" {2,}", " ", True), strip(True, True)]
    charsmap = clusters()
    yield "charsmap", [(step(11, 0, 0, charsmap), lambda P, N, Regex: N.Precompiled(charsmap))]


def normalizers(every):
    """With each code point below U+3400 and each every-th above, between others, for what looks at
    single characters."""
    scalars = [chr(c) for c in range(0x110000)
               if (c < 0x3400 or c % every == 0) and not 0xD800 <= c < 0xE000]
    for name, steps in normalizer_steps():
        inputs = (texts(len(name), 1000) + texts(3 * len(name), 1000, MARKED) +
                  texts(5 * len(name), 1000, CLUSTERED, 20) + texts(7, 300, list("ab  \n'`")))
        if name in SIMPLE or name == "bert 15":
            inputs += ["a" + c + "\u0301b" for c in scalars]
        yield "normalizer " + name, steps, inputs
