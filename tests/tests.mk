# Tests. Each runs in its own process with a time limit; tests/run prints one line a test and the
# closing count.

.PHONY: check unit quick
## check: install what is missing, build, run every test (under ten minutes on two cores)
check: deps-ci deps-fixtures
	@$(MAKE) --no-print-directory -j$$(($$(nproc) + 1)) fixtures-check all test-programs
	@sh tests/run $(BUILD)

## unit: the unit tests only, without installing anything
unit: all test-programs
	@sh tests/run $(BUILD) unit

test-programs: $(UNIT) $(HELPERS)
