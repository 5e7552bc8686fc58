# SPDX-License-Identifier: Apache-2.0
# One Makefile, no recursion into directories. `make help` lists the targets.
#
#   MODE=release|debug|tsan|fuzz   how to compile (default release)
#   B=DIR                          where to build (default build/$(MODE))
#   WERROR=1                       warnings are errors
#
# Sources are found by wildcard: a new src/<module>/<noun>.c or
# tests/unit/<module>/test_<noun>.c needs no change here.

MODE ?= release
B ?= build/$(MODE)
# Where the builds of all modes lie: targets such as check make several.
BUILD := $(if $(filter command,$(origin B)),$(B),build)
JOBS ?= $(shell nproc)
VERSION := $(shell sed -n 's/^.define IPVM_VERSION "\(.*\)"/\1/p' include/ipvm.h)

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
MAKEFLAGS += --no-builtin-rules $(if $(filter 0,$(MAKELEVEL)),-j$(JOBS))
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
LINK_release := -Wl,-z,relro,-z,now -Wl,--gc-sections
MODE_FLAGS := $(or $(MODE_$(MODE)),$(error MODE is release, debug, tsan or fuzz))

CPPFLAGS += -D_GNU_SOURCE -Isrc -Iinclude
CFLAGS += -std=c2x $(MODE_FLAGS) $(WARNINGS) -fPIC -fvisibility=hidden -pthread
LDFLAGS += $(MODE_FLAGS) -pthread $(LINK_$(MODE))
LIBS := -Wl,--as-needed -llmdb -lcrypto -lsodium -lsecp256k1 -lz -lfyaml -lseccomp -lmicrohttpd \
  -lm -ldl

