# Campaigns of the fault tests: the same scripts as in `make check`, for longer. What they showed
# stands in docs/reliability.md.

SOAK := GRISTMILL=$(abspath $(BUILD))/gristmill

.PHONY: soak soak-kill soak-memory soak-disk soak-syscalls soak-power
## soak: all campaigns (about half an hour)
soak: soak-kill soak-memory soak-disk soak-syscalls soak-power

## soak-kill: 200 kill -9 of each kind of process, 400 of everything at once
soak-kill: all
	$(SOAK) KILLS=200 python3 tests/fault/kill_workers.py
	$(SOAK) KILLS=400 python3 tests/fault/kill_all.py
	$(SOAK) KILLS=200 python3 tests/fault/kill_tokens.py

## soak-memory: peak memory on large inputs (1 GB below TMPDIR)
soak-memory: all
	$(SOAK) SCALE=1 python3 tests/fault/memory.py

## soak-disk: 100 sizes of disk and of files
soak-disk: all
	$(SOAK) STEPS=100 python3 tests/fault/disk.py

## soak-syscalls: the writer killed at the first 40 calls of each kind, each sync failing
soak-syscalls: all
	$(SOAK) SAMPLES=40 python3 tests/fault/writer_syscalls.py

## soak-power: 300 power losses on each of ext4 and XFS (root, loop devices, mkfs.xfs)
soak-power: all
	$(SOAK) LOSSES=300 python3 tests/fault/power_loss.py
