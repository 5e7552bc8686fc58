#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Authority is passed on as one line of text, with its proofs; what it says can
# be read by anybody, and every wrong word on the command line is named.
source "$(dirname "$0")/lib.sh"

as() { # NAME COMMAND…: with a store of its own
    local store=$WORK/store-$1
    shift
    IPVM_STORE=$store "$@"
}
field() { # NAME: of the last line of JSON
    tail -n 1 "$OUT" | python3 -c 'import json, sys
value = json.load(sys.stdin)[sys.argv[1]]
print(value if isinstance(value, str) else json.dumps(value))' "$1"
}

alice=$(as alice ipvm key new -q)
bob=$(as bob ipvm key new -q --type p256)
carol=$(as carol ipvm key new -q --type secp256k1)

# --- One link ---------------------------------------------------------------------------

expect "alice delegates to bob" as alice ipvm delegate --to "$bob" \
    --command /wasm/run --expires 2030-01-31 \
    --policy '["==", ".fun", "resize"]' \
    --policy '[["<=", ".limits.time", 60000], ["like", ".mod", "bafy*"]]'
expect_match '^[CP][A-Za-z0-9_-]+$'
expect_error "^ipvm: $bob may /wasm/run for $alice until 2030-01-31T00:00:00Z"
expect_true "  one line of text" test "$(wc -l < "$OUT")" = 1
expect_true "  short enough for a header" test "$(wc -c < "$OUT")" -lt 1000
cp "$OUT" link1
text=$(cat link1)

expect "bob reads it without a store" as bob ipvm inspect "$text"
expect_match '^kind: delegation$'
expect_match "^issuer: $alice\$"
expect_match "^audience: $bob\$"
expect_match "^subject: $alice\$"
expect_match '^command: /wasm/run$'
expect_match '^  \["==",".fun","resize"\]$'
expect_match '^  \["like",".mod","bafy\*"\]$'
expect_match '^expires: 2030-01-31T00:00:00Z$'
expect_match '^signature: right \(Ed25519\)$'
expect "the same from a file" as bob ipvm inspect --json link1
expect_true "  three statements" \
    test "$(field policy | grep -o '"' | wc -l)" = 16
token=$(field token)

expect "a policy in words" as alice ipvm delegate --to "$bob" --command /a --json \
    --policy '.limits.time <= 60000' --policy '.fun like "re*"' --policy '.["a"][0]? != null'
expect_true "  is the same" test "$(field policy)" = \
    '[["<=", ".limits.time", 60000], ["like", ".fun", "re*"], ["!=", ".[\"a\"][0]?", null]]'

expect "it is a block of alice's" as alice ipvm inspect "$token"
expect_match '^kind: delegation$'
expect "that is kept" as alice ipvm pins
expect_match "^$token  delegation to ${bob#did:key:}\$"
expect "also after a collection" as alice ipvm gc
expect "it is still there" as alice ipvm inspect "$token"

expect "what breaks a rule is no token" \
    ipvm inspect "$ROOT/tests/fuzz/corpus/token/unknown_field"
expect_match '^not a token: token: unknown field .x$'

# --- Two links --------------------------------------------------------------------------

expect "bob delegates on, with the proof" as bob ipvm delegate --to "$carol" \
    --command /wasm/run --proof link1 --expires 12h -o link2 --json
expect_true "  on behalf of alice" test "$(field subject)" = "$alice"
expect_true "  signed by bob" test "$(field issuer)" = "$bob"
expect_true "  the file holds the container" \
    test "$(cat link2)" = "$(field container)"
expect "both are in it" as carol ipvm inspect --json link2
expect_true "  a line for it, and two" test "$(wc -l < "$OUT")" = 3
expect "bob has the proof, too" as bob ipvm inspect "$token"

expect "a proof may be a CID or text" as alice ipvm delegate --to "$carol" \
    --command /wasm/run --proof "$token" --proof "$text" --subject self
expect_true "  which is in it once" test "$(ipvm inspect --json "$(cat "$OUT")" | wc -l)" = 3

expect "without a proof it is made, with a warning" as bob ipvm delegate \
    --to "$carol" --command /wasm/run --subject "$alice"
expect_error "warning: nothing here proves that $bob may pass on /wasm/run of $alice"
expect "a proof of less does not prove more" as bob ipvm delegate \
    --to "$carol" --command /wasm --proof link1
expect_error 'warning: nothing here proves'
expect "nor one to somebody else" as carol ipvm delegate \
    --to "$bob" --command /wasm/run --proof link1
expect_error 'warning: nothing here proves'
expect "a powerline needs none" as bob ipvm delegate --to "$carol" \
    --command / --subject any --expires never --json
expect_true "  no subject" test "$(field subject)" = null
expect_true "  no end" test "$(field expires)" = null

