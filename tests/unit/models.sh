#!/bin/sh
# The models of the wake-up and the crash protocol hold, and their controls fail.
exec sh tests/models/verify.sh
