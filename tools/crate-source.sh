#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Prints the folder of a crate's source: crate-source.sh DIR CRATE SUBFOLDER,
# where DIR has a Cargo.toml and a Cargo.lock that name it. Fetched once into
# the cache beside the engine's, checked by the lock file's checksum.
set -euo pipefail
directory=$1 crate=$2 below=$3

key=$(sha256sum "$directory/Cargo.lock" | cut -c1-16)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/ipvm/source/$key
if [[ ! -d $cache/$crate/$below ]]; then
  cargo=$(command -v cargo || command -v cargo-web) || {
    echo 'crate-source: no cargo; apt-get install cargo-web rustc-web' >&2
    exit 1
  }
  mkdir -p "$cache"
  temp=$(mktemp -d "$cache/new.XXXXXX")
  trap 'rm -rf "$temp"' EXIT
  "$cargo" vendor --locked --quiet --manifest-path "$directory/Cargo.toml" \
    "$temp" >/dev/null
  mv -T "$temp/$crate" "$cache/$crate" 2>/dev/null || [[ -d $cache/$crate ]]
fi
printf '%s\n' "$cache/$crate/$below"
