# Fakes define functions of the engine, so each is linked into the tests that ask for it here and
# into nothing else.

FAKE_EMIT := $(BUILD)/obj/tests/lib/fake_emit.o
WITH_FAKE_EMIT := $(addprefix $(BUILD)/tests/,unit/test_lines unit/test_unpack unit/test_unpack_bad \
                  lib/tool_unpack)
$(WITH_FAKE_EMIT): $(FAKE_EMIT)
$(WITH_FAKE_EMIT): TESTLIB := $(FAKE_EMIT) $(TESTLIB)

FAKE_FEED := $(BUILD)/obj/tests/lib/fake_feed.o
WITH_FAKE_FEED := $(addprefix $(BUILD)/tests/,unit/test_glob unit/test_list lib/tool_fetch)
$(WITH_FAKE_FEED): $(FAKE_FEED)
$(WITH_FAKE_FEED): TESTLIB := $(FAKE_FEED) $(TESTLIB)

FAKE_SUPERVISOR := $(addprefix $(BUILD)/obj/tests/lib/fake_,supervisor.o lease.o)
WITH_FAKE_SUPERVISOR := $(addprefix $(BUILD)/tests/unit/test_,feed listing emit chain link units dispatch commit death messages)
$(WITH_FAKE_SUPERVISOR): $(FAKE_SUPERVISOR)
$(WITH_FAKE_SUPERVISOR): TESTLIB := $(FAKE_SUPERVISOR) $(TESTLIB)

FAKE_FETCH := $(BUILD)/obj/tests/lib/fake_fetch.o
WITH_FAKE_FETCH := $(BUILD)/tests/unit/test_feed
$(WITH_FAKE_FETCH): $(FAKE_FETCH)
$(WITH_FAKE_FETCH): TESTLIB := $(FAKE_FETCH) $(TESTLIB)

FAKE_ENGINE := $(BUILD)/obj/tests/lib/fake_engine.o
WITH_FAKE_ENGINE := $(addprefix $(BUILD)/tests/unit/test_,units dispatch commit death messages)
$(WITH_FAKE_ENGINE): $(FAKE_ENGINE)
$(WITH_FAKE_ENGINE): TESTLIB := $(FAKE_ENGINE) $(TESTLIB)

FAKE_SPLITTER := $(BUILD)/obj/tests/lib/fake_splitter.o
WITH_FAKE_SPLITTER := $(BUILD)/tests/unit/test_emit
$(WITH_FAKE_SPLITTER): $(FAKE_SPLITTER)
$(WITH_FAKE_SPLITTER): TESTLIB := $(FAKE_SPLITTER) $(TESTLIB)

# The unpacker of the poisoned program is struck through these.
$(BUILD)/tests/lib/tool_gristmill_poison: LDFLAGS_ALL += -Wl,--wrap=gm_emit_data,--wrap=gm_block_seal

# Whether the CPU hashes many messages faster is up to the test.
$(BUILD)/tests/unit/test_digest: LDFLAGS_ALL += -Wl,--wrap=gm_sha256_many_is_faster

# Threads that do not start, descriptors that are short, kinds that are not told.
$(BUILD)/tests/unit/test_ahead: LDFLAGS_ALL += -Wl,--wrap=pthread_create,--wrap=pthread_join,--wrap=getdents64,--wrap=gm_open_at
