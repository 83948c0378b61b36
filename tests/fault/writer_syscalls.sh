#!/bin/sh
# The writer of a whole run killed at system calls, and its syncs failing. Campaign: make soak-syscalls.
exec python3 "$(dirname "$0")/writer_syscalls.py"
