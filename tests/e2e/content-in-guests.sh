#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Guests read content by link, a piece at a time: files much larger than their
# memory, directories, blocks; the same in both engines and in one process;
# a missing block is no result.
source "$(dirname "$0")/lib.sh"

checksum=$ROOT/examples/checksum/checksum.wasm lines=$ROOT/examples/checksum/lines.wasm
for guest in "$checksum" "$lines"; do
    [[ -f $guest ]] || {
        skip "no $guest: run make guests"
        finish
    }
done

# Different in every block.
seq 1 8000000 | head -c 64M > big
sum=$(sha256sum < big | cut -d ' ' -f 1)
printf 'one\nneedle\nlast' > small
: > empty

expect "a file four times the guest's memory" ipvm run -q --memory 16MiB "$checksum" sha256 @big
expect_output "\"$sum\""
expect "the same in one process" ipvm run -q --no-memo --in-process "$checksum" sha256 @big
expect_output "\"$sum\""
expect "with WIT types" ipvm run -q --memory 16MiB "$lines" count @big
expect_output "$(wc -l < big)"
expect "in the IPVM ABI" ipvm run -q "$checksum" count @big
expect_output "$(wc -l < big)"
expect "the second engine agrees" ipvm run -q --cross-check "$lines" crc32 @small
expect "on the other ABI too" ipvm run -q --cross-check "$checksum" sha256 @small
expect_output "\"$(sha256sum < small | cut -d ' ' -f 1)\""
expect "an empty file" ipvm run -q "$checksum" sha256 @empty
expect_output "\"$(sha256sum < empty | cut -d ' ' -f 1)\""
expect "lines by what is in them" ipvm run -q --json "$checksum" grep @small needle
expect_match 'bmVlZGxl'
expect "inspect shows what it takes" ipvm inspect "$lines"
expect_match 'count: func\(file: own<blob>\) -> u64'
expect_match 'verdict: pure'

mkdir -p tree/below
cp small tree/a
cp empty tree/b
expect "a directory is imported" ipvm add -q tree
tree=$(tail -n 1 "$OUT")
expect "and read file by file" ipvm run -q "$checksum" sha256 "@$tree"
expect_match "\"a\": *\"$(sha256sum < small | cut -d ' ' -f 1)\""

expect "the file's CID" ipvm add -q big
cid=$(cat "$OUT")
expect "its last block" bash -c "'$IPVM' dag get $cid | grep -o 'bafkrei[a-z2-7]*' | tail -n 1"
leaf=$(cat "$OUT")
expect_true "is taken away" ipvm block rm -f "$leaf"
expect_code 1 "then there is no result" ipvm run --no-memo "$checksum" sha256 "@$cid"
expect_error "$leaf is not here"
expect "but there is one of what does not need it" ipvm run -q "$lines" count @small

finish
