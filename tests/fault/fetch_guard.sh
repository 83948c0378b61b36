#!/bin/sh
# Addresses, credentials, robots.txt, TLS: what must not happen does not happen.
set -u
. tests/lib/bad_server.sh
both_clients "$0" "$@"
command -v jq >/dev/null && command -v python3 >/dev/null || { echo "needs jq and python3"; exit 77; }
dir=$(mktemp -d) || exit 1
trap 'bad_server_stop; rm -rf "$dir"' EXIT
bad_server_start "$dir" || exit 1
base="http://127.0.0.1:$bad_port"
read_log() { # requests that the server has seen since the last call, one JSON object a line
    echo "$base/log" >"$dir/list"
    mkdir -p "$dir/bodies"
    flags="-d $dir/bodies" fetch_list "$dir" allow_private=true
    jq -c 'select(.path != "/log")' "$dir/bodies/0" >"$dir/log"
}

# No spelling of a private address reaches the server, direct or by redirect.
for host in 127.0.0.1 127.1 2130706433 0x7f000001 017700000001 0x7f.1 0177.0.0.1 0 0.0.0.0 \
    localhost LOCALHOST. '[::1]' '[::ffff:127.0.0.1]' '[::ffff:7f00:1]' '[64:ff9b::7f00:1]' \
    '[2002:7f00:1::]' '[::127.0.0.1]' 127.0.0.2 127.255.255.254; do
    echo "http://$host:$bad_port/ok"
done >"$dir/list"
printf 'http://%s/\n' 10.0.0.1 172.16.0.1 192.168.1.1 169.254.169.254 100.64.0.1 '[fd00::1]' \
    '[fe80::1]' 224.0.0.1 255.255.255.255 >>"$dir/list"
n=$(wc -l <"$dir/list")
fetch_list "$dir" retries=0
bad=$(jq -r 'select(.reason != "fetch.address" and .reason != "fetch.dns") | .number' "$dir/out")
expect_that "items let through: $bad" [ -z "$bad" ]
good=$(jq -r 'select(.reason == "fetch.address") | .number' "$dir/out" | wc -l)
expect_that "only $good of $n are refused for their address" [ "$good" -ge $((n - 3)) ]
read_log
expect_that "the server was asked: $(cat "$dir/log")" [ ! -s "$dir/log" ]

# allow_net opens one address and not its neighbour.
printf 'http://%s:%s/ok\n' 127.0.0.1 "$bad_port" 127.0.0.2 "$bad_port" >"$dir/list"
fetch_list "$dir" allow_net=127.0.0.2 retries=0
expect 0 '.reason == "fetch.address"'
expect 1 '.reason == ""'

# Headers go out as configured; credentials stay with the host of the list.
echo "$base/redirect_other_host/secret" >"$dir/list"
fetch_list "$dir" allow_private=true "headers=Authorization: Bearer canary" "headers=X-Plain: yes" \
    contact=ops@example.org
expect 0 '.reason == ""'
read_log
sent() { jq -r "select(.path == \"$1\") | .headers[\"$2\"] // \"none\"" "$dir/log"; }
expect_that "first hop" [ "$(sent /redirect_other_host/secret authorization)" = "Bearer canary" ]
expect_that "second hop" [ "$(sent /ok/other authorization)" = none ]
expect_that "plain header" [ "$(sent /ok/other x-plain)" = yes ]
expect_that "user agent is $(sent /ok/other user-agent)" \
    sh -c 'case "$1" in "gristmill/"*" (ops@example.org)") ;; *) exit 1 ;; esac' - "$(sent /ok/other user-agent)"
expect_that "no encoding is asked for" [ "$(sent /ok/other accept-encoding)" = none ]

# robots.txt is asked for once, first, and obeyed, also if it would not be kept in memory as a body;
# off by default.
printf "$base/%s\n" ok/open ok/secret/1 ok/open2 redirect_ok/1 >"$dir/list"
flags="-i 10" fetch_list "$dir" allow_private=true robots=true
expect 0 '.reason == ""'
expect 1 '.reason == "fetch.robots" and .tries == 1'
expect 2 '.reason == ""'
read_log
asked=$(jq -r .path "$dir/log" | grep -c robots.txt)
expect_that "robots.txt was asked for $asked times" [ "$asked" = 1 ]
expect_that "a forbidden page was asked for" [ -z "$(jq -r .path "$dir/log" | grep secret/1)" ]

# A robots.txt without end counts as far as it has to be read.
echo "http://127.0.0.2:$bad_port/ok/secret/2" >"$dir/list"
fetch_list "$dir" allow_private=true robots=true deadline=20s
expect 0 '.reason == "fetch.robots"'

# That of a host which only a redirect names gets no credentials.
echo "$base/redirect_other_host/robots" >"$dir/list"
fetch_list "$dir" allow_private=true robots=true "headers=Authorization: Bearer canary"
expect 0 '.reason == ""'
read_log
jq -r 'select(.path == "/robots.txt") | .headers | .host + " " + (.authorization // "none")' "$dir/log" |
    sed -n "s/^127.0.0.\([12]\):$bad_port/\1/p" | tail -n 2 | sort | tr '\n' ';' >"$dir/asked"
expect_that "robots.txt was asked for with $(cat "$dir/asked")" [ "$(cat "$dir/asked")" = "1 Bearer canary;2 none;" ]

# TLS: a certificate that nobody vouches for is refused, unless its CA or the host is named.
if command -v openssl >/dev/null; then
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$dir/key" -out "$dir/cert" -days 2 \
        -subj /CN=localhost -addext "subjectAltName=IP:127.0.0.1" 2>/dev/null
    bad_server_stop
    bad_server_start "$dir" --tls "$dir/cert" "$dir/key" || exit 1
    echo "https://127.0.0.1:$bad_port/ok" >"$dir/list"
    echo "https://127.0.0.2:$bad_port/ok" >>"$dir/list"
    fetch_list "$dir" allow_private=true
    expect 0 '.reason == "fetch.tls" and .tries == 1'
    fetch_list "$dir" allow_private=true ca_file="$dir/cert"
    expect 0 '.reason == "" and .bytes == 1040'
    expect 1 '.reason == "fetch.tls"' # the certificate is for another address
    fetch_list "$dir" allow_private=true insecure_hosts="127.0.0.2:$bad_port"
    expect 0 '.reason == "fetch.tls"'
    expect 1 '.reason == ""'
else
    echo "no openssl: TLS is not tried"
fi
[ "$failures" -eq 0 ]
