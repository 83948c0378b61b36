#!/usr/bin/env python3
"""Writes stages/tokenize/unicode_hf_table.c by asking Hugging Face tokenizers 0.23.2 itself.

    python3 stages/tokenize/gen_unicode_hf.py [stages/tokenize]     (needs `pip install tokenizers`)

The libraries below it know different versions of Unicode: normal forms 9.0, categories about 8.0,
scripts about 9.0, Rust's own lowercase and numbers 17.0. Their answers for every code point are asked
for here, one by one, and stored where they are needed as ranges. The build does not run this: the
result is committed, and is written anew only when the reference moves.
"""
import os
import re
import sys

from tokenizers import normalizers as N, pre_tokenizers as P

CODE_POINTS = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]
BLOCK = 128


def isolated(pre_tokenizer):
    """Code points that the pre-tokenizer puts alone; the text has each between two letters."""
    text = "".join("a" + chr(c) for c in CODE_POINTS) + "a"
    return {ord(p) for p, _ in pre_tokenizer.pre_tokenize_str(text) if len(p) == 1 and p != "a"}


def removed(normalizer):
    return {c for c in CODE_POINTS if normalizer.normalize_str("a" + chr(c) + "a") == "aa"}


def changed(normalizer):
    found = {}
    for c in CODE_POINTS:
        result = normalizer.normalize_str(chr(c))
        if result != chr(c):
            found[c] = result
    return found


def joined(letter):
    """Code points that UnicodeScripts leaves in one piece with the letter before them."""
    text = letter + "".join(chr(c) + letter for c in CODE_POINTS)
    found = set()
    for _, (begin, end) in P.UnicodeScripts().pre_tokenize_str(text):
        found.update(CODE_POINTS[(i - 1) // 2] for i in range(begin + 1, end) if i % 2)
    return found


def newer_than_9():
    """What Unicode 9.0 had not assigned, from Debian's unicode-data."""
    old = set()
    with open("/usr/share/unicode/DerivedAge.txt", encoding="utf-8") as lines:
        for line in lines:
            m = re.match(r"([0-9A-F]+)(?:\.\.([0-9A-F]+))?\s*;\s*([\d.]+)", line)
            if m and float(m[3]) <= 9.0:
                old.update(range(int(m[1], 16), int(m[2] or m[1], 16) + 1))
    return {c for c in CODE_POINTS if c not in old}


def normal_bits():
    """Bits 1, 2, 4, 8: the character is touched by NFC, NFD, NFKC, NFKD, alone or by its place; 16:
    newer than the normal forms know; 32: touched by nothing but the order of marks."""
    nfd, nfkd = changed(N.NFD()), changed(N.NFKD())
    nfc, nfkc = changed(N.NFC()), changed(N.NFKC())
    order = N.NFD()
    second = set(range(0x1161, 0x1176)) | set(range(0x11A8, 0x11C3))  # jamo
    for c, text in nfd.items():
        if c not in nfc:
            second.update(map(ord, text[1:]))
    moves = {c for c in CODE_POINTS
             if c not in nfd and order.normalize_str("a\u0345" + chr(c)) != "a\u0345" + chr(c)}
    moves.add(0x345)
    new = newer_than_9()
    bits = bytearray(0x110000)
    for c in CODE_POINTS:
        low = c in moves
        composes = low or c in second
        bits[c] = ((composes or c in nfc) | (low or c in nfd) << 1 | (composes or c in nfkc) << 2 |
                   (low or c in nfkd) << 3 | (c in new) << 4)
        if low and c not in second and not any(c in form for form in (nfc, nfd, nfkc, nfkd)):
            bits[c] |= 32
        assert not (c in new and bits[c] & 15), hex(c)
    return bits


def ranges(code_points):
    result = []
    for c in sorted(code_points):
        if result and result[-1][1] == c - 1:
            result[-1][1] = c
        else:
            result.append([c, c])
    return result


def write_ranges(out, name, code_points):
    rows = [f"{{0x{a:X}, 0x{b:X}}}" for a, b in ranges(code_points)]
    out.write(f"\nconst struct gm_hf_range gm_hf_{name}[] = {{\n")
    for i in range(0, len(rows), 5):
        out.write("    " + ", ".join(rows[i:i + 5]) + ",\n")
    out.write(f"}};\nconst uint32_t gm_hf_n_{name} = {len(rows)};\n")


def write_numbers(out, declaration, numbers):
    out.write(f"\n{declaration} = {{\n")
    for i in range(0, len(numbers), 24):
        out.write("    " + ", ".join(map(str, numbers[i:i + 24])) + ",\n")
    out.write("};\n")


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__))
    bert = {"clean_text": False, "handle_chinese_chars": False, "strip_accents": False,
            "lowercase": False}
    decomposed = changed(N.NFD())
    lower = changed(N.Lowercase())
    with open(os.path.join(folder, "unicode_hf_table.c"), "w", encoding="ascii") as out:
        out.write("/* Written by gen_unicode_hf.py from the answers of Hugging Face tokenizers "
                  "0.23.2. */\n#include \"tokenize/unicode_hf_table.h\"\n")
        write_ranges(out, "punctuation", isolated(P.Punctuation("isolated")))
        write_ranges(out, "numeric", isolated(P.Digits(individual_digits=True)))
        write_ranges(out, "other", removed(N.BertNormalizer(**{**bert, "clean_text": True})))
        accents = removed(N.BertNormalizer(**{**bert, "strip_accents": True}))
        write_ranges(out, "nonspacing", accents - set(decomposed))
        write_ranges(out, "combining", removed(N.StripAccents()))
        write_ranges(out, "no_script", joined("a") & joined("\u044f"))
        out.write("\nconst struct gm_hf_lower gm_hf_lowercase[] = {\n")
        rows = ["{0x%X, {%s}}" % (c, ", ".join(f"0x{ord(x):X}" for x in t))
                for c, t in sorted(lower.items()) if c >= 0x80]
        for i in range(0, len(rows), 5):
            out.write("    " + ", ".join(rows[i:i + 5]) + ",\n")
        out.write(f"}};\nconst uint32_t gm_hf_n_lowercase = {len(rows)};\n")
        bits, blocks, places = bytes(normal_bits()), {}, []
        for c in range(0, 0x110000, BLOCK):
            places.append(blocks.setdefault(bits[c:c + BLOCK], len(blocks)))
        assert len(blocks) <= 256
        write_numbers(out, "const uint8_t gm_hf_normal_blocks[]", places)
        write_numbers(out, "const uint8_t gm_hf_normal_bits[]", list(b"".join(blocks)))


main()
