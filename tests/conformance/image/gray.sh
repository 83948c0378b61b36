#!/bin/sh
# The gray stage against Pillow, over every kind of picture that both read.
set -u
cd "$(dirname "$0")/../../.." || exit 1
. tests/lib/pillow.sh
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
"$python" tests/conformance/image/gray.py "$GM_BUILD/tests/lib/tool_gray" "$work"
