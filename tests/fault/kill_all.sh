#!/bin/sh
# kill -9 of everything at random instants, then the same command again. The campaign: make soak-kill.
exec python3 "$(dirname "$0")/kill_all.py"
