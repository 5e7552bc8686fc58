#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# check-fresh.sh - what a newcomer does: a clone without history, an empty
# home, `make demo`. Builds the engine anew unless IPVM_ENGINE_CACHE names a
# cache to use.
set -euo pipefail
cd "$(dirname "$0")/.."
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
mkdir "$place/home"

git clone -q --depth 1 "file://$PWD" "$place/ipvm"
cd "$place/ipvm"
# rustup keeps its toolchains in the home; say where they are.
environment=(HOME="$place/home" PATH="$PATH" TERM="${TERM:-dumb}")
[[ -d ${RUSTUP_HOME:-$HOME/.rustup} ]] && environment+=(RUSTUP_HOME="${RUSTUP_HOME:-$HOME/.rustup}")
[[ -n ${IPVM_ENGINE_CACHE:-} ]] && environment+=(IPVM_ENGINE_CACHE="$IPVM_ENGINE_CACHE")

start=$SECONDS
env -i "${environment[@]}" make demo
echo "check-fresh: make demo took $((SECONDS - start)) s"
[[ -n $(ls build/demo/outputs) ]]
[[ -z $(git status --porcelain) ]] || {
    echo "check-fresh: the build left files that git does not ignore:" >&2
    git status --short >&2
    exit 1
}
