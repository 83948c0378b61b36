#!/usr/bin/env python3
"""Writes stages/text/unicode_names.h and unicode_tables.c from the Unicode Character Database.

    python3 stages/text/gen_tables.py [/usr/share/unicode [stages/text]]

The build does not run this: the result is committed. Run it again when Debian's package
unicode-data moves to a newer Unicode version, and then the tests in tests/conformance/text/, which
read the same package's test files.

Shape: a code point is cut into block and offset; gm_uni_blocks[block] names one of the distinct
blocks of gm_uni_index, whose entry is the number of a record of gm_uni_records. Each distinct
combination of properties is one record, so that one lookup answers every question of the text
stages: break classes, script, combining class, quick checks, flags and case folding.
"""

import os
import sys

BLOCK = 128
N_CODE_POINTS = 0x110000

WORD = ("Other CR LF Newline Extend ZWJ Format Regional_Indicator Katakana Hebrew_Letter ALetter "
        "Single_Quote Double_Quote MidNumLet MidLetter MidNum Numeric ExtendNumLet "
        "WSegSpace").split()
GRAPHEME = "Other CR LF Control Extend ZWJ Regional_Indicator Prepend SpacingMark L V T LV LVT".split()
SENTENCE = ("Other CR LF Extend Sep Format Sp Lower Upper OLetter Numeric ATerm SContinue STerm "
            "Close").split()
FLAGS = ["letter", "digit", "space", "punctuation", "word", "pictograph", "control"]
QC = {"Y": 0, "N": 1, "M": 2}


def rows(path):
    """Yields (first, last, [fields]) of a UCD file."""
    with open(path, encoding="utf-8") as file:
        for line in file:
            fields = [f.strip() for f in line.split("#")[0].split(";")]
            if len(fields) < 2:
                continue
            first, _, last = fields[0].partition("..")
            yield int(first, 16), int(last or first, 16), fields[1:]


def fill(path, values, wanted=None):
    """values[cp] = names.index(value) over a file of "range; value" rows."""
    column = [0] * N_CODE_POINTS
    for first, last, fields in rows(path):
        if wanted is not None:
            if fields[0] != wanted:
                continue
            value = 1
        else:
            value = values.index(fields[0])
        for cp in range(first, last + 1):
            column[cp] = value
    return column


def general(path):
    """General category and combining class of every code point."""
    category = ["Cn"] * N_CODE_POINTS
    combining = [0] * N_CODE_POINTS
    start = None
    with open(path, encoding="utf-8") as file:
        for line in file:
            fields = line.split(";")
            cp = int(fields[0], 16)
            if fields[1].endswith("First>"):
                start = cp
                continue
            for each in range(start if start is not None else cp, cp + 1):
                category[each] = fields[2]
                combining[each] = int(fields[3])
            start = None
    return category, combining


def quick_check(path, name):
    column = [0] * N_CODE_POINTS
    for first, last, fields in rows(path):
        if fields[0] == name:
            for cp in range(first, last + 1):
                column[cp] = QC[fields[1]]
    return column


def folding(path):
    """Full case folding (C + F): {cp: [folded code points]}."""
    folds = {}
    for first, _, fields in rows(path):
        if fields[0] in ("C", "F"):
            folds[first] = [int(each, 16) for each in fields[1].split()]
    return folds


def scripts(path):
    # Common and Inherited first, the rest by name; what the file does not list is Unknown.
    names = sorted({fields[0] for _, _, fields in rows(path)} - {"Common", "Inherited"})
    names = ["Unknown", "Common", "Inherited"] + names
    assert len(names) < 256
    return names, fill(path, names)


def records(folder):
    def file(name):
        return os.path.join(folder, name)

    category, combining = general(file("UnicodeData.txt"))
    word = fill(file("auxiliary/WordBreakProperty.txt"), WORD)
    grapheme = fill(file("auxiliary/GraphemeBreakProperty.txt"), GRAPHEME)
    sentence = fill(file("auxiliary/SentenceBreakProperty.txt"), SENTENCE)
    script_names, script = scripts(file("Scripts.txt"))
    white = fill(file("PropList.txt"), None, "White_Space")
    alphabetic = fill(file("DerivedCoreProperties.txt"), None, "Alphabetic")
    pictograph = fill(file("emoji/emoji-data.txt"), None, "Extended_Pictographic")
    nfc = quick_check(file("DerivedNormalizationProps.txt"), "NFC_QC")
    nfkc = quick_check(file("DerivedNormalizationProps.txt"), "NFKC_QC")
    folds = folding(file("CaseFolding.txt"))
    multi = sorted({tuple(f) for f in folds.values() if len(f) > 1})

    unique, index = {}, []
    for cp in range(N_CODE_POINTS):
        flags = [category[cp][0] == "L", category[cp] == "Nd", white[cp], category[cp][0] == "P",
                 alphabetic[cp] or category[cp][0] == "N", pictograph[cp], category[cp] == "Cc"]
        bits = sum(1 << i for i, flag in enumerate(flags) if flag)
        fold, fold_multi = 0, 0
        if cp in folds:
            if len(folds[cp]) == 1:
                fold = folds[cp][0] - cp
            else:
                fold_multi = 1 + multi.index(tuple(folds[cp]))
        record = (fold, word[cp], grapheme[cp], sentence[cp], script[cp], bits, combining[cp],
                  nfc[cp] | nfkc[cp] << 2, fold_multi)
        index.append(unique.setdefault(record, len(unique)))
    return list(unique), index, script_names, multi


