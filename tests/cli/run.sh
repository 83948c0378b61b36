#!/bin/sh
# Jobs from start to end, as people run them: every ready config, the short commands, the summary,
# a second run, a folder in use, a stop and its resumption, what status, inspect and verify say.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/lib/nginx.sh
root=$PWD
work=$(mktemp -d) || exit 1
chmod 755 "$work"
trap 'nginx_stop; rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
bad=0

fail() {
    echo "FAILED: $*"
    bad=1
}

# run CODE ARGS...: runs gristmill, keeps its outputs in $work/out and $work/err
run() {
    code=$1
    shift
    "$GRISTMILL" "$@" >"$work/out" 2>"$work/err" </dev/null
    got=$?
    [ "$got" -eq "$code" ] && return 0
    fail "gristmill $*: exit code $got instead of $code"
    tail -n 20 "$work/err"
    return 1
}

# is FILE FILTER WHAT: the jq filter must be true of the file's JSON
is() {
    jq -es "$2" "$1" >/dev/null || { fail "$3"; cat "$1"; }
}

records() { # RUN: all of them, as JSON lines
    "$GRISTMILL" inspect "$1" -n 0 --json
}

adds_up='.[0] | .in == .written + .rejected + .failed and .in > 0 and
    ([.reasons[]] | add // 0) == .rejected + .failed'

chmod -R a+rX data
nginx_start "$work" "$root/data" "
        location /slow/ { alias $root/data/text/; limit_rate 2k; }" || { echo "nginx does not start"; exit 1; }
base=http://127.0.0.1:$nginx_port
(cd data && find text jsonl -type f | LC_ALL=C sort) | sed "s|^|$base/|" >"$work/urls.txt"
echo "$base/no-such-file" >>"$work/urls.txt"

# Every ready job
for job in images-gray archives scheduled sft-tokens; do
    run 0 run "configs/$job.yaml" --out "$work/$job" --json && is "$work/out" "$adds_up" "$job: the counts do not add up"
    run 0 verify "$work/$job"
done
run 0 run configs/sft-web.yaml --out "$work/sft-web" --json --set source.urls="$work/urls.txt" \
    --set fetch.allow_private=true --set fetch.rate=0 --set fetch.retries=0 &&
    is "$work/out" "$adds_up" "sft-web: the counts do not add up"
is "$work/out" '.[0].reasons["fetch.http"] == 1' "sft-web: the missing file is not among the failures"
run 0 verify "$work/sft-web"
records "$work/sft-web" >"$work/records"
is "$work/records" 'length > 50 and all(.text and .n_words > 0 and .text_hash)' "sft-web: records lack fields"

# Standard output carries results only; the human summary stands on standard error
run 0 run configs/images-gray.yaml --out "$work/human"
[ -s "$work/out" ] && fail "a run printed to standard output"
grep -q '^  written  *[1-9][0-9]*$' "$work/err" || { fail "no summary"; cat "$work/err"; }
grep -q 'image.truncated  *1  *the image file is cut off' "$work/err" || fail "the summary gives no reason"
run 0 run configs/images-gray.yaml --out "$work/quiet" --quiet
[ -s "$work/out" ] || [ -s "$work/err" ] && { fail "--quiet is not quiet"; cat "$work/err"; }

# The short commands are the same jobs
run 0 gray data/images -o "$work/gray" --features --quiet
run 0 run configs/images-gray.yaml --out "$work/same" --quiet --set sink.records.format=jsonl.zst
cmp "$work/gray/records-00000.jsonl.zst" "$work/same/records-00000.jsonl.zst" || fail "gray is not what its job is"
diff -r "$work/gray/images" "$work/same/images" || fail "gray makes other images than its job"
run 0 fetch "$work/urls.txt" -o "$work/fetched" --allow-private --retries 0 --json
is "$work/out" '.[0] | .written > 15 and .failed == 1' "fetch: wrong counts"
find "$work/fetched" -type f -path '*bodies*' -size +0 | head -n 1 | grep -q . || fail "fetch left no files"
run 0 fetch - -o "$work/stdin" --dry-run
echo "$base/text/mill-en.txt" | "$GRISTMILL" fetch - -o "$work/stdin" --allow-private --quiet ||
    fail "a list from standard input is not read"
cmp "$work/stdin/bodies/item-000000000.txt" data/text/mill-en.txt ||
    fail "the fetched file is not the served one"

# More failures than allowed
run 1 run configs/images-gray.yaml --out "$work/strict" --max-failed 0 --json
is "$work/out" '.[0] | .exit_code == 1 and .status == "FAILED_ITEMS"' "max_failed is not told"

# Again: nothing new; then one new file
cp -r data/text "$work/input"
second="run configs/scheduled.yaml --out $work/again --json --set source.0.files=$work/input/**/*.txt"
# shellcheck disable=SC2086
run 0 $second && run 0 $second && is "$work/out" '.[0].nothing_new' "a second run does not say that nothing is new"
echo 'A new text.' >"$work/input/new.txt"
# shellcheck disable=SC2086
run 0 $second && is "$work/out" '.[0] | .generation == 2 and .items == 1 and .written == 1' "the new file is not alone"
run 0 status "$work/again" --json
is "$work/out" 'length == 2 and all(.state == "complete")' "status does not show two generations"
run 0 verify "$work/again"
[ "$(records "$work/again" | grep -c 'A new text')" -eq 1 ] || fail "inspect does not show the later generation"

# Inspect and verify
run 0 inspect "$work/archives" -n 2
[ "$(grep -c '^  id ' "$work/out")" -eq 2 ] || fail "inspect -n 2 does not show two records"
run 0 inspect "$work/archives" --rejected --json -n 0
is "$work/out" 'length > 0 and all(.reason and .stage and .id)' "rejects lack fields"
id=$(jq -r .id "$work/out" | head -n 1)
run 0 inspect "$work/archives" --rejected --json --id "$id"
is "$work/out" "length == 1 and .[0].id == \"$id\"" "inspect --id finds the wrong one"
"$GRISTMILL" inspect "$work/sft-web" -n 0 --full 2>"$work/err" | head -n 1 >/dev/null
[ -s "$work/err" ] && { fail "inspect does not like a reader that has had enough"; cat "$work/err"; }
printf x | dd of="$work/archives/rejects.jsonl" bs=1 seek=3 conv=notrunc 2>/dev/null
run 65 verify "$work/archives"
grep -q 'rejects.jsonl' "$work/out" || fail "verify does not name the changed file"

# A folder in use, a stop, and going on
for i in 1 2 3 4 5 6 7 8; do echo "$base/slow/mylos-el.txt?$i"; done >"$work/slow.txt"
slow="run configs/sft-web.yaml --out $work/slow --set source.urls=$work/slow.txt \
    --set fetch.allow_private=true --set fetch.per_host=1 --drain-deadline 1s"
# shellcheck disable=SC2086
"$GRISTMILL" $slow >"$work/slow.out" 2>"$work/slow.err" </dev/null &
pid=$!
tries=0
until "$GRISTMILL" status "$work/slow" --json 2>/dev/null | grep -q '"state":"running"'; do
    tries=$((tries + 1))
    [ "$tries" -gt 100 ] && { fail "the slow run does not start"; cat "$work/slow.err"; break; }
    sleep 0.1
done
# shellcheck disable=SC2086
run 75 $slow
grep -q 'another gristmill' "$work/err" || { fail "a folder in use is not told"; cat "$work/err"; }
kill -TERM "$pid"
wait "$pid"
code=$?
[ "$code" -eq 75 ] || { fail "a stopped run ends with $code"; cat "$work/slow.err"; }
run 0 status "$work/slow"
grep -q 'run the job again to go on' "$work/out" || { fail "status does not say how to go on"; cat "$work/out"; }
# shellcheck disable=SC2086
run 0 $slow --set fetch.per_host=8 --json && is "$work/out" "$adds_up" "after going on the counts do not add up"
exit "$bad"
