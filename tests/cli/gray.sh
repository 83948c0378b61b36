#!/bin/sh
# What `gristmill gray` promises: names mirrored, inputs untouched, one output a name, broken files
# reported, a second run that does only what is new, near-duplicates.
set -u
cd "$(dirname "$0")/../.." || exit 1
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
bad=0
fail() {
    echo "FAILED: $*"
    bad=1
}
gray() { # CODE ARGS...
    code=$1
    shift
    "$GRISTMILL" gray "$@" >"$work/stdout" 2>"$work/err" </dev/null
    got=$?
    [ "$got" -eq "$code" ] || { fail "gray $*: exit code $got instead of $code"; tail -n 5 "$work/err"; }
}
same() { # WANTED GOT WHAT
    [ "$1" = "$2" ] || fail "$3: \"$2\" instead of \"$1\""
}
names() {
    (cd "$1" && find . -type f | LC_ALL=C sort | tr '\n' ' ')
}
records() {
    "$GRISTMILL" inspect "$1" -n 0 --json
}

in=$work/in out=$work/out
mkdir -p "$in/deep/er"
cp data/images/hills.jpg "$in/a.jpg"
cp data/images/hills.jpg "$in/a.jpeg"
cp data/images/hills.png "$in/a.png"
cp data/images/hills.jpg "$in/a.png.jpg"
cp data/images/small/lzw.tif "$in/deep/er/x.tif"
cp data/images/spinner.gif "$in/deep/spin.gif"
cp data/images/truncated.jpg "$in/cut.jpg"
head -c 300 data/images/hills.png >"$in/cut.png"
: >"$in/empty.png"
echo words >"$in/notes.md"
(cd "$in" && find . -type f -exec sha256sum {} +) >"$work/inputs"
inputs_are_untouched() {
    (cd "$in" && sha256sum --quiet -c "$work/inputs") || fail "an input was changed: $1"
}

# names, rejects, counts
gray 0 "$in" -o "$out" --features --json
same "./a.jpeg ./a.jpg ./a.png ./a.png.jpg.jpg ./deep/er/x.tif.png ./deep/spin.gif.png " \
    "$(names "$out/images")" "names are not mirrored"
same 6 "$(jq .written "$work/stdout")" "written"
same 4 "$(jq '.rejected + .failed' "$work/stdout")" "rejected and failed"
same "cut.jpg image.truncated,cut.png image.truncated,empty.png media.empty,notes.md media.unsupported," \
    "$(jq -r '.name + " " + .reason' "$out/rejects.jsonl" | LC_ALL=C sort | tr '\n' ',')" "rejects"
inputs_are_untouched "plain run"
(cd "$out" && sha256sum --quiet -c images.sha256) || fail "images.sha256 does not hold"
same 6 "$(records "$out" | jq -r 'select(.phash|test("^[0-9a-f]{16}$")) | .file' | sort -u | wc -l)" "records"

# all to one format: two inputs never become one output, and each record knows its file
gray 0 "$in" -o "$work/jpeg" --format jpeg
same 6 "$(names "$work/jpeg/images" | wc -w)" "images of one format"
records "$work/jpeg" | jq -r '.gray_bytes, .file' | while read -r size && read -r file; do
    [ "$(stat -c %s "$work/jpeg/images/$file")" = "$size" ] || echo "$file"
done >"$work/wrong"
[ -s "$work/wrong" ] && fail "records point to other files: $(cat "$work/wrong")"

# again: nothing; one more picture, one changed: only these
before=$(cat "$out/images.sha256" "$out"/records-* "$out/rejects.jsonl" | sha256sum)
gray 0 "$in" -o "$out" --features
grep -q "nothing new" "$work/err" || fail "a second run does not say that there is nothing new"
cp data/images/hills.webp "$in/new.webp"
cp data/images/chart.png "$in/a.png"
gray 78 "$in" -o "$out"
grep -q "another configuration" "$work/err" || fail "without --features: $(cat "$work/err")"
(cd "$in" && find . -type f -exec sha256sum {} +) >"$work/inputs"
gray 0 "$in" -o "$out" --dups --json
same "./a.png ./new.webp.png " "$(names "$out/gen-00002/images")" "a later run does what has changed"
same "$before" "$(cat "$out/images.sha256" "$out"/records-* "$out/rejects.jsonl" | sha256sum)" \
    "the first generation is as it was"
