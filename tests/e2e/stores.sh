#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A store that is read-only, full, damaged, newer, not ours, or shared by
# several runs at once: right answers or plain words, never a crash.
source "$(dirname "$0")/lib.sh"

cp "$ROOT/examples/primes/primes.wasm" . 2> /dev/null || {
    echo "not ok - examples/primes/primes.wasm is not there: run make guests first"
    exit 1
}

fresh() { # a store with one result: primes below 100 are 25
    chmod -R u+w "$1" 2> /dev/null
    rm -rf "$1"
    cp -r good "$1"
}
expect "a new store is made" ipvm run primes.wasm count 0 100 --store good
expect_output 25
expect_true "  for its owner only" test "$(stat -c %a good)" = 700
expect_true "  its files too" test -z "$(find good -type f -perm /077)"

# --- Where it is ----------------------------------------------------------------

expect "IPVM_STORE names it" env IPVM_STORE=good "$IPVM" run primes.wasm count 0 100
expect_error 'all from the memo'
expect "else XDG_DATA_HOME" env -u IPVM_STORE XDG_DATA_HOME="$WORK/data" "$IPVM" run primes.wasm count 0 100
expect_true "  has it" test -f data/ipvm/data.mdb
expect "else the home directory" env -u IPVM_STORE -u XDG_DATA_HOME HOME="$WORK/house" "$IPVM" run primes.wasm count 0 100
expect_true "  has it" test -f house/.local/share/ipvm/data.mdb
capture env -u IPVM_STORE -u XDG_DATA_HOME -u HOME "$IPVM" run primes.wasm count 0 100
expect_true "without any it says so ($CODE)" test "$CODE" -ge 2 -a "$CODE" -le 5
: > file
capture ipvm run primes.wasm count 0 100 --store file
expect_true "a store that is a file ($CODE)" test "$CODE" = 3 -o "$CODE" = 5
expect_error 'file is not a directory'
expect_code 5 "a place where none can be" ipvm run primes.wasm count 0 100 --store /proc/ipvm
expect_error '/proc/ipvm'
expect_code 5 "below a file" ipvm run primes.wasm count 0 100 --store file/store
expect_error 'file/store'

# --- Whose it is ----------------------------------------------------------------

if ((EUID == 0)) && command -v setpriv > /dev/null; then
    chmod 755 "$WORK"
    other() { setpriv --reuid=65534 --clear-groups "$@"; }
    fresh theirs
    expect_code 5 "somebody else's store" other "$IPVM" run primes.wasm count 0 100 --store theirs
    expect_error 'theirs.*ermission'
    fresh theirs
    chmod -R a+rwX theirs
    capture other "$IPVM" run primes.wasm count 0 100 --store theirs
    expect_true "even one that all may write ($CODE)" test "$CODE" = 0 -o "$CODE" = 5
    fresh readonly
    chown -R 65534 readonly
    chmod -R a-w readonly
    capture other "$IPVM" run primes.wasm count 0 100 --store readonly
    expect_true "a read-only store answers or says why ($CODE)" test "$CODE" = 0 -o "$CODE" = 5
    [[ $CODE == 0 ]] && expect_output 25
    [[ $CODE == 5 ]] && expect_error 'readonly'
    capture other "$IPVM" run primes.wasm count 0 200 --store readonly
    expect_true "  and takes nothing new ($CODE)" test "$CODE" = 5
    expect_error 'readonly'
else
    skip "not root, or setpriv is missing: stores of others not tried"
fi
fresh readonly
mkdir mounted
if ((EUID == 0)) && mount --bind readonly mounted 2> /dev/null && mount -o remount,ro,bind mounted 2> /dev/null; then
    capture ipvm run primes.wasm count 0 100 --store mounted
    expect_true "a read-only file system answers or says why ($CODE)" test "$CODE" = 0 -o "$CODE" = 5
    expect_code 5 "and takes nothing new" ipvm run primes.wasm count 0 200 --store mounted
    expect_error 'mounted'
else
    skip "cannot mount: a read-only file system not tried"
fi
umount mounted 2> /dev/null

# --- How full it is --------------------------------------------------------------

mkdir small
if ((EUID == 0)) && mount -t tmpfs -o size=2m tmpfs small 2> /dev/null; then
    head -c 8000000 /dev/urandom > big
    expect_code 5 "a file larger than the disk" ipvm add big --store small/store
    expect_error '(no space|full|No space)'
    expect_code 0 "a smaller one fits" bash -c "head -c 100000 big | '$IPVM' add -q - --store small/store"
    cid=$(cat "$OUT")
    expect "and comes back" ipvm get -q "$cid" -o back --store small/store
    expect_true "  unchanged" cmp back <(head -c 100000 big)
    cp -r "$ROOT/examples/words/words.wasm" . 2> /dev/null
    trouble=0
    for n in {1..40}; do
        ipvm run primes.wasm count 0 $((1000 + n)) --store small/store > "$OUT" 2> "$ERR"
        CODE=$?
        ((CODE == 0 || CODE == 5)) || trouble=$((trouble + 1))
        head -c $((n * 20000)) big | ipvm add -q - --store small/store > "$OUT" 2>> "$ERR"
        CODE=$?
        ((CODE == 0 || CODE == 5)) || trouble=$((trouble + 1))
    done
    LAST="run and add until the disk is full"
    expect_true "until it is full all goes well, then words ($CODE)" test $trouble = 0 -a $CODE = 5
    expect_error '(no space|full|No space)'
    expect "what is there can still be read" ipvm get -q "$cid" -o back --store small/store
    expect_code 5 "an output that does not fit" ipvm get -q "$(ipvm add -q big)" -o small/out
    expect_error 'small/out|space'
    expect_true "  leaves no half" test -z "$(find small -name 'out*')"
    umount small
