#!/bin/sh
# truncated: partial against Pillow with LOAD_TRUNCATED_IMAGES.
set -u
cd "$(dirname "$0")/../../.." || exit 1
for python in python3 /usr/bin/python3 ""; do
    [ -z "$python" ] && echo "no Python with Pillow (package python3-pil)" && exit 77
    "$python" -c 'import PIL' 2>/dev/null && break
done
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
PYTHONDONTWRITEBYTECODE=1 "$python" tests/conformance/image/partial.py \
    "$GM_BUILD/tests/lib/tool_gray" "$work"
