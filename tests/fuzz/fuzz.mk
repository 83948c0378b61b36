# Fuzzing. Every tests/fuzz/fuzz_*.c is a target of its own (LLVMFuzzerTestOneInput), found by name;
# its stored inputs are in tests/fuzz/corpus/TARGET/. They are replayed with the build of `make asan`;
# for fuzzing the library is compiled again, into folders of its own.

FUZZ_SECONDS ?= 60
FUZZ_TARGETS ?= $(notdir $(FUZZ))
FUZZ_MAIN    ?= $(BUILD)/obj/tests/fuzz/standalone_main.o

# Targets that bring a fake of the engine.
$(BUILD)/fuzz/fuzz_archive: $(BUILD)/obj/tests/lib/fake_emit.o
$(BUILD)/fuzz/fuzz_archive: FUZZ_FAKE := $(BUILD)/obj/tests/lib/fake_emit.o
FUZZ_ENGINE := $(addprefix $(BUILD)/obj/tests/lib/fake_,engine.o supervisor.o lease.o)
$(BUILD)/fuzz/fuzz_desc: $(FUZZ_ENGINE)
$(BUILD)/fuzz/fuzz_desc: FUZZ_FAKE := $(FUZZ_ENGINE)

$(BUILD)/fuzz/%: tests/fuzz/%.c $(filter %.o,$(FUZZ_MAIN)) $(TESTLIB) $(LIB)
	@mkdir -p $(@D)
	$(CC) -std=gnu11 $(CPPFLAGS) $(PKG_CFLAGS) $(WARNINGS_C) $(COMMON) $(CFLAGS) -MF $@.d \
	    $(LDFLAGS_ALL) -o $@ $< $(FUZZ_MAIN) $(FUZZ_FAKE) $(TESTLIB) $(LIB) -lcmocka $(LDLIBS)

-include $(FUZZ:=.d) $(BUILD)/obj/tests/fuzz/standalone_main.d

.PHONY: fuzz-targets fuzz-build fuzz-replay fuzz fuzz-afl
fuzz-targets: $(FUZZ)

fuzz-build:
	@$(MAKE) --no-print-directory $(ASAN_MAKE) fuzz-targets

## fuzz-replay: build the fuzz targets with ASan and UBSan, run the stored inputs
fuzz-replay:
	@sh tests/fuzz/replay.sh

# vptr checks need the C++ runtime of the sanitizer, which the C driver does not link.
## fuzz: run every target with libFuzzer for FUZZ_SECONDS each (FUZZ_TARGETS=fuzz_x: only that)
fuzz: deps-ci
	@$(MAKE) --no-print-directory BUILD=build-libfuzzer CC=clang CXX=clang++ OPTIMIZE=-O1 \
	    SANITIZE=address,undefined,fuzzer-no-link CFLAGS=-fno-sanitize-recover=all \
	    CXXFLAGS="-fno-sanitize-recover=all -fno-sanitize=vptr" FUZZ_MAIN=-fsanitize=fuzzer \
	    $(FUZZ_TARGETS:%=build-libfuzzer/fuzz/%)
	@sh tests/fuzz/campaign build-libfuzzer $(FUZZ_SECONDS) $(FUZZ_TARGETS)

## fuzz-afl: the same with AFL++ (its own way of finding inputs)
fuzz-afl: deps-ci
	$(call apt_install,afl++)
	@$(MAKE) --no-print-directory BUILD=build-afl CC=afl-clang-fast CXX=afl-clang-fast++ OPTIMIZE=-O1 \
	    SANITIZE=address,undefined CFLAGS=-fno-sanitize-recover=all \
	    CXXFLAGS="-fno-sanitize-recover=all -fno-sanitize=vptr" FUZZ_MAIN=-fsanitize=fuzzer \
	    $(FUZZ_TARGETS:%=build-afl/fuzz/%)
	@sh tests/fuzz/campaign_afl build-afl $(FUZZ_SECONDS) $(FUZZ_TARGETS)
