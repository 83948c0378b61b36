#!/bin/sh
# The committed Unicode tables are what gen_tables.py makes of Debian's unicode-data.
set -u
cd "$(dirname "$0")/../../.." || exit 1
if [ ! -r /usr/share/unicode/UnicodeData.txt ]; then
    echo "SKIPPED: no /usr/share/unicode: install the Debian package unicode-data"
    exit 77
fi
version=$(sed -n 's/^#define GM_UNICODE_VERSION "\(.*\)"/\1/p' stages/text/unicode_names.h)
if ! grep -q "Scripts-$version.txt" /usr/share/unicode/Scripts.txt; then
    echo "SKIPPED: unicode-data is not version $version, which the tables are made from"
    exit 77
fi
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
PYTHONDONTWRITEBYTECODE=1 python3 stages/text/gen_tables.py /usr/share/unicode "$work" || exit 1
for file in unicode_names.h unicode_tables.c; do
    cmp "$work/$file" "stages/text/$file" || exit 1
done
