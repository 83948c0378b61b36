#!/bin/sh
# Surroundings that a scheduled job may meet: few descriptors, no room, a folder that goes away.
exec python3 "$(dirname "$0")/surroundings.py"
