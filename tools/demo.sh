#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# demo.sh - the photo example, twice: once computed, once remembered.
#
# Usage: tools/demo.sh IPVM DIRECTORY    the store and the outputs go there
set -euo pipefail
cd "$(dirname "$0")/.."
ipvm=$1 directory=$2
workflow=examples/photo/photo.yaml

rm -rf "$directory"
mkdir -p "$directory/outputs"
export IPVM_STORE=$directory/store

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
[[ -t 1 && -z ${NO_COLOR:-} ]] || say() { printf '\n%s\n' "$*"; }
run() {
    echo "\$ ipvm $*"
    "$ipvm" "$@"
}

say "First run: WebAssembly functions over a photograph, in parallel, in sandboxed processes."
run run "$workflow" -o "$directory/outputs"

say "Second run: the same question has the same answer, so nothing is computed."
run run "$workflow" -o "$directory/outputs"

say "The pictures are in $directory/outputs:"
find "$directory/outputs" -type f -printf "  %f  %s bytes\n" | sort
cat << END

Next:
  export IPVM_STORE=$directory/store
  $ipvm graph $workflow -o graph.svg      the dataflow as a picture
  $ipvm explain $workflow                 why each task ran or did not
  $ipvm help                              all commands
END
