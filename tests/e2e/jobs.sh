#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A node and its jobs: handed in, watched, suspended, cancelled, forked; by the
# owner, by others, through a proxy; and a node that is killed in the middle.
source "$(dirname "$0")/lib.sh"

photo=$ROOT/examples/photo/photo.yaml primes=$ROOT/examples/primes/primes.wasm
for guest in "$ROOT/examples/photo/image.wasm" "$primes"; do
    [[ -f $guest ]] || {
        echo "not ok - $guest is not there: run make guests first"
        exit 1
    }
done

# The value of a Python expression over the JSON on the last command's stdout.
json() { python3 -c 'import json, sys
j = json.load(open(sys.argv[1]))
print(eval(sys.argv[2]))' "$OUT" "$1" 2>&1; }
expect_json() {
    local got
    got=$(json "$1")
    if [[ $got == "$2" ]]; then
        ok "  its JSON has $1 = $2"
    else
        not_ok "  its JSON has $1 = $2" "it is $got"
    fi
}

NODE=0
# start_node STORE OPTION…: until it can be asked.
start_node() {
    local store=$1
    shift
    rm -f node.out
    "$IPVM" node --store "$store" --port 0 "$@" > node.out 2>> node.err &
    NODE=$!
    for _ in {1..200}; do
        grep -q dashboard node.out 2> /dev/null && return
        kill -0 $NODE 2> /dev/null || break
        sleep 0.02
    done
    not_ok "the node starts" "$(tail -n 3 node.err)"
}
stop_node() { # with a signal; gives its exit code
    kill "-$1" $NODE
    wait $NODE 2> /dev/null
}
at_leave() {
    local each
    for each in $NODE $(jobs -p); do
        kill -9 "$each"
    done
}
last() { tail -n 1 "$OUT"; }
state() { "$IPVM" job -q "$1"; }
# Until a job is in a state.
until_state() {
    for _ in {1..400}; do
        [[ $(state "$1") == "$2" ]] && return
        sleep 0.02
    done
    false
}

# --- Without a node ----------------------------------------------------------

expect_code 4 "no node runs" ipvm jobs
expect_error 'no node runs on the store .*start one with `ipvm node`'
expect_code 4 "nor is one asked for a submission" ipvm submit "$photo"
expect_code 4 "nobody at an address" ipvm jobs --node http://127.0.0.1:1
expect_error 'nobody answers at http://127.0.0.1:1'
expect_code 2 "what is no address" ipvm jobs --node 127.0.0.1
expect_error 'not an address as http'
printf '{"did":"x","pid":1,"url":"http://127.0.0.1:1"}' > "$IPVM_STORE/node.json" 2> /dev/null ||
    { mkdir -p "$IPVM_STORE" && printf '{"did":"x"}' > "$IPVM_STORE/node.json"; }
expect_code 3 "a damaged node.json" ipvm jobs
expect_error 'node.json'
printf '{"did":"did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK","pid":2147483647,"url":"http://127.0.0.1:1"}' > "$IPVM_STORE/node.json"
expect_code 4 "one of a process that is gone" ipvm jobs
expect_error 'no node runs'

# --- A node ------------------------------------------------------------------

start_node "$IPVM_STORE"
expect_true "a node tells who and where it is" grep -q '^node  *did:key:z' node.out
expect_true "  with a link to its dashboard" grep -qE '^dashboard +http://127.0.0.1:[0-9]+/#token=' node.out
expect_true "  and writes it down for its owner only" test "$(stat -c %a "$IPVM_STORE/node.json")" = 600
expect_true "  in a second" grep -qE '^started .* ms=[0-9]{1,3}$' node.err
expect_code 5 "a second node on the same store" ipvm node --port 0
expect_error 'node'
expect_code 2 "a setting that is none" ipvm node --set worker=1
expect_error "did you mean 'workers'"
expect_code 2 "one without a value" ipvm node --set workers
expect_code 4 "a file of settings that is not there" ipvm node --config nowhere.yaml
expect "the file of all settings" ipvm node --print-config
expect_match '^# *port: 4747'
expect "another link" ipvm invite
expect_match '^http://127.0.0.1:[0-9]+/#token=.{20}'

# --- A job from beginning to end ---------------------------------------------

expect "submit gives an id" ipvm submit "$photo"
expect_match '^bafyrei[a-z2-7]{52}$'
id=$(last)
expect "watch draws it as a run" ipvm watch "$id"
expect_error 'photo: 13 ran, 0 from the memo'
expect_error '^  ✓ dream +ran +[0-9.]+ (us|ms|s)$'
expect "job says what it came to" ipvm job "$id"
expect_match '^state: succeeded$'
expect_match '^sheet: ok bafyrei'
expect "by the beginning of its id" ipvm job -q "${id:7:8}"
expect_output succeeded
expect "jobs lists it" ipvm jobs
expect_match "^${id:0:18}  succeeded +13/13 +[0-9]+s  photo$"
expect "as ids only" ipvm jobs -q --state succeeded --name hot
expect_output "$id"
expect "but not among others" ipvm jobs -q --state failed
expect_output ''
expect "submit --wait is as run" ipvm submit --wait "$photo" -o out
expect_match '^out/sheet  bafkrei'
expect_error 'photo: all from the memo'
expect "  and gives the same bytes" ipvm run -q "$photo" -o ran
expect_true "  in files" cmp out/sheet ran/sheet.png
expect "a run on the store has what the node computed" ipvm run -n "$photo"
expect_error 'all from the memo'
expect "submit --json --wait" ipvm submit --json --wait "$primes" count 0 1000
expect_json 'j["state"], j["succeeded"], j["outputs"]["call"]["value"]' "('succeeded', True, 168)"
expect_code 1 "one that fails" ipvm submit --wait "$primes" count 0 what
expect_error 'refused/argument'
failed=$("$IPVM" jobs -q --state failed)
expect_code 1 "  and its watching" ipvm watch "$failed"
expect "--once makes one of two" ipvm submit --once tuesday "$primes" count 0 77
once=$(last)
expect "  the second time, too" ipvm submit --once tuesday "$primes" count 0 77
expect_output "$once"
pids=()
for _ in {1..6}; do
    "$IPVM" submit --once together "$primes" count 0 79 >> together &
    pids+=($!)
done
wait "${pids[@]}"
expect_true "  or of six at the same time" test "$(sort together | uniq -c | awk '{print $1}')" = 6
expect "  with other terms it is another" ipvm submit --once tuesday --priority 3 "$primes" count 0 77
expect_true "  job" test "$(last)" != "$once"
expect "one that comes later" ipvm submit --in 1h "$primes" count 0 78
expect_true "  is queued until then" test "$(state "$(last)")" = queued
expect "  unless it is cancelled" ipvm cancel "$(last)"
expect_match ' cancelled$'

# --- What its guests say -------------------------------------------------------

if command -v wat2wasm > /dev/null; then
    cat > talker.wat << 'END_WAT'
(module
  (import "wasi:logging/logging" "log"
    (func $log (param i32 i32 i32 i32 i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "one line\1b[2J")
  (func (export "talk") (param i32) (result i32)
    (call $log (i32.const 2) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 8))
    (call $log (i32.const 2) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 12))
    (local.get 0)))
END_WAT
    wat2wasm talker.wat -o talker.wasm
    expect "a guest that talks" ipvm submit --wait talker.wasm talk 7
    expect_output 'call  7'
    expect_error 'call: one line'
    talker=$("$IPVM" jobs -q --limit 1)
    expect "its logs" ipvm logs "$talker"
    expect_match '^call: one line$'
    expect_true "  with nothing that a terminal would obey" bash -c "! grep -q $'\x1b' '$OUT'"
    expect "one that will talk" ipvm submit --in 500ms talker.wasm talk 8
    expect "  is listened to until it is over" ipvm logs --follow "$(last)"
    expect_match '^call: one line$'
    expect "  of a task that is none" ipvm logs "$talker" --task nobody
    expect_output ''
else
    skip "wat2wasm is missing: no guest that logs"
fi

# --- Its terms -----------------------------------------------------------------

expect_code 1 "a deadline" ipvm submit --deadline 1s --wait "$primes" count 0 90000001
expect_error 'deadline has passed'
expect_code 1 "a limit of time" ipvm submit --time 100ms --wait "$primes" count 0 90000002
expect_error 'longer than it may|limit/time'
expect_code 1 "a limit of fuel" ipvm submit --fuel 1000 --wait "$primes" count 0 90000003
expect_error 'limit/fuel'
expect_code 5 "a quota that is none" ipvm submit --quota none "$primes" count 0 10
expect_code 2 "a priority beyond all" ipvm submit --priority 101 "$primes" count 0 10
expect_code 2 "two beginnings" ipvm submit --at 2030-01-01 --in 1h "$primes" count 0 10
expect "a job for Ctrl-C" ipvm submit "$primes" count 0 90000004
"$IPVM" watch "$(last)" > watched.out 2> watched.err &
watcher=$!
for _ in {1..200}; do # its handler is there when it asks
    until_state "$(last)" running && break
done
sleep 0.2
kill -INT $watcher
wait $watcher
expect_true "  which ends the watching" test $? -eq 130
expect_true "  and says how to go on" grep -q 'the job goes on without us' watched.err
expect_true "  not the job" test "$(state "$(last)")" = running
"$IPVM" cancel -q "$(last)" > /dev/null

# --- Words to it ---------------------------------------------------------------

expect "a long one" ipvm submit "$primes" count 0 90000000
long=$(last)
expect_true "  runs" until_state "$long" running
expect "suspend --now stops it" ipvm suspend --now "$long"
expect_match ' suspended$'
expect "resume lets it go on" ipvm resume "$long"
expect_true "  it runs again" until_state "$long" running
"$IPVM" watch "$long" > watched.out 2> watched.err &
watcher=$!
sleep 0.2
expect "cancel ends it" ipvm cancel "$long"
wait $watcher
expect_true "  those who watch are told" test $? -eq 1
expect_true "  why" grep -q 'the job was cancelled' watched.err
expect_code 3 "what is over cannot be suspended" ipvm suspend "$long"
expect_error 'cancelled'
expect "retry begins it again" ipvm retry "$long"
expect_true "  as the same job" until_state "$long" running
"$IPVM" cancel -q "$long" > "$OUT" 2>&1
expect "fork runs a part again" ipvm fork -q "$id" --from face
fork=$(last)
expect "  to its end" ipvm watch "$fork"
expect_error 'photo: 5 ran, 6 from the memo'
expect_code 2 "fork wants to know from where" ipvm fork "$id"

# --- Wrong ids -----------------------------------------------------------------

expect_code 4 "an id of no job" ipvm job bafyreifezbcgij3vd5ttr7sydvkp3lvwtubukfq76nqblauj4vzaim4hmm
expect_code 4 "the beginning of none" ipvm job zzzzzzzz
expect_error 'no job whose id begins with'
expect_code 3 "the beginning of many" ipvm job bafyrei
expect_error 'write more of it'
expect_code 3 "a CID of content" ipvm job bafkreifzjut3te7nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e
expect_code 3 "what is no id" ipvm job ../jobs
expect_code 2 "a state that is none" ipvm jobs --state "done"
expect_code 2 "times that are none" ipvm submit "$photo" --at tomorrow
expect_code 4 "a workflow that is not there" ipvm submit nowhere.yaml

# --- Others --------------------------------------------------------------------

url=$(sed -n 's/^address *//p' node.out)
cat > small.yaml << END
ipvm: "1.0"
name: small
tasks:
  low: {run: "$primes#count", args: [0, 1500]}
  high: {run: "$primes#count", args: [!ok low, 3000]}
END
expect_code 5 "a stranger may not submit" ipvm submit small.yaml --store carol --node "$url"
expect_error 'the node says'
expect "who has a key of her own" ipvm key show self --json --store carol
carol=$(json 'j["did"]')
expect "a quota" ipvm quota set carol --time 10h --tasks 2
expect "  is listed" ipvm quota list
expect_match '^carol  time .* of 600 min 0 s'
expect "a delegation" ipvm delegate -q --to "$carol" --command /workflow/run --policy '.quota == "carol"' -o carol.ucan
there=(--store carol --node "$url" --proof carol.ucan)
expect_code 5 "nothing outside of its policy" ipvm submit small.yaml "${there[@]}"
expect "what is inside, and its blocks go along" ipvm submit small.yaml "${there[@]}" --quota carol --wait
expect_match '^high  [0-9]+$'
expect "she sees her own jobs" ipvm jobs -q "${there[@]}"
expect_true "  only" test "$(wc -l < "$OUT")" -eq 1
expect_code 5 "  not another's" ipvm job "$id" "${there[@]}"
expect "without the quota" ipvm quota rm carol
expect_code 5 "  she may not" ipvm submit small.yaml "${there[@]}" --quota carol
expect_error 'quota'

expect "a token for a program" ipvm bearer /node/read --for 1h
cat > ask.py << 'END'
import sys, urllib.error, urllib.request
request = urllib.request.Request(sys.argv[1], headers={"Authorization": "Bearer " + sys.argv[2]})
try:
    print(urllib.request.urlopen(request).status)
except urllib.error.HTTPError as error:
    print(error.code)
END
expect "  lets it in" python3 ask.py "$url/metrics" "$(last)"
expect_output 200
expect "  to nothing else" python3 ask.py "$url/v1/jobs/$id" "$("$IPVM" bearer /job/read --job "$once")"
expect_output 403
expect_code 2 "not for longer than an hour" ipvm bearer /node/read --for 2h
expect_code 2 "nor for no command" ipvm bearer node

# --- Killed in the middle ------------------------------------------------------

"$ROOT/examples/primes/make-manifest.sh" 64 50000 | sed "s#\./primes.wasm#$primes#" > graph.yaml
expect "a job of many tasks" ipvm submit graph.yaml
many=$(last)
"$IPVM" watch "$many" > watched.out 2> watched.err &
watcher=$!
for _ in {1..200}; do
    [[ $(grep -c ran watched.err) -ge 5 ]] && break
    sleep 0.02
done
stop_node 9
expect_true "kill -9 leaves its file behind" test -e "$IPVM_STORE/node.json"
start_node "$IPVM_STORE"
wait $watcher
expect_true "the job goes on, and so do those who watch" test $? -eq 0
expect "its events" ipvm watch --json "$many"
cp "$OUT" events.json
cat > events.py << 'END'
import collections, json
events = [json.loads(line) for line in open("events.json")]
runs = collections.Counter(e["task"] for e in events
                           if e["kind"] == "task/finished" and e["by"] == "run")
assert max(runs.values()) == 1, runs
assert len(runs) >= 100, len(runs)
assert [e["seq"] for e in events] == sorted({e["seq"] for e in events})
assert sum(e["kind"] == "started" for e in events) == 2
END
expect "  nothing that was finished ran twice" python3 events.py
expect "  and the result is right" ipvm run -q -n graph.yaml
below=$(last)
expect "  as a run has it" ipvm submit -q --wait graph.yaml
expect_output "$below"

# --- Signals -------------------------------------------------------------------

expect "a job while the node stops" ipvm submit "$primes" count 0 80000000
running=$(last)
expect_true "  runs" until_state "$running" running
stop_node TERM
expect_true "SIGTERM stops in good order" test $? -eq 0
expect_true "  node.json is gone" test ! -e "$IPVM_STORE/node.json"
start_node "$IPVM_STORE"
expect_true "  and the job goes on" until_state "$running" running
"$IPVM" cancel -q "$running" > "$OUT" 2>&1
expect "a job that is open" ipvm submit --in 1h "$primes" count 0 81
open=$(last)
expect "a backup while the node runs" ipvm backup -q jobs.backup
stop_node INT
expect_true "SIGINT, too" test $? -eq 0
expect "it is restored" ipvm restore -q jobs.backup --store restored
cp -r "$IPVM_STORE/keys" restored/
start_node restored
expect "  a node goes on with its jobs" ipvm job -q "$open" --store restored
expect_output queued
expect "  and knows what is over" ipvm watch "$id" --store restored
stop_node TERM

# --- A full queue --------------------------------------------------------------

start_node full --set queue_max=2 --homestar 0 --listen ::1
expect_true "a node on another address" grep -qE '^address +http://\[::1\]:[0-9]+$' node.out
expect_true "  with Homestar's interface" grep -qE '^homestar +ws://127.0.0.1:[0-9]+$' node.out
taken=$(sed -n 's/^address.*://p' node.out)
expect_code 5 "its port is taken" ipvm node --store third --listen ::1 --port "$taken"
expect_error "$taken"
full=(--store full)
expect "one" ipvm submit "${full[@]}" --in 1h "$primes" count 0 10
expect "two" ipvm submit "${full[@]}" --in 1h "$primes" count 0 11
expect_code 5 "and no more" ipvm submit "${full[@]}" --in 1h "$primes" count 0 12
expect_error 'the node says: .*try again in [0-9]+ s'
stop_node TERM

# --- A service -----------------------------------------------------------------

expect "--install writes a unit" ipvm node --install --set workers=3
expect_error 'systemctl --user enable --now ipvm-node'
unit=$(cat "$OUT")
expect_true "  with the options given" grep -q '^ExecStart=.*node --store ".*/store" --set "workers=3"$' "$unit"
if command -v systemd-analyze > /dev/null; then
    mkdir -m 700 runtime
    expect "  that systemd can read" env XDG_RUNTIME_DIR="$WORK/runtime" systemd-analyze verify --man=no --user "$unit"
else
    skip "systemd-analyze is missing: the unit was not read by systemd"
fi
python3 - "$IPVM" > notify.err 2>&1 << 'END'
import os, signal, socket, subprocess, sys
to = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
to.bind("notify")
to.settimeout(10)
node = subprocess.Popen([sys.argv[1], "node", "--port", "0"], stdout=subprocess.DEVNULL,
                        env={**os.environ, "NOTIFY_SOCKET": os.path.abspath("notify")})
assert to.recv(100) == b"READY=1"
node.send_signal(signal.SIGTERM)
assert to.recv(100) == b"STOPPING=1"
assert node.wait(10) == 0
END
expect_true "a service manager is told" test $? -eq 0
finish
