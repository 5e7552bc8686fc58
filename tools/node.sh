#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# node.sh - a Node.js new enough for the peers of tests and benchmarks, and the
# packages of a directory's lock file, in a cache outside the clone.
#
#   node.sh --found     exit code 1 if there is no node and npm at all
#   node.sh [DIR]       prints two lines: the node program, and the directory
#                       that has node_modules for DIR's package.json and lock
#                       file (default tests/conformance); makes both if need be
#
# Debian 12's own Node.js is 18, too old: then npm's package `node` brings a
# newer one.
set -euo pipefail
cd "$(dirname "$0")/.."

minimum=20
newer=24.11.1
cache=${XDG_CACHE_HOME:-$HOME/.cache}/ipvm/node

[[ ${1:-} != --found ]] || {
    type -p node > /dev/null && type -p npm > /dev/null
    exit
}

from=${1:-tests/conformance}
lock=$from/package-lock.json
quiet=(--no-audit --no-fund --no-update-notifier --loglevel=error)
major() { "$1" --version 2> /dev/null | sed -n 's/^v\([0-9]*\)\..*/\1/p'; }

# make_directory PATH COMMAND…: runs the command in a directory beside PATH
# and renames it: whole or not at all, also when two do it at once.
make_directory() {
    local path=$1 beside
    shift
    mkdir -p "${path%/*}"
    beside=$(mktemp -d "$path.XXXXXX")
    "$@" "$beside" >&2 || {
        rm -rf "$beside"
        echo "node.sh: ${path##*/}: npm failed" >&2
        exit 1
    }
    mv -T "$beside" "$path" 2> /dev/null || rm -rf "$beside"
}

install_node() { npm install --prefix "$1" "${quiet[@]}" "node@$newer"; }
install_peers() {
    cp "$from/package.json" "$lock" "$1/"
    npm ci --prefix "$1" "${quiet[@]}" --ignore-scripts
}

node=$(type -p node || true)
if [[ -z $node || $(major "$node") -lt $minimum ]]; then
    [[ -d $cache/node-$newer ]] || make_directory "$cache/node-$newer" install_node
    node=$cache/node-$newer/node_modules/node/bin/node
fi
peers=$cache/peers-$(sha256sum "$lock" | cut -c1-16)
[[ -d $peers ]] || make_directory "$peers" install_peers
echo "$node"
echo "$peers"
