# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# browser.sh - for scripts that look at the dashboard, behind e2e/lib.sh:
#
#   need_browser                   ends the script with words if there is none
#   browser SCRIPT.mjs ARGUMENT…   runs it; its "ok" and "not ok" lines are checks
#
# IPVM_CHROMIUM is the browser, IPVM_PICTURES=DIRECTORY keeps pictures.

export IPVM_CHROMIUM=${IPVM_CHROMIUM:-/usr/bin/chromium}

need_browser() {
    [[ -x $IPVM_CHROMIUM ]] || {
        skip "$IPVM_CHROMIUM is not there: the dashboard was not looked at"
        finish
    }
}

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
