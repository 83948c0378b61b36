# Campaigns of the fault tests: the same scripts as in `make check`, for longer. What they showed
# stands in docs/reliability.md. The tests are those of tests/fault; each names its numbers.

.PHONY: soak soak-kill
KILLS ?= 200

## soak-kill: 200 kill -9 of each kind of process and of everything at once (KILLS=n: n of each)
soak-kill: all
	GRISTMILL=$(abspath $(BUILD))/gristmill KILLS=$(KILLS) python3 tests/fault/kill_workers.py
	GRISTMILL=$(abspath $(BUILD))/gristmill KILLS=$(KILLS) python3 tests/fault/kill_all.py

## soak: all campaigns
soak: soak-kill
