#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Our files, directories, sharded ones too, and CARs agree with the JavaScript
# implementations of UnixFS: equal CIDs, and each reads what the other wrote.
source "$(dirname "$0")/../e2e/lib.sh"
source "$ROOT/tests/conformance/peers.sh"

peers files.mjs "$IPVM"
finish
