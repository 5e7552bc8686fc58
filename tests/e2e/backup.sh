#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A backup made while runs go on is a whole store; it appears whole or not at
# all, and what was cut or changed never becomes a store.
source "$(dirname "$0")/lib.sh"

cp "$ROOT/examples/primes/primes.wasm" . 2> /dev/null || {
    echo "not ok - examples/primes/primes.wasm is not there: run make guests first"
    exit 1
}
KILLS=${KILLS:-20}

# --- There and back ---------------------------------------------------------------

"$ROOT/examples/primes/make-manifest.sh" 16 20000 > graph.yaml
expect "a graph is run" ipvm run graph.yaml
right=$(cat "$OUT")
head -c 3000000 /dev/urandom > big
expect "a file is added" ipvm add -q big
big=$(cat "$OUT")
expect "a backup is written" ipvm backup one.backup
expect_error 'one.backup: .* in .*/s'
expect_true "  for its owner only" test "$(stat -c %a one.backup)" = 600
expect "  its size as JSON" ipvm backup two.backup --json
expect_match "\"bytes\":$(stat -c %s two.backup),\"file\":\"two.backup\""
expect "it is restored" ipvm restore one.backup --store back
expect_true "  with nothing beside it" test -z "$(find . -name 'back?*')"
expect "  all is well in it" ipvm fsck --store back
expect "  it answers from the memo" ipvm run graph.yaml --store back
expect_output "$right"
expect_error 'all from the memo'
expect "  it has the file" ipvm get "$big" -o back.big --store back
expect_true "  unchanged" cmp big back.big
expect_true "through a pipe" bash -c "'$IPVM' backup - | '$IPVM' restore - --verify --store piped"
expect "  all is well" ipvm fsck --store piped
mkdir -p empty deep
expect "into an empty directory" ipvm restore one.backup --store empty
expect "into one that is not there" ipvm restore one.backup --store deep/a/b
ln -s real linked
mkdir real
expect "behind a symlink" ipvm restore one.backup --store linked
expect_true "  which stays one" test -L linked -a -f real/data.mdb

# --- A store that is there ----------------------------------------------------------

mkdir other
echo mine > other/file
expect_code 5 "a store that is there is not replaced" ipvm restore one.backup --store back
expect_error 'there is a store at .*--force'
expect_code 5 "nor is a directory with other things" ipvm restore one.backup --store other --force
expect_true "  it keeps them" grep -q mine other/file
expect "a store has a key" ipvm key new --store back mine
expect "with --force it is moved aside" ipvm restore one.backup --store back --force
expect_error 'back.old-1'
expect "  but for its keys" ipvm key show --store back mine
expect "  and is a store still" ipvm fsck --store back.old-1
expect "  as is the new one" ipvm fsck --store back

# --- Damage -------------------------------------------------------------------------

size=$(stat -c %s one.backup) trouble=0
for at in 0 1 63 64 65 4096 8192 100000 $((size / 2)) $((size - 65)) $((size - 64)) $((size - 1)); do
    head -c "$at" one.backup > cut.backup
    "$IPVM" restore cut.backup --store cut > "$OUT" 2> "$ERR"
    CODE=$?
    ((CODE == 3)) && grep -qE 'not a backup, or cut short|has changed' "$ERR" || trouble=$((trouble + 1))
    [[ -z $(find . -maxdepth 1 -name 'cut' -o -maxdepth 1 -name 'cut.r*') ]] || trouble=$((trouble + 1))
done
LAST="restores of backups that were cut"
expect_true "one that was cut is refused, and leaves nothing" test $trouble = 0
trouble=0
for seed in {1..30}; do
    python3 - "$seed" << 'END'
import random, sys
chance = random.Random(int(sys.argv[1]))
data = bytearray(open("one.backup", "rb").read())
at = chance.choice([len(data), 64, 8192])
data[len(data) - 1 - chance.randrange(at) if at == 64 else chance.randrange(at)] ^= 1 << chance.randrange(8)
open("bad.backup", "wb").write(data)
END
    "$IPVM" restore bad.backup --store bad > "$OUT" 2> "$ERR"
    CODE=$?
    ((CODE == 3)) && [[ ! -e bad && ! -e bad.restoring ]] || trouble=$((trouble + 1))
done
LAST="restores of backups with one bit flipped"
expect_true "one that changed is refused" test $trouble = 0
cat one.backup <(echo more) > long.backup
expect_code 3 "one with more behind it" ipvm restore long.backup --store bad
expect_code 3 "an empty file" ipvm restore /dev/null --store bad
expect_code 3 "something else" ipvm restore primes.wasm --store bad
expect_code 4 "a file that is not there" ipvm restore nowhere --store bad
expect_code 3 "a directory" ipvm backup other
expect_code 5 "a place where none can be" ipvm backup nowhere/x.backup
expect_code 2 "no file at all" ipvm backup

