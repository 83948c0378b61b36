#!/bin/sh
# The writer's file side under strace: killed at every n-th system call, and each sync failing once.
# After a kill the resumed job leaves the files of an undisturbed one; a failed sync stops the run
# with exit 74 and is not tried again.
# limit: 300
set -u
tool=$GM_BUILD/tests/lib/tool_output
command -v strace >/dev/null || { echo "strace is not installed"; exit 77; }
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
strace -o /dev/null true 2>/dev/null || { echo "strace may not trace here"; exit 77; }
blocks=11 group=3 bad=0
changing="write pwrite64 openat fdatasync fsync syncfs ftruncate renameat unlinkat mkdirat"

mkdir "$work/reference"
"$tool" "$work/reference" $blocks $group || exit 1
want=$("$tool" digest "$work/reference")

# strace counts each kind of call by itself, hence a loop over the kinds.
kills=0
for call in $changing; do
    n=1
    while :; do
        rm -rf "$work/run" && mkdir "$work/run"
        strace -f -o /dev/null -e trace="$call" -e inject="$call:signal=KILL:when=$n" \
            "$tool" "$work/run" $blocks $group 2>"$work/message"
        code=$?
        [ "$code" -eq 0 ] && break
        kills=$((kills + 1))
        if ! "$tool" "$work/run" $blocks $group 2>"$work/message"; then
            echo "killed at $call $n: resuming failed: $(cat "$work/message")"
            bad=1
        elif [ "$("$tool" digest "$work/run")" != "$want" ]; then
            echo "killed at $call $n: the resumed files differ"
            bad=1
        fi
        n=$((n + 1))
    done
    [ "$n" -gt 1 ] || { echo "$call was never called"; bad=1; }
done

for call in fdatasync fsync syncfs; do
    n=1
    while :; do
        rm -rf "$work/run" && mkdir "$work/run"
        strace -f -o "$work/trace" -e trace=$call -e inject=$call:error=EIO:when=$n \
            "$tool" "$work/run" $blocks $group 2>"$work/message"
        code=$?
        [ "$code" -eq 0 ] && break
        if [ "$code" -ne 74 ]; then
            echo "$call $n failed: exit $code instead of 74: $(cat "$work/message")"
            bad=1
        fi
        # The failed call is the last one of its kind.
        if [ "$(grep -c "$call(" "$work/trace")" -ne "$n" ]; then
            echo "$call $n failed, and the run went on syncing"
            bad=1
        fi
        grep -q "$work/run" "$work/message" || { echo "no file named: $(cat "$work/message")"; bad=1; }
        if ! "$tool" "$work/run" $blocks $group || [ "$("$tool" digest "$work/run")" != "$want" ]; then
            echo "$call $n failed: the resumed files differ"
            bad=1
        fi
        n=$((n + 1))
    done
    [ "$n" -gt 1 ] || { echo "$call was never called"; bad=1; }
    echo "$call: $((n - 1)) failures"
done
echo "$kills kills"
exit $bad
