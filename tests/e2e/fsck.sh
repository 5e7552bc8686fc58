#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# fsck finds what is damaged or missing, says what needs it, and repairs it:
# computed again, read again from its file, or withdrawn; what cannot be had is
# named. Reading content and running tasks heal by themselves.
source "$(dirname "$0")/lib.sh"

zlib=$ROOT/examples/compress/zlib.wasm
[[ -f $zlib ]] || {
    echo "not ok - $zlib is not there: run make guests first"
    exit 1
}
python3 -c 'import random
chance = random.Random(1)
open("plain", "wb").write(bytes(chance.choices(range(64), k=2500000)))'

# flip FILE [HEX]: another bit in every copy of what FILE begins with, or of
# these bytes, in the store.
flip() {
    python3 - "$IPVM_STORE/data.mdb" "$@" << 'END'
import sys
data = bytearray(open(sys.argv[1], "rb").read())
if len(sys.argv) > 3:
    what = bytes.fromhex(sys.argv[3])
else:
    what = open(sys.argv[2], "rb").read(4096)
at = count = 0
while (at := data.find(what, at)) >= 0:
    data[at + len(what) // 2] ^= 1
    at += len(what)
    count += 1
with open(sys.argv[1], "r+b") as file:
    file.write(data)
sys.exit(count == 0)
END
}
fresh() {
    rm -rf "$IPVM_STORE"
    cp -r good "$IPVM_STORE"
}
pack() { ipvm run "$zlib" deflate @plain 6 -o packed; }

# --- A sound store -----------------------------------------------------------------

expect "an empty store is sound" ipvm fsck
expect_true "  not a line" test ! -s "$OUT"
expect "a result of many blocks" pack
packed=$(ipvm add -q -n packed)
expect "a sound store has nothing wrong" ipvm fsck
expect_true "  not a line" test ! -s "$OUT"
expect_error 'nothing is wrong'
expect "  as JSON too" ipvm fsck --json
expect_match '"findings":\[\],"left":0'
expect "repair changes nothing" ipvm fsck --repair -q
cp -r "$IPVM_STORE" good

# --- A result's leaf ----------------------------------------------------------------

expect_true "a bit of a result's leaf flips" flip packed
expect_code 3 "fsck finds it" ipvm fsck
expect_match '^block bafk.* is damaged; needed by computation bafy.*--repair will compute it again'
expect_true "  one line" test "$(wc -l < "$OUT")" = 1
expect_code 3 "  as JSON" ipvm fsck --json
expect_match '"kind":"damaged".*"needed_by_count":1,"repaired":false'
expect "--repair computes it again" ipvm fsck --repair
expect_match 'repaired: computed again from bafy'
expect "  then all is well" ipvm fsck
expect "  and it reads" ipvm get "$packed" -o back -q
expect_true "  the same" cmp packed back

fresh
flip packed
expect "cat heals by itself" ipvm cat "$packed"
expect_true "  the same bytes, each once" cmp packed "$OUT"
expect_error '^block bafk.* was lost: computed again from bafy'
expect "  for good" ipvm fsck
fresh
flip packed
expect "a part of it heals, too" ipvm cat --offset 1000 --length 2GiB "$packed"
expect_true "  the same bytes, each once" cmp <(tail -c +1001 packed) "$OUT"
expect_error '^block bafk.* was lost: computed again from bafy'
fresh
expect "a block that a path leads through is removed" ipvm block rm -f "$packed"
expect_code 3 "it is computed again on the way" ipvm cat "$packed/below"
expect_error "^block $packed was lost: computed again from bafy"
expect_error 'a file, with nothing below it'
fresh
flip packed
expect "get heals by itself" ipvm get "$packed" -o back
expect_true "  the same" cmp packed back
fresh
flip packed
expect "so does a run whose answer the memo has" ipvm run "$zlib" deflate @plain 6 -o back
expect_true "  the same" cmp packed back
expect_error 'was lost: computed again'
fresh
leaf=$(ipvm dag get "$packed" | grep -o 'bafk[a-z0-9]*' | head -1)
expect "a leaf is removed" ipvm block rm -f "$leaf"
expect_code 3 "fsck misses it" ipvm fsck
expect_match "^block $leaf is missing; needed by computation"
expect "cat computes it again" ipvm cat "$packed"
expect_true "  the same bytes" cmp packed "$OUT"
expect "  all is well" ipvm fsck

# A task that needs it, not only a reader.
fresh
ipvm add -q plain > "$OUT" # its blocks stay, whatever inflate makes again
cp -r "$IPVM_STORE" both
cat > unpack.yaml << END
ipvm: "1.0"
tasks:
  unpack: {run: "$zlib#inflate", args: [!cid $packed]}
outputs: [unpack]
END
flip packed
expect "a task that needs it has it computed first" ipvm run unpack.yaml -o unpacked
expect_true "  and comes out right" cmp plain unpacked
expect "  all is well" ipvm fsck

rm -rf "$IPVM_STORE"
cp -r both "$IPVM_STORE"
flip packed
flip plain
expect_code 1 "not if what that stands on is lost too" ipvm run unpack.yaml
expect_error 'unavailable'

# --- A result's own block --------------------------------------------------------------

fresh
cat > pack.yaml << END
ipvm: "1.0"
name: pack
tasks:
  pack: {run: "$zlib#deflate", args: [!file plain, 6]}
outputs: [pack]
END
result=$(ipvm explain --json pack.yaml | grep -o '"result":"[a-z0-9]*' | cut -d '"' -f 4)
expect "a result's own block is taken away" ipvm block rm -f "$result"
expect "it was collected" ipvm fsck
expect_error '1 results were collected'
expect "explain says so" ipvm explain pack.yaml
expect_match 'its result was collected'
expect "it is made again" pack
expect_error '1 ran'
ipvm block get "$result" > block
expect_true "a bit of it flips" flip block
expect "explain says that, too" ipvm explain pack.yaml
expect_match 'its result block is damaged'
expect_code 3 "and fsck" ipvm fsck
expect "which computes it again" ipvm fsck --repair
expect "  all is well" ipvm fsck

# --- Content ---------------------------------------------------------------------------

rm -rf "$IPVM_STORE"
touch -d '1 minute ago' plain
sleep 2.1 # the index notes no file that has just changed
expect "a file is added" ipvm add -q plain
plain=$(cat "$OUT")
cp -r "$IPVM_STORE" added
flip plain
expect_code 3 "its damage is found" ipvm fsck
expect_match "needed by pin $plain"
expect_match "read $WORK/plain again"
expect "and repaired from the file" ipvm fsck --repair
expect_match "repaired: read again from $WORK/plain"
expect "  all is well" ipvm fsck
flip plain
cp plain plain.away
echo more > plain
cat plain.away >> plain
expect_code 3 "not from a file with other bytes" ipvm fsck --repair
expect_match "needed by pin $plain.*cannot be repaired"
expect_code 3 "  which stays said" ipvm fsck
expect_match 'is missing; needed by pin'
mv plain.away plain
expect "adding it again is what helps" ipvm add -q plain
expect "  all is well" ipvm fsck

# --- Rows ------------------------------------------------------------------------------

fresh
expect_true "the entry of a result changes" flip x "$(printf wasmtime | od -An -tx1 | tr -d ' \n')"
expect_code 3 "fsck finds the row" ipvm fsck
expect_match '^row in memo [0-9a-f]{64}: its checksum is wrong'
expect_match '^row in by_result .*: its computation has no memo entry'
expect "and removes it" ipvm fsck --repair
expect "  all is well" ipvm fsck
expect "  the result is unknown, and right again" pack
expect_error '1 ran'
expect_true "  the same" cmp packed back
expect "  all is well" ipvm fsck

# --- While others work, and when it is killed ---------------------------------------------

fresh
flip packed
cp "$ROOT/examples/primes/primes.wasm" .
"$ROOT/examples/primes/make-manifest.sh" 16 20000 > graph.yaml
trouble=0
for n in {1..12}; do
    "$IPVM" run --no-memo -q graph.yaml > /dev/null 2>> run.err &
    run=$!
    "$IPVM" fsck --repair -q > "$OUT" 2> "$ERR" &
    pid=$!
    sleep "0.0$((n % 10))"
    kill -9 $pid 2> /dev/null
    wait $pid 2> /dev/null
    wait $run || trouble=$((trouble + 1))
done
LAST="12 runs with a repair that is killed"
expect_true "runs go on while a repair is killed" test $trouble = 0
expect "a repair after that ends" ipvm fsck --repair
expect "  all is well" ipvm fsck
expect "  and it reads" ipvm cat "$packed"
expect_true "  the same" cmp packed "$OUT"
fresh
flip packed
"$IPVM" fsck --repair -q > out.1 2> err.1 &
"$IPVM" fsck --repair -q > out.2 2> err.2 &
wait
expect "two repairs at once do no harm" ipvm fsck
expect_code 2 "words that it does not know" ipvm fsck now

finish
