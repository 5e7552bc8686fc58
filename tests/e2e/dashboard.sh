#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The dashboard in a real browser, against a stand-in for the node: clicked
# through by mouse and by keyboard, fed hostile data, in a wide window and in a
# phone's. IPVM_PICTURES=DIRECTORY keeps pictures to look at.
source "$(dirname "$0")/lib.sh"

CHROMIUM=${IPVM_CHROMIUM:-/usr/bin/chromium}

# browser SCRIPT.mjs ARGUMENT…: its "ok" and "not ok" lines are checks.
browser() {
    local node directory script=$1
    { read -r node && read -r directory; } < <(with_own_home "$ROOT/tools/node.sh" tests/browser 2> "$ERR")
    [[ -x ${node:-} ]] || {
        not_ok "the packages of $script can be installed"
        return
    }
    # Modules are looked for beside the script that imports them.
    mkdir -p browser
    ln -sfn "$directory/node_modules" browser/node_modules
    cp "$ROOT"/tests/browser/*.mjs browser/
    "$node" "browser/$script" "${@:2}" 2> "$ERR" || {
        FAILED=$((FAILED + 1))
        sed 's/^/  /' "$ERR" | head -n 20
    }
}

[[ -x $CHROMIUM ]] || {
    skip "$CHROMIUM is not there: the dashboard was not looked at"
    finish
}
browser dashboard.mjs "$ROOT/src/web" "$ROOT/examples/photo/cat.png"
finish
