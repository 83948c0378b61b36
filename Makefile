# gristmill. `make help` lists the targets; every header and package is named in one place here.
#
# One static library holds everything but main(), so that tests and fuzz targets link what users
# run. Sources are found by folder: a new stage or command needs no line here.

BUILD   ?= build
PREFIX  ?= /usr/local
CC      ?= gcc
CXX     ?= g++
VERSION := $(shell sed -n 's/^\#define GM_VERSION "\(.*\)"/\1/p' pipeline/version.h)

PACKAGES := gcc g++ make pkg-config libcurl4-openssl-dev libarchive-dev libutf8proc-dev \
            libzstd-dev zlib1g-dev liblzma-dev libbz2-dev libsimdjson-dev libfyaml-dev \
            libjpeg62-turbo-dev libdeflate-dev libspng-dev libwebp-dev libtiff-dev libstb-dev libxxhash-dev libssl-dev \
            libsqlite3-dev libseccomp-dev
TEST_PACKAGES := libcmocka-dev nginx-light jq zstd strace python3 zip xz-utils bzip2 p7zip-full \
            unicode-data python3-pil man-db openssl
CI_PACKAGES := clang clang-format libclang-rt-14-dev pmccabe spin
LIBS := libcurl libarchive libutf8proc libzstd zlib liblzma simdjson libfyaml libjpeg libdeflate spng \
        libwebp libtiff-4 libxxhash libcrypto sqlite3 libseccomp

WARNINGS := -Wall -Wextra -Wshadow -Wpointer-arith -Wwrite-strings -Wvla -Wundef -Wformat=2 \
            -Wno-format-nonliteral
WARNINGS_C := $(WARNINGS) -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition
OPTIMIZE ?= -O2
SANITIZE ?=
HARDEN  := -fstack-protector-strong -fstack-clash-protection -fcf-protection -fPIE
ifeq ($(SANITIZE),)
HARDEN  += -D_FORTIFY_SOURCE=2
else
SANITIZE_FLAGS := -fsanitize=$(SANITIZE) -fno-omit-frame-pointer
endif
CPPFLAGS += -D_GNU_SOURCE -Ipipeline -Istages -Itests/lib
COMMON   := $(OPTIMIZE) -g $(HARDEN) $(SANITIZE_FLAGS) $(WERROR) -MMD -MP
PKG_CFLAGS = $(shell pkg-config --cflags $(LIBS) 2>/dev/null)
PKG_LIBS   = $(shell pkg-config --libs $(LIBS) 2>/dev/null)
LDFLAGS_ALL = $(LDFLAGS) -pie -Wl,-z,relro,-z,now $(SANITIZE_FLAGS)
# A symbol is looked up in this order at each start: where most are found comes first.
LDLIBS   = -lcrypto -lc -lstdc++ -lsqlite3 $(PKG_LIBS) -lbz2 -lpthread -lm

