#!/bin/sh
# Shards are read back by zstd, jq, tar and Python: the programs that people will read them with.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$GM_BUILD/tests/lib/tool_sink" "$work"
cd "$work"

zstd -q -t records.jsonl.zst
zstd -q -dc records.jsonl.zst >unpacked.jsonl
cmp records.jsonl unpacked.jsonl
# Every frame states its size and has a checksum.
zstd -lv records.jsonl.zst >listing
grep -q '^Number of files listed: 1$\|Frames: 2' listing
grep -q 'Check: XXH64' listing
[ "$(jq -c .id records.jsonl | wc -l)" -eq 12 ]
[ "$(jq -c 'keys_unsorted' records.jsonl | sort -u | wc -l)" -eq 1 ]
[ "$(jq -r 'select(.id == "000000018").text' records.jsonl | head -c 8)" = 'quotes "' ]
tar tf images.tar >names
[ "$(wc -l <names)" -eq 22 ]

python3 - <<'END'
import json, re, tarfile

lines = open("records.jsonl", encoding="utf-8", newline="\n").read().split("\n")
assert lines.pop() == "" and len(lines) == 12
for line in lines:
    json.loads(line)

# The way in which WebDataset splits names and groups members.
split = re.compile(r"^((?:.*/|)[^.]+)[.]([^/]*)$")
for shard, n_samples in ("images.tar", 11), ("bodies.tar", 12):
    samples, order = {}, []
    for member in tarfile.open(shard):
        assert (member.mode, member.mtime, member.uid, member.gid) == (0o444, 0, 0, 0), member
        key, field = split.match(member.name).groups()
        if key not in samples:
            order.append(key)
        assert order[-1] == key, "the members of a sample follow each other"
        fields = samples.setdefault(key, {})
        assert field not in fields, (key, field)
        fields[field] = tarfile.open(shard).extractfile(member.name).read()
    assert len(samples) == n_samples, len(samples)
    for key, fields in samples.items():
        assert len(fields) == 2 and "json" in fields, fields.keys()
        about = json.loads(fields["json"])
        if shard == "images.tar":
            assert about["file"].replace(".", "%2E") == key.replace(".", "%2E"), (key, about)
        else:
            assert key == "item-" + about["id"].replace(".", "-"), key
END