# --- Keys, times, meta ------------------------------------------------------------------

as alice ipvm key new -q work > work.did
expect "another key signs" as alice ipvm delegate --key work --to "$bob" \
    --command /a --json --meta '{"why": "a test"}' --from 2020-02-29T23:59:59Z
expect_true "  as itself" test "$(field issuer)" = "$(cat work.did)"
expect_true "  from then on" test "$(field not_before)" = 2020-02-29T23:59:59Z
expect_true "  for seven days" python3 -c "
import datetime, sys
then = datetime.datetime.strptime('$(field expires)', '%Y-%m-%dT%H:%M:%SZ')
left = then - datetime.datetime.utcnow()
sys.exit(not 604700 < left.total_seconds() < 604801)"
mkdir empty
expect "a store without a key gets one" env IPVM_STORE="$WORK/empty/s" \
    "$IPVM" delegate --to "$bob" --command /a
expect_error 'key'

# --- What is wrong is named ---------------------------------------------------------------

refuses() { # WORDS… -- REGEX
    local words=()
    while [[ $1 != -- ]]; do words+=("$1") && shift; done
    expect_code 2 "refuses ${words[*]}" as alice ipvm delegate "${words[@]}"
    expect_error "$2"
    expect_true "  nothing is printed" test ! -s "$OUT"
}
refuses --command /a -- '--to is missing'
refuses --to "$bob" -- '--command is missing'
refuses --to did:web:example.com --command /a -- '--to did:web'
refuses --to "${bob%?}" --command /a -- '--to'
refuses --to "$bob" --command a -- '--command a: '
refuses --to "$bob" --command /A -- 'upper case'
refuses --to "$bob" --command /a/ -- 'empty segment'
refuses --to "$bob" --command $'/\xff' -- 'UTF-8'
for when in soon 7 7y d -1d 99999999999999d 999999999999w 2030-02-29 2030-13-01 \
    2030-00-10 2030-01-00 2030-1-1 1969-12-31 2030-01-01T24:00:00Z \
    2030-01-01T00:00:00 '2030-01-01 00:00:00Z' ''; do
    refuses --to "$bob" --command /a --expires="$when" -- '--expires'
done
refuses --to "$bob" --command /a --from never -- '--from never'
refuses --to "$bob" --command /a --expires 1h --from 2h -- 'expires before that'
refuses --to "$bob" --command /a --policy '{}' -- '--policy'
refuses --to "$bob" --command /a --policy '["==", ".a"' -- '--policy'
refuses --to "$bob" --command /a --policy '["~", ".a", 1]' -- '.pol\[0\]\[0\]'
refuses --to "$bob" --command /a --policy '["==", ".a", 9007199254740992]' -- '2\^53-1'
refuses --to "$bob" --command /a --policy '.a = 1' -- 'behind a selector'
refuses --to "$bob" --command /a --policy '.a == x' -- 'text in quotes'
refuses --to "$bob" --command /a --policy '.a <= "x"' -- '.pol\[0\]'
refuses --to "$bob" --command /a --meta '{}' -- '.meta is empty'
refuses --to "$bob" --command /a --subject me -- '--subject me'
expect_code 4 "refuses a proof that is not there" as alice ipvm delegate \
    --to "$bob" --command /a --proof none
expect_error 'there is no file none'
echo hello > hello
expect_code 4 "and one that is none" as alice ipvm delegate \
    --to "$bob" --command /a --proof hello
expect_error 'neither a token nor a container'
printf '%s' "${text%????}" > shortened
expect_code 3 "and one that is cut off" as alice ipvm delegate \
    --to "$bob" --command /a --proof shortened
sed 's/^\(.\{40\}\)./\1A/; s/^\(.\{41\}\)./\1B/' link1 > changed
expect_code 3 "and one that was changed" as alice ipvm delegate \
    --to "$bob" --command /a --proof changed
expect_code 4 "and a key that is not there" as alice ipvm delegate \
    --to "$bob" --command /a --key nobody

# --- Machines in trouble -----------------------------------------------------------------

expect_code 5 "says which file it cannot write" as alice ipvm delegate \
    --to "$bob" --command /a -o /nowhere/x
expect_error '/nowhere/x'
expect_code 5 "says so when standard output is full" bash -c \
    "IPVM_STORE=$WORK/store-alice '$IPVM' delegate --to $bob --command /a > /dev/full"
for _ in 1 2 3 4; do
    as alice ipvm delegate --to "$bob" --command /twice -q > /dev/null &
done
wait
expect "four at once all are kept" as alice ipvm pins -q
expect_true "  each once" test "$(sort -u "$OUT" | wc -l)" = "$(wc -l < "$OUT")"

finish
