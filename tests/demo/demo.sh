#!/bin/sh
# The demo: serves data/ on loopback, writes a list of everything in it and of some URLs that go
# wrong, runs configs/demo.yaml over the list, and shows what came out. Leaves out/demo behind.
set -eu
cd "$(dirname "$0")/../.."
gristmill=${GRISTMILL:-build/gristmill}
out=out/demo
color=-M
[ -t 1 ] && color=-C
. tests/lib/nginx.sh

work=$(mktemp -d)
chmod 755 "$work"
trap 'nginx_stop; rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# What the samples cannot be: slow, gone, busy, elsewhere.
locations='
        location /slow/ { alias DATA/text/; limit_rate 700; }
        location /reset/ { return 444; }
        location /busy/ { return 503; }
        location /moved/ { return 302 /text/; }
        location = /moved/river { return 302 /text/river-en.txt; }'

title() {
    printf '\n%s\n' "$1"
}

write_list() { # base URL
    (cd data && find text jsonl archives images -type f ! -path 'images/small/*' | LC_ALL=C sort &&
        echo images/small/cmyk.jpg && echo images/small/alpha.png && echo images/small/bits.pbm) |
        sed "s|^|$1/|"
    cat <<URLS
$1/slow/river-en.txt
$1/moved/river
$1/text/no-such-file.txt
$1/images/no-such-picture.png
$1/no/such/archive.tar.gz
$1/busy/text.txt
$1/reset/text.txt
URLS
}

run_job() {
    rm -rf "$out"
    mkdir -p "$out"
    write_list "http://127.0.0.1:$nginx_port" >"$out/urls.txt"
    title "1. A server with the samples of data/ listens on 127.0.0.1:$nginx_port."
    echo "   $out/urls.txt: $(wc -l <"$out/urls.txt") URLs of texts, JSON Lines, archives and pictures, and some that go wrong"
    title "2. $gristmill run configs/demo.yaml"
    "$gristmill" run configs/demo.yaml
}

show_record() { # what, end of its source
    printf '\n   %s\n' "$1"
    jq -n $color --arg tail "$2" 'first(inputs | select(.source | endswith($tail))) |
        map_values(if type == "string" and length > 200 then .[:200] + " ..." else . end)' \
        "$out"/run/records-*.jsonl | sed 's/^/   /'
}

show_results() {
    title "3. What is in $out/run"
    (cd "$out/run" && find . -type f | LC_ALL=C sort | sed 's|^\./||' | awk -F/ '
        NF > 1 { n[$1]++; next }
        { print "   " $0 }
        END { for (d in n) print "   " d "/ (" n[d] " files)" }')
    title "4. Two of the $(cat "$out"/run/records-*.jsonl | wc -l) records"
    show_record "a text:" mylos-el.txt
    show_record "a picture:" hills.jpg
    title "5. Nothing is dropped in silence: rejects.jsonl by reason"
    jq -r '.reason' "$out/run/rejects.jsonl" | LC_ALL=C sort | uniq -c |
        while read -r count code; do
            printf '   %2d  %-18s  for example %s\n' "$count" "$code" "$(jq -r --arg code "$code" \
                'select(.reason == $code) | (.name // .source) + ": " + .message' "$out/run/rejects.jsonl" |
                head -n 1 | cut -c 1-100)"
        done
}

nginx_start "$work" "$PWD/data" "$(echo "$locations" | sed "s|DATA|$PWD/data|")"
run_job
show_results
printf '\nThe outputs stay in %s; docs/formats.md says what each field is.\n' "$out"
