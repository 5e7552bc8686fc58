#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What was passed on can be checked by anybody and taken back by whoever passed
# it on, for good: over processes that die, and in all stores that are told.
source "$(dirname "$0")/lib.sh"

as() { # NAME COMMAND…: with a store of its own
    local store=$WORK/store-$1
    shift
    IPVM_STORE=$store "$@"
}
field() { # NAME: of the last line of JSON
    tail -n 1 "$OUT" | python3 -c 'import json, sys
value = json.load(sys.stdin)[sys.argv[1]]
print(value if isinstance(value, str) else json.dumps(value))' "$1"
}
verify_pipe() { as bob ipvm verify - < link.ucan; }
vectors=${IPVM_VECTORS:-$ROOT/../shared/vectors}/ucan/invocation.json

alice=$(as alice ipvm key new -q)
bob=$(as bob ipvm key new -q --type p256)
as mallory ipvm key new -q > mallory.did

# --- A delegation alone ------------------------------------------------------

expect "alice delegates to bob" as alice ipvm delegate --to "$bob" \
    --command /msg --expires 2030-01-31 --json
token=$(field token)
as alice ipvm delegate --to "$bob" --command /msg -q > link.ucan
expect "it is verified where it was made" as alice ipvm verify "$token"
expect_match '^  ✓ hash: '
expect_match '^  ✓ signature$'
expect_match '^  ✓ not revoked$'
expect "and elsewhere, from a file" as bob ipvm verify link.ucan
expect "and from a pipe" verify_pipe
expect "and as text" as bob ipvm verify "$(cat link.ucan)"
expect_match '^  ✓ signature$'
expect "without any store at all" \
    env IPVM_STORE="$WORK/none" "$IPVM" verify link.ucan
expect_true "  none was made" test ! -e "$WORK/none"
expect_code 3 "not after it has expired" \
    as alice ipvm verify --at 2030-02-01 "$token"
expect_match '^  ✗ not expired: Expired: '
expect "in its last second" \
    as alice ipvm verify --at 2030-01-31T00:00:00Z "$token"
expect_code 3 "one second later" \
    as alice ipvm verify --at 2030-01-31T00:00:01Z "$token"
expect_code 2 "a time is a time" as alice ipvm verify --at soon "$token"
expect_error 'soon is no time'

# --- Taking it back ----------------------------------------------------------

expect "a stranger may revoke it" \
    as mallory ipvm revoke "$token" --json
expect_true "  with his own name" test "$(field by)" = "$(cat mallory.did)"
expect "which is known in his store only" as alice ipvm verify "$token"
expect "alice revokes it" as alice ipvm revoke "$token"
expect_match "^revoked  $token\$"
expect_match "^by       $alice\$"
expect_match '^token    C'
expect_code 3 "and it is revoked" as alice ipvm verify "$token"
expect_match '^  ✗ not revoked: Revoked: '
expect_code 3 "in words for programs" as alice ipvm verify --json "$token"
expect_true "  too" test "$(field ok)" = false
expect "the revocation verifies" \
    as bob ipvm verify "$(as alice ipvm revoke -q "$token")"
expect_match '^invocation  bafyrei'
expect "one may revoke what is not known yet" as bob ipvm revoke \
    bafyreidykglsfhoixmivffc5uwhcgshx4j465xwqntbmu43nb2dzqwfvae
expect_code 2 "but not what is no token" as bob ipvm revoke \
    bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku
expect_error "no token's CID"
expect "a stranger in the same store is told so" \
    as alice ipvm key new -q other
expect "  when he revokes" as alice ipvm revoke "$token" --key other
expect_error 'did not issue that token'

# --- kill -9 ------------------------------------------------------------------

# What was printed was kept, whenever it is killed.
printed=0 kept=0
for delay in 0.005 0.01 0.02 0.04 0.08 0.5; do
    name=$(as alice ipvm delegate --to "$bob" --command /msg --json |
        python3 -c 'import json, sys; print(json.load(sys.stdin)["token"])')
    IPVM_STORE=$WORK/store-alice "$IPVM" revoke "$name" > killed.out 2>&1 &
    child=$!
    sleep "$delay"
    kill -9 "$child" 2> /dev/null
    wait "$child" 2> /dev/null
    if [[ -s killed.out ]]; then
        ((printed++))
        as alice ipvm verify "$name" > killed.verify
        grep -q 'Revoked' killed.verify && ((kept++))
    fi
