"""Compares tool_split with the reference's regular expressions.

    python3 split_reference.py TOOL SEED N_TEXTS N_BYTES [FILE ...]

The references are Hugging Face tokenizers and tiktoken, each with its own engine and expressions.
Random texts are drawn from representatives of every class that a rule can tell apart; of each corpus
file, the first N_BYTES bytes are taken. Exit 77: the packages are not there.
"""

import random
import struct
import subprocess
import sys

try:
    import tiktoken
    from tokenizers import Regex, pre_tokenizers
except ImportError as error:
    print("SKIPPED: no reference to compare with: %s" % error)
    sys.exit(77)

CONTRACTIONS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
TAIL = r"|\s*[\r\n]+|\s+(?!\S)|\s+"
WORD = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]"
REST = r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
PATTERNS = {
    "gpt2": [r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"],
    "cl100k": [CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*" +
               TAIL],
    "qwen2": [CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*" + TAIL],
    "qwen3.5": [CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}|"
                r" ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*" + TAIL],
    "o200k": [WORD + "*" + REST + "+" + CONTRACTIONS + "?|" + WORD + "+" + REST + "*" +
              CONTRACTIONS + r"?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*" + TAIL],
    "deepseek-v3": [r"\p{N}{1,3}", "[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+",
                    "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|"
                    "[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\r\n]*" + TAIL],
}
TIKTOKEN = {
    "gpt2": (r"'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|"
             r"\s+(?!\S)|\s"),
    "cl100k-tiktoken": (r"""'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+|"""
                        r""" ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s"""),
    "cl100k": PATTERNS["cl100k"][0],
    "o200k": PATTERNS["o200k"][0],
}

# One or more of every class: cased letters, titlecase, modifiers, letters without case, marks of
# three kinds, numbers of three kinds, white space of all lengths, newlines, ASCII and other
# punctuation, symbols, format, control, unassigned and private characters, emoji with what joins
# them, letters that are new in Unicode 15.1 and 16.0, and what folds into ASCII.
GROUPS = [
    "aestdmlrvxzSTDMRELVX", "\xe9\xdf\u0451\u03c9\u017f\ufb05", "\xc9\u0416\u03a9\u212a", "\u01c5\u1f88",
    "\u02b0\u3005\u0640\ua4f8", "\xaa\u05d0\u0627\u0e01\u0915\uac00\u4e00\u9fa5\u9fa6\u3042\u30ab\U00020000",
    "\u0301\u064b\u0903\u0488\u0e31\ufe0f\u20dd\U000e0100", "0123456789", "\u0660\u0966\xb2\xbd\u2167\u3007\uff11\U0001d7ce",
    " ", "  ", "\t\v\f", "\x85\xa0", "\u3000\u2003\u2028\u1680\u202f", "\r", "\n", "\r\n", "'",
    "'s't're've'm'll'd'S'T'RE'Ve'lL", "/", "!\"#$%&()*+,-.:;<=>?@[\\]^_`{|}~", "\u2019\u201c\u2014\u3002\uff0c\u30fb\u30a0",
    "\u20ac\xb1\xa9\u2192\u3012\u309b", "\u200b\u200d\xad\ufeff\x00\x1b\x7f", "\u0378\u3040\u3097\U000e0fff\U0003fffe",
    "\ue000\U0010ffff\U000f0000", "\U0001f600\U0001f469\u200d\u2764\ufe0f\U0001f3fd\U0001f1e9", "\u3099\u309a",
    "\U0002ebf0\U0002ee5d", "\U000105c0\U00010d50\U00010d70\u1c89\u1c8a\ua7cb\U00010d40\U00010d69",
]


def random_text(rng):
    weights = rng.choice([None, "few", "few", "runs"])
    groups = GROUPS if weights is None else rng.sample(GROUPS, rng.randint(2, 6))
    out, length = [], rng.choice([rng.randint(1, 12), rng.randint(1, 70), rng.randint(1, 200)])
    while len(out) < length:
        group = rng.choice(groups)
        if group[0] == "'" and len(group) > 1:
            out.append("'" + rng.choice(group.split("'")[1:]))
            continue
        n = rng.choice([1, 1, 1, 2, 3, rng.randint(1, 90)]) if weights == "runs" else 1
        if rng.random() < 0.3:
            out.append(rng.choice(group) * n)
        else:
            out.extend(rng.choice(group) for _ in range(n))
    return "".join(out)


def hugging_face(scheme, texts):
    """Pieces by the Split pre-tokenizers."""
    splits = [pre_tokenizers.Split(Regex(pattern), "isolated") for pattern in PATTERNS[scheme]]
    for text in texts:
        parts = [text]
        for split in splits:
            parts = [piece for part in parts for piece, _ in split.pre_tokenize_str(part)]
        yield parts


def by_tiktoken(scheme, texts):
    """Pieces by tiktoken, which tells only tokens: in a vocabulary that holds every substring of a
    text, every piece is a token."""
    for text in texts:
        vocabulary = {bytes([i]): i for i in range(256)}
        for start in range(len(text)):
            for end in range(start + 1, len(text) + 1):
                vocabulary.setdefault(text[start:end].encode(), len(vocabulary))
        encoding = tiktoken.Encoding("all", pat_str=TIKTOKEN[scheme], special_tokens={},
                                     mergeable_ranks=vocabulary)
        yield [encoding.decode_single_token_bytes(each).decode()
               for each in encoding.encode_ordinary(text)]


def ends_of(pieces):
    ends, at = [], 0
    for piece in pieces:
        at += len(piece.encode())
        ends.append(at)
    return ends


def tool_ends(tool, scheme, tier, texts):
    data = b"".join(struct.pack("<I", len(t)) + t for t in (text.encode() for text in texts))
    out = subprocess.run([tool, scheme, tier], input=data, stdout=subprocess.PIPE, check=True).stdout
    at, answers = 0, []
    for _ in texts:
        n = struct.unpack_from("<I", out, at)[0]
        answers.append(list(struct.unpack_from("<%dI" % n, out, at + 4)))
        at += 4 + 4 * n
    assert at == len(out)
    return answers


def documents(paths, limit):
    """Documents from the front of each corpus file (records of length and bytes)."""
    for path in paths:
        with open(path, "rb") as file:
            data = file.read(limit)
        at = 0
        while at + 4 <= len(data):
            n = struct.unpack_from("<I", data, at)[0]
            if at + 4 + n > len(data):
                break
            yield data[at + 4:at + 4 + n].decode()
            at += 4 + n


def compare(name, tool, scheme, tiers, reference, texts):
    """True if every tier cuts every text as the reference does; the first difference is printed."""
    expected = [ends_of(pieces) for pieces in reference(scheme, texts)]
    for tier in tiers:
        for text, ours, theirs in zip(texts, tool_ends(tool, scheme, tier, texts), expected):
            if ours != theirs:
                at = next(i for i in range(len(text.encode()) + 1)
                          if (i in set(ours)) != (i in set(theirs)))
                print("%s %s %s: %r cut differently at byte %d:\n ours   %s\n theirs %s" % (
                    name, scheme, tier, text, at, ours, theirs))
                return False
    print("%s %s: %d texts" % (name, scheme, len(texts)))
    return True


def main():
    tool, seed, n_texts, limit = sys.argv[1], *map(int, sys.argv[2:5])
    tiers = ["scalar", "avx2", "avx512"]
    good = True
    for scheme in PATTERNS:
        rng = random.Random("%s %d" % (scheme, seed))
        texts = [random_text(rng) for _ in range(n_texts)] + list(documents(sys.argv[5:], limit))
        good = compare("tokenizers", tool, scheme, tiers, hugging_face, texts) and good
    for scheme in TIKTOKEN:
        rng = random.Random("%s %d" % (scheme, seed))
        texts = [random_text(rng)[:90] for _ in range(n_texts // 40)]
        good = compare("tiktoken", tool, scheme, tiers, by_tiktoken, texts) and good
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
