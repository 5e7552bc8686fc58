# SPDX-License-Identifier: Apache-2.0
# Guests: C compiled to WebAssembly without imports, with Debian's clang-19,
# lld-19 and wasi-libc. What is built is committed nowhere.

GUEST_CC := clang-19 --target=wasm32-wasi -O2 -DNDEBUG -Wall -Wextra \
  -nostartfiles -Wl,--no-entry -Wl,--strip-all -Iguest/c

GUESTS := examples/photo/image.wasm examples/words/words.wasm \
  examples/primes/primes.wasm examples/compress/zlib.wasm \
  examples/homestar/add_one.wasm examples/checksum/checksum.wasm \
  examples/checksum/lines.wasm

guests: $(GUESTS) ## the WebAssembly of the examples

examples/%.wasm: examples/%.c $(wildcard guest/c/*.h)
	@echo '  GUEST $@'
	@$(GUEST_CC) -o $@ $<

# With WIT types: the core module gets a section that says them.
%.core.wasm: %.c $(wildcard guest/c/*.h)
	@echo '  GUEST $@'
	@$(GUEST_CC) -I/usr/include/stb -Wno-unused-function -o $@ $<

define wit_guest
$(1): $(1:.wasm=.core.wasm) $(1:.wasm=.wit) | $(B)/ipvm
	@echo '  WIT   $$@'
	@$(B)/ipvm embed $$< --wit $(1:.wasm=.wit) -o $$@
endef
$(foreach guest,examples/photo/image.wasm examples/homestar/add_one.wasm \
  examples/checksum/lines.wasm,\
  $(eval $(call wit_guest,$(guest))))

examples/checksum/checksum.wasm: examples/checksum/sha256.h

# zlib's own source, as the Rust registry's crate libz-sys carries it.
examples/compress/zlib.wasm: examples/compress/zlib.c examples/compress/Cargo.lock $(wildcard guest/c/*.h)
	@echo '  GUEST $@'
	@zlib=$$(tools/crate-source.sh examples/compress libz-sys src/zlib) && \
	  $(GUEST_CC) -w -I"$$zlib" -o $@ $< $$(printf "$$zlib/%s.c " adler32 \
	  compress crc32 deflate inffast inflate inftrees trees uncompr zutil)
