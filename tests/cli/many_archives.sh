#!/bin/sh
# A thousand archives with few descriptors allowed: each is open for a while, never all at once.
set -u
[ -x "$GRISTMILL" ] || exit 77
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
python3 - <<'END' || exit 1
import os, zipfile
os.mkdir("in")
for i in range(1000):
    with zipfile.ZipFile(f"in/{i:04}.zip", "w") as archive:
        archive.writestr("a.txt", f"archive {i}, first member")
        archive.writestr("b.txt", f"archive {i}, second member")
END
cat >job.yaml <<'END'
job: many
out: out
source:
  - files: in/*.zip
text: [stats]
sink:
  records: {format: jsonl}
END
ulimit -n 400
timeout -s KILL 60 "$GRISTMILL" run job.yaml --quiet || exit 1
ids=$(jq -r .id out/records-00000.jsonl | sort -u | wc -l)
[ "$ids" = 2000 ] || { echo "many_archives: $ids of 2000 records"; exit 1; }
