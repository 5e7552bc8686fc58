# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# peers.sh - for the scripts of this directory, behind e2e/lib.sh:
#
#   peers SCRIPT.mjs ARGUMENT…   runs it with the packages of package.json; its
#                                "ok" and "not ok" lines are checks
#   peer_program [NAME]          the path of program_peer, or of another

peer_program() {
    local build=${IPVM_BUILD:-$ROOT/build/release}
    local program name=${1:-program_peer}
    for program in "$build" "$build/../debug" "${build}d"; do
        program=$program/tests/conformance/$name
        [[ ! -x $program ]] || { echo "$program"; return; }
    done
    echo "$name is not built: make tests" >&2
}

peers() {
    local node directory script=$1
    { read -r node && read -r directory; } < <(with_own_home "$ROOT/tools/node.sh" 2> "$ERR")
    [[ -x ${node:-} ]] || {
        not_ok "the peers of $script can be installed"
        return
    }
    # Modules are looked for beside the script that imports them.
    mkdir -p peers
    ln -sfn "$directory/node_modules" peers/node_modules
    cp "$ROOT"/tests/conformance/*.mjs peers/
    "$node" "peers/$script" "${@:2}" 2> "$ERR" || {
        FAILED=$((FAILED + 1))
        sed 's/^/  /' "$ERR" | head -n 20
    }
}
