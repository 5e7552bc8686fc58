#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# kill -9 at any moment loses nothing that was finished and harms no store;
# Ctrl-C stops cleanly; no worker outlives its run.
source "$(dirname "$0")/lib.sh"

KILLS=${KILLS:-100}
cp "$ROOT/examples/primes/primes.wasm" . 2> /dev/null || {
    echo "not ok - examples/primes/primes.wasm is not there: run make guests first"
    exit 1
}

# Copies of the programs, so that their processes can be told from others'.
mkdir bin
cp "$IPVM" "$(dirname "$IPVM")/ipvm-worker" bin/
IPVM=$WORK/bin/ipvm

workers() { pgrep -cf "^$WORK/bin/ipvm-worker" || true; }
# Workers have this long to see that their parent is gone.
no_workers() {
    for _ in {1..50}; do
        [[ $(workers) == 0 ]] && return
        sleep 0.02
    done
    false
}

# A graph of 128 counts of STEP numbers each and 127 sums.
COUNTS=128
manifest() {
    "$ROOT/examples/primes/make-manifest.sh" "$COUNTS" "$1" > graph.yaml
}
# How many primes there are below N.
primes_below() {
    python3 -c 'import sys
n = int(sys.argv[1])
sieve = bytearray([1]) * n
sieve[:2] = b"\0\0"
for i in range(2, int(n ** 0.5) + 1):
    if sieve[i]:
        sieve[i * i :: i] = bytes(len(range(i * i, n, i)))
print(sum(sieve))' "$1"
}
known() { # tasks of the graph that the memo has
    "$IPVM" explain --json graph.yaml 2> "$ERR" |
        python3 -c 'import json, sys; print(json.load(sys.stdin)["hits"])'
}

# --- kill -9 ------------------------------------------------------------------

step=20000 kills=0 finished=0 before=0 trouble=0
manifest $step
while ((kills < KILLS)); do
    "$IPVM" run graph.yaml > "$OUT" 2> "$ERR" &
    pid=$!
    sleep "0.$(printf %03d $((RANDOM % 180 + 5)))"
    if kill -9 $pid 2> /dev/null; then
        kills=$((kills + 1))
    fi
    wait $pid 2> /dev/null
    CODE=$?
    if ((CODE == 0)); then
        # It was quicker: the answer must be right; then another graph.
        finished=$((finished + 1))
        grep -qx "primes  $(primes_below $((COUNTS * step)))" "$OUT" || trouble=$((trouble + 1))
        step=$((step + 100)) before=0
        manifest $step
        continue
    fi
    ((CODE == 137)) || trouble=$((trouble + 1))
    # The store opens, and knows at least what it knew.
    after=$(known)
    ((after >= before)) || {
        trouble=$((trouble + 1))
        echo "# $before results were known, now $after"
    }
    before=$after
done
LAST="run graph.yaml, killed $kills times; $finished runs were quicker; $before results known"
expect_true "after $kills kills the store was sound each time" test $trouble = 0
expect_true "no worker is left" no_workers
expect "then the run goes on" ipvm run graph.yaml
expect_output "primes  $(primes_below $((COUNTS * step)))"
ran=$(sed -n 's/.*graph: \([0-9]*\) ran, .*/\1/p' "$ERR")
expect_true "  runs nothing twice ($before known, ${ran:-0} ran)" test $((${ran:-0} + before)) -le $((2 * COUNTS - 1))
expect "and is all in the memo" ipvm run graph.yaml
expect_error 'all from the memo'
STORE_FILES=$(find "$IPVM_STORE" -name '*.tmp*' -o -name '*.XXXXXX' | wc -l)
expect_true "with no temporary files in the store" test "$STORE_FILES" = 0

# Killed while it writes an output: no half file.
if [[ -f $ROOT/examples/photo/image.wasm ]]; then
    half=0
    for _ in {1..20}; do
        rm -rf pictures
        "$IPVM" run "$ROOT/examples/photo/photo.yaml" -o pictures > "$OUT" 2> "$ERR" &
        pid=$!
        sleep "0.$(printf %03d $((RANDOM % 30 + 1)))"
        kill -9 $pid 2> /dev/null
        wait $pid 2> /dev/null
        for picture in pictures/sheet.png pictures/big-eye.png; do
            [[ ! -e $picture ]] || tail -c 12 "$picture" | grep -qa IEND || half=$((half + 1))
        done
    done
    LAST="run photo.yaml -o pictures, killed 20 times"
    expect_true "no output file is ever half written" test $half = 0
    expect "in the end they are all there" ipvm run -q "$ROOT/examples/photo/photo.yaml" -o pictures

    # What a killed run was at is soon free again, though it could not say so.
    blur=(run -n "$ROOT/examples/photo/image.wasm" blur "@$ROOT/examples/photo/cat.png")
    "$IPVM" "${blur[@]}" 40 > "$OUT" 2> "$ERR" &
    pid=$!
    sleep 0.5
    kill -9 $pid
    wait $pid 2> /dev/null
    since=$SECONDS
    expect "the next run takes over what a killed one was at" ipvm "${blur[@]}" 40
    expect_true "  within seconds" test $((SECONDS - since)) -lt 8
