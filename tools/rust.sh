#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# rust.sh - prints a directory with a cargo and rustc that work and are new
# enough for the engine's crates; exit code 1 if there is none.
#
# The first cargo on the path need not be one: rustup's is a proxy that fails
# where the home directory is not the one it was installed for.
set -euo pipefail
cd "$(dirname "$0")/.."

minimum=$(sed -n 's/^rust-version *= *"\(.*\)"/\1/p' engine/Cargo.toml)
minimum=${minimum:-1.95}

works() {
    local version
    [[ -x $1/cargo && -x $1/rustc ]] || return 1
    "$1/cargo" --version > /dev/null 2>&1 || return 1
    version=$("$1/rustc" --version 2> /dev/null | awk '{print $2}') || return 1
    [[ -n $version && $(printf '%s\n%s\n' "$minimum" "$version" | sort -V | head -n 1) == "$minimum" ]]
}

mapfile -t found < <(type -ap cargo)
candidates=()
for cargo in "${found[@]}" "${HOME:-/nonexistent}/.cargo/bin/cargo" /usr/bin/cargo; do
    candidates+=("${cargo%/cargo}")
done
# Toolchains of the rustup that such a proxy belongs to.
for cargo in "${found[@]}"; do
    for toolchain in "${cargo%/.cargo/bin/cargo}"/.rustup/toolchains/*/bin; do
        candidates+=("$toolchain")
    done
done
for directory in "${candidates[@]}"; do
    if works "$directory"; then
        echo "$directory"
        exit 0
    fi
done
exit 1
