#!/bin/sh
# A disk that is full at many sizes: the writer stops with exit 74 and names the file, what was
# committed stays, and with more room the resumed job leaves the files of an undisturbed one.
set -u
tool=$GM_BUILD/tests/lib/tool_output
work=$(mktemp -d) || exit 1
disk=$work/disk
mkdir "$disk" "$work/reference"
trap 'umount "$disk" 2>/dev/null; rm -rf "$work"' EXIT
mount -t tmpfs -o size=64k none "$disk" 2>/dev/null || { echo "tmpfs may not be mounted here"; exit 77; }
umount "$disk"
blocks=40 group=3 bad=0 full=0
"$tool" "$work/reference" $blocks $group || exit 1
want=$("$tool" digest "$work/reference")

size=4
while [ "$size" -le 400 ]; do
    mount -t tmpfs -o "size=${size}k" none "$disk" || exit 1
    mkdir "$disk/run"
    "$tool" "$disk/run" $blocks $group 2>"$work/message"
    code=$?
    if [ "$code" -ne 0 ]; then
        full=$((full + 1))
        [ "$code" -eq 74 ] || { echo "${size} KB: exit $code: $(cat "$work/message")"; bad=1; }
        grep -q "$disk/run.*No space left on device" "$work/message" ||
            { echo "${size} KB: $(cat "$work/message")"; bad=1; }
    fi
    mount -o remount,size=16m "$disk" || exit 1
    "$tool" "$disk/run" $blocks $group || { echo "${size} KB: resuming failed"; bad=1; }
    [ "$("$tool" digest "$disk/run")" = "$want" ] || { echo "${size} KB: the files differ"; bad=1; }
    umount "$disk" || exit 1
    size=$((size + 4))
done
[ "$full" -gt 20 ] || { echo "only $full sizes were too small"; bad=1; }
echo "$full sizes were too small"
exit $bad
