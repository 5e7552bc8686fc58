#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Our codecs and CIDs agree with the JavaScript implementations of IPLD: equal
# bytes, equal CIDs, equal refusals.
source "$(dirname "$0")/../e2e/lib.sh"
source "$ROOT/tests/conformance/peers.sh"

peers codecs.mjs "$(peer_program)"
finish
