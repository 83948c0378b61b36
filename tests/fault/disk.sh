#!/bin/sh
# Full disks and files that may not grow: exit 74, and the next start goes on.
exec python3 "$(dirname "$0")/disk.py"
