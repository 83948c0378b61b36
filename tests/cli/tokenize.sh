#!/bin/sh
# gristmill tokenize as people run it: files, folders, standard input, counting, decoding, what it
# says about tokenizers and token files that are wrong, and a tokenizer that changes.
set -u
cd "$(dirname "$0")/../.." || exit 1
lib=$PWD/tests/lib
work=$(mktemp -d) || exit 1
chmod 755 "$work"
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
bad=0

fail() {
    echo "FAILED: $*"
    bad=1
}

# run CODE ARGS...: runs gristmill with standard input from $input
input=/dev/null
run() {
    code=$1
    shift
    "$GRISTMILL" "$@" >out 2>err <"$input"
    got=$?
    [ "$got" -eq "$code" ] && return 0
    fail "gristmill $*: exit code $got instead of $code"
    tail -n 12 err
    return 1
}

says() { # FILE PATTERN
    grep -Eq -e "$2" "$1" || { fail "nothing like '$2' in $1"; head -n 20 "$1"; }
}

texts() { # FOLDER: the decoded texts, one JSON string a line
    "$GRISTMILL" tokenize --decode "$1" -t tok.json | jq -c .text
}

python3 "$lib/byte_tokenizer.py" >tok.json
printf '{"text":"one"}\n{"text":"two \\u00e9"}\n' >in.jsonl
printf '"one"\n"two é"\n' >want

# What it stands for
run 0 tokenize in.jsonl -t tok.json -o o1 --append-eos --max-tokens 9 --set unpack.max_depth=2 --dry-run
says out 'append_eos: "?auto'
says out 'max_tokens: "?9'
says out 'max_depth: "?2'
says out 'format: "?megatron'
[ ! -e o1 ] || fail "--dry-run wrote something"

# Files, a folder, compressed lines, plain text
run 0 tokenize in.jsonl -t tok.json -o o1
says err 'tokens +9 '
says err 'unknown +0'
texts o1 | cmp -s - want || fail "o1: other texts"
zstd -q in.jsonl -o in.jsonl.zst
mkdir -p dir/sub && cp in.jsonl.zst dir/sub/a.jsonl.zst && printf 'plain\ntext' >dir/b.txt
run 0 tokenize dir -t tok.json -o o2 --format ds
{ printf '"plain\\ntext"\n'; cat want; } >want2
texts o2 | cmp -s - want2 || fail "o2: other texts"
printf '{"body":"b","text":5}\n' >field.jsonl
run 0 tokenize field.jsonl -t tok.json -o o3 --field body --format npy
[ "$(texts o3)" = '"b"' ] || fail "--field: other texts"

# Twice is once; the folder is a run as any other
run 0 tokenize in.jsonl -t tok.json -o o1
says err 'nothing new'
run 0 verify o1
run 0 status o1
says out 'tokens.tokens +9'

# Standard input: lines or a text; again after the end, and an unfinished one
input=in.jsonl
run 0 tokenize - -t tok.json -o s1
texts s1 | cmp -s - want || fail "stdin: other texts"
run 78 tokenize - -t tok.json -o s1
says err 's1 holds a finished run'
input=dir/b.txt
run 0 tokenize - -t tok.json -o s2
[ "$(texts s2)" = '"plain\ntext"' ] || fail "stdin as text: other texts"
input=dir/sub/a.jsonl.zst
run 0 tokenize - -t tok.json -o s3
texts s3 | cmp -s - want || fail "compressed stdin: other texts"
mkdir s4 && cp in.jsonl s4/stdin.jsonl
input=/dev/null
run 0 tokenize - -t tok.json -o s4
says err 'is used, not standard input'
texts s4 | cmp -s - want || fail "kept stdin: other texts"
run 0 tokenize - -t tok.json -o s5
says err 'media.empty +1'

run 64 tokenize - - -t tok.json -o s6

# Counting leaves nothing behind
mkdir tmp
TMPDIR=$work/tmp run 0 tokenize in.jsonl -t tok.json --count-only
says out 'tokens +9 '
[ -z "$(ls tmp)" ] && [ ! -e tokens ] || fail "--count-only left something"
TMPDIR=$work/tmp run 0 tokenize in.jsonl -t tok.json --count-only --json --append-eos
jq -e '.counters["tokens.tokens"] == 11 and .counters["tokens.documents"] == 2' out >/dev/null ||
    fail "--count-only --json"
run 0 tokenize in.jsonl -t tok.json --count-only -o c1
[ -f c1/manifest.json ] && ! ls c1/tokens-* >/dev/null 2>&1 || fail "--count-only -o"

