#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A broken manifest is refused with file, line, column and words that help;
# nothing runs, nothing is written, nothing crashes.
source "$(dirname "$0")/lib.sh"

cp "$ROOT/examples/primes/primes.wasm" p.wasm 2> /dev/null || {
    echo "not ok - examples/primes/primes.wasm is not there: run make guests first"
    exit 1
}

# bad WHAT CODE LINE:COLUMN WORDS < MANIFEST: the position and words of one
# error line. An empty position is that of a whole file.
bad() {
    local what=$1 code=$2 position=$3 words=$4
    cat > m.yaml
    expect_code "$code" "$what" ipvm run m.yaml
    expect_error "^ipvm: m\.yaml:${position:+$position:} .*$words"
    [[ $(wc -l < "$ERR") == 1 && ! -s $OUT && ! -e m.out ]] ||
        not_ok "  in one line, with nothing on stdout and no files"
}

# tasks TEXT: a manifest with these lines below "tasks:", the first in line 3.
tasks() { printf 'ipvm: "1.0"\ntasks:\n%s\n' "$1"; }
# args TEXT: one task whose arguments begin in line 3, column 35.
args() { tasks "  a: {run: \"p.wasm#count\", args: [$1]}"; }
good='  a: {run: "p.wasm#count", args: [1, 2]}'

tasks "$good" > good.yaml
expect "the good one runs" ipvm run good.yaml

# --- No manifest at all -----------------------------------------------------

bad "an empty file" 3 1:1 'empty' < /dev/null
bad "a word" 3 1:1 'must be a map, got text' <<< hello
bad "a list" 3 1:1 'must be a map, got a list' <<< '[1, 2]'
bad "null" 3 1:1 'must be a map' <<< 'null'
bad "bytes" 3 1:1 'UTF-8' < <(printf '\xff\xfe\x00\x01')
bad "a zero byte" 3 '1:[0-9]+' '.' < <(printf 'ipvm: "1.0"\0\n')
bad "a stray byte in line 3" 3 3:4 'UTF-8' < <(printf 'ipvm: "1.0"\ntasks:\n  a\xff: 1\n')
bad "a picture" 3 1:1 'UTF-8' < "$ROOT/examples/photo/cat.png"
bad "JSON that stops" 3 '2:1' 'not YAML or JSON' <<< '{"ipvm": "1.0", "tasks": {"a": '
bad "YAML that stops" 3 '[0-9]:[0-9]+' 'not YAML or JSON' <<< $'ipvm: "1.0"\ntasks: {a'
bad "a text that does not end" 3 1:7 'not YAML or JSON' <<< $'ipvm: "1.0\ntasks: {'
bad "a tab that indents" 3 3:1 'tab' <<< $'ipvm: "1.0"\ntasks:\n\ta: 1'
bad "two documents" 3 2:1 'second document' <<< $'ipvm: "1.0"\n---\nipvm: "1.0"'
bad "nested without end, YAML" 3 '2:[0-9]+' 'nested too deep' \
    < <(printf 'ipvm: "1.0"\ntasks: '; head -c 20000 /dev/zero | tr '\0' '[')
bad "nested without end, JSON" 3 '1:[0-9]+' 'nested too deep' \
    < <(printf '{"ipvm":"1.0","tasks":'; head -c 200000 /dev/zero | tr '\0' '[')
bad "nested maps without end" 3 '1:[0-9]+' 'nested too deep' \
    < <(printf '{"ipvm":"1.0","tasks":'; yes '{"a":' | head -n 20000 | tr -d '\n')
bad "arguments nested too deep" 3 '3:[0-9]+' 'deep' \
    < <(args "$(printf '[%.0s' {1..118})$(printf ']%.0s' {1..118}), 2")
truncate -s 300M huge.yaml
expect_code 3 "a file of 300 MB" ipvm run huge.yaml
expect_error 'huge.yaml.*[0-9]+ (bytes|MiB)'
rm huge.yaml
expect_code 4 "no file" ipvm run nowhere.yaml
expect_error 'there is no file nowhere.yaml'
capture ipvm run .
expect_true "a directory" test "$CODE" = 3 -o "$CODE" = 5
expect_error 'directory'

# --- Keys -------------------------------------------------------------------