"$GRISTMILL" verify "$out" >/dev/null || fail "verify"

# near-duplicates: the equal JPEGs; a.png only as it is now
same "a.jpeg 0,a.jpg 0,a.png.jpg 0," \
    "$(jq -r 'select(.group == 0) | .name + " " + (.distance | tostring)' "$out/dups.jsonl" | tr '\n' ',')" "dups"
same 1 "$(records "$out" | jq -r .name | grep -c '^new.webp$')" "records of two generations"
cp "$out/dups.jsonl" "$work/dups"
gray 0 --dups -o "$out"
cmp -s "$work/dups" "$out/dups.jsonl" || fail "the report is not the same the second time"
gray 0 --dups -o "$out" --distance 16 --hash ahash
[ "$(wc -l <"$out/dups.jsonl")" -ge "$(wc -l <"$work/dups")" ] || fail "a larger distance finds less"
gray 66 --dups -o "$work/nowhere"

# ... and nothing that is gone since, or was replaced by another picture
mkdir "$work/shrinking"
for name in one two three four; do cp "$in/a.jpg" "$work/shrinking/$name.jpg"; done
gray 0 "$work/shrinking" -o "$work/shrunk" --dups
same 4 "$(wc -l <"$work/shrunk/dups.jsonl")" "equal pictures"
rm "$work/shrinking/two.jpg"
cp data/images/hills.webp "$work/shrinking/three.jpg"
gray 0 "$work/shrinking" -o "$work/shrunk" --dups
same "four.jpg one.jpg " "$(jq -r .name "$work/shrunk/dups.jsonl" | sort | tr '\n' ' ')" "dups of what is left"
rm "$work/shrinking/one.jpg"
gray 0 "$work/shrinking" -o "$work/shrunk" --dups
same 0 "$(wc -l <"$work/shrunk/dups.jsonl")" "dups of one picture"
cp "$in/a.jpg" "$work/shrinking/two.jpg"
gray 0 "$work/shrinking" -o "$work/shrunk" --dups
same "four.jpg two.jpg " "$(jq -r .name "$work/shrunk/dups.jsonl" | sort | tr '\n' ' ')" "a picture that came back"

# ... nor what is no picture any more; what could not be had this time may still be one
mkdir "$work/spoiling"
for name in broken empty kept link words; do cp "$in/a.jpg" "$work/spoiling/$name.jpg"; done
gray 0 "$work/spoiling" -o "$work/spoiled" --dups
same 5 "$(wc -l <"$work/spoiled/dups.jsonl")" "equal pictures before they are spoiled"
cp data/images/truncated.jpg "$work/spoiling/broken.jpg"
: >"$work/spoiling/empty.jpg"
echo words >"$work/spoiling/words.jpg"
ln -sf nowhere "$work/spoiling/link.jpg"
gray 0 "$work/spoiling" -o "$work/spoiled" --dups
same "media.empty fetch.missing media.unsupported image.truncated " \
    "$(jq -r .reason "$work/spoiled/gen-00002/rejects.jsonl" | tr '\n' ' ')" "rejects of spoiled pictures"
same "kept.jpg link.jpg " "$(jq -r .name "$work/spoiled/dups.jsonl" | sort | tr '\n' ' ')" "dups of spoiled pictures"

# ... of a run that has no picture at all
mkdir "$work/hopeless"
for name in one two; do cp data/images/truncated.jpg "$work/hopeless/$name.jpg"; done
gray 0 "$work/hopeless" -o "$work/none" --dups
rm "$work/hopeless/two.jpg"
gray 0 "$work/hopeless" -o "$work/none" --dups
same 0 "$(wc -l <"$work/none/dups.jsonl")" "dups of no picture"

