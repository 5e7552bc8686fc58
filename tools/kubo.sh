#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# kubo.sh - builds Kubo from its Go module, once, for the benchmarks to compare
# with; prints where the program is. Nothing else needs it.
#
# The module is pinned, and the Go it is built with too: some of its
# dependencies look inside the runtime and lag behind new releases.
#
# Usage: IPVM_KUBO=$(tools/kubo.sh) make bench-content
set -euo pipefail
version=v0.38.0
go_version=go1.25.0

cache=${XDG_CACHE_HOME:-$HOME/.cache}/ipvm
program=$cache/kubo-$version/ipfs
if [[ ! -x $program ]]; then
    command -v go > /dev/null || {
        echo "kubo.sh: Go is needed to build Kubo" >&2
        exit 1
    }
    export GOTOOLCHAIN=$go_version GOFLAGS=-mod=mod
    work=$(mktemp -d)
    trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
    echo "kubo.sh: building Kubo $version, some minutes" >&2
    from=$(cd "$work" && go mod download -json "github.com/ipfs/kubo@$version" |
        sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')
    cp -r "$from" "$work/kubo"
    chmod -R u+w "$work/kubo"
    mkdir -p "${program%/*}"
    (cd "$work/kubo" && go build -trimpath -buildvcs=false -o "$program.new" ./cmd/ipfs) >&2
    mv "$program.new" "$program"
fi
echo "$program"