# Folders of stages/ that are compiled. A program needs all; some tests need one of them.
STAGES ?= *
SRC_C  := $(filter-out pipeline/cli/main.c,$(wildcard pipeline/*.c pipeline/*/*.c stages/*.c $(STAGES:%=stages/%/*.c)))
SRC_CC := $(wildcard $(STAGES:%=stages/%/*.cc))
OBJ    := $(SRC_C:%.c=$(BUILD)/obj/%.o) $(SRC_CC:%.cc=$(BUILD)/obj/%.o)
LIB    := $(BUILD)/libgristmill.a
UNIT   := $(patsubst tests/%.c,$(BUILD)/tests/%,$(wildcard tests/unit/test_*.c tests/conformance/*/test_*.c))
HELPERS := $(patsubst tests/%.c,$(BUILD)/tests/%,$(wildcard tests/lib/tool_*.c tests/bench/*.c))
FUZZ   := $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))
TESTOBJ := $(patsubst %.c,$(BUILD)/obj/%.o,$(filter-out tests/lib/tool_% tests/lib/fake_%,$(wildcard tests/lib/*.c)))
TESTLIB := $(BUILD)/libtests.a

.PHONY: all
## all: build build/gristmill (installs nothing)
all: $(BUILD)/gristmill

$(BUILD)/gristmill: $(BUILD)/obj/pipeline/cli/main.o $(LIB)
	$(CC) $(LDFLAGS_ALL) -o $@ $^ $(LDLIBS)

$(LIB): $(OBJ)
$(TESTLIB): $(TESTOBJ)
$(LIB) $(TESTLIB):
	@rm -f $@
	ar rcsD $@ $^

$(BUILD)/obj/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(CC) -std=gnu11 $(CPPFLAGS) $(PKG_CFLAGS) $(WARNINGS_C) $(COMMON) $(CFLAGS) -include base/banned.h -c -o $@ $<

$(BUILD)/obj/%.o: %.cc Makefile
	@mkdir -p $(@D)
	$(CXX) -std=c++17 $(CPPFLAGS) $(PKG_CFLAGS) $(WARNINGS) $(COMMON) $(CXXFLAGS) -c -o $@ $<

# Results that must equal other programs' to the last bit: no product and sum in one rounding.
$(BUILD)/obj/stages/image/dct32.o $(BUILD)/obj/stages/image/lanczos.o: override CFLAGS += -ffp-contract=off

# Two neighbours of a loop's state in one vector register cost the loop more than they save.
$(BUILD)/obj/stages/image/jpeg_band.o: override CFLAGS += -fno-tree-slp-vectorize

# stb_image's header declares static functions that its settings leave out.
$(BUILD)/obj/stages/image/stb_read.o: override CFLAGS += -Wno-unused-function

# libfyaml's header defines macros with alloca, which our code may not use: it is read before the ban.
$(BUILD)/obj/pipeline/run/config_read.o: CPPFLAGS += -include libfyaml.h

# Not removed behind the first make: the second would make them, and all tests, again.
.SECONDARY: $(TESTOBJ)

$(BUILD)/tests/%: tests/%.c $(TESTLIB) $(LIB)
	@mkdir -p $(@D)
	$(CC) -std=gnu11 $(CPPFLAGS) $(PKG_CFLAGS) $(WARNINGS_C) $(COMMON) $(CFLAGS) -MF $(@D)/$(@F).d $(LDFLAGS_ALL) -o $@ $< $(TESTLIB) $(LIB) -lcmocka $(LDLIBS)

# What the machine needs. A missing package is installed, a present one costs nothing.

SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)

define apt_install
	@missing=$$(for p in $(1); do dpkg-query -W -f='$${Status}' $$p 2>/dev/null | grep -q 'ok installed' || echo $$p; done); \
	if [ -n "$$missing" ]; then \
		echo "installing:" $$missing; \
		$(SUDO) apt-get update -qq && \
		DEBIAN_FRONTEND=noninteractive $(SUDO) apt-get install -y -qq --no-install-recommends $$missing >/dev/null; \
	fi
endef

.PHONY: deps deps-test deps-ci
## deps: install the libraries and tools that the build needs (Debian packages)
deps:
	$(call apt_install,$(PACKAGES))

## deps-test: the same for what the tests need
deps-test: deps
	$(call apt_install,$(TEST_PACKAGES))

deps-ci: deps-test
	$(call apt_install,$(CI_PACKAGES))

include $(wildcard tests/*.mk tests/*/*.mk)

-include $(OBJ:.o=.d) $(TESTOBJ:.o=.d) $(wildcard $(BUILD)/obj/tests/lib/fake_*.d) $(UNIT:=.d) $(HELPERS:=.d) $(BUILD)/obj/pipeline/cli/main.d

.PHONY: install uninstall man
BIN_DIR  := $(DESTDIR)$(PREFIX)/bin
SHARE    := $(DESTDIR)$(PREFIX)/share
INSTALLED := $(BIN_DIR)/gristmill $(SHARE)/man/man1/gristmill.1 \
             $(SHARE)/bash-completion/completions/gristmill \
             $(SHARE)/zsh/site-functions/_gristmill \
             $(SHARE)/fish/vendor_completions.d/gristmill.fish
## install: program, manual page and shell completions below DESTDIR and PREFIX (/usr/local)
install: $(BUILD)/gristmill
	install -d $(sort $(dir $(INSTALLED))) $(SHARE)/gristmill/configs/systemd
	install -m 755 $(BUILD)/gristmill $(BIN_DIR)/gristmill
	install -m 644 docs/man/gristmill.1 $(SHARE)/man/man1/gristmill.1
	$(BUILD)/gristmill completion bash >$(SHARE)/bash-completion/completions/gristmill
	$(BUILD)/gristmill completion zsh >$(SHARE)/zsh/site-functions/_gristmill
	$(BUILD)/gristmill completion fish >$(SHARE)/fish/vendor_completions.d/gristmill.fish
	install -m 644 configs/*.yaml $(SHARE)/gristmill/configs/
	install -m 644 configs/systemd/* $(SHARE)/gristmill/configs/systemd/

## uninstall: remove what install put there
uninstall:
	rm -f $(INSTALLED)
	rm -rf $(SHARE)/gristmill

## man: write docs/man/gristmill.1 anew from the option tables
man: $(BUILD)/gristmill
	@mkdir -p docs/man
	$(BUILD)/gristmill help --man >docs/man/gristmill.1

.PHONY: clean help
## clean: remove the build folder
clean:
	rm -rf $(BUILD)

## help: this list
help:
	@sed -n 's/^## //p' $(MAKEFILE_LIST)
