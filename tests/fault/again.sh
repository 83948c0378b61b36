#!/bin/sh
# A finished job started again: only what is new or changed, and not twice at once.
exec python3 "$(dirname "$0")/again.py"
