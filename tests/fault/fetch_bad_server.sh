#!/bin/sh
# Every way in which a server can misbehave gets its own reason, and nothing hangs: one run over all
# behaviours of tests/lib/bad_server.py, each outcome compared with what the table says.
set -u
. tests/lib/bad_server.sh
both_clients "$0" "$@"
command -v jq >/dev/null && command -v python3 >/dev/null || { echo "needs jq and python3"; exit 77; }
dir=$(mktemp -d) || exit 1
trap 'bad_server_stop; rm -rf "$dir"' EXIT
bad_server_start "$dir" || exit 1

# behaviour | what must hold for its outcome (jq)
cat >"$dir/table" <<'TABLE'
ok                   | .reason == "" and .status == 200 and .bytes == 1040 and .tries == 1 and .where == "body"
ok                   | .etag == "\"v1\"" and .content_type == "text/plain" and .media == "text"
slow                 | .reason == "" and .bytes == 1040 and .ms >= 100
reset_head           | .reason == "fetch.connect" and .tries == 2
reset_body           | .reason == "fetch.connect" and .tries == 2
close_head           | .reason == "fetch.protocol" and .tries == 2
close_in_head        | .reason == "fetch.protocol" and (.message | contains("head"))
close_body           | .reason == "fetch.truncated" and .tries == 2
length_short         | .reason == "" and .bytes == 10 and .complete_unknown == 0
length_none          | .reason == "" and .bytes == 1040 and .complete_unknown == 1
length_negative      | .reason == "fetch.protocol" and .tries == 1
length_word          | .reason == "fetch.protocol"
length_conflict      | .reason == "fetch.protocol" and (.message | contains("conflicting"))
length_huge          | .reason == "fetch.size" and .wire < 10000
chunk_ok             | .reason == "" and .bytes == 1040 and .complete_unknown == 0
chunk_cut            | .reason == "fetch.truncated" and .tries == 2
chunk_no_end         | .reason == "fetch.truncated"
chunk_bad            | .reason == "fetch.protocol"
chunk_size_huge      | .reason == "fetch.protocol" and .tries == 1
chunk_trailers       | .reason == "fetch.protocol" and (.message | contains("128 KB"))
chunk_and_length     | .reason == "" and .bytes == 1040
bytewise             | .reason == "" and .bytes == 16 and .complete_unknown == 0
bare_lf              | .reason == "" and .bytes == 1040
http_10              | .reason == "" and .bytes == 1040 and .complete_unknown == 0
head_nul             | .reason == "fetch.protocol" and .tries == 1
gzip_bomb            | .reason == "" and .media == "gzip" and .bytes < 200000 and .where == "fd"
endless_body         | .reason == "fetch.size" and .wire < 6000000
endless_chunks       | .reason == "fetch.size" and .wire < 6000000
endless_1xx          | .reason == "fetch.protocol" and (.message | contains("1xx"))
endless_404          | .reason == "fetch.http" and .status == 404 and .wire < 400000
early_hints          | .reason == "" and .bytes == 1040
header_flood         | .reason == "fetch.protocol" and (.message | contains("128 KB"))
header_long          | .reason == "fetch.protocol"
http_09              | .reason == "fetch.protocol"
garbage              | .reason == "fetch.protocol"
status_word          | .reason == "fetch.protocol"
404                  | .reason == "fetch.http" and .status == 404 and .tries == 1 and .where == "none"
410                  | .reason == "fetch.http" and .status == 410 and .tries == 1
500                  | .reason == "fetch.http" and .status == 500 and .tries == 2
204                  | .reason == "" and .bytes == 0 and .media == "empty" and .complete_unknown == 0
empty                | .reason == "" and .bytes == 0 and .media == "empty"
206                  | .reason == "fetch.protocol"
304                  | .reason == "fetch.http" and .unchanged == 0
429_forever          | .reason == "fetch.http" and .status == 429 and .tries == 2
redirect_ok          | .reason == "" and (.final_url | endswith("/ok/target")) and .tries == 1
redirect_relative    | .reason == "" and (.final_url | endswith("/ok/relative"))
redirect_other_host  | .reason == "" and (.final_url | contains("//127.0.0.2:"))
redirect_loop        | .reason == "fetch.redirects" and .tries == 1
redirect_file        | .reason == "fetch.scheme"
redirect_gopher      | .reason == "fetch.scheme"
redirect_private     | .reason == "fetch.address" and (.message | contains("10.1.2.3"))
redirect_metadata    | .reason == "fetch.address" and (.message | contains("link-local"))
redirect_credentials | .reason == "fetch.url" and (.message | contains("secret") | not)
redirect_nowhere     | .reason == "fetch.http" and .status == 302
early_close          | .reason == "" and .bytes == 1040
close_says           | .reason == "" and .bytes == 1040
large                | .reason == "" and .bytes == 2097152 and .where == "fd"
TABLE
sed 's/ *|.*//' "$dir/table" | nl -w1 -s' ' | sed "s|^\([0-9]*\) \(.*\)|http://127.0.0.1:$bad_port/\2/\1|" >"$dir/list"
{
    echo "http://127.0.0.1:1/"
    echo "ftp://127.0.0.1/x"
    echo "not a url"
    echo "http://127.0.0.1:$bad_port/length_none/x	size=2000"
    echo "http://127.0.0.1:$bad_port/ok/size	size=999"
    echo "http://127.0.0.1:$bad_port/ok/sum	sha256=0000000000000000000000000000000000000000000000000000000000000000"
} >>"$dir/list"
fetch_list "$dir" allow_net=127.0.0.0/8 retries=1 backoff=20ms max_body=4MB per_host=64
expect_that "one outcome an item" [ "$(wc -l <"$dir/list")" -eq "$(wc -l <"$dir/out")" ]
n=0
while read -r row; do
    expect $n "${row#*| }"
    n=$((n + 1))
