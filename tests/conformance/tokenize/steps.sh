#!/bin/sh
# Expressions, pre-tokenizers and normalizers give what the reference gave: by stored digests, so that
# this needs nothing but Python. steps_reference.sh asks the reference itself.
# limit: 300
set -u
cd "$(dirname "$0")/../../.." || exit 1
PYTHONDONTWRITEBYTECODE=1 python3 tests/conformance/tokenize/steps.py digests \
    tests/conformance/tokenize/steps.digests
