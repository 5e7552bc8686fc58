#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A node behind nginx, as docs/examples/nginx.conf has it: TLS, events as they
# happen, uploads as they come, other names refused.
source "$(dirname "$0")/lib.sh"

primes=$ROOT/examples/primes/primes.wasm
nginx=$(PATH=$PATH:/usr/sbin:/sbin command -v nginx) && command -v openssl curl > /dev/null || {
    skip "nginx, openssl or curl is missing: no node behind a proxy"
    finish
}

"$IPVM" node --port 0 > node.out 2> node.err &
node=$!
proxy=
at_leave() { kill -9 $node $proxy; }
for _ in {1..200}; do
    grep -q dashboard node.out && break
    sleep 0.02
done
upstream=$(sed -n 's#^address *http://##p' node.out)
port=$(python3 -c 'import socket
s = socket.socket()
s.bind(("127.0.0.1", 0))
print(s.getsockname()[1])')
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
    -subj /CN=node.example -addext 'subjectAltName=DNS:localhost,DNS:node.example' \
    -keyout privkey.pem -out fullchain.pem 2> "$ERR"

# The example with its name, its places and ports exchanged, and what the whole
# of nginx.conf has around it.
sed -e "s#127\.0\.0\.1:4747#$upstream#; s#listen 443#listen 127.0.0.1:$port#; s#node\.example#localhost#
s#/etc/ssl/ipvm#$WORK#" "$ROOT/docs/examples/nginx.conf" > ipvm.conf
cat > nginx.conf << END
daemon off;
master_process off;
pid $WORK/nginx.pid;
error_log $WORK/nginx.err;
events { worker_connections 200; }
http {
    access_log off;
    client_body_temp_path $WORK/temp;
    proxy_temp_path $WORK/temp;
    fastcgi_temp_path $WORK/temp;
    uwsgi_temp_path $WORK/temp;
    scgi_temp_path $WORK/temp;
    include $WORK/ipvm.conf;
}
END
expect "nginx takes the example" "$nginx" -t -e "$WORK/nginx.err" -c "$WORK/nginx.conf"
"$nginx" -e "$WORK/nginx.err" -c "$WORK/nginx.conf" &
proxy=$!
export SSL_CERT_FILE=$WORK/fullchain.pem
url=https://localhost:$port
for _ in {1..100}; do
    curl -sf --cacert fullchain.pem "$url/healthz" > /dev/null && break
    sleep 0.02
done

expect "jobs through it" ipvm jobs --node "$url"
expect "a job, watched to its end" ipvm submit --node "$url" --wait "$primes" count 0 1000
expect_output 'call  168'
expect "one for later" ipvm submit --node "$url" --in 1h "$primes" count 0 2000
id=$(tail -n 1 "$OUT")
cat > watch.py << 'END'
import subprocess, sys
ipvm, url, job = sys.argv[1:]
watch = subprocess.Popen([ipvm, "watch", "--json", "--node", url, job],
                         stdout=subprocess.PIPE, text=True)
assert '"submitted"' in watch.stdout.readline()
# It came while there is nothing behind it.
subprocess.run([ipvm, "cancel", "-q", job], check=True)
assert '"cancelled"' in watch.stdout.readline()
assert watch.wait(10) == 1
END
expect "events are not kept back" python3 watch.py "$IPVM" "$url" "$id"
head -c 20000000 /dev/urandom > large.bin
cat > large.yaml << END
ipvm: "1.0"
tasks:
  low: {run: "$primes#count", args: [0, 1234]}
  kept: {run: "$primes#count", args: [!file large.bin, 2]}
END
expect_code 5 "a stranger may not" ipvm submit --store other --node "$url" "$primes" count 0 10
did=$(ipvm key show self --json --store other | python3 -c 'import json, sys; print(json.load(sys.stdin)["did"])')
ipvm delegate -q --to "$did" --command /workflow/run -o other.ucan > "$OUT" 2>&1
expect "blocks go along, 20 MB of them" ipvm submit --store other --node "$url" --proof other.ucan large.yaml
expect_code 5 "without its authority there is no asking" env -u SSL_CERT_FILE "$IPVM" jobs --node "$url"
expect_error 'certificate'
expect "the session's cookie is for TLS only" curl -s --cacert fullchain.pem -D - -o page.json -X POST \
    -H 'Content-Type: application/json' -d "{\"token\": \"$(sed -n 's/^dashboard .*#token=//p' node.out)\"}" "$url/v1/session"
expect_match '^[Ss]et-[Cc]ookie: ipvm_session=.*[Ss]ecure'
expect_code 35 "another name is refused" curl -s -k --connect-to "other.example:443:127.0.0.1:$port" https://other.example/healthz
kill $node $proxy
wait $node
expect_true "the node stops in good order" test $? -eq 0
wait $proxy
finish
