#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# CAR files go out and come in again, whole or not at all; a workflow takes
# what the memo knows of it along, and who trusts the file runs nothing.
source "$(dirname "$0")/lib.sh"

cat > make.py << 'PY'
# CAR files by hand: make.py KIND FILE [NUMBER]
import hashlib, os, sys

def varint(number):
    out = b""
    while number >= 128:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])

def cid(data, codec=0x55):
    return b"\x01" + varint(codec) + b"\x12\x20" + hashlib.sha256(data).digest()

def section(name, data):
    return varint(len(name) + len(data)) + name + data

def header(roots):
    links = b"".join(
        b"\xd8\x2a" + (b"\x58" if len(root) > 22 else b"") +
        bytes([len(root) + 1 + (0 if len(root) > 22 else 0x40)]) + b"\0" + root
        for root in roots)
    body = (b"\xa2\x65roots" + bytes([0x80 + len(roots)]) + links +
            b"\x67version\x01")
    return varint(len(body)) + body

def listed(links):
    return bytes([0x80 + len(links)]) + b"".join(
        b"\xd8\x2a\x58\x25\0" + link for link in links)

kind, path = sys.argv[1:3]
number = int(sys.argv[3]) if len(sys.argv) > 3 else 0
one, two = b"one of two", b"two of two"
pair = listed([cid(one), cid(two)])
root = cid(pair, 0x71)
plain = header([root]) + section(root, pair) + section(cid(one), one) + \
    section(cid(two), two)
with open(path, "wb") as out:
    if kind == "plain":
        out.write(plain)
    elif kind == "duplicate":
        out.write(plain + plain[len(header([root])):])
    elif kind == "rootless":
        out.write(header([]) + section(cid(one), one))
    elif kind == "elsewhere":  # the root is not in it
        out.write(header([cid(b"nowhere")]) + section(cid(one), one))
    elif kind == "identity":
        name = b"\x01\x55\0\x02hi"
        out.write(header([name]) + section(name, b"hi") + section(cid(one), one))
    elif kind == "hash":
        out.write(header([]) + section(cid(one), one) +
                  section(b"\x01\x55\xb2\x9f\x01\x02aa", two))
    elif kind == "codec":
        out.write(header([]) + section(cid(one, 0x3001), one))
    elif kind == "padding":
        out.write(plain + b"\0")
    elif kind == "lying":  # says one byte more than there is
        out.write(header([]) + section(cid(one), one) +
                  varint(36 + len(two) + 1) + cid(two) + two)
    elif kind == "huge":  # says an exbibyte
        out.write(header([]) + section(cid(one), one) +
                  varint(1 << 60) + cid(two) + two)
    elif kind == "v2":
        out.write(b"\x0a\xa1\x67version\x02" + bytes(16) +
                  (60).to_bytes(8, "little") +
                  len(plain).to_bytes(8, "little") + bytes(8) + bytes(9) +
                  plain + b"this is no block")
    elif kind == "tiny":  # as many blocks of 8 bytes, in no DAG
        out.write(header([]))
        for index in range(number):
            data = index.to_bytes(8, "little")
            out.write(b"\x2c\x01\x55\x12\x20" + hashlib.sha256(data).digest() +
                      data)
    elif kind == "large":  # as many MiB, the root last
        names = []
        body = bytearray(os.urandom(1 << 20))
        blocks = []
        for index in range(number):
            body[:8] = index.to_bytes(8, "little")
            blocks.append(cid(body))
        # Lists of 16, then one of those.
        lists = [listed(blocks[at:at + 16]) for at in range(0, number, 16)]
        top = listed([cid(each, 0x71) for each in lists])
        out.write(header([cid(top, 0x71)]))
        for index in range(number):
            body[:8] = index.to_bytes(8, "little")
            out.write(section(cid(body), bytes(body)))
        for each in lists + [top]:
            out.write(section(cid(each, 0x71), each))
PY

car() { python3 make.py "$@"; }

# What the store has, by its own word: blocks, pins.
count() { ipvm stat --json | sed "s/.*\"$1\":\([0-9]*\).*/\1/"; }
unchanged() { [[ $(count blocks) == "$1" && $(count pins) == "$2" ]]; }

# --- In ------------------------------------------------------------------------

