#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A collection takes what nothing keeps and nothing else: while runs go on,
# killed at any moment, on a full disk, two at once.
source "$(dirname "$0")/lib.sh"

KILLS=${KILLS:-30}
NOW=(--grace 0 --keep 0)
number() { # KEY: of the last command's JSON
    python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))[sys.argv[2]])' "$OUT" "$1"
}
blocks() { ipvm stat --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["blocks"])'; }
add_raw() { ipvm block put "$@"; } # never pinned

# --- What is kept -------------------------------------------------------------

head -c 3000000 /dev/urandom > large
echo one > one
echo two > two
one=$(add_raw one) two=$(add_raw two)
large=$(ipvm add -q large | tail -n 1)
expect "pinning with a name" ipvm pin "$large" --name holiday
expect "pins are listed" ipvm pins
expect_match "^$large  holiday"
expect "a name is set" ipvm name set things/one "$one"
expect "a dry run" ipvm gc "${NOW[@]}" --dry-run --json
expect_true "  finds the block that nothing keeps" test "$(number blocks_removed)" = 1
expect_true "  and leaves it" ipvm block get "$two"
expect "within the grace all stays" ipvm gc --keep 0 --json
expect_true "  indeed" test "$(number blocks_removed)" = 0
expect "then it goes" ipvm gc "${NOW[@]}" --json
expect_true "  that one alone" test "$(number blocks_removed)" = 1
expect_code 4 "it is no longer there" ipvm block get "$two"
expect_true "the pinned file is whole" bash -c "'$IPVM' cat $large | cmp - large"
expect "a name leads on" ipvm cat name:things/one
expect_output one
ipvm name set things/one "$(add_raw two)" > /dev/null
expect "names have a history" ipvm name ls --history
expect_match "^things/one  $one .*before"
expect "which is kept" ipvm gc "${NOW[@]}" --json
expect_true "  all of it" test "$(number blocks_removed)" = 0
expect "a name is removed" ipvm name rm things/one
expect_code 4 "and is no more" ipvm name get things/one
expect "a pin goes by its name" ipvm unpin holiday
expect_code 4 "once" ipvm unpin holiday
expect "then all goes" ipvm gc "${NOW[@]}"
expect_match '^removed [0-9]+ blocks, .* kept 0 blocks'
expect "the space in the file is free" ipvm stat
expect_match 'free to be used again'
expect_code 4 "what is not whole is not pinned" ipvm pin "$large"
expect_error 'not in the store'
expect_code 2 "a wrong time is refused" ipvm gc --keep soon
expect_code 2 "a wrong size is refused" ipvm gc --max-memo much
expect_code 2 "a wrong grace, too" ipvm gc --grace later
add_raw one > /dev/null
expect "what was put within a grace of an hour" ipvm gc --keep 0 --grace 60m --json
expect_true "  stays" test "$(number blocks_removed)" = 0

# --- While runs go on ---------------------------------------------------------

# What a run made a second ago it may still need: collections have that grace.
if [[ -f $ROOT/examples/primes/primes.wasm ]]; then
    cp "$ROOT/examples/primes/primes.wasm" .
    "$ROOT/examples/primes/make-manifest.sh" 16 2000 > graph.yaml
    expect "a run" ipvm run graph.yaml
    cp "$OUT" answer
    "$IPVM" receipts ls > /dev/null 2>&1 # makes the key, and says so
    workflow=$("$IPVM" inspect graph.yaml | grep -om1 'bafy[a-z2-7]*')
    expect "a workflow is pinned, with what its promises link" ipvm pin "$workflow"
    expect "  nothing below it is missing" ipvm gc "${NOW[@]}" --dry-run --json
    expect_true "  for a collection" test "$(number missing)" = 0
    expect "  nor for a check" ipvm fsck
    expect "  and it goes again" ipvm unpin "$workflow"
    (
        for _ in {1..60}; do
            "$IPVM" gc --grace 1s --keep 0 >> gc-said 2>> gc-errors || echo failed >> gc-errors
            sleep 0.05
        done
        touch collected
    ) &
    collector=$!
    runs=0 wrong=0
    while [[ ! -e collected ]]; do
        "$IPVM" run graph.yaml > run-out 2>> run-errors && cmp -s run-out answer || wrong=$((wrong + 1))
        runs=$((runs + 1))
    done
    wait $collector
    LAST="$runs runs beside 60 collections" CODE=$wrong
    cp run-errors "$ERR"
    expect_true "$runs runs beside 60 collections came out right" test $wrong = 0
    cp gc-said "$OUT"
    cp gc-errors "$ERR"
    expect_true "and no collection failed" test ! -s gc-errors
    expect_match '^removed [1-9][0-9]* blocks'
