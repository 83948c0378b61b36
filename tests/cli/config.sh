#!/bin/sh
# Wrong jobs and what is said about them: each config/NAME.yaml is checked, and all that comes out,
# with the exit code behind it, is compared with config/NAME.err. A first line "# args: ..." gives
# further arguments. GM_ACCEPT=1 writes the .err files anew; look at the difference before
# committing it.
set -u
cd "$(dirname "$0")/config" || exit 1
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
bad=0 n=0
for job in *.yaml; do
    expected=${job%.yaml}.err
    args=$(sed -n '1s/^# args: //p' "$job" | tr -d '\000')
    # shellcheck disable=SC2086
    "$GRISTMILL" check "$job" $args >"$work/out" 2>"$work/err" </dev/null
    echo "exit $?" >>"$work/err"
    n=$((n + 1))
    if [ -s "$work/out" ]; then
        echo "$job: a mistake belongs on standard error, but this went to standard output:"
        cat "$work/out"
        bad=1
    fi
    if [ -n "${GM_ACCEPT:-}" ]; then
        cp "$work/err" "$expected"
    elif ! diff -u "$expected" "$work/err"; then
        bad=1
    fi
done
echo "$n wrong jobs"
exit "$bad"
