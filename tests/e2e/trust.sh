#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Receipts of others are evidence: they answer only while a rule says so, never
# when those who are believed contradict each other, and never when one fails
# a check.
source "$(dirname "$0")/lib.sh"

cat > forge.py << 'PY'
# forge.py KIND KEY.pem DID TASK COMPUTATION FILE.car: a receipt that says
# {"ok": 7}, or one that is wrong in the way KIND names
import hashlib, subprocess, sys, tempfile

ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"

class Link(bytes):
    pass

def head(major, number):
    for size, code in ((24, None), (1 << 8, 24), (1 << 16, 25), (1 << 32, 26)):
        if number < size:
            if code is None:
                return bytes([major << 5 | number])
            return bytes([major << 5 | code]) + number.to_bytes(
                1 << (code - 24), "big")

def encode(value):
    if value is None:
        return b"\xf6"
    if isinstance(value, Link):
        return b"\xd8\x2a" + head(2, len(value) + 1) + b"\0" + value
    if isinstance(value, bytes):
        return head(2, len(value)) + value
    if isinstance(value, str):
        return head(3, len(value)) + value.encode()
    if isinstance(value, int):
        return head(0, value)
    if isinstance(value, list):
        return head(4, len(value)) + b"".join(map(encode, value))
    keys = sorted(value, key=lambda key: (len(key), key))
    return head(5, len(keys)) + b"".join(
        encode(key) + encode(value[key]) for key in keys)

def cid(data):
    return Link(b"\x01\x71\x12\x20" + hashlib.sha256(data).digest())

def read(text):
    bits = "".join(f"{ALPHABET.index(c):05b}" for c in text[1:])
    return Link(int(bits[i:i + 8], 2) for i in range(0, len(bits) - 7, 8))

def varint(number):
    out = b""
    while number >= 128:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])

def sign(pem, data):
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        return subprocess.run(
            ["openssl", "pkeyutl", "-sign", "-inkey", pem, "-rawin", "-in",
             file.name], check=True, capture_output=True).stdout

kind, pem, did, task, computation, path = sys.argv[1:]
result = {"ok": 1 << 20 if kind == "other" else 7}
if kind == "blocks":
    result = {"ok": cid(b"\x01")}
elif kind == "form":
    result = {"ok": {"ipvm/x": 1}}
claims = {"ran": read(task), "comp": read(computation), "out": result,
          "res": cid(encode(result)), "inp": []}
if kind == "result":
    claims["res"] = cid(encode({"ok": 8}))
assertion = encode(claims)
signed = dict(claims)
if kind == "proof":
    signed["inp"] = [cid(b"")]
payload = {"iss": did, "sub": did, "cmd": "/ucan/assert/receipt",
           "args": signed, "prf": [], "nonce": b"0123456789ab",
           "exp": 1 if kind == "time" else None}
if kind == "token":
    payload["cmd"] = "/ucan/assert/nothing"
body = {"h": bytes.fromhex("3401ed01ed011371"), "ucan/inv@1.0.0": payload}
signature = sign(pem, encode(body))
if kind == "signature":
    signature = sign(pem, b"something else")
token = encode([signature, body])
page = encode({"ipvm/receipts@1.0.0": {"token": cid(token), "receipts": [
    {"rec": cid(assertion), "path": b"", "index": 0}]}})
top = encode({"ipvm/receipts@1.0.0": {"pages": [cid(page)]}})
blocks = [top, page, token, assertion]
if kind != "missing":
    blocks.append(encode(result))
if kind == "assertion":
    blocks.remove(assertion)
with open(path, "wb") as out:
    start = encode({"roots": [cid(top)], "version": 1})
    out.write(varint(len(start)) + start)
    for block in blocks:
        name = cid(block)
        out.write(varint(len(name) + len(block)) + name + block)
PY

cp -r "$ROOT/examples/words" . && cd words || exit 1
json() { python3 -c "import json,sys; d=json.load(open('$OUT')); print($1)"; }
at() { IPVM_STORE=$WORK/$1 ipvm "${@:2}"; }
# No worker can be had: whatever runs fails.
idle() { IPVM_WORKER=/bin/false IPVM_STORE=$WORK/$1 ipvm "${@:2}"; }
did() { at "$1" key list --json 2> /dev/null | grep -o 'did:key:[A-Za-z0-9]*' | head -n 1; }

# --- One machine runs, the other is told --------------------------------------

expect "a machine runs a workflow" at a run -q words.yaml
expect "  and exports its receipts" at a receipts export -o ../a.car
A=$(did a)
expect "another takes them in" at b receipts import ../a.car
expect_match '16 receipts are new, 0 were known'
expect "  twice is once" at b receipts import ../a.car
expect_match '0 receipts are new, 16 were known'
expect_code 5 "nobody is believed by default" idle b run -n words.yaml
expect "explain says why" at b explain words.yaml
expect_match 'would run +top'
expect_match "there are receipts of it, which are not used: no rule accepts the word of $A"
expect "  and trust check does" at b trust check words.yaml
expect_match "^strangers +GPL-3: no rule accepts the word of $A"
expect "no rules are shown as that" at b trust show
expect_match 'nobody else is believed'