else
    skip "no example guest is built: runs beside collections not tried"
fi

# --- kill -9 ------------------------------------------------------------------

mkdir tree
for index in {1..400}; do
    head -c 2000 /dev/urandom > "tree/$index"
done
kept=$(ipvm add -q large | tail -n 1)
ipvm pin "$kept" > /dev/null
trouble=0 kills=0
for ((round = 0; round < KILLS; round++)); do
    for index in {1..400}; do echo "$round $RANDOM" >> "tree/$index"; done
    add_raw tree/* > /dev/null
    "$IPVM" gc "${NOW[@]}" > /dev/null 2>&1 &
    pid=$!
    sleep "0.0$(printf %03d $((RANDOM % 150)))"
    kill -9 $pid 2> /dev/null && kills=$((kills + 1))
    wait $pid 2> /dev/null
    "$IPVM" cat "$kept" 2> /dev/null | cmp -s - large || trouble=$((trouble + 1))
done
LAST="gc killed $kills times" CODE=$trouble
expect_true "killed $kills times, what is pinned was whole each time" test $trouble = 0
# The lease of a killed collector runs out by itself.
LAST="gc after kill"
for _ in {1..70}; do
    capture ipvm gc "${NOW[@]}" --json
    ((CODE == 0)) && break
    sleep 1
done
expect_true "the next collection goes on where the killed one was" test $CODE = 0
expect_true "and leaves only what is pinned" test "$(blocks)" = "$(number blocks_kept)"

# --- Two at once, and a full disk ----------------------------------------------

add_raw tree/* > /dev/null
"$IPVM" gc "${NOW[@]}" > first 2>&1 &
pid=$!
capture ipvm gc "${NOW[@]}"
second=$CODE
wait $pid
first=$?
LAST="two collections: $first and $second"
expect_true "of two collections at once each ends well or says that one is going on" \
    bash -c "{ test $first = 0 || grep -Eq 'being collected by (another )?process' first; } &&
             { test $second = 0 || grep -Eq 'being collected by (another )?process' '$ERR'; } &&
             test $first = 0 -o $second = 0"

for index in {1..400}; do echo more >> "tree/$index"; done
add_raw tree/* > /dev/null
before=$(blocks)
size=$(stat -c %s "$IPVM_STORE/data.mdb")
limited() { (
    ulimit -f $((size / 1024))
    exec "$IPVM" gc "${NOW[@]}"
); }
capture limited
expect_true "where the file may not grow a collection ends well or says so" \
    bash -c "test $CODE = 0 || grep -Eq 'no space left|may not grow|too large' '$ERR'"
expect_true "what is pinned is whole" bash -c "'$IPVM' cat $kept | cmp - large"
expect "and with room again it goes" ipvm gc "${NOW[@]}"
expect_true "  away" test "$(blocks)" -lt "$before"

# A store keeps a mebibyte back for that, where there was plenty.
mkdir small
if ((EUID == 0)) && mount -t tmpfs -o size=40m tmpfs small 2> /dev/null; then
    export IPVM_STORE=$WORK/small/store
    head -c 8000000 /dev/urandom > other
    kept=$(ipvm add -q large --chunk-size 65536)
    ipvm add -q other --chunk-size 65536 > /dev/null
    [[ ! -f primes.wasm ]] || ipvm run primes.wasm count 0 100 > /dev/null
    rm "$IPVM_STORE"/leases-* 2> /dev/null # as after a boot
    cat /dev/zero > small/fill 2> /dev/null
    ipvm add -q one > /dev/null 2>&1
    cat /dev/zero > small/more 2> /dev/null
    expect_true "not a byte is left" test "$(df --output=avail small | tail -n 1)" -eq 0
    head -c 3000000 /dev/urandom > third
    expect_code 5 "nothing is added to a full disk" ipvm add third
    if [[ -f primes.wasm ]]; then
        expect "what is known is answered" ipvm run primes.wasm count 0 100
        expect_output 25
    fi
    expect "a pin is taken away" ipvm unpin other
    expect "what it kept goes" ipvm gc "${NOW[@]}" --json
    expect_true "  all of it" test "$(number bytes_removed)" -gt 8000000
    expect "there is room then" ipvm add third --chunk-size 65536
    expect_true "what is pinned is whole" bash -c "'$IPVM' cat $kept | cmp - large"
    expect "nothing is wrong" ipvm fsck
    umount small
else
    skip "cannot mount a tmpfs: a full disk not tried"
fi
finish
