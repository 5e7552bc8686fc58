# SPDX-License-Identifier: Apache-2.0
# What the benchmarks need beside their programs: guests, and Wasmtime with
# nothing switched on to compare with.

BENCH_GUESTS := $(addprefix bench/guests/,loop.wasm echo.wasm big.wasm \
  hostile.wasm)
$(eval $(call wit_guest,bench/guests/echo.wasm))

bench/guests/loop.wasm bench/guests/hostile.wasm: \
  bench/guests/%.wasm: bench/guests/%.c
	@echo '  GUEST $@'
	@$(GUEST_CC) -o $@ $<

bench/guests/big.wasm: bench/guests/big.c
	@echo '  GUEST $@'
	@$(GUEST_CC) -O3 -w -I/usr/include/stb -o $@ $<

# From the crates that the engine's build left in its cache.
BARE := $(B)/bench/bare
$(BARE): engine/examples/bare.rs engine/Cargo.lock | $(ENGINE_ARCHIVE)
	@mkdir -p $(@D)
	@echo '  CARGO $@'
	@target=$(abspath $(dir $(ENGINE_ARCHIVE))/../target); cd engine && \
	  CARGO_TARGET_DIR=$$target PATH="$$(../tools/rust.sh):$$PATH" \
	  cargo build --quiet --release --locked --example bare && \
	  cp $$target/release/examples/bare $(abspath $@)

.PHONY: bench-parts
bench-parts: $(BENCH_GUESTS) $(BARE)

# Content at its whole sizes, minutes to an hour; tools/kubo.sh builds Kubo.
.PHONY: bench-content
bench-content: ## content at full size, Kubo beside it (IPVM_KUBO=, or ipfs on PATH)
	+@$(MAKE) --no-print-directory MODE=release B=$(BUILD)/release benches
	@IPVM_BENCH_FULL=1 tools/bench.sh $(BUILD)/bench-content.json \
	  $(BUILD)/release/bench/bench_content

# Other people's durable workflows, for the row of bench_node.
.PHONY: bench-peers
bench-peers: ## the same three steps in Restate, from npm (and IPVM_TEMPORAL=, a program)
	@{ read -r node; read -r packages; } < <(tools/node.sh bench/peers) && \
	  mkdir -p $(BUILD)/peers && cp bench/peers/*.mjs $(BUILD)/peers/ && \
	  ln -sfn "$$packages/node_modules" $(BUILD)/peers/node_modules && \
	  "$$node" $(BUILD)/peers/restate.mjs 2> $(BUILD)/peers/restate.log
ifdef IPVM_TEMPORAL
	@cd bench/peers/temporal && go run . $(IPVM_TEMPORAL) 5 64
endif
