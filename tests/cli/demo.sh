#!/bin/sh
# What `make demo` runs: every good sample comes out, every bad one is named with its reason, and
# the server is gone afterwards.
set -u
cd "$(dirname "$0")/../.." || exit 1
[ -x "$GRISTMILL" ] || exit 77
log=$(mktemp) || exit 1
trap 'rm -f "$log"' EXIT
run=out/demo/run
bad=0

expect() { # what, wanted, got
    [ "$2" = "$3" ] && return
    echo "demo: $1: expected \"$2\", got \"$3\""
    bad=1
}

sh tests/demo/demo.sh >"$log" 2>&1 || { cat "$log"; exit 1; }

expect "accounts" "243 228 3 12" "$(jq -r '.records | "\(.in) \(.written) \(.rejected) \(.failed)"' $run/manifest.json)"
expect "records" 228 "$(wc -l <$run/records-00000.jsonl)"
expect "images" 18 "$(find $run/images -type f | wc -l)"
expect "items" "$(wc -l <out/demo/urls.txt)" "$(wc -l <$run/items.jsonl)"
expect "reasons" "fetch.connect 1,fetch.http 4,image.truncated 1,media.empty 2,media.unsupported 1,text.field 1,text.json 1,text.utf8 2,unpack.broken 2," \
    "$(jq -r .reason $run/rejects.jsonl | LC_ALL=C sort | uniq -c | awk '{ printf "%s %s,", $2, $1 }')"

# The same text composed and decomposed is one text behind `normalize`.
expect "hashes of one text in two spellings" 1 \
    "$(jq -r 'select(.source | test("/moulin-fr(-nfd)?\\.txt$")) | .text_hash' $run/records-00000.jsonl | sort -u | wc -l)"
# A redirect ends at the same text as the URL itself, and so does the slow one.
expect "hashes of three ways to one text" 1 \
    "$(jq -r 'select(.source | test("/(text/river-en\\.txt|slow/river-en\\.txt|moved/river)$")) | .text_hash' $run/records-00000.jsonl | sort -u | wc -l)"
# The members in front of the break of an archive are whole.
expect "members of the cut archive" "README.txt texts/mill.txt texts/水車.txt pictures/wheel.png pictures/ramp.bmp" \
    "$(jq -r 'select((.source | endswith("/cut.tar.gz")) and .name != null and .media != "json") | .name' $run/records-00000.jsonl | tr '\n' ' ' | sed 's/ $//')"

# A container that breaks is unpack's, and run.db says of each reject what rejects.jsonl says.
expect "stages of broken containers" "unpack" "$(jq -r 'select(.reason == "unpack.broken") | .stage' $run/rejects.jsonl | sort -u)"
/usr/bin/python3 - $run >"$log" <<'PYTHON'
import json, sqlite3, sys
folder = sys.argv[1]
keys = ("id", "source", "name", "stage", "reason", "outcome", "message")
lines = [json.loads(line) for line in open(f"{folder}/rejects.jsonl", encoding="utf-8")]
rows = sqlite3.connect(f"{folder}/run.db").execute(f"SELECT {','.join(keys)} FROM rejects")
print(sorted(map(str, rows)) == sorted(str(tuple(line[key] for key in keys)) for line in lines))
PYTHON
expect "run.db has every reject" True "$(cat "$log")"

(cd $run && sha256sum --quiet -c images.sha256) || bad=1
"$GRISTMILL" verify $run >"$log" 2>&1 || { cat "$log"; bad=1; }

port=$(sed -n '1s|.*127.0.0.1:\([0-9]*\)/.*|\1|p' out/demo/urls.txt)
. tests/lib/nginx.sh
port_is_taken "$port" && grep -qi ":$(printf %04X "$port") 00000000:0000 0A" /proc/net/tcp && {
    echo "demo: the server still listens on port $port"
    bad=1
}
exit $bad
