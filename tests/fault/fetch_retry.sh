#!/bin/sh
# Tries, pauses and parts: what is asked again, when, and from where.
set -u
. tests/lib/bad_server.sh
both_clients "$0" "$@"
command -v jq >/dev/null && command -v python3 >/dev/null || { echo "needs jq and python3"; exit 77; }
dir=$(mktemp -d) || exit 1
trap 'bad_server_stop; rm -rf "$dir"' EXIT
bad_server_start "$dir" || exit 1
base="http://127.0.0.1:$bad_port"
url() { printf "$base/%s\n" "$@"; }
common="allow_private=true backoff=20ms retries=3"
sha_large=$(python3 -c 'import hashlib; print(hashlib.sha256(bytes(range(256)) * 8192).hexdigest())')

# A failure that passes is tried again; Retry-After in seconds and as a date is waited for.
url flaky/1 429_seconds/1 503_date/1 >"$dir/list"
fetch_list "$dir" $common
expect 0 '.reason == "" and .tries == 3'
expect 1 '.reason == "" and .tries == 2 and .ms >= 1000'
expect 2 '.reason == "" and .tries == 2 and .ms >= 1000'

# A server that asks for a day gets what retry_after_max grants ...
url 503_long/1 >"$dir/list"
fetch_list "$dir" $common retry_after_max=100ms
expect 0 '.reason == "fetch.http" and .status == 503 and .tries == 4'
# ... and no wait at all if the deadline would pass meanwhile.
fetch_list "$dir" $common deadline=10s
expect 0 '.reason == "fetch.http" and .tries == 1 and (.message | contains("deadline")) and .ms < 10000'

# The deadline ends an item that is neither slow enough nor failing.
url trickle_body/1 >"$dir/list"
fetch_list "$dir" $common deadline=500ms low_speed=0
expect 0 '.reason == "fetch.timeout" and .tries == 1'

# A pause that one host asks for does not hold up another.
{ echo "$base/503_long/2"; for i in 1 2 3; do echo "$base/ok/$i"; done
  for i in 1 2 3; do echo "http://127.0.0.2:$bad_port/ok/$i"; done; } >"$dir/list"
fetch_list "$dir" $common per_host=1 retry_after_max=4s retries=1
expect 0 '.reason == "fetch.http"'
first=$(jq -r 'select(.reason == "") | .number' "$dir/raw" | head -n 3 | sort | tr '\n' ' ')
expect_that "the other host goes first, not $first" [ "$first" = "4 5 6 " ]

# Parts are continued, with If-Range, until the whole is there.
url resume/1 resume_changed/1 resume_wrong/1 resume_416/1 >"$dir/list"
fetch_list "$dir" $common
for i in 0 1 2 3; do
    expect $i ".reason == \"\" and .bytes == 2097152 and .sha256 == \"$sha_large\" and .where == \"fd\""
done
expect 0 '.tries == 3 and .status == 206'
expect 1 '.tries == 2 and .status == 200'
url log >"$dir/list"
mkdir "$dir/bodies"
flags="-d $dir/bodies" fetch_list "$dir" $common
ranges=$(jq -r 'select(.path == "/resume/1") | .headers.range // "whole"' "$dir/bodies/0" | tr '\n' ' ')
expect_that "the ranges asked for are $ranges" [ "$ranges" = "whole bytes=900000- bytes=1800000- " ]

# A killed download goes on where it stopped, in a new process.
mkdir "$dir/spool"
url large_slow/1 >"$dir/list"
"$GM_BUILD/tests/lib/tool_fetch" -s "$dir/spool" "$dir/list" $common >/dev/null 2>&1 &
tool=$!
for _ in $(seq 1000); do
    size=$(stat -c %s "$dir/spool/item-0.part" 2>/dev/null || echo 0)
    [ "$size" -gt 500000 ] && break
    sleep 0.02
done
kill -KILL "$tool"
wait "$tool" 2>/dev/null
flags="-s $dir/spool" fetch_list "$dir" $common
expect 0 ".reason == \"\" and .status == 206 and .sha256 == \"$sha_large\" and .wire < 1700000"
# What was complete is not asked for again,
flags="-s $dir/spool" fetch_list "$dir" $common
expect 0 ".reason == \"\" and .wire == 0 and .sha256 == \"$sha_large\" and .etag == \"\\\"v1\\\"\""
# unless it belongs to another URL or another boot of the machine.
sed -i 's/^boot .*/boot another/' "$dir/spool/item-0.meta"
flags="-s $dir/spool" fetch_list "$dir" $common
expect 0 ".reason == \"\" and .wire > 2000000 and .sha256 == \"$sha_large\""
url large/2 >"$dir/list"
flags="-s $dir/spool" fetch_list "$dir" $common
expect 0 ".reason == \"\" and .wire > 2000000 and .sha256 == \"$sha_large\""

# A host that cannot be reached is given up: its other items fail without a try.
for i in $(seq 60); do echo "http://127.0.0.1:1/$i"; done >"$dir/list"
echo "$base/ok/9" >>"$dir/list"
fetch_list "$dir" $common give_up_after=20
tries=$(jq -s 'map(.tries) | add' "$dir/out")
expect_that "$tries tries for a dead host" [ "$tries" -lt 40 ]
expect_that "all fail as fetch.connect" [ "$(jq -r .reason "$dir/out" | grep -c fetch.connect)" = 60 ]
expect 60 '.reason == "" and .tries == 1'

# A conditional request whose answer is 304.
url etag/1 ok/1 >"$dir/list"
flags='-e "v1"' fetch_list "$dir" $common
expect 0 '.reason == "" and .unchanged == 1 and .status == 304 and .where == "none"'
expect 1 '.reason == "" and .unchanged == 0 and .bytes == 1040'
[ "$failures" -eq 0 ]
