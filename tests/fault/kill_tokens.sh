#!/bin/sh
# kill -9 while token files are written. The campaign: make soak-kill.
exec python3 "$(dirname "$0")/kill_tokens.py"
