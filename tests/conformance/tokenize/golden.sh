#!/bin/sh
# Ids of samples and hard strings, against digests of what the references gave: needs neither of them,
# only the vocabularies, and for one sample not even these.
set -u
cd "$(dirname "$0")/../../.." || exit 1
PYTHONDONTWRITEBYTECODE=1 exec python3 tests/conformance/tokenize/golden.py "$GM_BUILD" check