COMPILE = $(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP

# --- The engine -------------------------------------------------------------
# A Rust static library, built once into a cache outside the clone. Only what
# links the module wasm waits for it.

ENGINE := $(shell tools/engine.sh --path 2>/dev/null)
ENGINE_ARCHIVE := $(or $(ENGINE),$(B)/no-engine)/libipvm_engine.a
# The crate is C to its users, but one weak name must be asked for.
ENGINE_LINK := -Wl,-u,ipvm_blake3 $(ENGINE_ARCHIVE)

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
TEST_DIRS := $(wildcard tests/unit/*) tests/property tests/sim tests/conformance
TEST_SOURCES := $(wildcard $(TEST_DIRS:%=%/test_*.c))
TEST_PROGRAM_SOURCES := $(wildcard $(TEST_DIRS:%=%/program_*.c))
HELPER_SOURCES := $(filter-out $(TEST_SOURCES) $(TEST_PROGRAM_SOURCES),\
  $(wildcard $(TEST_DIRS:%=%/*.c)))
HELPER_HEADERS := $(wildcard $(TEST_DIRS:%=%/*.h))
FUZZ_SOURCES := $(wildcard tests/fuzz/fuzz_*.c)
BENCH_SOURCES := $(wildcard bench/bench_*.c)

TESTS := $(TEST_SOURCES:%.c=$(B)/%)
TEST_PROGRAMS := $(TEST_PROGRAM_SOURCES:%.c=$(B)/%)
FUZZERS := $(FUZZ_SOURCES:%.c=$(B)/%)
REPLAYS := $(FUZZ_SOURCES:tests/fuzz/fuzz_%.c=$(B)/tests/fuzz/replay_%)
BENCHES := $(BENCH_SOURCES:%.c=$(B)/%)

# --- Building ---------------------------------------------------------------

.PHONY: all debug tests fuzzers replays benches engine guests
all: $(PROGRAMS) $(LIBRARIES) ## build programs and library into build/release
	@:
debug: ## the same with address and undefined-behaviour sanitizers
	+@$(MAKE) MODE=debug B=$(BUILD)/debug all
guests: ## build the guests and examples to WebAssembly
engine: $(ENGINE_ARCHIVE) ## build the WebAssembly engines, once, into ~/.cache
tests: $(TESTS) $(TEST_PROGRAMS) $(filter %-worker,$(PROGRAMS))
fuzzers: $(FUZZERS)
replays: $(REPLAYS)
benches: $(BENCHES) $(PROGRAMS)

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
$(B)/src/run/%.o: CPPFLAGS += -DIPVM_LIBEXECDIR='"$(LIBEXECDIR)"'
$(patsubst %.c,$(B)/%.o,$(wildcard src/run/*.c)): $(B)/libexecdir
$(B)/tests/%.o: CPPFLAGS += -Itests
$(B)/bench/%.o: CPPFLAGS += -Ibench

$(B)/%.o: %.c $(B)/flags
	$(compile)

# Files that change when what they say does: the flags, the directory that is
# compiled in, and the names of the dashboard's files.
STAMP_flags = $(CC) $(MODE_FLAGS) $(WARNINGS)
STAMP_libexecdir = $(LIBEXECDIR)
STAMP_web-files = $(WEB_FILES)
$(B)/flags $(B)/libexecdir $(B)/web-files: always
	@mkdir -p $(@D)
	@echo '$(STAMP_$(@F))' | cmp -s - $@ || echo '$(STAMP_$(@F))' > $@
.PHONY: always

# The dashboard's files with their sizes and hashes, for src/web/web.c.
WEB_FILES := $(filter-out %.c %.h,$(wildcard src/web/*))
WEB_LIST = $(B)/generated/web/files.h
$(WEB_LIST): tools/web-files.sh $(WEB_FILES) $(B)/web-files
	@mkdir -p $(@D)
	@tools/web-files.sh > $@
$(B)/src/web/web.o $(B)/src/web/web.tidy: $(WEB_LIST)
$(B)/src/web/%.o: CPPFLAGS += -I$(B)/generated

# The directory's name is a hash of all that goes in: if it is there, it is
# up to date.
$(ENGINE_ARCHIVE):
	+@tools/engine.sh > /dev/null

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
  $(TEST_PROGRAM_SOURCES) $(HELPER_SOURCES) $(HELPER_HEADERS) $(FUZZ_SOURCES) \
  $(BENCH_SOURCES)),\
  $(eval $(subst ^, ,$(line))))

$(eval $(call program_rule,$(B)/ipvm,$(CLI_OBJECTS),$(MODULES)))
$(eval $(call program_rule,$(B)/ipvm-worker,$(WORKER_SOURCE:%.c=$(B)/%.o),$(MODULES)))

# The helpers that belong to a test, and the objects and modules of a test.
helpers = $(filter $(dir $(1))%,$(HELPER_SOURCES) $(HELPER_HEADERS))
test_objects = $(patsubst %.c,$(B)/%.o,$(filter %.c,$(1) $(helpers)))
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

# The library: every module but those that speak HTTP, one object with only the
# public names left. Who links it statically adds the engine's archive.
LIBRARY_ARCHIVES := $(call archives,$(filter-out http web homestar net,$(MODULES)))
$(B)/libipvm.a: $(LIBRARY_ARCHIVES) include/ipvm.h
	@echo '  LIB   $@'
	@$(CC) -nostdlib -r -o $(B)/libipvm.o -Wl,--whole-archive $(LIBRARY_ARCHIVES)
	@grep -o 'ipvm_[a-z0-9_]*(' include/ipvm.h | tr -d '(' | sort -u > $(B)/libipvm.names
	@objcopy --keep-global-symbols=$(B)/libipvm.names $(B)/libipvm.o
	@rm -f $@; ar rcs $@ $(B)/libipvm.o

$(B)/libipvm.so: $(LIBRARY_ARCHIVES) $(ENGINE_ARCHIVE) tools/ipvm.map
	@echo '  LIB   $@'
	@$(CC) $(LDFLAGS) -shared -Wl,-soname,libipvm.so.0 -o $@ \
	  -Wl,--version-script=tools/ipvm.map -Wl,--exclude-libs,libipvm_engine.a \
	  -Wl,--gc-sections -Wl,--whole-archive $(LIBRARY_ARCHIVES) \
	  -Wl,--no-whole-archive $(ENGINE_LINK) $(LIBS)

$(B)/ipvm.pc: always
	@mkdir -p $(@D)
	@printf '%s\n' 'Name: ipvm' 'Version: $(VERSION)' \
	  'Description: content-addressed WebAssembly workflows' \
	  'Cflags: -I$(INCLUDEDIR)' 'Libs: -L$(LIBDIR) -lipvm' \
	  'Libs.private: -lipvm_engine $(LIBS) -lpthread -lgcc_s' > $@

# --- Running it -------------------------------------------------------------

.PHONY: demo install install-files uninstall clean help
demo: ## install what is missing, build, run the photo example twice
	@tools/setup.sh run
	+@$(MAKE) --no-print-directory engine
	+@$(MAKE) --no-print-directory MODE=release B=$(BUILD)/release all guests
	@tools/demo.sh $(BUILD)/release/ipvm $(BUILD)/demo

install: all ## install below PREFIX (/usr/local), DESTDIR in front
	+@$(MAKE) --no-print-directory install-files
# What is built, as it is: nothing is made anew.
install-files: $(B)/ipvm.pc
	install -d $(addprefix $(DESTDIR),$(BINDIR) $(LIBDIR)/pkgconfig $(LIBEXECDIR) $(INCLUDEDIR))
	install -s $(B)/ipvm $(DESTDIR)$(BINDIR)/
	install -s $(B)/ipvm-worker $(DESTDIR)$(LIBEXECDIR)/
	install -m 644 include/ipvm.h $(DESTDIR)$(INCLUDEDIR)/
	install -m 644 $(B)/libipvm.a $(DESTDIR)$(LIBDIR)/
	install -m 644 $(ENGINE_ARCHIVE) $(DESTDIR)$(LIBDIR)/
	install -s -m 755 $(B)/libipvm.so $(DESTDIR)$(LIBDIR)/libipvm.so.$(VERSION)
	ln -sf libipvm.so.$(VERSION) $(DESTDIR)$(LIBDIR)/libipvm.so.0
	ln -sf libipvm.so.0 $(DESTDIR)$(LIBDIR)/libipvm.so
	install -m 644 $(B)/ipvm.pc $(DESTDIR)$(LIBDIR)/pkgconfig/
	for page in $(wildcard man/*.[1-9]); do \
	  install -D -m 644 $$page "$(DESTDIR)$(DATADIR)/man/man$${page##*.}/$${page##*/}"; done
	install -d $(foreach file,$(COMPLETIONS),$(DESTDIR)$(DATADIR)/$(dir $(file)))
	$(B)/ipvm completion bash > $(DESTDIR)$(DATADIR)/$(word 1,$(COMPLETIONS))
	$(B)/ipvm completion zsh > $(DESTDIR)$(DATADIR)/$(word 2,$(COMPLETIONS))
	$(B)/ipvm completion fish > $(DESTDIR)$(DATADIR)/$(word 3,$(COMPLETIONS))

COMPLETIONS := bash-completion/completions/ipvm zsh/site-functions/_ipvm \
  fish/vendor_completions.d/ipvm.fish

uninstall: ## remove what install put there
	rm -f $(DESTDIR)$(BINDIR)/ipvm $(DESTDIR)$(INCLUDEDIR)/ipvm.h \
	  $(DESTDIR)$(LIBDIR)/libipvm* $(DESTDIR)$(LIBDIR)/pkgconfig/ipvm.pc \
	  $(addprefix $(DESTDIR)$(DATADIR)/,$(COMPLETIONS)) \
	  $(foreach page,$(wildcard man/*.[1-9]),$(DESTDIR)$(DATADIR)/man/man$(subst .,,$(suffix $(page)))/$(notdir $(page)))
	rm -rf $(DESTDIR)$(LIBEXECDIR)

clean: ## remove build/
	rm -rf $(BUILD)

help: ## this list
	@awk -F ':.*## ' '/^[a-z][a-z-]*:.*## / {printf "  make %-12s %s\n", $$1, $$2}' Makefile
	@echo '  make test-ipld    the unit tests of one module, under the sanitizers'

# --- Checking ---------------------------------------------------------------

.PHONY: api
api: ## docs/http-api.md and docs/openapi.json, from the route table
	+@$(MAKE) --no-print-directory $(B)/tests/unit/http/program_api
	@$(B)/tests/unit/http/program_api docs

.PHONY: check check-fresh lint tidy format fuzz fuzz-keep bench
# What runs under the thread sanitizer too: the modules with threads.
TSAN_DIRS := tests/unit/base/ tests/unit/crypto/ tests/unit/store/ \
  tests/unit/content/ tests/unit/run/ tests/unit/http/test_server
TSAN_TESTS := $(filter $(TSAN_DIRS:%=%%),$(TEST_SOURCES:%.c=%))
TSAN_PROGRAMS := $(filter $(TSAN_DIRS:%=%%),$(TEST_PROGRAM_SOURCES:%.c=%))
SCRIPTS := $(filter-out %/lib.sh %/peers.sh %/serving.sh,$(wildcard tests/e2e/*.sh tests/conformance/*.sh))

check: ## every test: units, property, simulation, corpus, end to end
	@tools/setup.sh test
	+@$(MAKE) --no-print-directory MODE=release B=$(BUILD)/release all guests \
	  bench/guests/loop.wasm bench/guests/hostile.wasm
	+@$(MAKE) --no-print-directory MODE=debug B=$(BUILD)/debug all tests replays
	+@$(MAKE) --no-print-directory MODE=tsan B=$(BUILD)/tsan \
	  $(TSAN_TESTS:%=$(BUILD)/tsan/%) $(TSAN_PROGRAMS:%=$(BUILD)/tsan/%) \
	  $(BUILD)/tsan/ipvm-worker
	@tools/run-tests.sh -j $(JOBS) -r $(BUILD)/release -l $(BUILD)/check \
	  $(patsubst $(B)/%,$(BUILD)/debug/%,$(TESTS) $(REPLAYS)) \
	  $(TSAN_TESTS:%=$(BUILD)/tsan/%) $(SCRIPTS)

.PHONY: torture soak
TORTURE_SECONDS ?= 3600
SOAK_JOBS ?= 1000000
torture: guests ## a node in a bad world, for an hour (TORTURE_SECONDS=N, SEED=N)
	+@$(MAKE) --no-print-directory MODE=release B=$(BUILD)/release all \
	  bench/guests/loop.wasm
	@python3 tests/torture/torture.py --ipvm $(BUILD)/release/ipvm \
	  --seconds $(TORTURE_SECONDS) $(SEED:%=--seed %)

soak: guests ## a million tiny jobs through one node (SOAK_JOBS=N)
	+@$(MAKE) --no-print-directory MODE=release B=$(BUILD)/release all \
	  bench/guests/loop.wasm
	@python3 tests/torture/soak.py --ipvm $(BUILD)/release/ipvm --jobs $(SOAK_JOBS)

check-fresh: ## make demo in a clone without history, with an empty home
	@tools/check-fresh.sh

test-%:
	+@$(MAKE) --no-print-directory MODE=debug B=$(if $(filter command,$(origin B)),$(B),build/debug) run-unit-$*
run-unit-%:
	+@$(MAKE) --no-print-directory $(filter $(B)/tests/unit/$*/%,$(TESTS) $(TEST_PROGRAMS))
	@for test in $(filter $(B)/tests/unit/$*/%,$(TESTS)); do echo "== $$test"; \
	  IPVM_BUILD=$(abspath $(B)) IPVM_WORKER=$(abspath $(B))/ipvm-worker $$test; done

lint: ## layers, headers, format, sizes, scripts, names, clang-tidy
	@tools/setup.sh test
	+@$(MAKE) --no-print-directory MODE=release B=$(BUILD)/release all
	@tools/lint.sh $(BUILD)/release
	+@$(MAKE) --no-print-directory -k B=$(BUILD)/tidy tidy
	@echo 'clang-tidy: clean'

format: ## clang-format on every C file
	@clang-format -i $(wildcard src/*/*.[ch] include/*.h tests/*/*.[ch] tests/unit/*/*.[ch] bench/*.[ch])

# clang-tidy is slow: a stamp for each file, remade when the file, a header it
# includes or the configuration changes.
TIDY_FLAGS = -std=c2x -D_GNU_SOURCE -DIPVM_LIBEXECDIR='""' -Isrc -Iinclude -I$(B)/generated \
  -include src/base/banned.h
tidy: $(patsubst %.c,$(B)/%.tidy,$(wildcard src/*/*.c))
$(B)/%.tidy: %.c .clang-tidy
	@mkdir -p $(@D)
	@echo '  TIDY  $<'
	@clang $(TIDY_FLAGS) -MM -MP -MT $@ -MF $@.d $<
	@clang-tidy --quiet --warnings-as-errors='*' $< -- $(TIDY_FLAGS) \
	  > $@.log 2>&1 || { grep -v 'warnings\? generated\|^Suppressed\|^Use -' $@.log; exit 1; }
	@touch $@

FUZZ_SECONDS ?= 60
fuzz: ## each fuzz target for FUZZ_SECONDS (60)
	@tools/setup.sh test
	+@$(MAKE) --no-print-directory MODE=fuzz B=$(BUILD)/fuzz fuzzers
	@tools/fuzz.sh run $(FUZZ_SECONDS) $(FUZZERS:$(B)/%=$(BUILD)/fuzz/%)
fuzz-keep: ## add to the corpus what fuzzing found
	@tools/fuzz.sh keep $(FUZZERS:$(B)/%=$(BUILD)/fuzz/%)

bench: ## measure every bar; table and build/bench.json
	@tools/setup.sh test
	+@$(MAKE) --no-print-directory MODE=release B=$(BUILD)/release benches bench-parts guests
	@tools/bench.sh $(BUILD)/bench.json $(BENCHES:$(B)/%=$(BUILD)/release/%)

-include $(shell find $(B) -name '*.d' 2>/dev/null)
-include guest/guests.mk
-include bench/bench.mk
