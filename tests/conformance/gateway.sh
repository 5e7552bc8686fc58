#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A client out of public parts, which trusts nothing, fetches from a node block
# by block and as CARs, and finds each block and each order right.
source "$(dirname "$0")/../e2e/lib.sh"
source "$ROOT/tests/conformance/peers.sh"
source "$ROOT/tests/e2e/serving.sh"

node_start --public-gateway
peers gateway.mjs "$URL" "$IPVM"
node_stop
finish
