#!/bin/sh
# gristmill tokenizer: what info says, images, refusals and exit codes.
set -u
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
bad=0

# expect CODE OUT-PATTERN ERR-PATTERN ARGS...: extended patterns, "" = nothing may be there
expect() {
    code=$1 out=$2 err=$3
    shift 3
    "$GRISTMILL" tokenizer "$@" >"$work/out" 2>"$work/err" </dev/null
    got=$?
    wrong=
    [ "$got" -eq "$code" ] || wrong="exit code $got instead of $code"
    match "$work/out" "$out" || wrong="$wrong; standard output is not like '$out'"
    match "$work/err" "$err" || wrong="$wrong; standard error is not like '$err'"
    [ -z "$wrong" ] && return
    echo "gristmill tokenizer $*: ${wrong#; }"
    sed 's/^/    out | /' "$work/out"
    sed 's/^/    err | /' "$work/err"
    bad=1
}

match() {
    if [ -z "$2" ]; then [ ! -s "$1" ]; else grep -Eq -e "$2" "$1"; fi
}

model='"model":{"type":"BPE","unk_token":"a","fuse_unk":true,"vocab":{"a":0,"b":1,"ab":2},"merges":["a b"]}'
cat >tokenizer.json <<JSON
{"truncation":{"max_length":4},"normalizer":{"type":"NFC"},"pre_tokenizer":{"type":"Whitespace"},
"decoder":{"type":"Fuse"},"added_tokens":[{"id":7,"content":"<s>","single_word":false,"lstrip":false,
"rstrip":false,"normalized":true,"special":true}],
"post_processor":{"type":"BertProcessing","cls":["<s>",3],"sep":["b",1]},$model}
JSON

expect 0 '^model +BPE, fuse_unk$' '' info tokenizer.json
expect 0 '^vocabulary +3 tokens, ids below 4$' '' info tokenizer.json
expect 0 '^merges +1$' '' info tokenizer.json
expect 0 '^split rule +no known rule$' '' info tokenizer.json
expect 0 '^normalizer +NFC$' '' info tokenizer.json
expect 0 '^pre-tokenizer +Whitespace$' '' info tokenizer.json
expect 0 '^decoder +Fuse$' '' info tokenizer.json
expect 0 '^added tokens +1 \(1 special, 1 found after normalization\)$' '' info tokenizer.json
expect 0 '^special tokens 3 TEXT 1$' '' info tokenizer.json
expect 0 '^note +truncation: has no effect' '' info tokenizer.json
expect 0 '^note +added_tokens\[0\]: "<s>" is said to have id 7, but it gets 3$' '' info tokenizer.json
expect 0 "^sha256 +$(sha256sum <tokenizer.json | cut -d' ' -f1)\$" '' info tokenizer.json

"$GRISTMILL" tokenizer info --json tokenizer.json >info.json || bad=1
jq -e '.model == "BPE" and .n_tokens == 3 and .n_ids == 4 and .n_merges == 1 and .fuse_unk and
    .pre_tokenizer == ["Whitespace"] and .prefix_ids == [3] and .suffix_ids == [1] and
    (.notes | length) == 2' info.json >/dev/null || {
    cat info.json
    bad=1
}

# Images
expect 0 '^it\.img: [0-9.]+ KB$' '' compile tokenizer.json -o it.img
expect 0 "^made from +$(sha256sum <tokenizer.json | cut -d' ' -f1)\$" '' info it.img
cp it.img first.img
expect 0 '.' '' compile tokenizer.json -o it.img
cmp it.img first.img || bad=1
printf 'x' | dd of=it.img bs=1 seek=5000 conv=notrunc 2>/dev/null
expect 65 '' 'it\.img: a damaged image \(checksum\)' info it.img
expect 0 '.' '' compile tokenizer.json -o it.img
cmp it.img first.img || bad=1
expect 65 '' 'is a compiled image already' compile it.img -o other.img
expect 78 '' 'info\.json exists and is not a tokenizer image' compile tokenizer.json -o info.json
expect 64 '' 'compile needs -o IMAGE' compile tokenizer.json
expect 66 '' 'No such file' compile tokenizer.json -o missing/it.img

# Refusals
echo "{\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"Rot13\"}]},$model}" >rot.json
expect 65 '' 'rot\.json: normalizer\.normalizers\[0\]: type "Rot13" is not a supported' info rot.json
expect 65 '' 'rot\.json: normalizer\.normalizers\[0\]' compile rot.json -o rot.img
[ -e rot.img ] && bad=1
echo 'hello' >text.txt
expect 65 '' 'text\.txt: neither a tokenizer\.json nor a \.tiktoken file' info text.txt
: >empty
expect 65 '' 'empty: neither a tokenizer\.json nor' info empty
expect 66 '' 'absent: No such file' info absent
printf 'YQ== 0\n' >ranks
expect 65 '' 'ranks: .*name the encoding' info ranks
expect 65 '' 'ranks: only 1 of the 256 single bytes' info ranks -e gpt2
expect 78 '' 'encoding "gpt9" is not known' info ranks -e gpt9
expect 64 '' '"inform" is neither "info" nor "compile"' inform ranks
expect 64 '' 'expected info\|compile FILE' info

exit "$bad"
