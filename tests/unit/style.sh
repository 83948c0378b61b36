#!/bin/sh
# Layout, function size and complexity, file size.
for tool in clang-format pmccabe; do
    if ! command -v "$tool" >/dev/null; then
        echo "$tool is not installed"
        exit 77
    fi
done
exec sh .ci/style.sh
