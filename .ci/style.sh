#!/bin/sh
# Checks what a tool can say about style: clang-format's layout, functions of at most 60 lines and
# complexity 15 (pmccabe's modified count: a switch is one branch), files of at most 500 lines.
# Generated tables (*_table.c, *_tables.h ...) are exempt from layout and length.
set -u
cd "$(dirname "$0")/.." || exit 1
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
bad=0

find pipeline stages tests -name '*.c' -o -name '*.h' -o -name '*.cc' | LC_ALL=C sort >"$work/all"
grep -v '_tables\{0,1\}\.[ch]$' "$work/all" >"$work/written"

grep '\.[ch]$' "$work/written" | xargs clang-format --dry-run -Werror || bad=1

grep '\.cc\{0,1\}$' "$work/all" | xargs pmccabe | awk '
    $1 > 15 { printf "style: %s %s: complexity %d is above 15\n", $6, $7, $1; bad = 1 }
    $5 > 60 { printf "style: %s %s: %d lines are above 60\n", $6, $7, $5; bad = 1 }
    END { exit bad }' || bad=1

xargs wc -l <"$work/written" | awk '
    $2 != "total" && $1 > 500 { printf "style: %s: %d lines are above 500\n", $2, $1; bad = 1 }
    END { exit bad }' || bad=1

[ "$bad" -eq 0 ] && echo "style: $(wc -l <"$work/all") files are in order"
exit "$bad"
