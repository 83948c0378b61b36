#!/bin/sh
# make install puts everything below DESTDIR and PREFIX, and make uninstall takes it away again.
set -u
cd "$(dirname "$0")/../.." || exit 1
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
bad=0
make -s install BUILD="$GM_BUILD" DESTDIR="$work" PREFIX=/opt/gm >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
for file in bin/gristmill share/man/man1/gristmill.1 share/bash-completion/completions/gristmill \
    share/zsh/site-functions/_gristmill share/fish/vendor_completions.d/gristmill.fish \
    share/gristmill/configs/sft-web.yaml share/gristmill/configs/systemd/gristmill@.service; do
    [ -s "$work/opt/gm/$file" ] || { echo "$file is not there"; bad=1; }
done
"$work/opt/gm/bin/gristmill" --version >/dev/null || bad=1
make -s uninstall BUILD="$GM_BUILD" DESTDIR="$work" PREFIX=/opt/gm || bad=1
left=$(find "$work/opt" -type f)
[ -z "$left" ] || { echo "left behind: $left"; bad=1; }
exit "$bad"
