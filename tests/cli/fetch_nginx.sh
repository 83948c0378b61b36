#!/bin/sh
# The well-behaved part with a real nginx: every kind of list and of body, kept connections, HTTP/2 and
# TLS, conditional requests, and the two hosts of a long list side by side.
set -u
. tests/lib/nginx.sh
. tests/lib/bad_server.sh
both_clients "$0" "$@"
command -v jq >/dev/null && nginx_binary >/dev/null || { echo "needs jq and nginx"; exit 77; }
dir=$(mktemp -d) || exit 1
trap 'nginx_stop; rm -rf "$dir"' EXIT
chmod 755 "$dir"
mkdir -p "$dir/www/many" "$dir/nginx" "$dir/bodies"

# Bodies: a text, names that need care, an empty file, containers, a file above the inline limit.
printf 'plain text\n' >"$dir/www/a,b;c.txt"
printf 'plain text\n' >"$dir/www/a b.txt"
printf 'plain text\n' >"$dir/www/é.txt"
: >"$dir/www/empty"
printf '{"text":"one"}\n' >"$dir/www/lines.jsonl"
printf '{"text":"one"}\n' | gzip -n >"$dir/www/lines.jsonl.gz"
head -c 700000 /dev/zero | tr '\0' 'x' >"$dir/www/large.txt"
i=0
while [ $i -lt 2000 ]; do
    echo "file $i" >"$dir/www/many/$i.txt"
    i=$((i + 1))
done
tls_port=$((33000 + $$ % 12000))
while port_is_taken $tls_port; do tls_port=$((tls_port + 1)); done
tls=
if command -v openssl >/dev/null; then
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$dir/key" -out "$dir/cert" -days 2 \
        -subj /CN=localhost -addext "subjectAltName=IP:127.0.0.1" 2>/dev/null
    tls="listen 127.0.0.1:$tls_port ssl http2; ssl_certificate $dir/cert; ssl_certificate_key $dir/key;"
fi
nginx_start "$dir/nginx" "$dir/www" "$tls"'
    location = /where { default_type text/plain; return 200 "$connection_requests"; }
    location = /how { default_type text/plain; return 200 "$server_protocol"; }' || exit 1
base="http://127.0.0.1:$nginx_port"

cat >"$dir/list" <<LIST
$base/a,b;c.txt
$base/a%20b.txt
$base/é.txt
$base/%C3%A9.txt
$base/empty
$base/lines.jsonl?version=2#top
$base/lines.jsonl.gz
$base/large.txt
$base/missing
$base/many
LIST
flags="-d $dir/bodies" fetch_list "$dir" allow_private=true
for n in 0 1 2 3; do
    expect $n '.reason == "" and .bytes == 11 and .media == "text" and .where == "body"'
done
expect 4 '.reason == "" and .bytes == 0 and .media == "empty"'
expect 5 '.reason == "" and .media == "jsonl" and .where == "fd"'
expect 6 '.reason == "" and .media == "gzip" and .where == "fd"'
expect 7 '.reason == "" and .bytes == 700000 and .where == "fd" and .complete_unknown == 0'
expect 8 '.reason == "fetch.http" and .status == 404'
expect 9 '.reason == "fetch.http" and .status == 403 and (.final_url | not)'
expect_that "bodies arrive as they are" cmp -s "$dir/www/large.txt" "$dir/bodies/7"
expect_that "bodies arrive as they are" cmp -s "$dir/www/lines.jsonl.gz" "$dir/bodies/6"
want=$(sha256sum "$dir/www/large.txt" | cut -d' ' -f1)
expect 7 ".sha256 == \"$want\""

# The validator of the first run makes the second one cheap.
etag=$(jq -r 'select(.number == 0) | .etag' "$dir/out")
echo "$base/a,b;c.txt" >"$dir/list"
flags="-e $etag" fetch_list "$dir" allow_private=true
expect 0 '.unchanged == 1 and .status == 304 and .where == "none"'

