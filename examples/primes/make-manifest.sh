#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Prints a manifest: the primes below RANGES * WIDTH, counted in RANGES tasks
# (a power of two) and added up in a tree. `make-manifest.sh 512 20000` is
# primes.yaml: 1,023 tasks.
set -euo pipefail
ranges=${1:-512} width=${2:-20000}

echo "# Made by make-manifest.sh $ranges $width"
printf 'ipvm: "1.0"\nname: primes\ntasks:\n'
for ((index = 0; index < ranges; index++)); do
  printf '  count-%d: {run: ./primes.wasm#count, args: [%d, %d]}\n' \
    "$index" $((index * width)) $(((index + 1) * width))
done
level=0 left=count-
for ((count = ranges / 2; count > 0; count /= 2)); do
  for ((index = 0; index < count; index++)); do
    name=sum-$level-$index
    ((count == 1)) && name=primes
    printf '  %s: {run: ./primes.wasm#add, args: [!ok %s%d, !ok %s%d]}\n' \
      "$name" "$left" $((2 * index)) "$left" $((2 * index + 1))
  done
  left=sum-$level-
  level=$((level + 1))
done
printf 'outputs: [primes]\n'
