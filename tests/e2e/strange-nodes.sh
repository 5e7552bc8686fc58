#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Whatever answers in place of a node, commands end soon, with clear words, and
# nothing of it reaches the terminal as more than text.
source "$(dirname "$0")/lib.sh"

cat > strange.py << 'END'
import http.server, json, sys, time
DID = "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK"
JOB = {"/": "bafyreifezbcgij3vd5ttr7sydvkp3lvwtubukfq76nqblauj4vzaim4hmm"}
ESC = "\x1b[2J\x9b31m\x07"
job = {"job": JOB, "state": "succeeded", "name": ESC, "events": 2, "subject": ESC, "message": ESC,
       "counts": {"total": 1, "done": 1}, "outputs": {ESC: {"ok": True, "result": JOB, "value": ESC}}}
events = "".join("id: %d\nevent: x\ndata: %s\n\n" % (e["seq"], json.dumps(e)) for e in [
    {"seq": 1, "kind": "started", "tasks": 10 ** 18},
    {"seq": 2, "kind": "task/finished", "task": ESC, "index": -1, "by": "run", "end": ESC, "message": ESC},
    {"seq": 2, "kind": ESC}])
ANSWERS = {
    "nothing": (200, "text/plain", b""),
    "page": (200, "text/html", b"<html>welcome to the hotel</html>"),
    "deep": (200, "application/json", b"[" * 100000),
    "kinds": (200, "application/json", b'{"jobs":{"job":[1]},"job":7,"state":{},"counts":[],"outputs":[1],"events":"x"}'),
    "pages": (200, "application/json", b'{"jobs":[],"next":"on"}'),
    "list": (200, "application/json", b"[1,2,3]"),
    "moved": (302, "text/plain", b"", ("Location", "http://127.0.0.1:1/")),
    "later": (429, "application/problem+json", b'{"detail":"too many","name":"queue-full"}', ("Retry-After", "17")),
    "trouble": (500, "text/plain", b"\x00\xff" * 100),
    "escapes": (400, "application/problem+json", json.dumps({"detail": ESC, "where": ESC}).encode()),
    "long": (400, "application/problem+json", json.dumps({"detail": "x" * 1000000}).encode()),
    "cut": (200, "application/json", b'{"jobs":[', ("Content-Length", "100000")),
}

class Strange(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def answer(self, status, kind, body, *headers):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        if not headers or headers[0][0] != "Content-Length":
            self.send_header("Content-Length", str(len(body)))
        for header in headers:
            self.send_header(*header)
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = True

    def do_GET(self):
        length = int(self.headers.get("Content-Length", 0))
        self.rfile.read(length)
        how, path = self.path[1:].split("/", 1)
        if path == "healthz":
            self.answer(200, "application/json", json.dumps({"did": DID if how != "who" else ESC}).encode())
        elif how in ANSWERS:
            self.answer(*ANSWERS[how])
        elif "/events" in path:
            body = b"data: " + b"x" * (3 << 20) if how == "endless" else events.encode()
            self.answer(200, "text/event-stream", body)
        elif path.endswith("/result"):
            self.answer(200, "application/json", json.dumps(job["outputs"]).encode())
        elif path.startswith("v1/jobs?"):
            self.answer(200, "application/json", json.dumps({"jobs": [job] * 3}).encode())
        else:
            self.answer(200, "application/json", json.dumps(job).encode())
    do_POST = do_PUT = do_DELETE = do_GET

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Strange)
print(server.server_port, flush=True)
server.serve_forever()
END
python3 strange.py > port 2> strange.err &
server=$!
at_leave() { kill $server; }
while [[ ! -s port ]]; do sleep 0.02; done
url=http://127.0.0.1:$(cat port)
id=bafyreifezbcgij3vd5ttr7sydvkp3lvwtubukfq76nqblauj4vzaim4hmm
echo 'ipvm: "1.0"' > none.yaml
ipvm key show self > "$OUT" 2>&1

# A command ends with a code of ours, within seconds, and leaves no escapes.
survives() {
    local how=$1
    shift
    capture timeout 10 "$IPVM" "$@" --node "$url/$how"
    if ((CODE <= 5)) && ! grep -qP '\x1b|\x9b|\x07' "$OUT" "$ERR"; then
        ok "$how: ipvm $1 $CODE"
    else
        not_ok "$how: ipvm $1" "exit code $CODE, or escapes"
    fi
}
for how in nothing page deep kinds pages list moved later trouble escapes long cut odd who; do
    survives $how jobs
    survives $how job $id
    survives $how job bafyreif
    survives $how cancel $id
    survives $how fork $id --from x
    survives $how quota list
    survives $how quota set x --tasks 1
    survives $how invite
    survives $how submit "$id"
done
# What is in trouble, or not over, is asked again: not here.
for how in later escapes odd; do
    survives $how watch $id
    survives $how logs $id
    survives $how submit "$id" --wait
done

expect_code 5 "an end that is told" ipvm jobs --node "$url/later"
expect_error 'the node says: too many; try again in 17 s'
expect_code 5 "what is no node's answer" ipvm jobs --node "$url/page"
expect_error 'is not what a node of ipvm says'
expect_code 3 "what is no node" ipvm jobs --node "$url/who"
expect_error 'is no node of ipvm'
expect_code 5 "an answer that is cut off" ipvm jobs --node "$url/cut"
expect "numbers beyond all, and a task without a name" ipvm watch $id --node "$url/odd"
finish
