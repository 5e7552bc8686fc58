#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# explain says what a run would do and why, graph draws it, inspect says what a
# thing is; none of them runs anything.
source "$(dirname "$0")/lib.sh"

cp "$ROOT/examples/primes/primes.wasm" p.wasm 2> /dev/null || {
    echo "not ok - examples/primes/primes.wasm is not there: run make guests first"
    exit 1
}

json() { python3 -c 'import json, sys
j = json.load(open(sys.argv[1]))
t = {t["label"]: t for t in j.get("tasks", []) if isinstance(t, dict)}
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

cat > m.yaml << 'END'
ipvm: "1.0"
name: sums
defaults: {limits: {time: 5s, memory: 64MiB}}
tasks:
  low: {run: "p.wasm#count", args: [0, 1000]}
  high: {run: "p.wasm#count", args: [1000, 2000]}
  sum: {run: "p.wasm#add", args: [!ok low, !ok high]}
outputs: [sum]
END

# --- explain ------------------------------------------------------------------

expect "explain before the first run" ipvm explain m.yaml
expect_match 'would run +low: never run here'
expect_match 'would run +sum: awaits (low|high), whose result is not known'
expect_match 'limits time 5000 ms memory 64\.0 MiB'
expect_match 'awaited by sum'
expect_match '^0 of 3 tasks are in the memo, 3 would run'
expect "explain runs nothing" ipvm explain m.yaml
expect_match '3 would run'
expect "a run" ipvm run -q m.yaml
expect_output 'sum  303'
expect "explain after it" ipvm explain m.yaml
expect_match 'hit +sum: known by its recipe'
expect_match 'cost .*of memory.*; by wasmtime'
expect_match '^3 of 3 tasks are in the memo, 0 would run; the memo saves'
expect "as JSON" ipvm explain --json m.yaml
expect_json 'j["hits"], j["would_run"], t["sum"]["verdict"], t["low"]["awaited_by"]' "(3, 0, 'hit', ['sum'])"
computation=$(json 't["low"]["computation"]') result=$(json 't["low"]["result"]')

sed -i 's/\[1000, 2000\]/[1000, 3000]/' m.yaml
expect "a changed argument" ipvm explain m.yaml
expect_match 'would run +high: args\[1\] is 3000, was 2000'
expect_match 'hit +low'
expect_match '^1 of 3 tasks are in the memo, 2 would run'
expect "only that runs" ipvm run m.yaml
expect_error ': 2 ran, 1 from the memo'
cat p.wasm <(printf '\0\6\4noteX') > q.wasm # the same with a custom section
mv q.wasm p.wasm
expect "a changed module" ipvm explain m.yaml
expect_match 'would run +low: the module is another: .*baf.* was .*baf'
expect_match '^0 of 3'
expect "changes the recipe of all" ipvm run m.yaml
expect_error ': 3 ran, 0 from the memo'

# Early cut-off: another recipe for the same number.
cat > cut.yaml << 'END'
ipvm: "1.0"
name: cut
tasks:
  one: {run: "p.wasm#add", args: [100, 68]}
  two: {run: "p.wasm#count", args: [0, !ok one]}
outputs: [two]
END
expect "a recipe" ipvm run -q cut.yaml
sed -i 's/\[100, 68\]/[68, 100]/' cut.yaml
expect "another recipe" ipvm explain cut.yaml
expect_match 'would run +one: args\[0\] is 68, was 100'
expect "whose result is the same" ipvm run cut.yaml
expect_error ': 1 ran, 1 from the memo'
sed -i 's/\[68, 100\]/[168, 0]/' cut.yaml
ipvm run -q cut.yaml > /dev/null
sed -i 's/one/uno/' cut.yaml
expect "other labels change nothing" ipvm explain cut.yaml
expect_match '^2 of 2 tasks are in the memo'

# Ends.
cat > ends.yaml << 'END'
ipvm: "1.0"
name: ends
tasks:
  slow: {run: "p.wasm#count", args: [0, 4000000000], limits: {time: 50ms}}
  wrong: {run: "p.wasm#count", args: [zero, 1]}
  trap: {run: "p.wasm#count", args: [0, !ok wrong]}
END
expect_code 1 "a run that met a limit" ipvm run ends.yaml
expect_error '✗ slow +limit/time'
expect_error 'limits: \{time: \.\.\.\} gives it more'
expect "explain names the limit" ipvm explain ends.yaml
expect_match 'slow: .*limit/time'
expect_match 'limits time 50 ms'
expect_match 'wrong: .*refused/argument'
expect_match 'trap: awaits wrong'
expect_code 2 "limits of a workflow are its own" ipvm run ends.yaml --time 3s
expect_error 'time.*limits'

# By CID.
expect "explain of a computation" ipvm explain "$computation"
expect_match "gave ok $result"
expect "explain of a result" ipvm explain "$result"
expect_match "computation $computation"
expect_code 4 "explain of what nobody computed" ipvm explain bafyreifg22lhidg22vscuoklprqgjmlon77evy3vht6p2wynefy366urmu
expect_code 4 "explain of no file" ipvm explain nowhere.yaml

# --- graph --------------------------------------------------------------------

xml() { python3 -c 'import sys, xml.etree.ElementTree as tree
root = tree.parse(sys.argv[1]).getroot()
ns = "{http://www.w3.org/2000/svg}"
print(root.tag == ns + "svg", len(root.findall(f".//{ns}g")), len([p for p in root.iter(ns + "path") if "e" in (p.get("class") or "").split()]))' "$1"; }
expect "a picture of a workflow" ipvm graph m.yaml -o m.svg
expect_true "  is SVG with 3 boxes and 2 lines ($(xml m.svg))" test "$(xml m.svg)" = "True 3 2"
expect "another" ipvm graph "$ROOT/examples/photo/photo.yaml" -o photo.svg
expect_true "  is SVG with 13 boxes ($(xml photo.svg))" bash -c "[[ '$(xml photo.svg)' == 'True 13 '* ]]"
expect "one of many tasks" ipvm graph "$ROOT/examples/primes/primes.yaml" -f svg
cp "$OUT" primes.svg
expect_true "  is SVG too ($(xml primes.svg))" bash -c "[[ '$(xml primes.svg)' == 'True 1023 '* || '$(xml primes.svg)' == 'True 1022 '* ]]"
expect "DOT" ipvm graph m.yaml
expect_match '^digraph workflow \{'
expect_match '"low" -> "sum";'
cat > other.yaml << 'END'
ipvm: "1.0"
tasks:
  a: {run: "p.wasm#count", args: [0, 10]}
  b: {run: "p.wasm#count", args: [0, !error a]}
END
expect "what awaits an error" ipvm graph other.yaml
expect_match '"a" -> "b" \[style=dashed\];'
if command -v dot > /dev/null; then
    ipvm graph m.yaml > m.dot
    expect_true "  dot reads it" dot -Tsvg -o /dev/null m.dot
else
    skip "graphviz is missing: DOT not parsed"
fi
expect "as JSON" ipvm graph --json m.yaml
expect_json 'sorted((e["from"], e["to"]) for e in j["edges"])' "[('high', 'sum'), ('low', 'sum')]"
expect_code 2 "no other format" ipvm graph m.yaml --format pdf
expect_code 5 "where nothing can be written" ipvm graph m.yaml -o /proc/x.svg
expect_error '/proc/x.svg'
expect_true "no temporary files are left" test -z "$(find . -maxdepth 1 -name '*.svg.*')"

# --- inspect ------------------------------------------------------------------

expect "a manifest" ipvm inspect m.yaml
expect_match '^kind: manifest'
expect_match '^  low  count  bafyrei'
workflow=$(sed -n 's/^workflow: //p' "$OUT")
expect "its workflow" ipvm inspect "$workflow"
expect_match '^kind: workflow'
expect_match '^  low  count  bafyrei'
expect "the workflow runs by its CID" ipvm run "$workflow"
expect_match '^sum  '
expect "a computation" ipvm inspect --json "$computation"
expect_json 'j["kind"], j["value"]["args"]["fun"]' "('computation', 'count')"
expect "a result" ipvm inspect --json "$result"
expect_json 'j["kind"], j["value"]["ok"]' "('result', 168)"
expect "a module" ipvm inspect p.wasm
expect_match '^kind: core module$'
expect_match '^verdict: pure$'
expect_match '^  count: func\(.*s64.*\) -> s64'
expect "by its CID" ipvm inspect "$(ipvm add -q p.wasm)"
expect_match '^verdict: pure$'
if [[ -f $ROOT/examples/photo/image.wasm ]]; then
    expect "a module with WIT types" ipvm inspect "$ROOT/examples/photo/image.wasm"
    expect_match '^kind: core module with WIT types'
    expect_match '^  blur: func\(image: list<u8>, sigma: f32\) -> result<list<u8>, string>'
    expect "one of the IPVM ABI" ipvm inspect "$ROOT/examples/words/words.wasm"
    expect_match '^kind: core module, IPVM ABI'
else
    skip "no examples/photo/image.wasm: run make guests"
fi
printf '\0asm\1\0\0\0' > empty.wasm
expect "a refused module" ipvm inspect empty.wasm
expect_match '^verdict: refused because .*exports no function.*\(refused/module\)'
printf '\0asm\2\0\0\0' > later.wasm
expect "a module of another version" ipvm inspect later.wasm
expect_match 'refused|kind: '
echo hello > hello.txt
expect "a file" ipvm inspect hello.txt
expect_match '^kind: file'
expect_match '^bytes: 6'
expect "by its CID" ipvm inspect "$(ipvm add -q hello.txt)"
expect_match '^kind: file'
expect "a picture" ipvm inspect --json "$ROOT/examples/photo/cat.png"
expect_json 'j["kind"], j["bytes"] > 1000' "('file', True)"
sed 's/!ok low/!ok lwo/' m.yaml > broken.yaml
expect "a manifest with a mistake" ipvm inspect broken.yaml
expect_match 'cannot be run: broken.yaml:7:.*did you mean .low'

vectors=${IPVM_VECTORS:-$ROOT/../shared/vectors}/homestar/workflows
if [[ -d $vectors ]]; then
    while read -r file cid; do
        expect "a Homestar workflow: $file" ipvm inspect "$vectors/$file.json"
        expect_match "$cid"
    done << 'END'
test-workflow-add-one bafyrmialnbzgwscjrq7sa3kdnw2roqdrdzp7xh2tvmo37qmgvarwrhcgre
test-workflow-add-one-nonced bafyrmibajjtwrcqrntnvp5fgkim6mbbsh6ykkdy3eijq2ycdjhlisxxx3i
test-workflow-image-pipeline bafyrmiatb7idqtty56hy3hrfa6ur6qkspyrhaf6n6ynmqsntjvym47mbrq
END
    capture ipvm run "$vectors/test-workflow-add-one.json"
    expect_true "whose module is not here cannot run ($CODE)" test "$CODE" = 4 -o "$CODE" = 1
    expect_error 'baf[a-z0-9]+.*(not in the store|not here)'
else
    skip "no $vectors: Homestar's CIDs not compared"
fi

finish
