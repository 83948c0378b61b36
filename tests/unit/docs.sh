#!/bin/sh
# The pages say what the tree says: links lead somewhere, the worked example is the tested one, every
# reason code is described with its advice, and the reading path for newcomers is as short as promised.
set -u
cd "$(dirname "$0")/../.." || exit 1
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
bad=0

complain() {
    echo "docs: $*"
    bad=1
}

# links between pages
for page in *.md docs/*.md data/*.md; do
    folder=$(dirname "$page")
    grep -o '](\([^)#]*\)' "$page" | sed 's/^](//' | grep -v '^https\{0,1\}:' | while read -r link; do
        [ -e "$folder/$link" ] || echo "$page: $link does not exist"
    done
done >"$work/links"
[ -s "$work/links" ] && complain "$(cat "$work/links")"

# fenced PAGE LANGUAGE N: the n-th block of that language
fenced() {
    awk -v fence="\`\`\`$2" -v wanted="$3" '
        $0 == fence { n++; inside = 1; next }
        $0 == "```" { inside = 0 }
        inside && n == wanted' "$1"
}
example=tests/conformance/example
fenced docs/adding-a-stage.md c 1 | diff - $example/capitals.c >"$work/diff" ||
    complain "adding-a-stage.md: the stage is not $example/capitals.c: $(head -n 5 "$work/diff")"
fenced docs/adding-a-stage.md c 2 >"$work/test"
[ -s "$work/test" ] || complain "adding-a-stage.md: the test is missing"
grep -v '^$' "$work/test" | while IFS= read -r line; do
    grep -qxF -- "$line" $example/test_capitals.c || echo "$line"
done >"$work/lines"
[ -s "$work/lines" ] && complain "adding-a-stage.md: not in test_capitals.c: $(cat "$work/lines")"

# reasons: code and advice stand in one table row of formats.md
tr -d '\n\\' <pipeline/reason.h | sed 's/X(/\n&/g' |
    sed -n 's/^X([A-Z_0-9]*, "\([a-z.0-9_]\{1,\}\)", *\([A-Z]*\), *"\([^"]*\)").*/\1\t\2\t\3/p' >"$work/reasons"
[ "$(wc -l <"$work/reasons")" -ge 40 ] || complain "the table of reasons could not be read"
while IFS="$(printf '\t')" read -r code outcome advice; do
    row="| \`$code\` | $(echo "$outcome" | tr 'A-Z' 'a-z') | $advice |"
    grep -qxF -- "$row" docs/formats.md || complain "formats.md lacks: $row"
done <"$work/reasons"

# the reading path: whole files, and single functions
sed -n '/^## Where to start/,/^Then/p' docs/architecture.md | grep -o '^| `[^|]*' | tr -d '`|' >"$work/path"
total=0
while read -r file function; do
    file=${file%:}
    [ -f "$file" ] || { complain "architecture.md: $file does not exist"; continue; }
    lines=$(wc -l <"$file")
    if [ -n "$function" ]; then
        lines=$(awk -v name="$function" 'index($0, " " name "(") && !/^ / && !/;$/ { on = 1 }
            on { n++ } on && /^}/ { print n; exit }' "$file")
        [ -n "$lines" ] || complain "architecture.md: $file has no function $function"
    fi
    total=$((total + ${lines:-0}))
done <"$work/path"
[ "$total" -gt 0 ] && [ "$total" -le 700 ] || complain "architecture.md: the reading path has $total lines"

[ "$bad" -eq 0 ] && echo "docs: in order; the reading path has $total lines"
exit "$bad"
