#!/bin/sh
# Real vocabularies on documents of the corpus: ids and decoded text are those of Hugging Face
# tokenizers and tiktoken. GM_PYTHON: a Python that has the two; DOC_BYTES: how much of the corpus.
# limit: 600
set -u
cd "$(dirname "$0")/../../.." || exit 1
PYTHONDONTWRITEBYTECODE=1 exec "${GM_PYTHON:-python3}" tests/conformance/tokenize/vocabularies.py \
    "$GM_BUILD" "${DOC_BYTES:-400000}"
