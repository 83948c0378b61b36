#!/bin/sh
# Peak memory of all processes on inputs that tempt it. The campaign: make soak-memory.
exec python3 "$(dirname "$0")/memory.py"