# A tokenizer that changes is another job; one that is as it was is not
run 0 tokenize in.jsonl -t tok.json -o d1
cp tok.json other.json
sed 's/"special": true/"special": false/' tok.json >tok2.json && mv tok2.json tok.json
run 78 tokenize in.jsonl dir/b.txt -t tok.json -o d1
run 0 tokenize in.jsonl -t tok.json -o d2
a=$(jq -r .config_sha256 d1/manifest.json)
b=$(jq -r .config_sha256 d2/manifest.json)
[ "$a" != "$b" ] || fail "a changed tokenizer has the digest of the old one"
cp other.json tok.json
run 0 tokenize in.jsonl -t tok.json -o d3 --cache 4MB
[ "$a" = "$(jq -r .config_sha256 d3/manifest.json)" ] || fail "the digest depends on more than contents"

# The end token
run 78 tokenize in.jsonl -t tok.json -o e1 --eos '<nothing>'
says err 'no token "<nothing>"'
mkdir model && cp tok.json model/tokenizer.json
printf '{"eos_token":{"content":"a"}}' >model/tokenizer_config.json
run 0 tokenize in.jsonl -t model/tokenizer.json -o e2 --append-eos
[ "$(texts e2 | head -n 1)" = '"onea"' ] || fail "eos of tokenizer_config.json"
printf '{"eos_token":"<gone>"}' >model/tokenizer_config.json
run 78 tokenize in.jsonl -t model/tokenizer.json -o e3 --append-eos
says err 'names "<gone>", which is no token'
printf '[not JSON' >model/tokenizer_config.json
printf '{"eos_token":"b"}' >model/special_tokens_map.json
run 0 tokenize in.jsonl -t model/tokenizer.json -o e4 --append-eos
[ "$(texts e4 | head -n 1)" = '"oneb"' ] || fail "eos of special_tokens_map.json"
sed 's/<|endoftext|>/<none>/' tok.json >none.json
run 78 tokenize in.jsonl -t none.json -o e5 --append-eos
says err 'do not say which token ends a document'

# Wrong use
run 64 tokenize in.jsonl
says err 'expected -t'
run 64 tokenize -t tok.json
run 64 tokenize in.jsonl -t tok.json --decode --count-only
run 66 tokenize in.jsonl -t missing.json -o w1
says err 'missing.json'
printf '{' >broken.json
run 65 tokenize in.jsonl -t broken.json -o w2
run 78 tokenize in.jsonl -t tok.json -o w3 --max-tokens 1 --append-eos
says err 'are added to each text already'
run 78 tokenize in.jsonl -t tok.json -o w4 --ordinary --special-tokens
run 78 tokenize in.jsonl -t tok.json -o w5 --format ds --dtype i32
says err 'readers of ds do not know i32'
[ ! -e w1 ] && [ ! -e w5 ] || fail "a mistake left a folder"
printf 'source:\n  - files: in.jsonl\ntext: []\nsink:\n  tokens: {}\n' >nostage.yaml
run 78 run nostage.yaml
says err 'add "- tokenize" to text'

# Token files that are damaged
copy() { rm -rf t && mkdir t && cp "$1"/tokens-* t/; }
run 0 tokenize in.jsonl -t tok.json -o npy --format npy
run 0 tokenize in.jsonl -t tok.json -o ds --format ds
for from in o1 npy ds; do
    for file in "$from"/tokens-*; do
        copy "$from"
        name=t/$(basename "$file")
        size=$(stat -c %s "$name")
        case $name in *.metadata) continue ;; esac
        for cut in 0 1 17 33 40 130 $((size - 1)); do
            [ "$cut" -lt "$size" ] || continue
            copy "$from" && truncate -s "$cut" "$name"
            "$GRISTMILL" tokenize --decode t -t tok.json >out 2>err </dev/null
            got=$?
            # A whole index that is gone may leave nothing to read, but never a wrong document.
            [ "$got" -eq 65 ] || [ ! -s out ] || fail "$name cut at $cut: exit code $got"
        done
    done
done
copy o1 && printf '\377\377' | dd of=t/tokens-00000.bin bs=1 seek=0 conv=notrunc 2>/dev/null
run 65 tokenize --decode t -t tok.json
printf '{"ids":[1]}\n' >t/x.jsonl
run 65 tokenize --decode t/x.jsonl -t tok.json
run 65 tokenize --decode in.txt -t tok.json
[ "$("$GRISTMILL" tokenize --decode o1 o1 -t tok.json | head -n 1)" = '{"text":"one"}' ] || fail "a closed pipe"
exit "$bad"
