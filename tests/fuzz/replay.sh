#!/bin/sh
# Builds every fuzz target with ASan and UBSan and runs its stored inputs.
# limit: 900
set -u
cd "$(dirname "$0")/../.." || exit 1
log=$(mktemp) || exit 1
trap 'rm -f "$log"' EXIT
make -j2 fuzz-build >"$log" 2>&1 || {
    tail -n 30 "$log"
    exit 1
}
bad=0
for source in tests/fuzz/fuzz_*.c; do
    target=$(basename "$source" .c)
    set --
    for input in tests/fuzz/corpus/"$target"/*; do
        [ -f "$input" ] && set -- "$@" "$input"
    done
    if ASAN_OPTIONS=allocator_may_return_null=1 timeout 120 "build-asan/fuzz/$target" "$@" \
        >"$log" 2>&1; then
        echo "$target: $# inputs"
    else
        echo "$target: failed"
        tail -n 40 "$log"
        bad=1
    fi
done
exit "$bad"