done
expect_true "what was told is kept over kill -9 ($printed times)" \
    test "$printed" -gt 0 -a "$printed" = "$kept"

# --- CAR files, and what is none of all ----------------------------------------

printf 'some bytes\n' > file
cid=$(as alice ipvm add -q file)
as alice ipvm export "$cid" -o whole.car > /dev/null
expect "a CAR file is hashed" as alice ipvm verify whole.car
expect_match '^  ✓ hashes: 1 blocks$'
size=$(stat -c %s whole.car)
cp whole.car damaged.car
printf 'X' | dd of=damaged.car bs=1 seek=$((size - 3)) conv=notrunc status=none
expect_code 3 "one changed byte is found" ipvm verify damaged.car
expect_match "^block  $cid\$"
expect_match '^  ✗ hash: at byte'
head -c $((size - 3)) whole.car > short.car
expect_code 3 "so is a lost end" ipvm verify short.car
expect_match '^  ✗ whole: '
expect_code 3 "a file of something else is refused" ipvm verify file
expect_error 'file is no token, container of tokens or CAR file'
: > empty
expect_code 3 "an empty one, too" ipvm verify empty
expect_code 4 "what is not there is not found" ipvm verify nowhere
head -c 40 link.ucan > cut.ucan
expect_code 3 "a container that was cut is refused" ipvm verify cut.ucan

# --- Receipts --------------------------------------------------------------------

cp -r "$ROOT/examples/words" . && ipvm run -q words/words.yaml > /dev/null
if ipvm receipts export -o receipts.car > /dev/null 2>&1; then
    expect "receipts are checked, each alone" ipvm verify receipts.car
    expect_match '^  ✓ assertion$'
    expect_match '^  ✓ signature$'
    expect_match '^  ✓ proof$'
    expect_match '^  ✓ receipts: [1-9][0-9]*, of them 0 do not hold$'
    expect_match '^  ✓ hashes: '
    # The last byte of an assertion's result CID, somewhere in the file.
    python3 - receipts.car damaged.car << 'PYTHON'
import sys
data = bytearray(open(sys.argv[1], "rb").read())
at = data.index(b"cres")
data[at + 12] ^= 1
open(sys.argv[2], "wb").write(data)
PYTHON
    expect_code 3 "a receipt that was changed is found" \
        ipvm verify damaged.car
    expect_match '^  ✗ assertion: it is not in the file$'
    expect_match '^  ✗ hash: '
else
    skip "no receipts here"
fi

# --- The public cases, through the program ----------------------------------------

if [[ -r $vectors ]]; then
    python3 - "$vectors" > cases << 'PYTHON'
import base64, json, sys

def data(part):
    text = part["/"]["bytes"]
    return base64.b64decode(text + "=" * (-len(text) % 4))

def item(part):
    size = len(part)
    head = bytes([0x58, size]) if size < 256 else \
        b"\x59" + size.to_bytes(2, "big")
    return head + part

vectors = json.load(open(sys.argv[1]))
for case in vectors["invalid"] + vectors["valid"]:
    parts = [data(part) for part in case["proofs"] + [case["invocation"]]]
    parts.sort()
    body = b"\xa1\x66ctn-v1" + bytes([0x80 + len(parts)]) + \
        b"".join(map(item, parts))
    name = case["name"].replace(" ", "-")
    with open(name + ".ucan", "wb") as file:
        file.write(b"@" + body)
    print(name, case["time"], case.get("error", {}).get("name", "OK"))
PYTHON
    while read -r name at error; do
        if [[ $error = OK ]]; then
            expect "$name" ipvm verify --at "$at" "$name.ucan"
        elif [[ $name = invalid-invocation-signature ]]; then
            expect_code 3 "$name" ipvm verify --at "$at" "$name.ucan"
            expect_match '✗ .*the signature has 3 bytes'
        else
            expect_code 3 "$name" ipvm verify --at "$at" "$name.ucan"
            expect_match "^  ✗ .*: $error: "
        fi
    done < cases
else
    skip "no vectors at $vectors"
fi

finish