# 2,000 files over 8 kept connections, each once, each right, also in a small window.
i=0
while [ $i -lt 2000 ]; do
    echo "$base/many/$i.txt"
    i=$((i + 1))
done >"$dir/list"
rm -f "$dir/bodies"/*
flags="-d $dir/bodies -w 37" fetch_list "$dir" allow_private=true connections=8 threads=3
expect_that "2,000 outcomes" [ "$(wc -l <"$dir/out")" -eq 2000 ]
expect_that "all good" [ "$(jq -r .reason "$dir/out" | sort -u)" = "" ]
i=0
while [ $i -lt 2000 ]; do
    echo "file $i"
    i=$((i + 1))
done >"$dir/want"
i=0
while [ $i -lt 2000 ]; do
    echo "$dir/bodies/$i"
    i=$((i + 1))
done | xargs cat >"$dir/have"
expect_that "bodies belong to their URLs" cmp -s "$dir/want" "$dir/have"
for n in 1 2 3 4 5 6 7 8 9 10; do echo "$base/where?$n"; done >"$dir/list"
rm -f "$dir/bodies"/*
flags="-d $dir/bodies" fetch_list "$dir" allow_private=true connections=1
expect_that "connections are kept" [ "$(cat "$dir/bodies/9")" = 10 ]

# A rate is kept: 11 requests at 20/s take half a second.
for n in 1 2 3 4 5 6 7 8 9 10 11; do echo "$base/where?$n"; done >"$dir/list"
start=$(date +%s%N)
fetch_list "$dir" allow_private=true rate=20/s
took_ms=$((($(date +%s%N) - start) / 1000000))
expect_that "11 requests at 20/s took only $took_ms ms" [ "$took_ms" -ge 400 ]
expect_that "all good" [ "$(jq -r .reason "$dir/out" | sort -u)" = "" ]

# TLS with HTTP/2, many streams on few connections, and HTTP/1.1 if asked for.
if [ -n "$tls" ]; then
    i=0
    while [ $i -lt 300 ]; do
        echo "https://127.0.0.1:$tls_port/many/$i.txt"
        i=$((i + 1))
    done >"$dir/list"
    echo "https://127.0.0.1:$tls_port/how" >>"$dir/list"
    rm -f "$dir/bodies"/*
    flags="-d $dir/bodies" fetch_list "$dir" allow_private=true ca_file="$dir/cert"
    expect_that "all good by HTTP/2" [ "$(jq -r .reason "$dir/out" | sort -u)" = "" ]
    expect_that "HTTP/2 is spoken" [ "$(cat "$dir/bodies/300")" = "HTTP/2.0" ]
    expect_that "bodies belong to their URLs" [ "$(cat "$dir/bodies/123")" = "file 123" ]
    flags="-d $dir/bodies" fetch_list "$dir" allow_private=true ca_file="$dir/cert" http2=false
    expect_that "all good by HTTP/1.1" [ "$(jq -r .reason "$dir/out" | sort -u)" = "" ]
    expect_that "HTTP/1.1 is spoken" [ "$(cat "$dir/bodies/300")" = "HTTP/1.1" ]
else
    echo "no openssl: TLS is not tried"
fi

# Local files come through the same stage.
printf '%s\n' "$dir/www/a b.txt" "$dir/www/lines.jsonl.gz" "$dir/www/large.txt" "$dir/www" \
    "$dir/nothing" "$dir/www/empty" >"$dir/list"
flags=-f fetch_list "$dir"
expect 0 '.reason == "" and .bytes == 11 and .where == "body" and .sha256 != null'
expect 1 '.reason == "" and .media == "gzip" and .where == "fd"'
expect 2 '.reason == "" and .bytes == 700000 and .where == "fd"'
expect 3 '.reason == "fetch.io" and (.message | contains("regular file"))'
expect 4 '.reason == "fetch.missing"'
expect 5 '.reason == "" and .media == "empty"'
[ "$failures" -eq 0 ]
