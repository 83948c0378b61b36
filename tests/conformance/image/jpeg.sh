#!/bin/sh
# The lossless routes over all JPEGs of the fixtures, with libjpeg as the judge; and the pixels of
# mode exact against Pillow's.
# limit: 900
set -u
cd "$(dirname "$0")/../../.." || exit 1
images=${GM_FIXTURES:-$HOME/.cache/gristmill/fixtures}/images
[ -d "$images" ] || {
    echo "no pictures in $images: make fixtures"
    exit 77
}
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
find "$images" -type f \( -iname '*.jpg' -o -iname '*.jpeg' \) | LC_ALL=C sort >"$work/all"
[ "$(wc -l <"$work/all")" -ge 1000 ] || {
    echo "only $(wc -l <"$work/all") JPEGs in $images: make fixtures"
    exit 77
}
bad=0
xargs -d '\n' "$GM_BUILD/tests/lib/tool_jpeg" <"$work/all" >"$work/lines" || bad=1
grep DIFFERS "$work/lines"
tail -n 1 "$work/lines"
n=$(grep -c '^jpeg.copy same' "$work/lines")
[ "$n" -ge 1000 ] || {
    echo "only $n files were copied"
    bad=1
}
[ "$bad" -eq 0 ] || exit 1
. tests/lib/pillow.sh
"$python" tests/conformance/image/jpeg.py "$GM_BUILD/tests/lib/tool_gray" "$work/all" "$work"
