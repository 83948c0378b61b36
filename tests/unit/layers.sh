#!/bin/sh
# Includes point down, threads stay in fetch, every header compiles alone.
exec sh .ci/layers.sh
