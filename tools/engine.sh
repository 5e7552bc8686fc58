#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds the engine crate once into a cache outside the clone and prints the
# directory that holds libipvm_engine.a. Quick when it is there.
#
#   tools/engine.sh           build if need be, then print
#   tools/engine.sh --path    print where it is or would be
#
# The directory's name is a hash over all that goes in. Two builds at once are
# one: the second waits for the first. tools/rust.sh finds cargo and rustc.
set -euo pipefail

crate=$(cd "$(dirname "${BASH_SOURCE[0]}")/../engine" && pwd)
cache=${IPVM_ENGINE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/ipvm/engine}

no_rust() {
    echo "tools/engine.sh: no cargo and rustc found that are new enough: install rustup's" \
        "(https://rustup.rs) or Debian's: apt install cargo-web rustc-web" >&2
    exit 1
}

# The directory of cargo and rustc, and a line that changes when the compiler
# does. Asking takes 0.2 s, so the answer is kept while the files behind it
# stay the same.
find_rust() {
    local files stamp known=$cache/rustc
    mapfile -t files < <(type -ap rustc)
    [[ -f ${RUSTUP_HOME:-$HOME/.rustup}/settings.toml ]] &&
        files+=("${RUSTUP_HOME:-$HOME/.rustup}/settings.toml"
            "${RUSTUP_HOME:-$HOME/.rustup}/toolchains"/*)
    stamp="${RUSTUP_TOOLCHAIN:-} $(stat -c '%n %Y' -- "${files[@]}" /usr/bin 2> /dev/null | tr '\n' ' ' || true)"
    if [[ ! -f $known ]] || [[ $(head -n 1 "$known") != "$stamp" ]]; then
        rust=$("$crate/../tools/rust.sh") || no_rust
        mkdir -p "$cache"
        printf '%s\n' "$stamp" "$rust" "$(cd "$crate" && PATH=$rust:$PATH rustc --version)" \
            > "$known.$$"
        mv -f "$known.$$" "$known"
    fi
    rust=$(sed -n 2p "$known")
    rust_version=$(sed -n 3p "$known")
}

key_of() {
    {
        echo "$rust_version"
        cd "$crate"
        cat Cargo.toml Cargo.lock src/*.rs ../guest/wit/*.wit
    } | sha256sum | cut -c 1-16
}

find_rust
key=$(key_of)
directory=$cache/$key
if [[ ${1:-} == --path ]] || [[ -f $directory/libipvm_engine.a ]]; then
    touch -c "$directory" 2> /dev/null || true # It is in use.
    echo "$directory"
    exit 0
fi

mkdir -p "$cache"
exec 9> "$cache/lock"
if ! flock -n 9; then
    echo "engine: another build is running, waiting for it" >&2
    flock 9
fi
if [[ ! -f $directory/libipvm_engine.a ]]; then
    echo "engine: building with $rust_version" \
        "(once, about 4 minutes) into $directory" >&2
    start=$SECONDS
    (cd "$crate" && PATH=$rust:$PATH CARGO_TARGET_DIR=$cache/target \
        cargo build --release --locked 9>&-) >&2
    new=$cache/new.$$
    rm -rf "$new"
    mkdir -p "$new"
    cp "$cache/target/release/libipvm_engine.a" "$new/"
    strip --strip-debug "$new/libipvm_engine.a" 2> /dev/null || true
    rm -rf "$directory"
    mv "$new" "$directory"
    # Builds of other versions go when nobody asked for them in a month.
    find "$cache" -mindepth 1 -maxdepth 1 -type d -name '????????????????' \
        -mtime +30 -exec rm -rf {} +
    echo "engine: built in $((SECONDS - start)) s" >&2
fi
echo "$directory"
