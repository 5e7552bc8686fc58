#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Others at a node: they may what a delegation says and pay with their quota,
# see their own jobs and nobody else's, and may no more once it is revoked; what
# somebody overhears on the way is good for nothing else.
source "$(dirname "$0")/lib.sh"
source "$ROOT/tests/e2e/serving.sh"

primes=$ROOT/examples/primes/primes.wasm words=$ROOT/examples/words/words.wasm
for guest in "$primes" "$words"; do
    [[ -f $guest ]] || {
        echo "not ok - $guest is not there: run make guests first"
        exit 1
    }
done
cp "$primes" primes.wasm
echo "to be or not to be" > text

as() { # NAME COMMAND…: with a store of its own
    local store=$WORK/store-$1
    shift
    IPVM_STORE=$store "$@"
}
# NAME COMMAND…: the same asks the node.
at_node() {
    local who=$1 what=$2
    shift 2
    as "$who" "$IPVM" "$what" --node "$URL" "$@"
}
field() { # NAME: of the last line of JSON
    tail -n 1 "$OUT" | python3 -c 'import json, sys
value = json.load(sys.stdin)[sys.argv[1]]
print(value if isinstance(value, str) else json.dumps(value))' "$1"
}
# FILE TO OPTION…: the owner delegates; prints the token's CID.
delegate() {
    local file=$1 to=$2
    shift 2
    ipvm delegate -q --json --to "$to" --command /workflow/run -o "$file" "$@" > "$OUT" 2> "$ERR" &&
        field token
}
last_line() { tail -n 1 "$OUT"; }

node_start --set workers=1
ann=$(as ann ipvm key new -q)
ben=$(as ben ipvm key new -q --type p256)
module=$(ipvm add -q primes.wasm | tail -n 1)

# --- Who is nobody here ------------------------------------------------------

expect_code 5 "a stranger may not submit" at_node ann submit primes.wasm count 0 100
expect_error 'InvalidClaim: there is no proof'
expect_code 5 "nor ask for the node's quotas" as ann ipvm quota list --node "$URL"
expect "his list of jobs is empty" at_node ann jobs
expect_output ""

# --- By module and by function -----------------------------------------------

delegate module.ucan "$ann" --policy "[\"==\",\".mod\",{\"/\":\"$module\"}]" > /dev/null
expect "he may run the module that his delegation names" \
    at_node ann submit --proof module.ucan --wait primes.wasm count 0 100
