#!/bin/sh
# limit: 300
exec python3 "$(dirname "$0")/shards.py"