# without features: what the file tells, and nothing of the pixels
gray 0 "$in" -o "$work/plain"
records "$work/plain" | jq -r '.sha256 + "  " + .name' >"$work/sums"
(cd "$in" && sha256sum --quiet -c "$work/sums") || fail "sha256 of the inputs"
same 7 "$(records "$work/plain" | jq -r 'select(.bytes > 0 and .frames > 0 and has("icc_sha256")) | .name' | wc -l)" "columns"
same 0 "$(records "$work/plain" | jq -r 'select(has("mean") or has("phash")) | .name' | wc -l)" "columns of pixels"
same "$(cd "$out/images" && cat a.jpg deep/spin.gif.png | sha256sum)" \
    "$(cd "$work/plain/images" && cat a.jpg deep/spin.gif.png | sha256sum)" "features change a gray file"
gray 65 --dups -o "$work/plain"
grep -q "without --features" "$work/err" || fail "dups without hashes: $(cat "$work/err")"
gray 64 --dups --distance 17 -o "$out"
gray 64 -o "$out"
inputs_are_untouched "later runs"

# the output among the inputs: never read back, never over them
gray 0 "$in" -o "$in/deep/gray"
gray 0 "$in" -o "$in/deep/gray"
grep -q "nothing new" "$work/err" || fail "the run's own files were taken for input"
[ -e "$in/deep/gray/gen-00002" ] && fail "a second generation of the run's own files"
same 7 "$(names "$in/deep/gray/images" | wc -w)" "images in a folder among the inputs"
gray 64 "$in" -o "$in"
gray 64 "$in/../in" -o "$in/."
inputs_are_untouched "output among the inputs"

# a file that is cut off
mkdir "$work/cut"
cp data/images/truncated.jpg "$work/cut"
gray 0 "$work/cut" -o "$work/mended" --truncated partial
same "jpeg pixels.partial" "$(records "$work/mended" | jq -r '.gray_format + " " + .route')" "what there is of a picture"

# archives and lists
tar -C "$in" -czf "$work/some.tar.gz" a.jpg a.png
gray 0 "$work/some.tar.gz" -o "$work/unpacked"
same "./item-000000000/a#0.jpg ./item-000000000/a#1.png " "$(names "$work/unpacked/images")" "members"
records "$work/unpacked" | jq -r '.sha256 + "  " + .name' >"$work/sums"
(cd "$in" && sha256sum --quiet -c "$work/sums") || fail "sha256 of members"
gray 0 "$in/a.jpg" -o "$work/unhashed" --sha256=false
same "$(sha256sum <"$in/a.jpg")" "$(records "$work/unhashed" | jq -r .sha256)  -" "sha256 if fetch computes none"

# a stop in the middle, and on: the same bytes as in one go
gray 0 "$in" -o "$work/whole" --resize long_side --long_side 64 --orientation apply --format pgm
timeout -s KILL 0.15 "$GRISTMILL" gray "$in" -o "$work/stopped" --resize long_side --long_side 64 \
    --orientation apply --format pgm >/dev/null 2>&1 </dev/null
gray 0 "$in" -o "$work/stopped" --resize long_side --long_side 64 --orientation apply --format pgm
for run in whole stopped; do
    (cd "$work/$run" && cat images.sha256 && records . | sort && cat rejects.jsonl) | sed "s|$run||" | sha256sum
done | uniq | wc -l | grep -q '^1$' || fail "a resumed run differs"

# what the options cannot mean
gray 78 "$in" -o "$work/no" --resize fit --width 10
grep -q "needs width and height" "$work/err" || fail "resize without sizes: $(cat "$work/err")"
gray 78 "$in" -o "$work/no" --long_side 10
[ -e "$work/no" ] && fail "a run that cannot be has left a folder"
exit "$bad"
