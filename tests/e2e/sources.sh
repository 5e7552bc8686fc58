#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Blocks of CAR files are used where they lie: by every command and in runs,
# without being imported; whatever happens to the files, what is handed out is
# right, and what cannot be had is said.
source "$(dirname "$0")/lib.sh"

words=$ROOT/examples/words/words.wasm
[[ -f $words ]] || {
    echo "not ok - $words is not there: run make guests first"
    exit 1
}

# make_car OUT FILE...: a CAR without roots, each file one raw block; prints
# their CIDs.
make_car() {
    python3 - "$@" << 'END'
import base64, hashlib, sys

def varint(number):
    out = b""
    while number > 127:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])

with open(sys.argv[1], "wb") as car:
    car.write(b"\x11\xa2eroots\x80gversion\x01")
    for name in sys.argv[2:]:
        data = open(name, "rb").read()
        cid = b"\x01\x55\x12\x20" + hashlib.sha256(data).digest()
        car.write(varint(len(cid) + len(data)) + cid + data)
        print("b" + base64.b32encode(cid).decode().lower().rstrip("="))
END
}

store_bytes() { stat -c %s "$IPVM_STORE/data.mdb"; }

mkdir cars pieces
for piece in $(seq 40); do head -c 1048576 /dev/urandom > "pieces/$piece"; done
printf 'one two two\nthree three three\n' > text
mapfile -t cids < <(make_car cars/big.car pieces/*)
text=$(make_car cars/text.car text)

# --- Adding -----------------------------------------------------------------

expect_code 4 "a block that is nowhere is not found" ipvm cat "$text"
expect "a folder becomes a source" ipvm source add cars
expect_match "^$WORK/cars  2 CARs, 41 blocks, 40\\.0 MiB\$"
expect "its blocks are there" ipvm cat "$text"
expect_true "  unchanged" cmp "$OUT" text
expect "large ones too" ipvm cat "${cids[17]}"
expect "ls shows it" ipvm source ls --json
expect_match '"blocks":41,"bytes":41943070'
expect_match '"refused":\[\]'
expect "adding it again changes nothing" ipvm source add cars
expect "  it is there once" ipvm source ls -q
expect_output "$WORK/cars"

cat > words.yaml << END
ipvm: "1.0"
tasks:
  one: {run: "$words#count", args: [!cid $text]}
  top: {run: "$words#top", args: [!ok one, 3]}
outputs: [top]
END
expect "a run takes its input from it" ipvm run -n words.yaml
expect_true "nothing was imported" test "$(store_bytes)" -lt 8388608
expect "another store knows nothing of it" env IPVM_STORE="$WORK/other" "$IPVM" source ls
expect_output ""

# --- Two at once ------------------------------------------------------------

rm -rf "$IPVM_STORE/sources"
for number in 1 2 3 4; do
    ipvm source add -q cars > "added.$number" 2>&1 &
done
wait
expect_true "four processes index at once" \
    bash -c 'for n in 1 2 3 4; do grep -qx "$0/cars" added.$n || exit 1; done' "$WORK"
expect "  the source is on the list once" ipvm source ls -q
expect_output "$WORK/cars"
expect "  and the index is right" ipvm cat "${cids[39]}"
expect_true "  and there is one" bash -c \
    'set -- "$0"/sources/*.index; [[ $# == 1 && -f $1 ]]' "$IPVM_STORE"

# --- kill -9 while it indexes -----------------------------------------------

for number in $(seq 10); do
    rm -rf "$IPVM_STORE/sources"
    "$IPVM" source add cars > /dev/null 2>&1 &
    sleep "0.00$number"
    kill -9 $! 2> /dev/null
    wait $! 2> /dev/null
done
expect "what was killed while indexing can be done again" ipvm source add cars
expect_match '2 CARs, 41 blocks'
expect "  and serves" ipvm cat "$text"

# --- Files that change ------------------------------------------------------

cp cars/big.car big.whole
python3 - cars/big.car "${cids[5]}" << 'END'
import base64, sys
name, cid = sys.argv[1:]
raw = base64.b32decode(cid[1:].upper() + "=" * (-len(cid[1:]) % 8))
with open(name, "r+b") as car:
    at = car.read().index(raw) + len(raw) + 1000
    car.seek(at)
    car.write(b"damage")
END
expect_code 5 "a damaged block is refused" ipvm cat "${cids[5]}"
expect_error "block ${cids[5]} is damaged in $WORK/cars/big\\.car at byte [0-9]+"
expect "  its neighbour is fine" ipvm cat "${cids[6]}"
cp big.whole cars/copy.car
expect "another copy stands in for it" ipvm cat "${cids[5]}"
rm cars/copy.car cars/big.car
cp big.whole cars/big.car
expect "a CAR that was replaced is indexed anew" ipvm cat "${cids[5]}"
truncate -s 20000000 cars/big.car
expect_code 4 "one that was cut off is passed over" ipvm cat "${cids[5]}"
expect "  and ls says so" ipvm source ls
expect_match "not used: $WORK/cars/big\\.car: block baf[a-z2-7]* at byte [0-9]+ is cut off"
expect "  the other one still serves" ipvm cat "$text"
mv cars/text.car away.car
expect_code 4 "one that is gone is gone" ipvm cat "$text"
mv away.car cars/text.car
expect "  until it is back" ipvm cat "$text"

# A CAR that is cut short while a process reads it.
cp big.whole cars/big.car
(for _ in $(seq 30); do
    truncate -s 5000000 cars/big.car
    sleep 0.01
    cat big.whole > cars/big.car
    sleep 0.01
done) &
changer=$!
died=0
while kill -0 $changer 2> /dev/null; do
    ipvm cat "${cids[20]}" > got 2> /dev/null
    code=$?
    case $code in
    0) cmp -s got <(for piece in pieces/*; do
        [[ $(ipvm add -n -q "$piece") != "${cids[20]}" ]] || cat "$piece"
    done) || died=1 ;;
    4) ;;
    *) died=$code ;;
    esac
done
wait $changer
expect_true "what is cut short while it is read kills nobody ($died)" test $died = 0

# --- What cannot be a source ------------------------------------------------

expect_code 4 "what is not there" ipvm source add nothing
expect_error 'there is no nothing'
expect_code 3 "a file that is no CAR" ipvm source add pieces/1
expect_error "$WORK/pieces/1: .*CAR"
expect_code 3 "a device" ipvm source add /dev/null
expect_error 'neither a file nor a folder'
expect_code 4 "removing what is none" ipvm source rm text
expect_error 'text is not a source of this store'
if ((EUID != 0)); then
    mkdir locked && chmod 0 locked
    expect_code 5 "a folder that may not be read" ipvm source add locked
else
    skip "a folder that may not be read: root may"
fi

# --- A folder that is gone, a store that cannot be written ------------------

mv cars elsewhere
expect_code 4 "without its folder a block is not found" ipvm cat "$text"
expect "  and ls says why" ipvm source ls
expect_match "$WORK/cars  \\(cannot be read now\\)"
mv elsewhere cars
rm -f "$IPVM_STORE"/sources/*.index
mkdir "$IPVM_STORE/sources/blocker"
chmod 500 "$IPVM_STORE/sources"
expect "an index that cannot be kept is made in memory" ipvm cat "$text"
chmod 700 "$IPVM_STORE/sources"
cp "$IPVM_STORE/sources/list" list
echo relative >> "$IPVM_STORE/sources/list"
expect_code 5 "a list that makes no sense is named" ipvm cat "$text"
expect_error "line 3 of $IPVM_STORE/sources/list is not a source"
cp list "$IPVM_STORE/sources/list"
expect "a source is removed" ipvm source rm cars
expect_code 4 "  and not used any more" ipvm cat "$text"
expect_true "  the files are as they were" test -f cars/big.car

finish
