#!/bin/sh
# A file on disk is not bound by fetch.max_body, which is about downloads: 70 MB of JSON Lines come
# out line by line.
set -u
[ -x "$GRISTMILL" ] || exit 77
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
n=100000
line=$(printf '{"text":"%0700d"}' 7)
yes "$line" | head -n $n >large.jsonl
cat >job.yaml <<'END'
job: large
out: out
source:
  - files: large.jsonl
text: [stats]
sink:
  records: {format: jsonl.zst}
END
timeout -s KILL 60 "$GRISTMILL" run job.yaml --quiet || exit 1
written=$(jq .records.written out/manifest.json)
[ "$written" = $n ] || { echo "large_file: $written of $n records written"; exit 1; }
lines=$(zstdcat out/records-*.jsonl.zst | wc -l)
[ "$lines" = $n ] || { echo "large_file: $lines of $n records in the shards"; exit 1; }
