#!/bin/sh
# One slow URL at the head of a list does not stop what is behind it.
exec python3 "$(dirname "$0")/slow_head.py"