bad "no version" 3 1:1 "'ipvm'" <<< 'tasks: {}'
bad "another version" 3 1:7 '1\.0' <<< $'ipvm: "2.0"\ntasks: {}'
bad "no tasks" 3 1:1 "'tasks'" <<< 'ipvm: "1.0"'
bad "tasks of nothing" 3 2:8 'empty' <<< $'ipvm: "1.0"\ntasks: {}'
bad "tasks in a list" 3 2:8 'must be a map' <<< $'ipvm: "1.0"\ntasks: [a]'
bad "a task of text" 3 3:6 'map' < <(tasks '  a: hello')
bad "a typo in a key" 3 2:1 "no key 'taks'; did you mean 'tasks'" <<< $'ipvm: "1.0"\ntaks: {}'
bad "a typo in a task" 3 3:7 "no key 'rnu'; did you mean 'run'" < <(tasks '  a: {rnu: "p.wasm#count"}')
bad "a typo in a limit" 3 '3:[0-9]+' "no key 'tmie'; did you mean 'time'" \
    < <(tasks '  a: {run: "p.wasm#count", args: [1, 2], limits: {tmie: 3s}}')
bad "a number for a key" 3 '3:3' 'label|key' < <(tasks '  ? [1]
  : {run: "p.wasm#count"}')
bad "a key twice" 3 3:42 "'args' is there twice" \
    < <(tasks '  a: {run: "p.wasm#count", args: [1, 2], args: [1, 3]}')
bad "a key twice in JSON" 3 '1:[0-9]+' "'a' is there twice" \
    <<< '{"ipvm":"1.0","tasks":{"a":{"run":"p.wasm#count","args":[1,2]},"a":{"run":"p.wasm#count","args":[1,3]}}}'
bad "neither run nor cmd" 3 '3:[0-9]+' "run" < <(tasks '  a: {args: [1, 2]}')
bad "both run and cmd" 3 '3:[0-9]+' "cmd" < <(tasks '  a: {run: "p.wasm#count", cmd: /x/y, args: [1, 2]}')
bad "arguments of text" 3 '3:[0-9]+' "list" < <(tasks '  a: {run: "p.wasm#count", args: hello}')
bad "a command with an upper-case letter" 3 '3:[0-9]+' "lower case|/Wasm" < <(tasks '  a: {cmd: /Http/get, args: {}}')
bad "an argument that a command does not have" 3 3:3 "argument 'det'" < <(tasks '  a: {cmd: /wasm/run, args: {nod: 1}}')

# --- Labels and promises ----------------------------------------------------

bad "labels that clash" 3 4:3 "'a' is there twice, first in line 3" < <(tasks "$good"$'\n'"$good")
bad "a label with a space" 3 3:3 'A-Z a-z 0-9' < <(tasks '  "a b": {run: "p.wasm#count", args: [1, 2]}')
bad "an empty label" 3 3:3 'A-Z a-z 0-9' < <(tasks '  "": {run: "p.wasm#count", args: [1, 2]}')
bad "a label of 65" 3 3:3 '1 to 64' < <(tasks "  $(printf 'a%.0s' {1..65}): {run: \"p.wasm#count\", args: [1, 2]}")
bad "a label that is not ASCII" 3 3:3 'A-Z a-z 0-9' < <(tasks '  größe: {run: "p.wasm#count", args: [1, 2]}')
bad "a promise to itself" 3 3:3 "'a'.* cycle" < <(args '!ok a, 2')
bad "a cycle" 3 3:3 'cycle: a awaits b awaits c awaits a' \
    < <(tasks '  a: {run: "p.wasm#count", args: [!ok b, 2]}
  b: {run: "p.wasm#count", args: [!error c, 2]}
  c: {run: "p.wasm#count", args: [!result a, 2]}')
bad "an unknown label" 3 4:39 "no task 'aplha'; did you mean 'alpha'" \
    < <(tasks '  alpha: {run: "p.wasm#count", args: [1, 2]}
  b: {run: "p.wasm#count", args: [!ok aplha, 2]}')
bad "an unknown output" 3 4:11 "no task 'b'" < <(tasks "$good"$'\noutputs: [b]')
bad "an output twice" 3 4:14 "'a'.*twice|twice.*'a'" < <(tasks "$good"$'\noutputs: [a, a]')
bad "outputs of text" 3 4:10 'list' < <(tasks "$good"$'\noutputs: a')
bad "a promise to nowhere" 3 3:3 'neither in this workflow nor in the memo' \
    < <(args '{"await/ok": {"/": "bafyreifg22lhidg22vscuoklprqgjmlon77evy3vht6p2wynefy366urmu"}}, 2')
bad "a promise to a file" 3 '3:[0-9]+' '.' \
    < <(args '{"await/ok": {"/": "bafkreifg22lhidg22vscuoklprqgjmlon77evy3vht6p2wynefy366urmu"}}, 2')
bad "an unknown tag" 3 3:41 'did you mean !file' < <(args '!flie x, 2')
bad "an unknown reserved map" 3 3:35 "'await/okk' is reserved" < <(args '{"await/okk": "a"}, 2')
bad "another one" 3 3:35 "'ipvm/flie' is reserved" < <(args '{"ipvm/flie": "a"}, 2')
bad "an unknown error name" 3 3:35 'ipvm/error' < <(args '{"ipvm/error": "made-up"}, 2')

# --- Files ------------------------------------------------------------------

bad "a missing file" 4 3:41 'no file nope' < <(args '!file nope, 2')
bad "a missing text" 4 3:41 'no file nope' < <(args '!text nope, 2')
bad "a missing directory" 4 3:40 'nope' < <(args '!dir nope, 2')
bad "a directory for a file" 3 3:41 'directory' < <(args '!file ., 2')
bad "a file for a directory" 3 3:40 'p.wasm' < <(args '!dir p.wasm, 2')
bad "a text that is none" 3 3:41 'UTF-8' < <(args '!text p.wasm, 2')
bad "a missing module" 4 3:12 'no file q.wasm' < <(tasks '  a: {run: "q.wasm#count"}')
bad "a module that is none" 3 3:12 'refused|not Wasm' < <(tasks '  a: {run: "m.yaml#count"}')
bad "no function" 3 3:12 'MODULE#FUNCTION' < <(tasks '  a: {run: p.wasm}')
bad "an unknown function" 4 3:12 'did you mean count' < <(tasks '  a: {run: "p.wasm#cuont"}')
bad "a module that is not here" 4 3:12 'not in the store' \
    < <(tasks '  a: {run: "bafkreifg22lhidg22vscuoklprqgjmlon77evy3vht6p2wynefy366urmu#count"}')
bad "a malformed CID" 3 '3:[0-9]+' 'CID' < <(args '!cid bafkrei, 2')
bad "bytes that are no base64" 3 '3:[0-9]+' 'base64' < <(args '!bytes "***", 2')
bad "a link that is none" 3 '3:[0-9]+' '.' < <(args '{"/": "hello"}, 2')
bad "a zero byte in a path" 3 '3:[0-9]+' 'path|control|zero' < <(args '!file "a\0b", 2')

# --- Numbers ----------------------------------------------------------------

bad "NaN" 3 3:35 'NaN' < <(args '.nan, 2')
bad "infinity" 3 3:35 'nfinity' < <(args '-.inf, 2')
bad "a float beyond all" 3 3:35 '1e999' < <(args '1e999, 2')
bad "an integer beyond all" 3 3:35 'out of range' < <(args '18446744073709551616, 2')
bad "a negative one" 3 3:35 'out of range' < <(args '-9223372036854775809, 2')
bad "a float beyond all in JSON" 3 '1:[0-9]+' '1e400' <<< '{"ipvm":"1.0","tasks":{"a":{"run":"p.wasm#count","args":[1e400]}}}'
for duration in '30 parsecs' 30x -1s 1.5.2s 99999999999999999999s '""' '[1]' 1e3s s; do
    bad "a duration of $duration" 3 2:27 '(duration|out of range|too|number|range)' \
        <<< $'ipvm: "1.0"\ndefaults: {limits: {time: '"$duration"$'}}\ntasks:\n'"$good"
done
for size in 3parsecs -3MiB 99999999999GiB 0.5 '{}'; do
    bad "a size of $size" 3 2:29 '(size|out of range|too|number|range|integer)' \
        <<< $'ipvm: "1.0"\ndefaults: {limits: {memory: '"$size"$'}}\ntasks:\n'"$good"
done

# --- YAML's own traps -------------------------------------------------------

bad "aliases" 3 '2:[0-9]+' 'anchors and aliases' <<< $'ipvm: "1.0"\nname: &x hi\ntasks:\n'"$good"
bad "aliases that multiply" 3 '2:[0-9]+' 'anchors and aliases' << 'END'
ipvm: "1.0"
a: &a [x, x, x, x, x, x, x, x, x]
b: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a]
c: &c [*b, *b, *b, *b, *b, *b, *b, *b, *b]
d: &d [*c, *c, *c, *c, *c, *c, *c, *c, *c]
e: &e [*d, *d, *d, *d, *d, *d, *d, *d, *d]
f: &f [*e, *e, *e, *e, *e, *e, *e, *e, *e]
tasks: *f
END
bad "an unknown alias" 3 3:36 'aliases' < <(args '*x, 2')
bad "merge keys" 3 '3:[0-9]+' '<<' < <(tasks '  a: {<<: {run: "p.wasm#count"}, args: [1, 2]}')
bad "escapes of a terminal" 3 3:3 'A-Z a-z 0-9' < <(tasks '  "\e[31m": {run: "p.wasm#count", args: [1, 2]}')
expect_true "  are not passed on" bash -c "! grep -q $'\x1b' '$ERR'"

# --- Workflows of other kinds ------------------------------------------------

# Broken ones must be refused; where is said as far as the reader knows.
refused() {
    local what=$1 words=$2
    cat > w.json
    expect_code 3 "$what" ipvm run w.json
    expect_error "w\.json.*$words"
}
refused "a Homestar workflow without tasks" 'needs a task' <<< '{"tasks": []}'
refused "one whose task is text" '.' <<< '{"tasks": ["a"]}'
refused "one without run" 'run' <<< '{"tasks": [{"cause": null, "meta": {}, "prf": []}]}'
refused "one whose resource is no link" '.' <<< '{"tasks": [{"cause": null, "meta": {"memory": 1, "time": 1}, "prf": [], "run": {"input": {"args": [1], "func": "f"}, "nnc": "", "op": "wasm/run", "rsc": "http://x"}}]}'
refused "one with another operation" '.' <<< '{"tasks": [{"cause": null, "meta": {"memory": 1, "time": 1}, "prf": [], "run": {"input": {"args": [1], "func": "f"}, "nnc": "", "op": "net/get", "rsc": "ipfs://bafkreifg22lhidg22vscuoklprqgjmlon77evy3vht6p2wynefy366urmu"}}]}'
refused "an IPVM 0.1 envelope of nothing" '.' <<< '{"ipvm/workflow": {}}'
refused "one of text" '.' <<< '{"ipvm/workflow": "hello", "sig": 1}'
# As DAG-CBOR: {"ipvm/workflow@1.0.0": …} with this and that broken.
cbor() { # WORDS HEX: expects a refusal
    printf '%s' "$2" | xxd -r -p > w.cbor
    expect_code 3 "a workflow block: $1" ipvm run w.cbor
    expect_error 'w\.cbor'
}
head=a1736970766d2f776f726b666c6f7740312e302e30
cbor "truncated" "$head"
cbor "of text" "${head}6161"
cbor "empty" "${head}a0"
cbor "without pages" "${head}a3646d657461a0657461736b7380676f757470757473816161"
cbor "with an unknown field" "${head}a4636162636101646d657461a0657461736b7380676f75747075747380"
cbor "keys out of order" "${head}a3657461736b7380646d657461a0676f75747075747380"
cbor "bytes behind it" "${head}a3646d657461a0657461736b7380676f75747075747380ff"
cbor "indefinite" "${head}bf646d657461a0ff"

# --- Every beginning of good ones --------------------------------------------

cuts=0 crashes=0 successes=0
for manifest in "$ROOT/examples/photo/photo.yaml" good.yaml; do
    size=$(stat -c %s "$manifest")
    for ((at = 0; at < size; at += 1 + size / 60)); do
        head -c "$at" "$manifest" > cut.yaml
        "$IPVM" explain cut.yaml > "$OUT" 2> "$ERR"
        CODE=$? cuts=$((cuts + 1))
        ((CODE < 128)) || crashes=$((crashes + 1))
        ((CODE != 0)) || successes=$((successes + 1))
    done
done
LAST="ipvm explain cut.yaml"
expect_true "$cuts beginnings of manifests crash nothing" test "$crashes" = 0
expect_true "  and most are refused ($successes are not)" test "$successes" -lt $((cuts / 4))

finish
