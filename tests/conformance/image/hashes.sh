#!/bin/sh
# The perceptual hashes against imagehash's.
set -u
cd "$(dirname "$0")/../../.." || exit 1
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
PYTHONDONTWRITEBYTECODE=1 python3 tests/conformance/image/hashes.py \
    "$GM_BUILD/tests/lib/tool_gray" "$work"