car plain plain.car
expect "a CAR comes in" ipvm import plain.car --json
expect_match '"blocks":3,'
expect_match '"missing":0,'
root=$(sed 's/.*"roots":\[{"cid":"\([^"]*\)".*/\1/' "$OUT")
expect "its root is pinned under the file's name" ipvm pins
expect_match "$root.*plain\\.car"
expect "it goes out as it came" ipvm export "$root" -o again.car
expect_true "  byte for byte" cmp plain.car again.car
expect "to standard output too" ipvm export "$root"
expect_true "  byte for byte" cmp plain.car "$OUT"
expect "a pipe comes in" bash -c "cat plain.car | '$IPVM' import - -q"
expect_output "$root"
expect_true "  and adds nothing" unchanged 3 1
car duplicate duplicate.car
expect "blocks may come twice" ipvm import duplicate.car
expect_true "  and are kept once" unchanged 3 1
car v2 v2.car
expect "a v2 comes in" ipvm import v2.car
expect_true "  without what is behind its data" unchanged 3 1
car rootless rootless.car
expect "a CAR may have no roots" ipvm import rootless.car --json
expect_match '"roots":\[\]'
car elsewhere elsewhere.car
expect "a root may be elsewhere" ipvm import elsewhere.car
expect_match 'not pinned, not in the file'
expect_error 'neither in it nor in the store'
expect_true "  and is not pinned then" unchanged 3 1
car identity identity.car
expect "identity CIDs answer for themselves" ipvm import identity.car
expect_true "  and are not stored" unchanged 3 1
car codec codec.car
expect "an unknown codec is kept as bytes" ipvm import codec.car
expect "--no-pin pins nothing" env IPVM_STORE="$WORK/unpinned" "$IPVM" import --no-pin plain.car
expect_match 'not pinned'

# --- Bad ones leave nothing -----------------------------------------------------

car hash hash.car
expect_code 3 "a hash that nobody can verify is refused" ipvm import hash.car
expect_error 'hash\.car: block \S+ at byte 65 has the hash 0x4fb2'
car padding padding.car
expect_code 3 "padding is refused" ipvm import padding.car
expect_error 'is empty: CAR has no padding'
export IPVM_STORE=$WORK/clean
expect "an empty store" ipvm stat
car lying lying.car
expect_code 3 "a length that is too long" ipvm import lying.car
expect_error 'at byte 65 is cut off: the file ends at byte 112'
car huge huge.car
expect_code 3 "an exbibyte" ipvm import huge.car
expect_error 'at byte 65 has .* bytes, more than the'
size=$(stat -c %s plain.car)
for len in 0 1 17 58 60 100 $((size - 1)); do
    head -c "$len" plain.car > cut.car
    expect_code 3 "cut off after $len bytes" ipvm import cut.car
    expect_error 'cut\.car: .*byte'
done
expect_code 3 "not a CAR at all" ipvm import make.py
expect_error 'make\.py: not a CAR file'
expect_code 3 "a directory" ipvm import .
expect_code 4 "a file that is not there" ipvm import none.car
expect_true "nothing was kept of any" unchanged 0 0

# More than one transaction: 48 MiB, with a flipped byte near the end.
car large large.car 48
cp large.car flipped.car
section=$(python3 - << 'PY'
import hashlib
data = open("flipped.car", "rb").read()
at = 1 + data[0]
for index in range(40):
    length, shift, start = 0, 0, at
    while True:
        byte = data[at]
        length |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            break
    at += length
print(start)
with open("flipped.car", "r+b") as out:
    out.seek(at - 5)
    out.write(bytes([data[at - 5] ^ 1]))
PY
)
expect_code 3 "a flipped byte in block 40" ipvm import flipped.car
expect_error "flipped\\.car: block bafkrei\\S+ at byte $section does not match its hash"
expect_code 3 "  in a pipe" bash -c "cat flipped.car | '$IPVM' import -"
expect_error "at byte $section does not match its hash"
expect_true "  nothing is kept" unchanged 0 0

# --- Trouble in the middle -------------------------------------------------------

if ((EUID == 0)) && mkdir small && mount -t tmpfs -o size=24m tmpfs small 2> /dev/null; then
    IPVM_STORE=$WORK/small/store expect_code 5 "a full disk" ipvm import large.car
    expect_error '(no space|full|No space)'
    expect_true "  pins nothing" bash -c "IPVM_STORE=$WORK/small/store '$IPVM' pins -q | wc -l | grep -qx 0"
    expect_code 5 "  nor has room for a pipe" bash -c "cat large.car | IPVM_STORE=$WORK/small/store '$IPVM' import -"
    umount small
else
    skip "cannot mount a tmpfs: a full disk not tried"
fi
expect_code 5 "a full place to export to" bash -c "'$IPVM' import -q rootless.car plain.car && '$IPVM' export $root > /dev/full"

