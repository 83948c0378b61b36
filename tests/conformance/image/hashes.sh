#!/bin/sh
# The perceptual hashes against imagehash's: what it gave once, and what it gives now if it is here.
set -u
cd "$(dirname "$0")/../../.." || exit 1
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
for python in "${GM_PYTHON:-}" python3; do
    "$python" -c 'import imagehash' 2>/dev/null && break
done
PYTHONDONTWRITEBYTECODE=1 "$python" tests/conformance/image/hashes.py \
    "$GM_BUILD/tests/lib/tool_gray" "$work"
