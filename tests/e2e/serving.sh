# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# serving.sh - a node for a script, behind lib.sh:
#
#   node_start OPTION…   `ipvm node` on the script's store and a port of its own.
#                        URL is where it is; curl "${OWNER[@]}" asks as its owner
#   node_stop            ends it in good order
#   node_kill            kill -9

NODE='' URL='' OWNER=()

at_leave() { [[ -z $NODE ]] || kill -9 "$NODE"; }

node_start() {
    local link tries
    rm -f node.out
    "$IPVM" node --port 0 "$@" > node.out 2> node.err &
    NODE=$!
    for ((tries = 0; tries < 200; tries++)); do
        link=$(grep -om1 'http://127.0.0.1:[0-9]*/#token=[^ ]*' node.out 2> /dev/null) && break
        kill -0 "$NODE" 2> /dev/null || break
        sleep 0.05
    done
    [[ -n ${link:-} ]] || {
        not_ok "the node starts" "$(tail -n 3 node.err)"
        finish
    }
    URL=${link%%/#*}
    OWNER=(-b node.jar -H 'X-IPVM: 1')
    curl -s -c node.jar -H 'Content-Type: application/json' \
        -d "{\"token\":\"${link##*token=}\"}" "$URL/v1/session"
}

node_stop() {
    kill "$NODE"
    wait "$NODE"
    CODE=$? NODE=''
    expect_true "the node stops in good order ($CODE)" test "$CODE" = 0
}

node_kill() {
    kill -9 "$NODE"
    wait "$NODE" 2> /dev/null
    NODE=''
}
