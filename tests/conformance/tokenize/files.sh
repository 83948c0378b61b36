#!/bin/sh
# Hand-made tokenizer.json files for every flag and kind of step, and random texts: ids and decoded
# text are those of Hugging Face tokenizers. GM_PYTHON: a Python that has them.
# limit: 400
set -u
cd "$(dirname "$0")/../../.." || exit 1
PYTHONDONTWRITEBYTECODE=1 exec "${GM_PYTHON:-python3}" tests/conformance/tokenize/files.py \
    "$GM_BUILD" "${SEED:-1}" "${TEXTS:-120}"
