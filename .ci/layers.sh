#!/bin/sh
# Checks what may include what. Folders are layers, and includes point down only:
#
#   pipeline/base < contracts (pipeline/*.h) < pipeline/ipc < pipeline/run < pipeline/cli
#
# A stage sees base, the contracts, its own family and stages/json, never the engine; threads live in
# stages/fetch only; headers form no cycle; every header compiles alone. Every offence is printed.
set -u
cd "$(dirname "$0")/.." || exit 1
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
bad=0

complain() {
    echo "layers: $*"
    bad=1
}

# layer_of FILE: base, contract, ipc, run, cli, stages (the root) or stages/FAMILY
layer_of() {
    case $1 in
    pipeline/base/* | pipeline/ipc/* | pipeline/run/* | pipeline/cli/*)
        layer=${1#pipeline/}
        echo "${layer%%/*}"
        ;;
    pipeline/*) echo contract ;;
    stages/*/*)
        family=${1#stages/}
        echo "stages/${family%%/*}"
        ;;
    stages/*) echo stages ;;
    esac
}

# below LAYER: the layers that it may include
below() {
    case $1 in
    base) echo base ;;
    contract) echo base contract ;;
    ipc) echo base contract ipc ;;
    run) echo base contract ipc run stages ;;
    cli) echo base contract ipc run cli stages stages/tokenize ;;
    stages/*) echo base contract "$1" stages stages/json ;;
    stages) echo base contract stages ;;
    esac
}

# resolve FILE NAME: the file that #include "NAME" in FILE means
resolve() {
    for candidate in "$(dirname "$1")/$2" "pipeline/$2" "stages/$2"; do
        [ -f "$candidate" ] && echo "$candidate" && return
    done
}

find pipeline stages -name '*.[ch]' -o -name '*.cc' -o -name '*.def' | LC_ALL=C sort >"$work/files"
xargs grep -Hn '^ *# *include *"' <"$work/files" >"$work/includes"
while IFS= read -r row; do
    file=${row%%:*}
    place=$file:$(echo "$row" | cut -d: -f2)
    name=$(echo "$row" | cut -d'"' -f2)
    target=$(resolve "$file" "$name")
    if [ -z "$target" ]; then
        complain "$place: \"$name\" is not a file of this project (use <...> for others)"
        continue
    fi
    case $file in *.h) echo "$file $target" >>"$work/edges" ;; esac
    from=$(layer_of "$file")
    to=$(layer_of "$target")
    case " $(below "$from") " in
    *" $to "*) ;;
    *) complain "$place: $from may not include \"$name\" ($to)" ;;
    esac
done <"$work/includes"

xargs grep -Hn '^ *# *include *<\(pthread\|threads\)\.h>' <"$work/files" |
    grep -v '^stages/fetch/' >"$work/threads"
while IFS= read -r row; do
    complain "$(echo "$row" | cut -d: -f1,2): threads are for stages/fetch only"
done <"$work/threads"

if [ -s "$work/edges" ] && ! tsort "$work/edges" >/dev/null 2>"$work/cycle"; then
    complain "headers include each other in a circle:"
    cat "$work/cycle"
fi

grep '\.h$' "$work/files" >"$work/headers"
xargs "${CC:-cc}" -std=gnu11 -D_GNU_SOURCE -Ipipeline -Istages -Wall -Wextra -Werror -fsyntax-only \
    -x c <"$work/headers" || complain "a header does not compile alone"

[ "$bad" -eq 0 ] && echo "layers: $(wc -l <"$work/files") files are in order"
exit "$bad"
