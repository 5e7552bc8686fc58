#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The HTTP API of a node as curl sees it: each route, each kind of error, and
# what a slow or a greedy client gets.
source "$(dirname "$0")/lib.sh"

NODE=
at_leave() { [[ -z $NODE ]] || kill "$NODE"; }

# start_node SETTING…: a node on a port of its own; URL and TOKEN are set.
start_node() {
    local link tries
    rm -f node.out
    "$IPVM" node --port 0 "$@" > node.out 2> node.err &
    NODE=$!
    for ((tries = 0; tries < 100; tries++)); do
        link=$(grep -om1 'http://127.0.0.1:[0-9]*/#token=[^ ]*' node.out) && break
        sleep 0.1
    done
    URL=${link%%/#*} TOKEN=${link##*token=}
}
stop_node() {
    kill "$NODE"
    wait "$NODE"
    CODE=$?
    NODE=
    expect_true "the node stops in good order ($CODE)" test "$CODE" = 0
}

# get STATUS TEXT CURL-ARGUMENT… PATH: asks as the owner and compares the status;
# body in body, headers in head.
get() {
    local wanted=$1 what=$2 status
    shift 2
    LAST="curl $*"
    status=$(curl -s -m 30 -b jar -H "X-IPVM: ${WORD-1}" -D head -o body -w '%{http_code}' \
        "${@:1:$#-1}" "$URL${*: -1}")
    cp body "$OUT"
    if [[ $status == "$wanted" ]]; then ok "$what"; else not_ok "$what" "status $status, expected $wanted"; fi
}
# One process for all questions about bodies.
coproc JSON { exec python3 -u -c '
import json, sys
for question in sys.stdin:
    try: print(eval(question, {"it": json.load(open("body"))}))
    except Exception as error: print(repr(error))'; }
json() {
    local said
    echo "$1" >&"${JSON[1]}"
    read -r said <&"${JSON[0]}"
    echo "$said"
}
# is EXPRESSION VALUE: of the last answer.
is() { expect_true "  $1 is $2" test "$(json "$1")" = "$2"; }
problem() { is 'it["name"]' "$1"; expect_true "  as a problem" grep -qi '^content-type: application/problem+json' head; }
header() { expect_true "  with the header $1" grep -qiE "^$1" head; }
post() { get "$1" "$2" -X POST -H 'Content-Type: application/json' -d "$3" "$4"; }

expect "a module is in the store" ipvm add -q "$ROOT/examples/primes/primes.wasm"
module=$(cat "$OUT")
cat > work.yaml << END
ipvm: "1.0"
name: primes
tasks:
  low: {run: $module#count, args: [0, 2000]}
  high: {run: $module#count, args: [2000, 4000]}
  sum: {run: $module#add, args: [!ok low, !ok high]}
END
printf 'a file\nof lines\n' > file.txt
file=$(ipvm add -q file.txt)
nowhere=bafyreigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi
absent=bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy
start_node
expect_true "a node prints a link" test -n "$TOKEN"

# --- Who asks ----------------------------------------------------------------
get 200 "health is public" /healthz
is 'it["status"]' ok
header 'X-Content-Type-Options: nosniff'
header "Content-Security-Policy: default-src 'none'"
get 401 "what is not public asks who it is" /v1/node
problem not-authenticated
header 'WWW-Authenticate: Bearer'
get 400 "a Bearer that is none is told so" -H 'Authorization: Bearer nonsense' /v1/node
post 403 "a wrong link lets nobody in" '{"token": "nonsense"}' /v1/session
problem link-used
get 204 "the link lets a browser in" -c jar -H 'Content-Type: application/json' \
    -d "{\"token\": \"$TOKEN\"}" /v1/session
header 'Set-Cookie: ipvm_session=.*HttpOnly; SameSite=Strict'
post 403 "and nobody else" "{\"token\": \"$TOKEN\"}" /v1/session
get 200 "a session sees the node" /v1/node
WORD=0 get 403 "a change without the header is forged" -X PUT \
    -H 'Content-Type: application/json' -d '{}' /v1/quotas/tea
problem forged
get 421 "a page whose name leads here is refused" -H 'Host: evil.example' /healthz
problem wrong-host

# --- What HTTP asks of everybody ---------------------------------------------
get 404 "what is not there" /v1/nothing
problem no-such-path
get 405 "another method" -X PUT /v1/jobs
header 'Allow: GET, HEAD, POST, OPTIONS'
get 501 "a method that nobody knows" -X BREW /v1/jobs
get 204 "which methods there are" -X OPTIONS /v1/jobs
header 'Allow: GET, HEAD, POST, OPTIONS'
get 200 "HEAD is GET without the body" -I /healthz
get 415 "a body of another type" -H 'Content-Type: text/html' -d '<p>' /v1/jobs
problem type-not-taken
get 415 "a body that is not wanted" -X POST -d x /v1/invitations
get 415 "an encoded body" -H 'Content-Encoding: gzip' -H 'Content-Type: application/json' -d x /v1/call
get 400 "a body that is no JSON" -H 'Content-Type: application/json' -d '{"a":' /v1/session
is 'it["where"]' 'byte 5'
head -c 2000000 /dev/zero > large
get 413 "a body that is too large" -H 'Content-Type: application/json' --data-binary @large /v1/call
problem body-too-large
get 413 "the same in chunks" -H 'Transfer-Encoding: chunked' -H 'Content-Type: application/json' \
    --data-binary @large /v1/call
get 414 "an URL that is too long" "/$(printf 'a%.0s' {1..9000})"
get 431 "headers that are too large" -H "X-Large: $(printf 'a%.0s' {1..26000})" /healthz
get 404 "a path that is no text" '/v1/quotas/%ff'
get 400 "a CID that is none" /v1/inspect/nonsense
problem bad-cid

# --- Jobs --------------------------------------------------------------------
get 201 "a manifest is submitted" -H 'Content-Type: application/yaml' \
    --data-binary @work.yaml '/v1/jobs?wait=20'
is 'it["state"]' succeeded
header 'Location: /v1/jobs/b'
job=$(json 'it["job"]["/"]')
workflow=$(json 'it["workflow"]["/"]')
get 400 "one that names a file of the node is not" -H 'Content-Type: application/yaml' \
    --data-binary $'ipvm: "1.0"\ntasks:\n  a: {run: "/etc/passwd#f", args: []}' /v1/jobs
get 400 "nor one that is broken" -H 'Content-Type: application/yaml' --data-binary 'ipvm: [' /v1/jobs
expect_true "  says where" grep -q 'workflow:2:1:' body
post 201 "terms name a workflow by CID" "{\"workflow\": {\"/\": \"$workflow\"}}" '/v1/jobs?by=cid'
post 400 "terms are read strictly" "{\"workflow\": {\"/\": \"$workflow\"}, \"colour\": 1}" '/v1/jobs?by=cid'
post 409 "a workflow that is not here" "{\"workflow\": {\"/\": \"$nowhere\"}}" '/v1/jobs?by=cid'
problem block-missing
get 400 "a submission of nothing" -X POST /v1/jobs
get 200 "a list" /v1/jobs
is 'len(it["jobs"])' 2
get 200 "a page of it" '/v1/jobs?limit=1'
is 'len(it["jobs"])' 1
get 200 "the next page" "/v1/jobs?limit=1&after=$(json 'it["next"]')"
is 'it["jobs"][0]["job"]["/"]' "$job"
get 200 "by state" '/v1/jobs?state=failed,cancelled'
is 'len(it["jobs"])' 0
get 200 "by name" '/v1/jobs?name=prim'
is 'len(it["jobs"])' 2
get 400 "no such state" '/v1/jobs?state=lost'
get 400 "no such place" '/v1/jobs?after=17'
get 400 "no such number" '/v1/jobs?limit=many'
get 200 "one job" "/v1/jobs/$job"
is 'it["counts"]["done"]' 3
get 404 "a job that is not there" "/v1/jobs/$workflow"
problem job-not-found
get 404 "a CID that is no job's" "/v1/jobs/$file"
get 200 "its graph" "/v1/jobs/$job/graph"
is 'len(it["tasks"])' 3
get 200 "why a task ran" "/v1/jobs/$job/explain?task=sum"
get 400 "a task that is not there" "/v1/jobs/$job/explain?task=none"
get 400 "no task" "/v1/jobs/$job/explain"
get 200 "its outputs" "/v1/jobs/$job/result"
is 'it["sum"]["value"]' 550
get 200 "one output" "/v1/jobs/$job/result?output=sum"
header 'IPVM-Result: ok'
is 'it' 550
get 404 "an output that is not there" "/v1/jobs/$job/result?output=low"
get 200 "its receipts" "/v1/jobs/$job/receipts"
is 'len(it["receipts"])' 3
receipt=$(json 'it["receipts"][0]["receipt"]["/"]')
get 200 "one receipt, with its proof" "/v1/receipts/$receipt"
is 'it["receipts"][0]["holds"]' True
get 404 "a receipt that is not there" "/v1/receipts/$workflow"
get 200 "the log" /v1/log
is 'it["size"]' 3

# --- Events ------------------------------------------------------------------
get 200 "all events of a job that is over" "/v1/jobs/$job/events"
header 'Content-Type: text/event-stream'
expect_match '^event: submitted$'
expect_match '^event: succeeded$'
last=$(sed -n 's/^id: //p' body | tail -n 1)
get 200 "those behind a number" -H "Last-Event-ID: $((last - 1))" "/v1/jobs/$job/events"
expect_true "  is the last one" test "$(grep -c '^id:' body)" = 1
get 400 "a number that is none" -H 'Last-Event-ID: x' "/v1/jobs/$job/events"
get 200 "the same as JSON" "/v1/jobs/$job/events?format=json&after=$((last - 1))"
is 'it["events"][0]["kind"]' succeeded
later=$(($(date +%s) + 86400))000
post 201 "a job for tomorrow" \
    "{\"workflow\": {\"/\": \"$workflow\"}, \"not_before\": $later}" '/v1/jobs?by=cid'
sleeper=$(json 'it["job"]["/"]')
post 200 "is waited for as long as one likes" '' "/v1/jobs/$sleeper/suspend"
get 200 "a wait comes to its end" "/v1/jobs/$sleeper?wait=1"
is 'it["state"]' suspended
curl -s -N -m 20 -b jar "$URL/v1/jobs/$sleeper/events" > stream &
watcher=$!
curl -s -N -m 20 -b jar "$URL/v1/jobs/events" > news &
news=$!
sleep 0.3
post 200 "is resumed" '' "/v1/jobs/$sleeper/resume"
get 409 "has no outputs before it is over" "/v1/jobs/$sleeper/result"
problem job-not-over
post 200 "is cancelled" '' "/v1/jobs/$sleeper/cancel"
get 200 "and has none after" "/v1/jobs/$sleeper/result"
is 'it' '{}'
get 409 "nor one" "/v1/jobs/$sleeper/result?output=sum"
problem no-result
wait "$watcher"
expect_true "a stream ends with the job" grep -q '^event: cancelled$' stream
expect_true "and had all of it" test "$(sed -n 's/^event: //p' stream | tr '\n' ' ')" = \
    'submitted suspended resumed cancelled '
kill "$news"
expect_true "there was news of jobs" test "$(grep -c '^event: jobs$' news)" -ge 2
post 409 "what is over is not cancelled" '' "/v1/jobs/$sleeper/cancel"
problem wrong-state
post 200 "but may be tried again" '' "/v1/jobs/$sleeper/retry"
get 201 "a job is forked" -H 'Content-Type: application/json' -d '{"from": ["low"]}' \
    "/v1/jobs/$job/fork?wait=20"
is 'it["counts"]["hits"]' 1
post 400 "but not from nowhere" '{"from": []}' "/v1/jobs/$job/fork"
get 201 "a trace goes into the events" \
    -H 'traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01' \
    -H 'Content-Type: application/yaml' --data-binary @work.yaml '/v1/jobs?wait=20'
get 200 "and is found there" "/v1/jobs/$(json 'it["job"]["/"]')/events"
expect_match '"trace":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"'

# --- Modules, content, quotas, numbers ---------------------------------------
get 200 "a module's functions" "/v1/describe?module=$module"
is '[f["name"] for f in it["functions"]]' "['count', 'add']"
get 404 "of a module that is not there" "/v1/describe?module=$absent"
get 400 "of what is no module" "/v1/describe?module=$workflow"
post 201 "a call" "{\"module\": {\"/\": \"$module\"}, \"function\": \"count\", \"words\": [\"0\", \"100\"]}" '/v1/call?wait=20'
is 'it["state"]' succeeded
post 400 "a call with words that do not fit" "{\"module\": {\"/\": \"$module\"}, \"function\": \"count\", \"words\": [\"@/etc/passwd\", \"1\"]}" /v1/call
post 400 "a call of nothing" '{"module": 1}' /v1/call
get 200 "a block for people" "/v1/inspect/$workflow"
is 'it["codec"]' dag-cbor
get 404 "a block that is not there" "/v1/inspect/$nowhere"
get 200 "a quota is registered" -X PUT -H 'Content-Type: application/json' -d '{"fuel": 5}' /v1/quotas/tea
get 200 "and read" /v1/quotas/tea
is 'it["totals"]["fuel"]' 5
get 400 "but not of anything" -X PUT -H 'Content-Type: application/json' -d '{"joy": 5}' /v1/quotas/tea
get 200 "all quotas" /v1/quotas
is 'len(it["quotas"])' 1
get 204 "and taken away" -X DELETE /v1/quotas/tea
get 404 "then it is gone" /v1/quotas/tea
get 200 "numbers" /metrics
expect_match '^ipvm_jobs_over_total\{state="succeeded"\} [1-9]'
expect_match '^ipvm_submit_seconds_bucket\{le="\+Inf"\} [1-9]'
expect_true "each number has a kind" python3 -c '
import re
kinds, seen = set(), set()
for line in open("body"):
    if line.startswith("# TYPE "): kinds.add(line.split()[2])
    elif not line.startswith("#"): seen.add(re.match(r"\w+", line).group())
bare = {re.sub("_(bucket|sum|count)$", "", name) for name in seen}
assert bare == kinds, bare ^ kinds'
get 200 "the dashboard" /
header 'Content-Type: text/html'
etag=$(sed -n 's/^ETag: \(.*\)\r$/\1/Ip' head)
get 304 "which a browser keeps" -H "If-None-Match: $etag" /
get 201 "another link" -X POST /v1/invitations
get 204 "a session ends" -X DELETE /v1/session
get 401 "and is over" /v1/node
stop_node

# --- Traces ------------------------------------------------------------------
cat > collector.py << 'END'
import http.server, json
class Collector(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        for resource in body["resourceSpans"]:
            for scope in resource["scopeSpans"]:
                for span in scope["spans"]:
                    print(span["traceId"], span.get("parentSpanId"), span["name"], flush=True)
        self.send_response(200)
        self.end_headers()
    def log_message(self, *words): pass
server = http.server.HTTPServer(("127.0.0.1", 0), Collector)
print(server.server_port, flush=True)
server.serve_forever()
END
python3 collector.py > spans &
collector=$!
until [[ -s spans ]]; do sleep 0.05; done
start_node --set "otlp=http://127.0.0.1:$(head -n 1 spans)/v1/traces"
curl -s -o /dev/null -c jar -H 'Content-Type: application/json' -d "{\"token\": \"$TOKEN\"}" "$URL/v1/session"
trace=4bf92f3577b34da6a3ce929d0e0e4736
sed "s/^  sum:.*/  more: {run: $module#count, args: [0, 3000]}/" work.yaml > traced.yaml
get 201 "a job is traced" -H "traceparent: 00-$trace-00f067aa0ba902b7-01" \
    -H 'Content-Type: application/yaml' --data-binary @traced.yaml '/v1/jobs?wait=20'
stop_node
kill "$collector"
expect_true "a collector is told of it, below its parent" grep -qx "$trace 00f067aa0ba902b7 primes" spans
expect_true "and of its tasks" grep -qx "$trace [0-9a-f]* more" spans

# --- Who is slow, and who is greedy ------------------------------------------
start_node --set body_max=1MiB
exec 3<> "/dev/tcp/127.0.0.1/${URL##*:}"
printf 'GET /healthz HTTP/1.1\r\nHost: local' >&3
for n in {1..40}; do curl -s -m 10 -o /dev/null "$URL/healthz" || echo "$n"; done > refused
expect_true "half a request holds nobody up" test ! -s refused
printf 'host\r\n\r\n' >&3
expect_true "and is answered when it is whole" read -r -t 5 _ <&3
exec 3>&-
curl -s -o /dev/null -c jar -H 'Content-Type: application/json' -d "{\"token\": \"$TOKEN\"}" "$URL/v1/session"
head -c 2000000 /dev/zero > large
get 413 "a body beyond the configuration's bound" -H 'Content-Type: application/json' --data-binary @large /v1/jobs
curl -s -N -b jar "$URL/v1/jobs/events" > news &
news=$!
sleep 0.2
stop_node
expect_true "who watches is let go" wait "$news"
finish
