#!/bin/sh
# Every ready job in configs/ has a right plan, and the systemd units are what systemd accepts.
set -u
cd "$(dirname "$0")/../.." || exit 1
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
bad=0

for job in configs/*.yaml; do
    # The demo's list is written by the demo itself.
    set -- "$job"
    [ "$job" = configs/demo.yaml ] && set -- "$job" --set source.urls=configs/urls.txt
    if ! "$GRISTMILL" check "$@" >"$work/plan" 2>&1; then
        echo "$job:"
        cat "$work/plan"
        bad=1
    fi
done

if command -v systemd-analyze >/dev/null; then
    cp configs/systemd/* "$work/"
    sed -i 's#/usr/local/bin/gristmill#/bin/true#' "$work/gristmill@.service"
    cp "$work/gristmill@.service" "$work/gristmill@job.service"
    cp "$work/gristmill@.timer" "$work/gristmill@job.timer"
    for unit in "$work/gristmill@job.service" "$work/gristmill@job.timer"; do
        systemd-analyze verify --man=no "$unit" >"$work/log" 2>&1
        if [ -s "$work/log" ]; then
            cat "$work/log"
            bad=1
        fi
    done
fi

# Every exit code but 75 must be one that starting again does not help.
codes=$(sed -n 's/^RestartPreventExitStatus=//p' configs/systemd/gristmill@.service)
for code in $(sed -n 's/^    X([A-Z_]*, \([0-9]*\),.*/\1/p' pipeline/base/err.h | sort -un); do
    case " $codes 0 75 " in
    *" $code "*) ;;
    *) echo "gristmill@.service says nothing about exit code $code" && bad=1 ;;
    esac
done
exit "$bad"
