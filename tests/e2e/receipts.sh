#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What runs here gets signed receipts, once each, whatever is killed; they are
# listed, shown, checked and exported, and what is changed fails its check.
source "$(dirname "$0")/lib.sh"

cp -r "$ROOT/examples/words" . && cd words || exit 1

log_count() { ipvm receipts log -q | wc -l; }
json() { python3 -c "import json,sys; d=json.load(open('$OUT')); print($1)"; }

# --- A workflow's receipts -----------------------------------------------------

expect "a workflow runs" ipvm run -q words.yaml
expect "its output has a receipt" ipvm receipt words.yaml
expect_match '^function: top$'
expect_match '^outcome: ok$'
expect_match '^issuer: did:key:z6Mk.* \(this store\)$'
expect_match '^signed: as number [0-9]+ of the 16 in its issuer.s log$'
for check in assertion result token issuer signature time proof; do
    expect_match "^  $check +ok$"
done
expect_error 'made a key'
expect "the second time nothing is made" ipvm receipt words.yaml --json
expect_true "and nothing is said of a key" test ! -s "$ERR"
expect_true "a program reads it" \
    test "$(json 'all(c["ok"] for c in d["checks"])')" = True
RECEIPT=$(json 'd["receipt"]') RESULT=$(json 'd["result"]')
TASK=$(json 'd["task"]') COMPUTATION=$(json 'd["computation"]')
DID=$(json 'd["issuer"]')

for cid in "$RECEIPT" "$RESULT" "$TASK" "$COMPUTATION"; do
    expect "it is found by ${cid:0:12}" ipvm receipt -q "$cid"
    expect_match "^receipt: $RECEIPT$"
done
expect_code 4 "a CID of nothing has none" ipvm receipt \
    bafyreifcqqic4u5xrkqdibsgtylpdlyq5zuz7swjfmf4ksvkrfv3drd6g4
expect_error 'no receipt of'
expect_code 4 "a label that is not there" ipvm receipt words.yaml nothing
expect_error 'has no task nothing'

# --- Lists and the log ---------------------------------------------------------

expect "all of them are listed" ipvm receipts ls -q
expect_true "each task once" test "$(wc -l < "$OUT")" -eq 16
expect "those of this store" ipvm receipts ls -q --by "$DID"
expect_true "are all of them" test "$(wc -l < "$OUT")" -eq 16
expect "those of a result" ipvm receipts ls -q --of "$RESULT"
expect_output "$RECEIPT"
expect_true "the log has them in their order" test "$(log_count)" -eq 16
FIRST=$(ipvm receipts log -q | head -1)
expect "what came after the first" ipvm receipts log -q --since "$FIRST"
expect_true "is the rest" test "$(wc -l < "$OUT")" -eq 15
expect "the log has one head" ipvm receipts log --heads
expect_true "of all of them" grep -q ' 16$' "$OUT"
HEAD=$(cut -d' ' -f1 "$OUT")

expect "running again from the memo" ipvm run -q words.yaml
expect_true "states nothing anew" test "$(log_count)" -eq 16
expect "running again without it" ipvm run -q --no-memo words.yaml
expect_true "neither does that: it is the same" test "$(log_count)" -eq 16
expect_true "and needs no new head" \
    test "$(ipvm receipts log --heads | wc -l)" -eq 1

# --- Traps and limits ----------------------------------------------------------

cat > ends.yaml << 'YAML'
ipvm: "1.0"
name: ends
tasks:
  short:
    run: words.wasm#count
    args: ["one two three"]
    limits: {fuel: 1}
YAML
ipvm run -q ends.yaml > /dev/null 2>&1
expect "a task that ended has a receipt" ipvm receipt ends.yaml
expect_match '^end: limit/fuel$'
expect_match '^signed: alone$'
expect_match '^expires: '
expect_true "and is in no log" test "$(log_count)" -eq 16

# --- Export --------------------------------------------------------------------

expect "receipts are exported" ipvm receipts export -o all.car
expect_error '16 receipts'
expect "of one workflow, with a batch of their own" \
    ipvm receipts export --batch words.yaml -o one.car
expect_error '1 receipts'
expect_code 2 "not into a pipe of JSON" ipvm receipts export --json
sed 's/this/that/' ../words/README.md > README.md
expect "another run" ipvm run -q words.yaml
expect "with a proof that the log grew" \
    ipvm receipts export --since "$HEAD" -o grown.car
expect_code 4 "not from a head of nobody" \
    ipvm receipts export --since "$RECEIPT" -o none.car
expect_error 'no head of that CID'
cp all.car bad.car
python3 - << 'PY'
data = bytearray(open("bad.car", "rb").read())
data[len(data) // 2] ^= 1
open("bad.car", "wb").write(data)
PY
expect_code 3 "a changed byte is found on import" ipvm import bad.car
expect "the whole one is imported" ipvm --store other import --no-pin all.car

# --- Crashes -------------------------------------------------------------------

NUMBERS=$WORK/numbers.store
many() { # Tasks of their own each time.
    {
        echo 'ipvm: "1.0"'
        echo "name: many"
        echo "tasks:"
        for n in $(seq 1 400); do
            echo "  t$n: {run: words.wasm#count, args: [\"$1 $n words\"]}"
        done
    } > many.yaml
}
many first
expect "many small tasks run" ipvm --store "$NUMBERS" run -q many.yaml
# Before anything is sealed the process is gone, which is what a crash is.
expect "sealed by another process" ipvm --store "$NUMBERS" receipts log -q
expect_true "each is there once" test "$(sort -u "$OUT" | wc -l)" -eq 400
expect_true "and no more" test "$(wc -l < "$OUT")" -eq 400

for round in 1 2 3; do
    many "round $round"
    ipvm --store "$NUMBERS" run -q many.yaml > /dev/null 2>&1
    "$IPVM" --store "$NUMBERS" receipts log -q > /dev/null 2>&1 &
    victim=$!
    sleep "0.0$round"
    kill -9 $victim 2> /dev/null
    wait $victim 2> /dev/null
done
expect "after kill -9 while sealing" ipvm --store "$NUMBERS" receipts log -q
expect_true "each is there once" test "$(sort -u "$OUT" | wc -l)" -eq 1600
expect_true "and no more" test "$(wc -l < "$OUT")" -eq 1600

many twice
ipvm --store "$NUMBERS" run -q many.yaml > /dev/null 2>&1
"$IPVM" --store "$NUMBERS" receipts log -q > one.txt 2> one.err &
first=$!
"$IPVM" --store "$NUMBERS" receipts log -q > two.txt 2> two.err &
second=$!
wait $first && wait $second
expect_true "two that seal at once tell the same" cmp one.txt two.txt
expect_true "each once" test "$(sort -u one.txt | wc -l)" -eq 2000
expect "the last of them holds" ipvm --store "$NUMBERS" receipt many.yaml t7
expect_match '^  proof +ok$'

expect "a run that is followed" ipvm --store "$NUMBERS" receipts log -q
"$IPVM" --store "$NUMBERS" receipts log -q --follow > follow.txt 2>&1 &
follower=$!
many followed
ipvm --store "$NUMBERS" run -q many.yaml > /dev/null 2>&1
for _ in $(seq 1 40); do
    [[ $(wc -l < follow.txt) -ge 2400 ]] && break
    sleep 0.1
done
kill -TERM $follower
wait $follower
expect_true "is told as it goes on" test "$(wc -l < follow.txt)" -eq 2400

finish
