#!/bin/sh
# The jobs in README.md are right as they stand, and docs/formats.md names every key that a run
# writes (it reads the outputs of the demo, which runs if it has not).
set -u
cd "$(dirname "$0")/../.." || exit 1
[ -x "$GRISTMILL" ] || exit 77
top=$PWD
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
bad=0

awk -v folder="$work" '
    /^```yaml$/ { n++; inside = 1; next }
    /^```$/ { inside = 0 }
    inside { print > (folder "/job" n ".yaml") }' README.md
mkdir "$work/incoming"
cp data/archives/mixed.* "$work/incoming"
echo "http://127.0.0.1:1/" >"$work/urls.txt"
cd "$work" || exit 1
for job in job*.yaml; do
    "$GRISTMILL" check "$job" >"$work/log" 2>&1 || { echo "README.md: $job:"; cat "$work/log"; bad=1; }
done
[ -f job2.yaml ] || { echo "README.md: there are not two jobs"; bad=1; }
cd "$top" || exit 1

run=out/demo/run
[ -f $run/manifest.json ] || sh tests/demo/demo.sh >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
for file in records-00000.jsonl items.jsonl rejects.jsonl manifest.json; do
    jq -r 'keys[]' $run/$file | LC_ALL=C sort -u | while read -r key; do
        grep -q "^|.*\`$key\`.*|" docs/formats.md || echo "formats.md lacks the key $key of $file"
    done
done >"$work/missing"
(cd $run && ls) | sed 's/-[0-9]*\./-NNNNN./' | while read -r file; do
    grep -q "^## .*${file%/}\|^  ${file%.*}" docs/formats.md || echo "formats.md lacks the file $file"
done >>"$work/missing"
[ -s "$work/missing" ] && { cat "$work/missing"; bad=1; }
exit $bad
