# SPDX-License-Identifier: Apache-2.0
# One Makefile, no recursion into directories. `make help` lists the targets.
#
#   MODE=release|debug|tsan|fuzz   how to compile (default release)
#   B=DIR                          where to build (default build/$(MODE))
#   WERROR=1                       warnings are errors
#
# Sources are found by wildcard: a new src/<module>/<noun>.c or
# tests/unit/<module>/test_<noun>.c needs no change here.

VERSION := 0.1.0
MODE ?= release
B ?= build/$(MODE)

PREFIX ?= /usr/local
BINDIR ?= $(PREFIX)/bin
LIBDIR ?= $(PREFIX)/lib
LIBEXECDIR ?= $(PREFIX)/libexec/ipvm
INCLUDEDIR ?= $(PREFIX)/include
DATADIR ?= $(PREFIX)/share

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules
.DEFAULT_GOAL := all

# --- How to compile ---------------------------------------------------------

ifeq ($(origin CC),default)
CC := $(if $(filter fuzz,$(MODE)),clang,gcc)
endif

WARNINGS := -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow \
  -Wundef -Wvla -Wstrict-prototypes -Wmissing-prototypes \
  -Wold-style-definition -Wwrite-strings -Wcast-qual -Wcast-align -Wformat=2 \
  -Wnull-dereference -Wdouble-promotion -Wimplicit-fallthrough -Wswitch-enum \
  -Wpointer-arith -Wredundant-decls -Wunused $(if $(WERROR),-Werror)

MODE_release := -O2 -g -fstack-protector-strong -D_FORTIFY_SOURCE=2
MODE_debug := -O1 -g -fsanitize=address,undefined \
  -fno-sanitize-recover=undefined -fno-omit-frame-pointer
MODE_tsan := -O1 -g -fsanitize=thread -fno-omit-frame-pointer
MODE_fuzz := -O1 -g -fsanitize=fuzzer-no-link,address,undefined \
  -fno-sanitize-recover=undefined -fno-omit-frame-pointer
LINK_release := -Wl,-z,relro,-z,now
MODE_FLAGS := $(or $(MODE_$(MODE)),$(error MODE is release, debug, tsan or fuzz))

CPPFLAGS += -D_GNU_SOURCE -DIPVM_VERSION='"$(VERSION)"' -Isrc -Iinclude
CFLAGS += -std=c2x $(MODE_FLAGS) $(WARNINGS) -fPIC -fvisibility=hidden -pthread
LDFLAGS += $(MODE_FLAGS) -pthread $(LINK_$(MODE))
LIBS := -llmdb -lcrypto -lsodium -lfyaml -lseccomp -lm -ldl

COMPILE = $(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP

# --- The engine -------------------------------------------------------------
# A Rust static library, built once into a cache outside the clone. Only what
# links the module wasm waits for it.

ENGINE := $(shell test -x tools/engine.sh && tools/engine.sh --path)
ENGINE_ARCHIVE := $(if $(ENGINE),$(ENGINE)/libipvm_engine.a)
ENGINE_LINK := $(if $(ENGINE),-Wl,-u,ipvm_blake3 $(ENGINE_ARCHIVE))

# --- What there is ----------------------------------------------------------
# Each module becomes one archive. A program links the modules it includes and
# those below them in src/LAYERS, so a test of a low module stays small.

WORKER_SOURCE := $(wildcard src/run/worker_main.c)
CLI_OBJECTS := $(patsubst %.c,$(B)/%.o,$(wildcard src/cli/*.c))
# Highest first, as the linker wants them; cli is a program.
MODULES := $(filter $(notdir $(patsubst %/,%,$(sort $(dir $(wildcard src/*/*.c))))),\
  $(filter-out cli,$(shell tac src/LAYERS | sed -n 's/^\([a-z]*\):.*/\1/p')))

PROGRAMS := $(if $(CLI_OBJECTS),$(B)/ipvm) $(if $(WORKER_SOURCE),$(B)/ipvm-worker)
LIBRARIES := $(if $(filter lib,$(MODULES)),$(B)/libipvm.a $(B)/libipvm.so)

