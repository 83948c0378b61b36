#!/bin/sh
# Records that crash, hang, eat memory or overwrite what they can reach are named and put aside.
exec python3 "$(dirname "$0")/poison.py"
