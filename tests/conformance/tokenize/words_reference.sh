#!/bin/sh
# WordPiece, WordLevel and Unigram equal Hugging Face tokenizers 0.23.2, with small vocabularies, BERT's
# and a trained one. GM_PYTHON: a Python that has the library.
# limit: 600
set -u
cd "$(dirname "$0")/../../.." || exit 1
PYTHONDONTWRITEBYTECODE=1 exec "${GM_PYTHON:-python3}" tests/conformance/tokenize/words.py reference