else
    skip "no examples/photo/image.wasm: run make guests"
fi

# --- Ctrl-C -------------------------------------------------------------------

# stop SIGNAL AFTER COMMAND…: sends it that much later; $CODE, $MS since then.
stop() {
    local signal=$1 after=$2 start
    shift 2
    LAST="$* (SIG$signal after $after s)"
    "$@" > "$OUT" 2> "$ERR" &
    pid=$!
    sleep "$after"
    start=$(date +%s%N)
    kill -"$signal" $pid
    wait $pid 2> /dev/null
    CODE=$?
    MS=$((($(date +%s%N) - start) / 1000000))
}

step=$((step + 1000))
manifest $step
stop INT 0.3 "$IPVM" run graph.yaml
expect_true "Ctrl-C ends with exit code 130 ($CODE)" test "$CODE" = 130
expect_error 'interrupted; what was finished is kept'
expect_true "  at once ($MS ms)" test "$MS" -lt 1000
expect_true "  no worker is left" no_workers
before=$(known)
expect_true "  what was finished is kept ($before results)" test "$before" -gt 0
expect "the next run goes on from there" ipvm run graph.yaml
expect_output "primes  $(primes_below $((COUNTS * step)))"
ran=$(sed -n 's/.*graph: \([0-9]*\) ran, .*/\1/p' "$ERR")
expect_true "  runs nothing twice ($before known, ${ran:-0} ran)" test $((${ran:-0} + before)) -le $((2 * COUNTS - 1))
step=$((step + 1000))
manifest $step
stop TERM 0.3 "$IPVM" run --json graph.yaml
expect_true "SIGTERM does the same ($CODE)" test "$CODE" = 130
expect_true "  with one JSON object" python3 -c 'import json, sys
sys.exit(json.load(open(sys.argv[1]))["error"]["code"] != 130)' "$OUT"

# A loop for ever: (module (func (export "f") (loop (br 0))))
printf '0061736d0100000001040160000003020100070501016600000a0901070003400c000b0b' | xxd -r -p > loop.wasm
for how in "" --in-process "--engine wasmi"; do
    # shellcheck disable=SC2086 # several words
    stop INT 0.5 "$IPVM" run loop.wasm f --time 1h $how
    expect_true "Ctrl-C stops a loop for ever ${how:-in a worker} ($CODE, $MS ms)" test "$CODE" = 130 -a "$MS" -lt 1000
done
expect_true "no worker is left" no_workers
stop KILL 0.5 "$IPVM" run loop.wasm f --time 1h
expect_true "nor after kill -9 with a guest in a loop" no_workers
truncate -s 20G huge
stop INT 0.5 "$IPVM" add huge
expect_true "Ctrl-C stops an import ($CODE, $MS ms)" test "$CODE" = 130 -a "$MS" -lt 1000
rm huge

# --- A worker dies --------------------------------------------------------------

slow() { # RETRY: a task of some seconds
    cat << END
ipvm: "1.0"
name: slow
tasks:
  slow: {run: "primes.wasm#count", args: [100000000, 100300000]$1}
END
}
# Kills the worker of a run of slow.yaml, so many times at most.
kill_workers() {
    "$IPVM" run slow.yaml --no-memo -j1 > "$OUT" 2> "$ERR" &
    pid=$!
    killed=0
    while [[ $killed -lt $1 ]] && kill -0 $pid 2> /dev/null; do
        sleep 0.2
        ! pkill -9 -f "^$WORK/bin/ipvm-worker" || killed=$((killed + 1))
    done
    wait $pid
    CODE=$? LAST="run slow.yaml, its worker killed ($killed)"
}
slow '' > slow.yaml
kill_workers 1
expect_true "when a worker dies another does its task ($killed, $CODE)" test "$killed $CODE" = "1 0"
expect_match '^slow  [0-9]+$'
kill_workers 20
expect_true "a task whose workers die is given up, and it is the machine's fault ($killed, $CODE)" \
    test "$killed $CODE" = "3 5"
expect_error '✗ slow +host'
expect_code 5 "a worker that is not there" env IPVM_WORKER=/nowhere/ipvm-worker "$IPVM" run --no-memo slow.yaml
expect_error '/nowhere/ipvm-worker'
expect "is not needed for what is in the memo" env IPVM_WORKER=/nowhere/ipvm-worker "$IPVM" run slow.yaml
expect_error 'all from the memo'

finish
