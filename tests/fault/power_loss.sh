#!/bin/sh
# Power losses on images of ext4 and XFS; see power_loss.py. Needs root and loop devices.
exec python3 "$(dirname "$0")/power_loss.py"
