#!/bin/sh
# WordPiece, WordLevel and Unigram with small vocabularies give what the reference gave: by stored
# digests. words_reference.sh asks the reference itself.
set -u
cd "$(dirname "$0")/../../.." || exit 1
PYTHONDONTWRITEBYTECODE=1 python3 tests/conformance/tokenize/words.py digests \
    tests/conformance/tokenize/words.digests