done <"$dir/table"
expect $n '.reason == "fetch.connect" and .tries == 2 and .status == 0'
expect $((n + 1)) '.reason == "fetch.scheme" and .tries == 0'
expect $((n + 2)) '.reason == "fetch.url" and .tries == 0'
expect $((n + 3)) '.reason == "fetch.truncated" and .tries == 2'
expect $((n + 4)) '.reason == "fetch.checksum" and (.message | contains("999"))'
expect $((n + 5)) '.reason == "fetch.checksum" and (.message | contains("sha256"))'

# Who dawdles is given up, whatever he dawdles with.
url() { printf "http://127.0.0.1:$bad_port/%s\n" "$@"; }
in_turn() { # how often, two behaviours
    for i in $(seq "$1"); do url "$2/$i" "$3/after$i"; done
}
url stall_body stall_head trickle_body trickle_head >"$dir/list"
fetch_list "$dir" allow_private=true retries=1 backoff=20ms low_speed=1KB low_speed_time=700ms
for i in 0 1 2 3; do expect $i '.reason == "fetch.stalled" and .tries == 2 and .where == "none"'; done

# What one answer has too much must not become the answer to the next request.
in_turn 20 length_short ok >"$dir/list"
fetch_list "$dir" allow_private=true connections=1 per_host=1 retries=0
wrong=$(jq -r 'select(.reason != "" or .bytes != (if .number % 2 == 0 then 10 else 1040 end)) | .number' "$dir/out")
expect_that "wrong bodies on a kept connection: $wrong" [ -z "$wrong" ]

# A folded line in front of all others belongs to nothing, in particular not to the last response.
in_turn 100 ok folded_first >"$dir/list"
fetch_list "$dir" allow_private=true connections=1 per_host=1 retries=0
wrong=$(jq -r 'select(.number % 2 == 0 and .reason != "") | .number' "$dir/out")
expect_that "answers after folded lines: $wrong" [ -z "$wrong" ]
expect_that "200 outcomes" [ "$(wc -l <"$dir/out")" = 200 ]
[ "$client" = libcurl ] || expect 1 '.reason == "fetch.protocol" and (.message | contains("space"))'

# What libcurl does not see, or gets wrong (a folded length, a kept connection that was reset).
if [ "$client" = own ]; then
    url chunk_extensions folded >"$dir/list"
    in_turn 10 kept_gone kept_reset >>"$dir/list"
    fetch_list "$dir" allow_private=true connections=1 per_host=1 retries=0
    expect 0 '.reason == "fetch.protocol" and (.message | contains("extensions"))'
    expect 1 '.reason == "" and .bytes == 1040 and .complete_unknown == 0'
    wrong=$(jq -r 'select(.number > 1 and (.reason != "" or .bytes != 1040 or .tries != 1)) | .number' "$dir/out")
    expect_that "kept connections that are closed: $wrong" [ -z "$wrong" ]
fi
echo "$client: $((n + 4)) behaviours"
[ "$failures" -eq 0 ]
