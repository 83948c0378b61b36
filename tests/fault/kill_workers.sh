#!/bin/sh
# kill -9 of one kind of process at a time, at random instants. The campaign: make soak-kill.
exec python3 "$(dirname "$0")/kill_workers.py"
