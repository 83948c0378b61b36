#!/bin/sh
# Checks the models with spin: every state that they can reach. A control is the same model with one
# piece of the protocol taken out; it has to fail in the way that is said here, or the model proves
# nothing. The last line is the count.
set -u
cd "$(dirname "$0")" || exit 1
models=$PWD
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
passed=0 failed=0

if ! command -v spin >/dev/null; then
    echo "spin is not installed"
    exit 77
fi

# verdict MODEL FLAG...: holds, deadlock, assertion or broken; the numbers stay in $work/report
verdict() {
    model=$1
    shift
    rm -f pan pan.c report
    spin "$@" -a "$models/$model" >report 2>&1 || { echo broken && return; }
    ${CC:-cc} -O1 -w -DSAFETY -o pan pan.c >>report 2>&1 || { echo broken && return; }
    ./pan -m500000 >report 2>&1
    case $(cat report) in
    *"max search depth too small"* | *"out of memory"*) echo broken ;;
    *"invalid end state (at"*) echo deadlock ;;
    *"assertion violated"*) echo assertion ;;
    *"errors: 0"*) echo holds ;;
    *) echo broken ;;
    esac
}

# expect VERDICT MODEL FLAG...
expect() {
    expected=$1
    shift
    found=$(verdict "$@")
    states=$(sed -n 's/^ *\([0-9][0-9]*\) states, stored.*/\1/p' report)
    if [ "$found" = "$expected" ]; then
        passed=$((passed + 1))
        printf 'ok    %-9s  %8s states  %s\n' "$found" "$states" "$*"
    else
        failed=$((failed + 1))
        printf 'FAIL  %s instead of %s: %s\n' "$found" "$expected" "$*"
        tail -n 20 report | sed 's/^/      | /'
    fi
}

expect holds wake.pml
expect deadlock wake.pml -DNO_FENCE
expect deadlock wake.pml -DNO_CONSUMER_RECHECK
expect deadlock wake.pml -DNO_PRODUCER_RECHECK
expect holds crash.pml
expect holds crash.pml -DNO_DRAIN
expect assertion crash.pml -DNO_RESET_UP
expect assertion crash.pml -DNO_RESET_UP -DOLD_IDS
expect assertion crash.pml -DNO_RESET_DOWN
expect deadlock crash.pml -DNO_REQUEUE

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
