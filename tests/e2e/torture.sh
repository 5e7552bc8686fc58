#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A node whose processes are killed, whose disk fails or is full, whose clock
# jumps and whose files are damaged keeps its word: a short round of what `make
# torture` does for an hour.
source "$(dirname "$0")/lib.sh"

guest=$ROOT/bench/guests/loop.wasm
[[ -f $guest ]] || with_own_home make -s -C "$ROOT" bench/guests/loop.wasm ||
    not_ok "$guest can be made"

seed=${IPVM_TORTURE_SEED:-$RANDOM}
expect "a node in a bad world keeps its word (seed $seed)" \
    python3 "$ROOT/tests/torture/torture.py" --ipvm "$IPVM" --seed "$seed" \
    --seconds 6 --round 3
grep -E '^(#|ok)' "$OUT" | sed 's/^/  /'
finish
