#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The dashboard in a real browser, against a stand-in for the node: clicked
# through by mouse and by keyboard, fed hostile data, in a wide window and in a
# phone's, while the node goes away and comes back.
source "$(dirname "$0")/lib.sh"
source "$ROOT/tests/browser/browser.sh"

need_browser
browser dashboard.mjs "$ROOT/src/web" "$ROOT/examples/photo/cat.png"
finish