# --- A rule -------------------------------------------------------------------

expect "a rule is added" at b trust add "$A" --name laptop
expect_match '^1  laptop: accept$'
expect "with it nothing has to run" idle b run -n words.yaml --json
cp "$OUT" believed.json
expect "  explain names the rule" at b explain words.yaml
expect_match 'not computed here: the rule "laptop" accepts it: 1 of its 1 say so'
expect_match '^16 of 16 tasks are in the memo, 0 would run'
expect "  trust check, too" at b trust check words.yaml --json
expect_true "  for all 16" test "$(json 'sum(i["verdict"] == "accepted" and i["usable"] for i in d)')" = 16
expect "it is the result that the other had" at a run -n words.yaml --json
expect_true "  the same outputs" test "$(json 'd["outputs"]')" = \
    "$(python3 -c 'import json; print(json.load(open("believed.json"))["outputs"])')"
expect "a rule for another module is none" at b trust rm laptop
expect "  it is added" at b trust add "$A" --function none-of-this
expect_code 5 "  and believes nothing" idle b run -n words.yaml
expect "  it is removed by the DID" at b trust rm "$A"
expect "a rule is withdrawn" at b trust show -q
expect_code 5 "then nothing is known of it, nor of what led through it" idle b run -n words.yaml
expect_true "  all of it would run" test "$(at b explain words.yaml --json | grep -o '"verdict":"hit"' | wc -l)" = 0

# --- The file -----------------------------------------------------------------

cat > "$WORK/b/trust.yaml" << YAML
# by hand
version: 1
rules:
  # the farm
  - accept: $A  # Ann's
    commands: /wasm
  - deny: any
    functions: [nothing]
YAML
expect "a file by hand is read" idle b run -q -n words.yaml
expect "  a rule is added behind it" at b trust add --deny any --name nobody
expect_code 5 "  deny wins" idle b run -n words.yaml
expect "  explain says so" at b explain words.yaml
expect_match 'the rule "nobody" denies what is said of it'
expect "  and is removed" at b trust rm nobody
expect_true "  comments stay" grep -q "# Ann's" "$WORK/b/trust.yaml"
expect_code 4 "what is not there cannot be removed" at b trust rm nobody
expect_error 'no rule has the number, the name or the DID nobody'
sed -i 's/deny: any/deny: anyone/' "$WORK/b/trust.yaml"
expect_code 3 "a bad line stops a run, with its place" at b run -n words.yaml
expect_error 'b/trust.yaml:7:11: '
expect_code 3 "  and a change" at b trust add "$A"
expect_error 'b/trust.yaml:7:11: '
rm "$WORK/b/trust.yaml"
expect_code 2 "nobody is believed unless named" at b trust add any
expect_code 2 "  and no DID is no DID" at b trust add did:key:z6Mk
expect_code 2 "  two of one is never" at b trust add "$A" --at-least 2

# --- Contradictions -----------------------------------------------------------

expect "the receipt of one task" at a receipt words.yaml --json
TASK=$(json 'd["task"]') COMPUTATION=$(json 'd["computation"]')
at m key new self > /dev/null 2>&1 || at m receipts ls > /dev/null 2>&1
M=$(did m)
at m key export self -o ../m.pem > /dev/null 2>&1
forge() { python3 ../forge.py "$1" ../m.pem "$M" "$TASK" "$COMPUTATION" "../$1.car"; }
forge lie
expect "rules that believe A" at b trust add "$A"
expect_code 1 "a receipt that contradicts is kept and told" at b receipts import ../lie.car
expect_error 'ALARM: 1 receipts contradict what was known'
expect_error "two results of computation $COMPUTATION"
expect "a stranger's lie changes nothing" idle b run -q -n words.yaml
expect "both are believed" at b trust add "$M" --name liar
expect_code 5 "  then none is" idle b run -n words.yaml
expect_error 'alarm: the receipts of did:key'
expect "  explain says so" at b explain words.yaml
expect_match 'contradict each other, so none is believed'
expect "  it runs" at b run -q -n words.yaml
expect "a denied liar is not heard" at b trust check "$COMPUTATION"
expect_match '^contradicted'
expect "  it is denied" at b trust add --deny "$M"
expect "  and A is believed again" at b trust check "$COMPUTATION"
expect_match '^accepted'

# --- K of n -------------------------------------------------------------------

for store in a2 a3; do
    at $store run -q words.yaml > /dev/null 2>&1
    at $store receipts export -o ../$store.car > /dev/null 2>&1
