#!/bin/sh
# truncated: partial against Pillow with LOAD_TRUNCATED_IMAGES.
set -u
cd "$(dirname "$0")/../../.." || exit 1
. tests/lib/pillow.sh
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
"$python" tests/conformance/image/partial.py "$GM_BUILD/tests/lib/tool_gray" "$work"
