# The tests under sanitizers, each in a build folder of its own. A finding ends the test.
#
# AddressSanitizer and UndefinedBehaviorSanitizer run every unit test. ThreadSanitizer sees threads
# of one process only, so it runs what has threads, the ring (both ends as threads) and fetch, and no
# other stage is compiled. There memcpy has to stay a call: gcc expands it behind ThreadSanitizer's
# back, and the slots of the ring are copied with it. Its runtime expects certain addresses: no
# randomisation.

.PHONY: asan tsan tsan-programs
ASAN_MAKE := BUILD=build-asan SANITIZE=address,undefined OPTIMIZE=-O1 \
             CFLAGS=-fno-sanitize-recover=all CXXFLAGS=-fno-sanitize-recover=all
ASAN_ENV  := ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1 \
             UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
TSAN_MAKE := BUILD=build-tsan STAGES=fetch SANITIZE=thread OPTIMIZE=-O1 CFLAGS=-fno-builtin
TSAN_ENV  := TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1
TSAN_UNIT := $(shell grep -lE '"fetch/|<pthread\.h>' tests/unit/test_*.c)

## asan: the unit tests under AddressSanitizer, LeakSanitizer and UndefinedBehaviorSanitizer
asan:
	@$(MAKE) --no-print-directory -j$$(nproc) $(ASAN_MAKE) test-programs
	@$(ASAN_ENV) sh tests/run build-asan build-asan/tests/unit

## tsan: the ring and the downloader under ThreadSanitizer
tsan:
	@$(MAKE) --no-print-directory -j$$(nproc) $(TSAN_MAKE) tsan-programs
	@$(TSAN_ENV) setarch $$(uname -m) -R sh tests/run build-tsan \
		$(TSAN_UNIT:tests/%.c=build-tsan/tests/%) tests/fault/fetch_

# gcc 12 keeps the stacks that it watches for use after return aligned to 32 bytes, and stores vectors of
# 64 bytes there with instructions that want 64.
ifneq ($(findstring address,$(SANITIZE)),)
ifeq ($(findstring clang,$(CC)),)
WIDE_VECTORS := $(shell grep -l '__m512i' stages/*/*.c)
$(WIDE_VECTORS:%.c=$(BUILD)/obj/%.o): override CFLAGS += --param asan-use-after-return=0
endif
endif

tsan-programs: $(TSAN_UNIT:tests/%.c=$(BUILD)/tests/%) $(BUILD)/tests/lib/tool_fetch
