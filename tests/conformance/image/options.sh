#!/bin/sh
# The options of the gray stage and the columns of features against Pillow.
# limit: 300
set -u
cd "$(dirname "$0")/../../.." || exit 1
. tests/lib/pillow.sh
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
"$python" tests/conformance/image/options.py "$GM_BUILD/tests/lib/tool_gray" "$work"