for delay in 0.02 0.05 0.1 0.2 0.3 0.5 2; do
    IPVM_STORE=$WORK/killed bash -c "timeout -s KILL $delay '$IPVM' import -q large.car; true" > killed.out 2>&1
    pinned=$(IPVM_STORE=$WORK/killed "$IPVM" pins -q | wc -l)
    whole=1
    if ((pinned > 0)); then
        IPVM_STORE=$WORK/killed "$IPVM" export "$(IPVM_STORE=$WORK/killed "$IPVM" pins -q | head -n 1 | awk '{print $1}')" > /dev/null 2>&1 || whole=0
    fi
    expect_true "killed after $delay s: what is pinned is whole ($pinned pins)" test $whole = 1
done

export IPVM_STORE=$WORK/both
"$IPVM" import -q large.car > first.out 2>&1 &
first=$!
expect "two imports of one file at once" ipvm import -q large.car
expect_true "  the other one too" wait $first
expect_true "  leave what one would" unchanged 52 1
expect "  which goes out whole" ipvm export "$(head -n 1 first.out)" -o both.car

# --- A million tiny blocks -------------------------------------------------------

export IPVM_STORE=$WORK/many
car tiny tiny.car 1000000
cat > rss.py << 'PY'
import resource, subprocess, sys
code = subprocess.run([sys.argv[1], "import", "-q", "tiny.car"]).returncode
kib = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print(code, kib)
sys.exit(code)
PY
capture python3 rss.py "$IPVM"
read -r code kib < "$OUT"
expect_true "a million tiny blocks come in ($MS ms)" test "$code" = 0
expect_true "  all of them" unchanged 1000000 0
echo "  resident memory: $kib KiB"
rm -rf "$WORK/many" tiny.car

# --- Workflows --------------------------------------------------------------------

photo=$ROOT/examples/photo
[[ -f $photo/image.wasm ]] || {
    skip "no examples/photo/image.wasm: workflows not tried"
    finish
}
export IPVM_STORE=$WORK/a
expect "a workflow runs on one machine" ipvm run "$photo/photo.yaml" -n --json
workflow=$(sed 's/.*"workflow":"\([^"]*\)".*/\1/' "$OUT")
cp "$OUT" ran.json
expect "it goes out with its results" ipvm export "$workflow" -o photo.car --json
expect_match '"answers":13,'
expect_match '"left_out":0,'
expect "without them" ipvm export --dag-only "$workflow" -o dag.car --json
expect_match '"answers":0,'

export IPVM_STORE=$WORK/b
expect "another machine takes it as content" ipvm import photo.car --json
expect_match '"missing":0,'
expect_match '"answers":null'
expect "  and would run it" ipvm explain "$workflow" --json
expect_match '"would_run":[1-9]'
expect "trusting it" ipvm import --trust-answers photo.car
expect_error '13 results are new in the memo'
# No worker can be had: whatever ran would fail.
IPVM_WORKER=/bin/false expect "  it answers from the memo, without a worker" ipvm run "$workflow" -n --json
expect_true "  as the other did" cmp "$OUT" ran.json
expect "  says where it has it from" ipvm explain "$workflow"
expect_match 'an imported answer that was trusted'
expect "it goes on from here" ipvm export "$workflow" -o on.car
expect_true "  the same" cmp photo.car on.car
expect "  and is whole, promises and all" ipvm gc --json
expect_match '"missing":0,'
expect "  as fsck says" ipvm fsck
expect "what was known stays" ipvm import --trust-answers photo.car --json
expect_match '"known":13'

export IPVM_STORE=$WORK/c
expect "only the DAG" ipvm import --trust-answers dag.car
expect_error 'no answers in it'
expect "  runs here" ipvm run "$workflow" -n --json
expect_true "  to the same end" cmp "$OUT" ran.json
expect "a file whose results are known here already" ipvm import --trust-answers photo.car --json
expect_match '"alarms":0,"entered":0,"known":13'

# A result that lost a block is left out, and what was computed from it.
export IPVM_STORE=$WORK/b
block=$(sed 's/.*"cid":"\([^"]*\)","label":"big-eye".*/\1/' ran.json)
if "$IPVM" block rm --force "$block" > /dev/null 2>&1; then
    expect "what was lost in part is left out" ipvm export "$workflow" -o part.car --json
    expect_match '"answers":11,'
    expect_match '"left_out":2,'
else
    skip "block rm does not remove what is pinned: left_out not tried"
fi

# One result by its CID: its computation, module, inputs.
export IPVM_STORE=$WORK/a
result=$(ipvm explain "$workflow" --json | grep -o '"result":"[^"]*"' | head -n 1 | cut -d'"' -f4)
expect "a result goes out with its computation" ipvm export "$result" -o result.car --json
expect_match '"answers":[1-9]'

finish
