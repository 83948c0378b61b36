#!/bin/sh
# Signals stop a run as promised and the next start goes on; closed outputs and a narrow terminal.
exec python3 "$(dirname "$0")/signals.py"