expect_match '^call  25$'
own=$(sed -n 's/^job //p' "$ERR")
expect_code 5 "and no other" at_node ann submit --proof module.ucan --wait "$words" count @text
expect_error 'MatchError: task call: not true: \["==",".mod"'
cat > mixed.yaml << END
ipvm: "1.0"
tasks:
  fine: {run: ./primes.wasm#count, args: [0, 10]}
  other: {run: $words#count, args: [!file text]}
outputs: [fine, other]
END
expect_code 5 "nor a workflow with one of another" at_node ann submit --proof module.ucan mixed.yaml
expect_error 'MatchError: task other: '

delegate function.ucan "$ann" --policy '.fun == "count"' > /dev/null
expect "he may call the function that it names" \
    at_node ann submit --proof function.ucan --wait primes.wasm count 0 50
expect_code 5 "and no other" at_node ann submit --proof function.ucan primes.wasm add 1 2
expect_error 'MatchError: task call: not true: \["==",".fun","count"\]'

# --- By argument, promised ones when they are known --------------------------

delegate small.ucan "$ann" --policy '.args[1] <= 1000' > /dev/null
expect_code 5 "an argument may be bounded" at_node ann submit --proof small.ucan primes.wasm count 0 1001
expect_error 'MatchError: .*not true: \["<=",".args\[1\]",1000\]'
chain() { # NAME LAST
    cat << END
ipvm: "1.0"
tasks:
  one: {run: ./primes.wasm#add, args: [$2, 1]}
  two: {run: ./primes.wasm#count, args: [0, !ok one]}
outputs: [two]
END
}
chain good 900 > good.yaml
chain bad 1000 > bad.yaml
expect "a promised argument passes while it is unknown" \
    at_node ann submit --proof small.ucan --wait good.yaml
expect_code 1 "and is looked at before the task runs" \
    at_node ann submit --proof small.ucan --wait bad.yaml
expect_error 'unauthorized'
expect_error 'MatchError'

# --- By limits ---------------------------------------------------------------

delegate limits.ucan "$ann" --policy '.limits.time <= 2000' > /dev/null
expect_code 5 "a limit that is required must be asked for" \
    at_node ann submit --proof limits.ucan primes.wasm count 0 60
expect_error 'MatchError: .*not true: \["<=",".limits.time",2000\]'
expect_code 5 "and not be above it" at_node ann submit --proof limits.ucan --time 3s primes.wasm count 0 60
expect "within it all is well" at_node ann submit --proof limits.ucan --time 2s --wait primes.wasm count 0 60

# --- Quotas ------------------------------------------------------------------

delegate tea.ucan "$ann" --policy '.quota == "tea"' > /dev/null
expect_code 5 "a quota must be registered" at_node ann submit --proof tea.ucan --quota tea primes.wasm count 1 70
expect_error 'InvalidClaim: the quota tea is not registered'
expect "the owner registers it" ipvm quota set tea --time 150ms
expect_code 5 "nobody may leave it out" at_node ann submit --proof tea.ucan primes.wasm count 1 70
expect_code 5 "nor use one that he was not told to" \
    at_node ann submit --proof function.ucan --quota tea primes.wasm count 1 70
expect_error "MatchError: the owner's delegation does not tell to use it"
expect "with it work is done" at_node ann submit --proof tea.ucan --quota tea --wait primes.wasm count 1 70
expect_code 1 "what takes longer than is left is cut" \
    at_node ann submit --proof tea.ucan --quota tea --wait primes.wasm count 1 30000000
expect_error 'limit/time'
node_kill
node_start --set workers=1
expect "what was used is known after kill -9" ipvm quota list
expect_match '^tea  time 1[0-9][0-9](\.[0-9])? ms of 150'
expect_code 1 "and used up" at_node ann submit --proof tea.ucan --quota tea --wait primes.wasm count 1 71
expect_error 'unauthorized'
expect_error 'quota tea: its time in ms, 150, is used up'
expect "what the memo knows is for free" at_node ann submit --proof tea.ucan --quota tea --wait primes.wasm count 1 70

# --- Jobs of one's own -------------------------------------------------------

expect "the owner has a job, too" ipvm submit -q primes.wasm count 0 2000
theirs=$(last_line)
expect "who submitted a job sees it, also without a proof" at_node ann job "$own"
expect_match '^state: succeeded$'
expect_match "^subject: $ann\$"
expect_code 5 "not the owner's" at_node ann job "$theirs"
expect_error 'the job is not of whoever asks'
expect_code 5 "not with his proof for other things" at_node ann job --proof module.ucan "$theirs"
expect_code 5 "nor may he cancel it" at_node ann cancel "$theirs"
expect_code 5 "another sees nothing of his" at_node ben job "$own"
expect "his list is of what is his" at_node ann jobs
expect_true "  all of them" test "$(grep -c bafy "$OUT")" -ge 6
expect_true "  and not the owner's" test "$(grep -c "${theirs:0:18}" "$OUT")" = 0
expect "the owner sees them all" ipvm job "$own"

# --- Passed on ---------------------------------------------------------------

as ann ipvm delegate -q --to "$ben" --command /workflow/run --proof module.ucan \
    --policy '.args[1] <= 500' -o passed.ucan > /dev/null 2>&1
expect "ann passes a part of it on to ben" at_node ben submit --proof passed.ucan --wait primes.wasm count 2 500
expect_code 5 "who may no more than she said" at_node ben submit --proof passed.ucan primes.wasm count 2 501
expect_error 'not true: \["<=",".args\[1\]",500\]'
expect_code 5 "nor more than she may" at_node ben submit --proof passed.ucan "$words" count @text
expect_error 'not true: \["==",".mod"'
expect_code 5 "her part alone is nothing to him" at_node ben submit --proof module.ucan primes.wasm count 2 300
ipvm delegate -q --to "$ben" --command /workflow/run --expires 1s -o short.ucan > /dev/null 2>&1
expired_at=$((SECONDS + 3))

# --- Revoked -----------------------------------------------------------------

token=$(delegate revoked.ucan "$ann")
{ # Each awaits the one before it.
    printf 'ipvm: "1.0"\ntasks:\n  t000: {run: ./primes.wasm#count, args: [0, 100000]}\n'
    for at in {1..400}; do
        printf '  t%03d: {run: ./primes.wasm#count, args: [!ok t%03d, %d]}\n' "$at" $((at - 1)) $((100000 + at))
    done
    printf 'outputs: [t400]\n'
} > long.yaml
expect "a job of many tasks begins" at_node ann submit -q --proof revoked.ucan long.yaml
running=$(last_line)
expect "its delegation is revoked meanwhile" ipvm revoke "$token"
expect_code 1 "  and it fails" at_node ann watch "$running"
expect_error 'unauthorized'
expect_error 'Revoked: it was revoked'
expect "  what ran was let finish" at_node ann job --json "$running"
over=$(field counts | python3 -c 'import json, sys
counts = json.load(sys.stdin)
print(counts["done"] - counts["failed"])')
expect_true "  and what came after was not begun ($over of 401)" \
    test "$over" -ge 1 -a "$over" -lt 401
token=$(delegate wide.ucan "$ann")
{ # None awaits another.
    printf 'ipvm: "1.0"\ntasks:\n'
    for at in {1..600}; do
        printf '  t%03d: {run: ./primes.wasm#count, args: [%d, 60000]}\n' "$at" "$at"
    done
} > wide.yaml
expect "nor is one of many tasks side by side" at_node ann submit -q --proof wide.ucan wide.yaml
running=$(last_line)
expect "  revoked before they have all run" ipvm revoke "$token"
expect_code 1 "  let through as a whole" at_node ann watch -q "$running"
expect "  those that had not begun did not" at_node ann job --json "$running"
over=$(field counts | python3 -c 'import json, sys
counts = json.load(sys.stdin)
print(counts["done"] - counts["failed"])')
expect_true "  ($over of 600 ran)" test "$over" -lt 600

expect_code 5 "nothing new is taken" at_node ann submit --proof revoked.ucan primes.wasm count 0 90
expect_error 'Revoked'
expect "what he had is still his to see" at_node ann job "$running"
while ((SECONDS < expired_at)); do sleep 0.1; done
expect_code 5 "a delegation ends by itself, too" at_node ben submit --proof short.ucan primes.wasm count 0 91
expect_error 'Expired'

# --- Overheard ---------------------------------------------------------------

# Between client and node sits one who writes down each bearer.
cat > between.py << 'END'
import http.server, sys, urllib.request
node = sys.argv[1]
class Between(http.server.BaseHTTPRequestHandler):
    def body(self):
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body
    def pass_on(self):
        bearer = self.headers.get("Authorization")
        headers = {k: v for k, v in self.headers.items() if k not in ("Host", "Expect", "Transfer-Encoding")}
        ask = urllib.request.Request(node + self.path, self.body() or None,
                                     headers, method=self.command)
        if bearer:
            print(self.command, self.path, bearer[7:], file=open("heard", "a"), flush=True)
        try:
            answer = urllib.request.urlopen(ask)
        except urllib.error.HTTPError as error:
            answer = error
        body = answer.read()
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.headers.get("Content-Type", ""))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    do_GET = do_POST = do_PUT = do_DELETE = pass_on
    def log_message(self, *words):
        pass
server = http.server.HTTPServer(("127.0.0.1", 0), Between)
print(server.server_port, flush=True)
server.serve_forever()
END
python3 between.py "$URL" > between.port &
BETWEEN=$!
at_leave() { kill -9 "$BETWEEN" "$NODE"; }
for _ in {1..100}; do
    [[ -s between.port ]] && break
    sleep 0.05
done
direct=$URL
URL=http://127.0.0.1:$(cat between.port)
heard() { tail -n 1 heard | cut -d' ' -f3; }
# METHOD PATH: what is overheard is brought again; prints the answer.
again() {
    capture curl -s -w '\n%{http_code}\n' -X "$1" -H "Authorization: Bearer $(heard)" "$direct$2"
}
cat > asleep.yaml << END
ipvm: "1.0"
tasks:
  one: {run: ./primes.wasm#count, args: [0, 95]}
END
for name in first second; do
    at_node ann submit -q --proof module.ucan --in 1h asleep.yaml > "$name" 2> "$ERR"
done
first=$(cat first) second=$(cat second)
expect "a job is suspended" at_node ann suspend "$first"
again POST "/v1/jobs/$first/suspend"
expect_match '^403$'
expect_match 'Replayed'
again POST "/v1/jobs/$second/suspend"
expect_match '^403$'
again POST "/v1/jobs/$first/cancel"
expect_match '^403$'
expect_match 'Replayed'
expect "the other one is as it was" at_node ann job "$second"
expect_match '^state: queued$'
again GET "/v1/jobs/$second"
expect_match '^200$'
again GET "/v1/jobs/$first"
expect_match '^403$'
again GET /v1/node
expect_match '^403$'
again POST "/v1/jobs/$second/cancel"
expect_match '^403$'
heard_submission=$(grep 'POST /v1/jobs ' heard | tail -n 1)
expect_true "a submission was overheard" test -n "$heard_submission"
echo "$heard_submission" >> heard
again POST /v1/jobs
expect_true "  is the same job again" grep -q "$second" "$OUT"
URL=$direct

# --- Another node ------------------------------------------------------------

as eve ipvm key new -q > /dev/null
expect "who is root at his own node" as eve ipvm run -q primes.wasm count 0 10
expect_code 5 "is nobody at this one" as eve ipvm quota list --node "$URL"
expect_error 'InvalidClaim'

# --- Links and cookies -------------------------------------------------------

capture ipvm invite
link=$(grep -o '#token=.*' "$OUT" | head -n 1)
link=${link#\#token=}
session() { curl -s -o /dev/null -w '%{http_code}' -c "$2" -H 'Content-Type: application/json' \
    -d "{\"token\":\"$1\"}" "$URL/v1/session"; }
session "$link" jar > "$OUT"
expect_true "a link lets a browser in" grep -q ipvm_session jar
expect_true "  once" test "$(session "$link" jar2)" = 403
get() { curl -s -o /dev/null -w '%{http_code}' "$@"; }
expect_true "  it reads" test "$(get -b jar "$URL/v1/node")" = 200
expect_true "  it changes nothing without a word against forgery" \
    test "$(get -b jar -X POST "$URL/v1/jobs/$second/cancel")" = 403
expect_true "  with it, it does" \
    test "$(get -b jar -H 'X-IPVM: 1' -X POST "$URL/v1/jobs/$second/cancel")" = 200
expect_true "a cookie of one's own making is none" \
    test "$(get -b "ipvm_session=$link" "$URL/v1/node")" = 401
expect_true "nobody reads nothing" test "$(get "$URL/v1/node")" = 401

node_stop
finish