done
expect "two of three have to agree" at c trust add "$A" "$(did a2)" "$(did a3)" --at-least 2 --name farm
expect "one is here" at c receipts import ../a.car
expect_code 5 "  one is not enough" idle c run -n words.yaml
expect "  explain counts" at c explain words.yaml
expect_match 'the rule "farm" does not accept it yet: 1 of its 3 say so, it asks for 2'
expect "the second comes" at c receipts import ../a3.car
expect "  two are" idle c run -n -q words.yaml
expect "  explain counts again" at c explain words.yaml
expect_match 'the rule "farm" accepts it: 2 of its 3 say so'
expect "the third agrees" at c receipts import ../a2.car
expect "  and three are" idle c run -n -q words.yaml
expect_code 3 "one of several is not removed with a rule" at c trust rm "$A"
expect_error 'rule 1 names others, too'

# --- A lie that was believed --------------------------------------------------

# `one` is 25, and so `two` is 9; the liar says 7, and then it is 3.
cp "$ROOT/examples/primes/primes.wasm" .
cat > two.yaml << 'YAML'
ipvm: "1.0"
name: two
tasks:
  one: {run: ./primes.wasm#count, args: [0, 100]}
  two: {run: ./primes.wasm#count, args: [0, !ok one]}
outputs: [two]
YAML
at a run -q two.yaml > /dev/null 2>&1
expect "another workflow" at a receipt two.yaml one --json
TASK=$(json 'd["task"]') COMPUTATION=$(json 'd["computation"]')
forge lie
expect "its lie is taken in" at l receipts import ../lie.car
expect "the liar is believed" at l trust add "$M"
expect "  what stands on the lie is computed here" at l run -q two.yaml
expect_match '^two +3$'
expect "  and once more" at l run -q two.yaml
expect_match '^two +3$'
expect "the liar is not believed any more" at l trust rm "$M"
expect "  nothing of the lie is left" at l run -q two.yaml
expect_match '^two +9$'
expect "believed again, what was computed here counts" at l trust add "$M"
expect "  for the memo is asked first" at l run -q two.yaml
expect_match '^two +9$'

# --- Batches and logs ---------------------------------------------------------

primes() { printf 'ipvm: "1.0"\nname: p%s\ntasks:\n  c: {run: ./primes.wasm#count, args: [0, %s]}\n' "$1" "$1" > "p$1.yaml"; }
primes 150 && primes 200
HEAD=$(at a receipts log --heads -q | tail -n 1 | cut -d " " -f 1)
cp -r "$WORK/a" "$WORK/fork"
expect "a batch of its own" at a receipts export words.yaml --batch -o ../batch.car
expect "  is taken in" at f receipts import ../batch.car
expect_match '1 receipts are new'
expect "the log goes on" at a run -q p150.yaml
expect "  and is exported, with a proof that it did" at a receipts export p150.yaml --since "$HEAD" -o ../more.car
expect "  it is taken in where the older head is known" at b receipts import ../more.car
expect_match '1 receipts are new'
expect "the same key goes on from a copy" at fork run -q p200.yaml
expect "  and is exported" at fork receipts export p200.yaml -o ../fork.car
expect_code 1 "two heads of one log, of one size" at b receipts import ../fork.car
expect_error 'ALARM: two heads of one log have 19 receipts each and differ'

# --- Keeping ------------------------------------------------------------------

at g receipts import -q ../a.car
at g trust add -q "$A"
expect "a collection leaves the results of receipts" at g gc --grace 0
expect "  and the store is whole" at g fsck
expect "  they answer still" at g run -n words.yaml
expect_error 'words: all from the memo'
expect "unpinned, they go" at g unpin "$(at g pins | cut -d " " -f 1)"
expect "  with the next collection" at g gc --grace 0
expect "  and are computed here" at g run -n words.yaml
expect_error 'words: 16 ran'

# --- What fails a check -------------------------------------------------------

expect "what is forged well is taken in" at d receipts import ../lie.car
for check in assertion result token signature proof blocks; do
    forge $check
    expect_code 3 "a wrong $check is refused" at e receipts import "../$check.car"
    expect_error "fails the check $check: "
    expect_error '1 of its 1 receipts were refused; nothing of it was kept'
done
forge missing
expect_code 3 "a result that is not in the file" at e receipts import ../missing.car
expect_error 'fails the check blocks: block .* is not in the store'
forge form
expect_code 3 "a result that nobody may write" at e receipts import ../form.car
expect_error 'fails the check (assertion|result|blocks): '
forge time
expect "what has expired is left out" at e receipts import ../time.car
expect_match '1 have expired and were left out'
head -c -1 ../lie.car > ../short.car
expect_code 3 "a file that is cut off" at e receipts import ../short.car
python3 -c "
data = bytearray(open('../lie.car', 'rb').read()); data[-1] ^= 1
open('../bit.car', 'wb').write(data)"
expect_true "a bit that changed" test "$(at e receipts import ../bit.car > /dev/null 2>&1; echo $?)" -ge 3
expect_code 3 "a CAR of something else" at e receipts import /dev/null
expect "nothing of them all is here" at e stat --json
expect_match '"blocks":0,'
finish
