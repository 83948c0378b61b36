#!/bin/sh
# Every split rule and tier cuts random texts, and documents of the corpus if it is there, as Hugging
# Face tokenizers and tiktoken do. GM_PYTHON: a Python that has the two.
# limit: 300
set -u
cd "$(dirname "$0")/../../.." || exit 1
tool=$GM_BUILD/tests/lib/tool_split
corpus=${GM_FIXTURES:-$HOME/.cache/gristmill/fixtures}/corpus
files=$(find "$corpus" -name '*.docs' -size +0 2>/dev/null | LC_ALL=C sort)
# shellcheck disable=SC2086
PYTHONDONTWRITEBYTECODE=1 "${GM_PYTHON:-python3}" tests/conformance/tokenize/split_reference.py \
    "$tool" "${SEED:-1}" "${TEXTS:-3000}" "${BYTES:-300000}" $files
