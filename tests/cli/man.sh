#!/bin/sh
# The manual page in docs/ is what the program prints, and groff and the shells can read what is
# made for them. After a change of an option: make man
set -u
cd "$(dirname "$0")/../.." || exit 1
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
bad=0
"$GRISTMILL" help --man >"$work/gristmill.1" || bad=1
if ! diff -u docs/man/gristmill.1 "$work/gristmill.1" | head -n 40 >"$work/diff" || [ -s "$work/diff" ]; then
    cat "$work/diff"
    echo "docs/man/gristmill.1 is not what the program prints: make man"
    bad=1
fi
if command -v man >/dev/null; then
    LC_ALL=C.UTF-8 MANROFFSEQ='' MANWIDTH=80 man --warnings -l "$work/gristmill.1" >"$work/text" 2>"$work/err"
    [ -s "$work/err" ] && cat "$work/err" && bad=1
    for word in 'EXIT STATUS' 'text: - stats' '--connections' 'record_deadline'; do
        grep -q -e "$word" "$work/text" || { echo "\"$word\" is not in the page"; bad=1; }
    done
fi

"$GRISTMILL" completion bash >"$work/completion.bash" && bash -n "$work/completion.bash" || bad=1
cat >"$work/try.bash" <<'END'
compopt() { :; }
. "$1"
shift
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
_gristmill
printf '%s\n' "${COMPREPLY[@]}"
END
complete() { # expected, words...
    expected=$1
    shift
    bash "$work/try.bash" "$work/completion.bash" "$@" >"$work/reply" 2>&1
    grep -qx -e "$expected" "$work/reply" && return
    echo "completing \"$*\" does not offer $expected:"
    cat "$work/reply"
    bad=1
}
complete inspect gristmill ins
complete --progress gristmill run --pro
complete plain gristmill run --progress p
complete --connections gristmill fetch --conn
complete fetch.connections= gristmill run --set fetch.conn
complete text.normalize.form= gristmill run --set text.normalize.f
complete zsh gristmill completion ''
complete Makefile gristmill run Makef

# Quotes must balance; sh cannot read zsh or fish, but it can count.
for shell in zsh fish; do
    "$GRISTMILL" completion $shell >"$work/completion.$shell" || bad=1
    awk -v q="'" '{ line = $0; gsub(/\\\\|\\'"'"'|'"'"'\\'"'"''"'"'/, "", line)
        if (gsub(q, q, line) % 2) { print "unbalanced quotes: " $0; bad = 1 } } END { exit bad }' \
        "$work/completion.$shell" || bad=1
done
command -v zsh >/dev/null && { zsh -n "$work/completion.zsh" || bad=1; }
command -v fish >/dev/null && { fish -n "$work/completion.fish" || bad=1; }
exit "$bad"