else
    skip "cannot mount a tmpfs: a full disk not tried"
fi

# --- Damage -----------------------------------------------------------------------

damaged() { # WHAT: the store "bad" gives no result
    expect_code 5 "$1" ipvm run primes.wasm count 0 100 --store bad
    expect_error '^ipvm: .*bad.*damaged'
}
fresh bad
head -c 100000 /dev/urandom > bad/data.mdb
damaged "random bytes"
fresh bad
head -c 8192 /dev/urandom | dd of=bad/data.mdb conv=notrunc status=none
damaged "random bytes at the beginning"
for size in 1 4095 4096 8191 8192 20000; do
    fresh bad
    truncate -s $size bad/data.mdb
    capture ipvm run primes.wasm count 0 100 --store bad
    expect_true "cut to $size bytes: words ($CODE)" test "$CODE" = 5
    expect_error '^ipvm: .*bad'
done
fresh bad
rm bad/lock.mdb
expect "a lost lock file is made again" ipvm run primes.wasm count 0 100 --store bad
fresh bad
head -c 65536 /dev/urandom > bad/lock.mdb
capture timeout 20 "$IPVM" run primes.wasm count 0 100 --store bad
expect_true "a lock file of noise does not stop it for ever ($CODE)" test "$CODE" -le 5
trouble=0 wrong=0 right=0
for seed in {1..40}; do
    fresh bad
    python3 - "$seed" << 'END'
import random, sys
chance = random.Random(int(sys.argv[1]))
data = bytearray(open("bad/data.mdb", "rb").read())
for _ in range(chance.choice([1, 10, 200, 3000])):
    data[chance.randrange(8192, len(data))] = chance.randrange(256)
open("bad/data.mdb", "wb").write(data)
END
    for below in 100 200; do
        timeout 20 "$IPVM" run primes.wasm count 0 $below --store bad > "$OUT" 2> "$ERR"
        CODE=$?
        ((CODE <= 5)) || {
            trouble=$((trouble + 1))
            echo "# seed $seed: exit code $CODE"
        }
        if ((CODE == 0)); then
            right=$((right + 1))
            grep -qx "$((below == 100 ? 25 : 46))" "$OUT" || wrong=$((wrong + 1))
        fi
    done
done
LAST="80 runs on stores with flipped bytes, $right succeeded"
expect_true "flipped bytes crash nothing" test $trouble = 0
expect_true "  and every answer that comes ($right of 80) is right" test $wrong = 0
expect "the good one is still good" ipvm run primes.wasm count 0 100 --store good
expect_error 'all from the memo'

# --- The module cache ---------------------------------------------------------------

fresh cache
rm -r cache/modules
expect "without its module cache" ipvm run primes.wasm count 0 200 --store cache
expect_output 46
trouble=0
for file in good/modules/*; do
    for seed in {1..4}; do
        fresh cache
        python3 - "cache/modules/$(basename "$file")" "$seed" << 'END'
import random, sys
chance = random.Random(int(sys.argv[2]))
data = bytearray(open(sys.argv[1], "rb").read())
for _ in range(4 ** (int(sys.argv[2]) - 1)):
    data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
if sys.argv[2] == "4":
    data = data[: len(data) // 2]
open(sys.argv[1], "wb").write(data)
END
        timeout 20 "$IPVM" run primes.wasm count 0 200 --store cache > "$OUT" 2> "$ERR"
        CODE=$?
        [[ $CODE == 0 && $(cat "$OUT") == 46 ]] || trouble=$((trouble + 1))
    done
done
LAST="runs with flipped bits in the module cache"
expect_true "flipped bits in the module cache change nothing" test $trouble = 0
fresh cache
for file in cache/modules/*; do
    echo > "$file"
    chmod 0666 "$file"
done
expect "files of another kind are rebuilt" ipvm run primes.wasm count 0 200 --store cache
expect_output 46
fresh cache
rm -r cache/modules
: > cache/modules
capture ipvm run primes.wasm count 0 200 --store cache
expect_true "a cache that cannot be: an answer or words ($CODE)" test "$CODE" = 0 -o "$CODE" = 5

# --- Several at once -----------------------------------------------------------------

"$ROOT/examples/primes/make-manifest.sh" 64 20000 > graph.yaml
for n in {1..4}; do
    "$IPVM" run graph.yaml --store shared > "out.$n" 2> "err.$n" &
done
wait
LAST="four runs of graph.yaml at once"
expect_true "four runs at once on a new store: one answer" test "$(sort -u out.{1..4} | wc -l)$(wc -l < out.1)" = 11
ran=0
for n in {1..4}; do
    ran=$((ran + $(sed -n 's/^graph: \([0-9]*\) ran.*/\1/p' "err.$n")))
done
echo "# $ran tasks were run for 4 x 127"
expect "afterwards all is known" ipvm run graph.yaml --store shared
expect_error 'all from the memo'
expect_output "$(cat out.1)"
for n in {1..4}; do
    "$IPVM" add -q /usr/share/common-licenses/GPL-$((n % 3 + 1)) --store shared > "out.$n" 2> "err.$n" &
done
wait
expect_true "four imports at once" test "$(cat err.{1..4} | wc -l)$(cat out.{1..4} | wc -l)" = 04

finish
