#!/bin/sh
# The same output whatever the workers, the memory, the connections and the sandbox.
exec python3 "$(dirname "$0")/workers.py"