# Beside test_*.c, a test directory may hold program_*.c (programs that tests
# start) and other .c files, which are linked into each of its tests.
TEST_DIRS := $(wildcard tests/unit/*) tests/property tests/sim
TEST_SOURCES := $(wildcard $(TEST_DIRS:%=%/test_*.c))
TEST_PROGRAM_SOURCES := $(wildcard $(TEST_DIRS:%=%/program_*.c))
HELPER_SOURCES := $(filter-out $(TEST_SOURCES) $(TEST_PROGRAM_SOURCES),\
  $(wildcard $(TEST_DIRS:%=%/*.c)))
FUZZ_SOURCES := $(wildcard tests/fuzz/fuzz_*.c)
BENCH_SOURCES := $(filter-out bench/bench.c,$(wildcard bench/*.c))

TESTS := $(TEST_SOURCES:%.c=$(B)/%)
TEST_PROGRAMS := $(TEST_PROGRAM_SOURCES:%.c=$(B)/%)
FUZZERS := $(FUZZ_SOURCES:%.c=$(B)/%)
REPLAYS := $(FUZZ_SOURCES:tests/fuzz/fuzz_%.c=$(B)/tests/fuzz/replay_%)
BENCHES := $(BENCH_SOURCES:%.c=$(B)/%)

.PHONY: all debug tests fuzzers replays benches engine guests
all: $(PROGRAMS) $(LIBRARIES) ## build the programs and the library (release)
	@:
debug: ## build with address and undefined-behaviour sanitizers
	+@$(MAKE) MODE=debug all
tests: $(TESTS) $(TEST_PROGRAMS)
fuzzers: $(FUZZERS)
replays: $(REPLAYS)
benches: $(BENCHES)

# --- Rules ------------------------------------------------------------------

define compile
	@mkdir -p $(@D)
	@echo '  CC    $<'
	@$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<
endef

define link
	@mkdir -p $(@D)
	@echo '  LINK  $@'
	@$(CC) $(LDFLAGS) -pie -o $@
endef

$(B)/src/%.o: CPPFLAGS += -include src/base/banned.h
$(B)/src/wasm/engine_%.o: CPPFLAGS += $(if $(ENGINE),-isystem $(ENGINE)/include)
$(B)/src/wasm/engine_wasmtime.o: | $(ENGINE_ARCHIVE)
$(B)/tests/%.o: CPPFLAGS += -Itests

$(B)/%.o: %.c Makefile
	$(compile)

$(ENGINE_ARCHIVE): engine/Cargo.lock
	tools/engine.sh
engine: $(ENGINE_ARCHIVE)

# $(1): a module.
define module_rule
$(B)/modules/$(1).a: $(patsubst %.c,$(B)/%.o,$(filter-out $(WORKER_SOURCE),$(wildcard src/$(1)/*.c)))
	@mkdir -p $$(@D)
	@echo '  AR    $$@'
	@rm -f $$@; ar rcs $$@ $$^
endef
$(foreach module,$(MODULES),$(eval $(call module_rule,$(module))))

# $(1): modules in any order. Their archives, highest first.
archives = $(patsubst %,$(B)/modules/%.a,$(filter $(1),$(MODULES)))

# $(1): a program, $(2): its objects, $(3): its modules, $(4): more flags.
define program_rule
$(1): $(2) $(call archives,$(3)) $(if $(filter wasm,$(3)),$(ENGINE_ARCHIVE))
	$$(link) $(2) $(call archives,$(3)) $(if $(filter wasm,$(3)),$(ENGINE_LINK)) $(LIBS) $(4)
endef

# USES_<file>: the modules it needs, from its includes.
$(foreach line,$(shell awk -f tools/uses.awk src/LAYERS $(TEST_SOURCES) \
  $(TEST_PROGRAM_SOURCES) $(HELPER_SOURCES) $(FUZZ_SOURCES) $(BENCH_SOURCES)),\
  $(eval $(subst ^, ,$(line))))

$(eval $(call program_rule,$(B)/ipvm,$(CLI_OBJECTS),$(MODULES)))
$(eval $(call program_rule,$(B)/ipvm-worker,$(WORKER_SOURCE:%.c=$(B)/%.o),$(MODULES)))

# The helpers that belong to a test, and the objects and modules of a test.
helpers = $(filter $(dir $(1))%,$(HELPER_SOURCES))
test_objects = $(patsubst %.c,$(B)/%.o,$(1) $(helpers))
test_modules = $(sort $(foreach file,$(1) $(helpers),$(USES_$(file))))
$(foreach test,$(TEST_SOURCES) $(TEST_PROGRAM_SOURCES),$(eval $(call program_rule,\
  $(test:%.c=$(B)/%),$(call test_objects,$(test)),$(call test_modules,$(test)),-lcmocka)))

# A fuzz target proper (MODE=fuzz) and one that replays its corpus (any mode).
$(foreach fuzz,$(FUZZ_SOURCES),$(eval $(call program_rule,\
  $(fuzz:%.c=$(B)/%),$(fuzz:%.c=$(B)/%.o),$(USES_$(fuzz)),-fsanitize=fuzzer)))
$(foreach fuzz,$(FUZZ_SOURCES),$(eval $(call program_rule,\
  $(fuzz:tests/fuzz/fuzz_%.c=$(B)/tests/fuzz/replay_%),\
  $(fuzz:%.c=$(B)/%.o) $(B)/tests/fuzz/replay.o,$(USES_$(fuzz)))))

$(foreach bench,$(BENCH_SOURCES),$(eval $(call program_rule,$(bench:%.c=$(B)/%),\
  $(patsubst %.c,$(B)/%.o,$(bench) $(wildcard bench/bench.c)),$(USES_$(bench)))))

# make test-ipld: the unit tests of one module, under the sanitizers.
test-%:
	+@$(MAKE) --no-print-directory MODE=debug B=$(if $(filter file,$(origin B)),build/debug,$(B)) \
	  run-unit-$*
run-unit-%:
	+@$(MAKE) --no-print-directory $(filter $(B)/tests/unit/$*/%,$(TESTS) $(TEST_PROGRAMS))
	@for test in $(filter $(B)/tests/unit/$*/%,$(TESTS)); do echo "== $$test"; $$test; done

-include $(shell find $(B) -name '*.d' 2>/dev/null)
-include guest/guests.mk
