#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The doctor says what is wrong, and what to do about it.
source "$(dirname "$0")/lib.sh"

# name_of HEALTH: the names of all findings that are so.
names() {
    python3 -c 'import json, sys
print(" ".join(f["name"] for f in json.load(open(sys.argv[1]))["findings"]
               if f["health"] == sys.argv[2]))' "$OUT" "$1"
}
expect_wrong() {
    local got
    got=$(names wrong)
    if [[ $got == "$1" ]]; then
        ok "  what is wrong is: $1"
    else
        not_ok "  what is wrong is: $1" "it is: $got"
    fi
}

expect "all is well before there is a store" ipvm doctor
expect_match 'store .*is not there yet'
expect_match 'worker .*a guest was compiled and run in its sandbox'
expect_true "  and none is made" test ! -e "$IPVM_STORE"
expect "as JSON" ipvm doctor --json
expect_wrong ''
expect "with --quiet what is fine is not told" ipvm doctor -q
expect_true "  " test -z "$(grep '✓' "$OUT")"

echo hello > hello.txt
ipvm add -q hello.txt > /dev/null
expect "with a store" ipvm doctor
expect_match '^✓ store .*: 1 blocks of .*, 0 results, 0 jobs \(0 open\)'
expect_match '^✓ disk +syncs in [0-9.]+ (us|ms|s)'
expect_match '^✓ key +none yet'
expect_match '^[✓!] node +none runs on this store'
left=$(find "$IPVM_STORE" -newer hello.txt -name '*doctor*' | wc -l)
expect_true "  nothing is left in it" test "$left" -eq 0

# --- A node --------------------------------------------------------------------

"$IPVM" node --port 0 > node.out 2> node.err &
node=$!
at_leave() { kill -9 $node; }
for _ in {1..200}; do
    grep -q dashboard node.out && break
    sleep 0.02
done
expect "with a node" ipvm doctor
expect_match '^✓ node +runs at http://127.0.0.1:[0-9]+ as process [0-9]+$'
expect_match '^✓ key +did:key:z6Mk'
kill -STOP "$node"
expect_code 1 "with one that does not answer" ipvm doctor
expect_match '^✗ node +process [0-9]+ is there but does not answer'
expect_match '→ start it again'
kill -CONT "$node"
kill "$node"
wait "$node"

# --- What can be wrong ----------------------------------------------------------

chmod 644 "$IPVM_STORE/keys/self.key"
expect_code 1 "a key that others may read" ipvm doctor --json
expect_wrong key
chmod 600 "$IPVM_STORE/keys/self.key"
expect_code 1 "no helper" env IPVM_WORKER=/nowhere "$IPVM" doctor --json
expect_wrong worker
expect_code 1 "no place to try one" env TMPDIR=/nowhere "$IPVM" doctor --json
expect_wrong worker
touch -d '+1 hour' "$IPVM_STORE/data.mdb"
expect_code 1 "a clock that went back" ipvm doctor --json
expect_wrong clock
touch "$IPVM_STORE/data.mdb"
mkdir -p "$HOME/.config/ipvm"
echo 'prot: 1' > "$HOME/.config/ipvm/node.yaml"
expect_code 1 "settings that a node would not take" ipvm doctor
expect_match "^✗ node +it would not start: .*did you mean 'port'"
python3 -c 'import socket, time
s = socket.socket()
s.bind(("127.0.0.1", 0))
s.listen()
print(s.getsockname()[1], flush=True)
time.sleep(60)' > port &
holder=$!
while [[ ! -s port ]]; do sleep 0.02; done
echo "port: $(cat port)" > "$HOME/.config/ipvm/node.yaml"
expect "a port that is taken is doubtful only" ipvm doctor
expect_match '^! node +none runs on this store, and port [0-9]+ is taken'
expect_match '→ give yours another'
kill $holder
rm "$HOME/.config/ipvm/node.yaml"
expect_code 1 "addresses that are bounded" bash -c "ulimit -v 4000000; '$IPVM' doctor"
expect_match '^✗ limits +addresses are bounded to 3.8 GiB'
expect "few files are doubtful" bash -c "ulimit -n 500; '$IPVM' doctor"
expect_match '^! limits +500 open files at once'
expect_match '→ raise it'
head -c 100000 /dev/urandom > "$IPVM_STORE/data.mdb"
expect_code 1 "a store that is damaged" ipvm doctor
expect_match '^✗ store '
expect_match '→ restore a backup'
rm -rf "$IPVM_STORE"
mkdir -p "$IPVM_STORE"
printf '{"did":1}' > "$IPVM_STORE/node.json"
expect_code 1 "a node.json that no node wrote" ipvm doctor
expect_match '→ remove the file'
finish