def steady_bytes(unique, index):
    """Per byte of UTF-8: bit 0 (form C) and bit 1 (form KC) are set if it is ASCII, a continuation
    byte, or a first byte all of whose code points have quick check "yes" and combining class 0."""
    steady = [3] * 0xC0 + [0] * 0x40
    ranges = ([(0xC0 + i, i << 6, 6) for i in range(2, 32)] +
              [(0xE0 + i, i << 12, 12) for i in range(16)] +
              [(0xF0 + i, i << 18, 18) for i in range(5)])
    for lead, first, bits in ranges:
        both = 3
        for cp in range(max(first, 0x80), min(first + (1 << bits), N_CODE_POINTS)):
            combining, quick = unique[index[cp]][6], unique[index[cp]][7]
            both &= 0 if combining else (not quick & 3) | (not quick >> 2) << 1
        steady[lead] = both
    return steady


def blocks(index):
    unique, stage1 = {}, []
    for start in range(0, N_CODE_POINTS, BLOCK):
        stage1.append(unique.setdefault(tuple(index[start:start + BLOCK]), len(unique)))
    return stage1, [entry for block in unique for entry in block]


NOTICE = """/* Generated from the Unicode Character Database %s by gen_tables.py: do not edit.
 * %s */
"""


def table(head, values):
    lines, line = [head + " = {"], "   "
    for value in values:
        text = " " + str(value) + ","
        if len(line) + len(text) > 100:
            lines.append(line)
            line = "   "
        line += text
    return "\n".join(lines + [line, "};", "", ""])


def enum(prefix, names):
    rows = ["    GM_%s_%s," % (prefix.upper(), name.upper()) for name in names]
    return "\n".join(["enum gm_%s {" % prefix] + rows + [
        "    GM_%s_COUNT" % prefix.upper(), "};", "", ""])


def write_names(path, version, script_names):
    flags = ["    GM_UNI_%s = %d," % (name.upper(), 1 << i) for i, name in enumerate(FLAGS)]
    with open(path, "w", encoding="utf-8") as out:
        out.write(NOTICE % (version, "The property values that uniprop.h speaks of."))
        out.write("#ifndef GM_TEXT_UNICODE_NAMES_H\n#define GM_TEXT_UNICODE_NAMES_H\n\n")
        out.write("/* clang-format off */\n")
        out.write('#define GM_UNICODE_VERSION "%s"\n\n' % version)
        out.write(enum("wb", WORD) + enum("gcb", GRAPHEME) + enum("sb", SENTENCE))
        out.write("enum gm_uni_flags {\n" + "\n".join(flags) + "\n};\n\n")
        out.write("enum { GM_SCRIPT_COUNT = %d };\n" % len(script_names))
        out.write("/* clang-format on */\n#endif\n")


def write_tables(path, version, data):
    unique, index, script_names, multi = data
    stage1, stage2 = blocks(index)
    multi3 = ["{%s}" % ", ".join("0x%X" % cp for cp in each + (0,) * (3 - len(each)))
              for each in multi]
    with open(path, "w", encoding="utf-8") as out:
        out.write(NOTICE % (version, "uniprop.h explains it."))
        out.write('#include "text/uniprop.h"\n\n')
        out.write("/* clang-format off */\n")
        out.write(table("const char *const gm_script_names[GM_SCRIPT_COUNT]",
                        ['"%s"' % name for name in script_names]))
        out.write(table("const uint32_t gm_uni_folds[%d][3]" % len(multi), multi3))
        out.write(table("const struct gm_uniprop gm_uni_records[%d]" % len(unique),
                        ["{%s}" % ", ".join(map(str, record)) for record in unique]))
        out.write(table("const uint8_t gm_uni_steady_bytes[256]", steady_bytes(unique, index)))
        out.write(table("const uint16_t gm_uni_blocks[%d]" % len(stage1), stage1))
        out.write(table("const uint16_t gm_uni_index[%d]" % len(stage2), stage2))
        out.write("/* clang-format on */\n")


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else "/usr/share/unicode"
    target = sys.argv[2] if len(sys.argv) > 2 else os.path.dirname(os.path.abspath(__file__))
    with open(os.path.join(folder, "Scripts.txt"), encoding="utf-8") as file:
        version = file.readline().strip()[len("# Scripts-"):-len(".txt")]
    data = records(folder)
    write_names(os.path.join(target, "unicode_names.h"), version, data[2])
    write_tables(os.path.join(target, "unicode_tables.c"), version, data)


if __name__ == "__main__":
    main()