cp -r back damaged
python3 - damaged/data.mdb big << 'END'
import sys
data = bytearray(open(sys.argv[1], "rb").read())
at = data.find(open(sys.argv[2], "rb").read(4096))
data[at] ^= 1
open(sys.argv[1], "wb").write(data)
END
expect "a store with a damaged block is backed up" ipvm backup damaged.backup --store damaged
expect_code 3 "--verify finds it" ipvm restore damaged.backup --verify --store bad
expect_error '1 blocks in it were damaged'
expect_true "  and leaves nothing" test ! -e bad -a ! -e bad.restoring
expect "without, it is restored as it was" ipvm restore damaged.backup --store bad
expect_code 3 "  and fsck finds it" ipvm fsck --store bad

# --- While runs go on ----------------------------------------------------------------

runs() {
    local n
    for ((n = 0; n < 1000; n++)); do
        [[ -e stop ]] && break
        "$IPVM" run primes.wasm count 0 $((3000 + n)) -q > /dev/null 2>> runs.err || return 1
        "$IPVM" add -q "$1" > /dev/null 2>> runs.err || return 1
    done
}
head -c 5000000 /dev/urandom > more.1
head -c 5000000 /dev/urandom > more.2
runs more.1 &
first=$!
runs more.2 &
second=$!
trouble=0
for n in {1..8}; do
    rm -rf hot
    "$IPVM" backup -q hot.backup 2>> "$ERR" || trouble=$((trouble + 1))
    "$IPVM" restore -q hot.backup --verify --store hot 2>> "$ERR" || trouble=$((trouble + 1))
    "$IPVM" fsck -q --store hot > "$OUT" 2>> "$ERR" || trouble=$((trouble + 1))
done
LAST="8 backups while two others write"
expect_true "backups while others write are whole stores" test $trouble = 0
"$IPVM" backup -q a.backup 2> err.1 &
a=$!
"$IPVM" backup -q b.backup 2> err.2 &
wait $! && wait $a
LAST="two backups at once"
expect_true "two at once" test $? = 0
touch stop
wait $first && wait $second
LAST="runs while backups are made"
expect_true "the others were not disturbed" test $? = 0
expect "both are whole" ipvm restore a.backup --store from.a
expect "  both" ipvm restore b.backup --store from.b

# --- kill -9 ---------------------------------------------------------------------------

trouble=0
for ((n = 0; n < KILLS; n++)); do
    rm -f killed.backup
    "$IPVM" backup -q killed.backup > /dev/null 2>&1 &
    pid=$!
    sleep "0.0$((n % 10))"
    kill -9 $pid 2> /dev/null
    wait $pid 2> /dev/null
    [[ -e killed.backup ]] || continue
    rm -rf killed
    "$IPVM" restore -q killed.backup --store killed > "$OUT" 2> "$ERR" || trouble=$((trouble + 1))
done
rm -f killed.backup.ipvm-*
LAST="$KILLS backups that were killed"
expect_true "a backup that was killed is whole or not there" test $trouble = 0
rm -rf killed
cp -r back killed
trouble=0
for ((n = 0; n < KILLS; n++)); do
    "$IPVM" restore -q a.backup --force --store killed > /dev/null 2>&1 &
    pid=$!
    sleep "0.0$((n % 10))"
    kill -9 $pid 2> /dev/null
    wait $pid 2> /dev/null
    "$IPVM" run -q graph.yaml --store killed > "$OUT" 2> "$ERR" && [[ $(cat "$OUT") == "$right" ]] || trouble=$((trouble + 1))
    rm -rf killed.old-*
done
LAST="$KILLS restores that were killed"
expect_true "a restore that was killed leaves the old store or the new" test $trouble = 0
expect "  and the next one ends" ipvm restore a.backup --force --store killed
expect "  with a sound store" ipvm fsck --store killed
expect_true "  and nothing half done" test ! -e killed.restoring
"$IPVM" restore -q a.backup --store twice > out.1 2> err.1 &
a=$!
"$IPVM" restore -q a.backup --store twice > out.2 2> err.2 &
b=$!
wait $a
a=$?
wait $b
b=$?
LAST="two restores at once ($a, $b)"
expect_true "two restores at once: one makes it" test $((a == 0 || b == 0)) = 1
expect "  a sound one" ipvm fsck --store twice

# --- A full disk -------------------------------------------------------------------------

mkdir small
if ((EUID == 0)) && mount -t tmpfs -o size=2m tmpfs small 2> /dev/null; then
    expect_code 5 "a backup that does not fit" ipvm backup small/x.backup
    expect_error '(no space|full|No space)'
    expect_true "  leaves nothing" test -z "$(ls -A small)"
    expect_code 5 "a restore that does not fit" ipvm restore a.backup --store small/store
    expect_error '(no space|full|No space)'
    expect_true "  leaves nothing" test -z "$(ls -A small)"
    umount small
else
    skip "cannot mount a tmpfs: a full disk not tried"
fi
capture bash -c "ulimit -f 1000; '$IPVM' backup limited.backup"
expect_true "a file that may not grow ($CODE)" test "$CODE" = 5 -a ! -e limited.backup

finish
