#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# A path into content stands wherever a CID does: on command lines, behind @,
# and in manifests, for modules, files, directories and values.
source "$(dirname "$0")/lib.sh"
mkdir -p tree/bin tree/data
for guest in primes words; do
    cp "$ROOT/examples/$guest/$guest.wasm" tree/bin 2> /dev/null || {
        echo "not ok - $guest.wasm is not there: run make guests first"
        exit 1
    }
done
echo "hello hello world" > tree/data/hello.txt
tree=$(ipvm add -q tree | tail -n 1)

# --- Command lines -------------------------------------------------------

expect "a module by path" ipvm run "$tree/bin/primes.wasm" count 0 100
expect_output 25
expect "and behind ipfs://" \
    ipvm run "ipfs://$tree/bin/primes%2Ewasm" count 0 100
expect_output 25
expect "a file by path" ipvm cat "$tree/data/hello.txt"
expect_output "hello hello world"
expect "a module is inspected" ipvm inspect "$tree/bin/primes.wasm"
expect_match '^kind: core module'
expect "a file behind @" \
    ipvm run "$tree/bin/words.wasm" count "@$tree/data/hello.txt"
expect_match hello
expect_code 4 "a name that is not there" \
    ipvm run "$tree/bin/none.wasm" count 0 100
expect_error '/bin/none.wasm: the directory has no such name'
expect_code 4 "nor behind @" ipvm run "$tree/bin/words.wasm" count "@$tree/x"
expect_error 'argument 1: .*/x: the directory has no such name'

# --- Through values ------------------------------------------------------

module=$(ipvm dag resolve "$tree/bin/primes.wasm")
echo "{\"tools\": [{\"/\": \"$module\"}], \"tree\": {\"/\": \"$tree\"}, \"n\": 1}" > value.json
value=$(ipvm dag put value.json)
expect "a module through a value" ipvm run "$value/tools/0" count 0 100
expect_output 25
expect "a directory through a value" ipvm cat "$value/tree/data/hello.txt"
expect_output "hello hello world"
expect "a value is inspected" ipvm inspect "$value/n"
expect_match '^at: n$'
expect_match '^kind: int$'
expect_code 3 "a value is no module" ipvm run "$value/n" count 0 100
expect_error 'only a whole block will do'

# --- Manifests -----------------------------------------------------------

workflow() { # workflow RUN ARGUMENT
    printf 'ipvm: "1.0"\nname: w\ntasks:\n  t: {run: "%s", args: [%s]}\n' "$1" "$2" > w.yaml
}
workflow "$tree/bin/words.wasm#count" "!cid $value/tree/data/hello.txt"
expect "modules and files of a manifest by path" ipvm run w.yaml
expect_match hello
workflow "/ipfs/$value/tree/bin/words.wasm#count" "!cid /ipfs/$tree/data/hello.txt"
expect "and behind /ipfs/" ipvm run w.yaml
expect_match hello
workflow "$tree/bin/words.wasm#count" "!cid $tree/data/none.txt"
expect_code 4 "what leads nowhere is told with its line" ipvm run w.yaml
expect_error 'w.yaml:4:.*/data/none.txt: the directory has no such name'
workflow "$tree/bin/none.wasm#count" "1"
expect_code 4 "for modules, too" ipvm run w.yaml
expect_error 'w.yaml:4:.*/bin/none.wasm: the directory has no such name'
workflow "$tree/bin/words.wasm#count" "!cid $value/n"
expect_code 3 "a value in a block is no link" ipvm run w.yaml
expect_error 'w.yaml:4:.*a value \(int\) inside of block'

workflow "./tree/bin/words.wasm#count" "!file tree/data/hello.txt"
kept=$(ipvm inspect w.yaml | sed -n 's/^workflow: //p')
echo "{\"w\": {\"/\": \"$kept\"}}" > linked.json
expect "a workflow through a value" ipvm run "$(ipvm dag put linked.json)/w"
expect_match hello

# --- Names ---------------------------------------------------------------

if ipvm name set tools/latest "$tree" > /dev/null 2>&1; then
    expect "a module below a name" \
        ipvm run name:tools/latest/bin/primes.wasm count 0 100
    expect_output 25
    workflow "name:tools/latest/bin/words.wasm#count" \
        "!cid name:tools/latest/data/hello.txt"
    expect "names in a manifest" ipvm run w.yaml
    expect_match hello
    expect_code 4 "a name that is not set" ipvm cat name:tool/latest
    expect_error 'no name is set that tool/latest begins with'
else
    skip "no ipvm name: names not tried"
fi
finish
