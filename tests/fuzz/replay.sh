#!/bin/sh
# Builds every fuzz target with ASan and UBSan and runs its stored inputs, as many targets at a time
# as there are cores.
# limit: 900
set -u
cd "$(dirname "$0")/../.." || exit 1
log=$(mktemp) || exit 1
trap 'rm -f "$log"' EXIT

if [ "${1:-}" = --target ]; then
    set -- "$2" "tests/fuzz/corpus/$2"/*
    target=$1
    shift
    if ASAN_OPTIONS=allocator_may_return_null=1 timeout 120 "build-asan/fuzz/$target" "$@" \
        >"$log" 2>&1; then
        echo "$target: $# inputs"
        exit 0
    fi
    echo "$target: failed"
    tail -n 40 "$log"
    exit 1
fi

make -j"$(nproc)" fuzz-build >"$log" 2>&1 || {
    tail -n 30 "$log"
    exit 1
}
for source in tests/fuzz/fuzz_*.c; do
    basename "$source" .c
done | xargs -n 1 -P "$(nproc)" sh tests/fuzz/replay.sh --target
