#!/bin/sh
# The writer's file side under strace: killed at every n-th system call, and each sync failing once.
# After a kill the resumed job leaves the files of an undisturbed one; a failed sync stops the run
# with exit 74 and is not tried again. strace counts each kind of call by itself: a task for each,
# as many at a time as there are cores.
# limit: 300
set -u
tool=$GM_BUILD/tests/lib/tool_output
blocks=11 group=3
changing="write pwrite64 openat fdatasync fsync syncfs ftruncate renameat unlinkat mkdirat"
syncing="fdatasync fsync syncfs"

same_files() { # folder
    [ "$("$tool" digest "$1")" = "$want" ]
}

# Killed at the first, second, ... call until there are no more.
kill_at() { # call, folder
    n=1
    while :; do
        rm -rf "$2" && mkdir "$2"
        strace -f -o /dev/null -e trace="$1" -e inject="$1:signal=KILL:when=$n" \
            "$tool" "$2" $blocks $group 2>"$2.message" && break
        if ! "$tool" "$2" $blocks $group 2>"$2.message"; then
            echo "killed at $1 $n: resuming failed: $(cat "$2.message")"
            bad=1
        elif ! same_files "$2"; then
            echo "killed at $1 $n: the resumed files differ"
            bad=1
        fi
        n=$((n + 1))
    done
}

fail_at() { # call, folder
    n=1
    while :; do
        rm -rf "$2" && mkdir "$2"
        strace -f -o "$2.trace" -e trace="$1" -e inject="$1:error=EIO:when=$n" \
            "$tool" "$2" $blocks $group 2>"$2.message"
        code=$?
        [ "$code" -eq 0 ] && break
        if [ "$code" -ne 74 ]; then
            echo "$1 $n failed: exit $code instead of 74: $(cat "$2.message")"
            bad=1
        fi
        # The failed call is the last one of its kind.
        if [ "$(grep -c "$1(" "$2.trace")" -ne "$n" ]; then
            echo "$1 $n failed, and the run went on syncing"
            bad=1
        fi
        grep -q "$2" "$2.message" || { echo "no file named: $(cat "$2.message")"; bad=1; }
        if ! "$tool" "$2" $blocks $group || ! same_files "$2"; then
            echo "$1 $n failed: the resumed files differ"
            bad=1
        fi
        n=$((n + 1))
    done
}

if [ "${1:-}" = --task ]; then # work folder, kill_at|fail_at, call
    bad=0
    want=$("$tool" digest "$2/reference")
    "$3" "$4" "$2/$3-$4"
    [ "$n" -gt 1 ] || { echo "$4 was never called"; bad=1; }
    echo "$3 $4: $((n - 1)) times"
    exit "$bad"
fi

command -v strace >/dev/null || { echo "strace is not installed"; exit 77; }
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
strace -o /dev/null true 2>/dev/null || { echo "strace may not trace here"; exit 77; }
mkdir "$work/reference"
"$tool" "$work/reference" $blocks $group || exit 1
{
    printf 'kill_at %s\n' $changing
    printf 'fail_at %s\n' $syncing
} | xargs -L 1 -P "$(nproc)" sh "$0" --task "$work"
