#!/bin/sh
# Long pieces of one kind (a run, letters, CJK, emoji ...): ids are those of Hugging Face tokenizers and
# tiktoken, and neither the cache nor its size changes one. GM_PYTHON: a Python that has the two.
# limit: 600
set -u
cd "$(dirname "$0")/../../.." || exit 1
PYTHONDONTWRITEBYTECODE=1 exec "${GM_PYTHON:-python3}" tests/conformance/tokenize/pieces.py \
    "$GM_BUILD" "${PIECE_BYTES:-300000}"
