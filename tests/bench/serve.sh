#!/bin/sh
# serve.sh ROOT: an nginx over ROOT; prints its port, ends when standard input does.
set -eu
cd "$(dirname "$0")/../.."
. tests/lib/nginx.sh
work=$(mktemp -d)
chmod 755 "$work"
trap 'nginx_stop; rm -rf "$work"' EXIT
nginx_start "$work" "$1" >&2
echo "$nginx_port"
cat >/dev/null
