#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Our UCAN tokens agree with iso-ucan: each side reads and judges what the other
# minted, for Ed25519, P-256 and secp256k1.
source "$(dirname "$0")/../e2e/lib.sh"
source "$ROOT/tests/conformance/peers.sh"

peers tokens.mjs "$(peer_program program_ucan_peer)"
finish
