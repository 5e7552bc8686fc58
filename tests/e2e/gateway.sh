#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Content out of a node and into it: byte for byte what `ipvm` gives and takes,
# in the forms and with the headers of a trustless gateway; what is wrong is
# refused, and what a client leaves half done is nothing.
source "$(dirname "$0")/lib.sh"
source "$ROOT/tests/e2e/serving.sh"

# is CODE TEXT WORDS…: curl's answer has this code; BODY and HEAD have the rest.
BODY=$WORK/.body HEAD=$WORK/.head
is() {
    local want=$1 text=$2 got
    shift 2
    LAST="curl $*"
    got=$(curl -s -m 20 -o "$BODY" -D "$HEAD" -w '%{http_code}' --path-as-is "$@")
    if [[ $got == "$want" ]]; then ok "$text"; else
        not_ok "$text" "$got instead of $want: $(head -c 300 "$BODY")"
    fi
}
header() { sed -n "s/^$1: \(.*\)\r\$/\1/Ip" "$HEAD"; }
# has TEXT NAME VALUE: a header of the last answer.
has() {
    expect_true "$1" test "$(header "$2")" = "$3"
}
same() { expect_true "$1" cmp "$2" "$3"; }
cid_of() { sed -n 's/^{"cid":{"\/":"\([^"]*\)"}.*/\1/p' "$BODY"; }

mkdir -p tree/sub
head -c 3000000 /dev/urandom > tree/sub/big
printf '<script>alert(1)</script>' > tree/page.html
printf '\211PNG\r\n\032\nrest' > tree/picture
: > tree/empty
ln -s ../somewhere tree/link
node_start
ROOT_CID=$(ipvm add -q tree)
BIG=$(ipvm add -q tree/sub/big)
GONE=bafkreidhw22sqlfao6etmnknatbrezmgkdazy4adn5jx3tk4wphri3eqfa

# --- Out ----------------------------------------------------------------------

is 200 "a file" "${OWNER[@]}" "$URL/ipfs/$BIG"
same "is the file" tree/sub/big "$BODY"
has "under its CID" ETag "\"$BIG\""
has "never changes; behind a proxy it is its asker's" Cache-Control \
    "private, max-age=29030400, immutable"
is 304 "is not sent to who has it" "${OWNER[@]}" "$URL/ipfs/$BIG" \
    -H "If-None-Match: W/\"x\", \"$BIG\""
is 206 "a part of a file" "${OWNER[@]}" -r 1048570-1048585 "$URL/ipfs/$ROOT_CID/sub/big"
same "is that part" <(tail -c +1048571 tree/sub/big | head -c 16) "$BODY"
has "and says which" Content-Range "bytes 1048570-1048585/3000000"
has "the way there is told" X-Ipfs-Roots \
    "$ROOT_CID,$(ipvm add -q tree/sub),$BIG"
is 416 "no bytes behind the end" "${OWNER[@]}" -r 3000000- "$URL/ipfs/$BIG"
is 200 "an empty file" "${OWNER[@]}" "$URL/ipfs/$ROOT_CID/empty"
is 200 "a page is text" "${OWNER[@]}" "$URL/ipfs/$ROOT_CID/page.html"
has "and never HTML" Content-Type "text/plain; charset=utf-8"
expect_true "in a sandbox" grep -qi '^content-security-policy:.*sandbox' "$HEAD"
is 200 "a picture is told by its bytes" "${OWNER[@]}" "$URL/ipfs/$ROOT_CID/picture"
has "a PNG" Content-Type image/png
is 200 "a symlink is its target" "${OWNER[@]}" "$URL/ipfs/$ROOT_CID/link"
expect_true "as it stands" test "$(cat "$BODY")" = ../somewhere
is 200 "a directory is a list" "${OWNER[@]}" "$URL/ipfs/$ROOT_CID/"
expect_true "of names" grep -q '"name":"page.html"' "$BODY"

ipvm block get "$BIG" > block
is 200 "a block" "${OWNER[@]}" -H 'Accept: application/vnd.ipld.raw' "$URL/ipfs/$BIG"
same "is the block" block "$BODY"
has "under another tag than its file" ETag "\"$BIG.raw\""
has "for who does not look at Accept" Content-Location "/ipfs/$BIG?format=raw"
is 200 "a block by the API" "${OWNER[@]}" "$URL/v1/blocks/$BIG"
same "is that block" block "$BODY"

ipvm export -q "$ROOT_CID" -o whole.car
is 200 "a CAR" "${OWNER[@]}" "$URL/ipfs/$ROOT_CID?format=car"
same "is what export writes" whole.car "$BODY"
has "of the form that it says" Content-Type \
    "application/vnd.ipld.car; version=1; order=dfs; dups=n"
is 200 "a CAR of a few bytes" "${OWNER[@]}" \
    "$URL/ipfs/$ROOT_CID/sub/big?format=car&entity-bytes=-5:*"
expect_true "is no larger than it must be" test "$(stat -c %s "$BODY")" -lt 1000000
cp "$BODY" part.car
expect "and is imported" ipvm --store part import -q --no-pin part.car
is 200 "the probe" "${OWNER[@]}" "$URL/ipfs/bafkqaaa?format=raw"
is 200 "a value in another codec" "${OWNER[@]}" "$URL/ipfs/$ROOT_CID?format=dag-json"
same "is what dag get prints" <(ipvm dag get "/ipld/$ROOT_CID" | tr -d ' \n') <(tr -d ' \n' < "$BODY")

# --- What is not here, or not to be had ---------------------------------------

is 404 "a block that is not here" "${OWNER[@]}" "$URL/ipfs/$GONE"
expect_true "is named" grep -q "$GONE" "$BODY"
has "and asked for again" Cache-Control no-store
is 412 "only what is at hand" "${OWNER[@]}" "$URL/ipfs/$GONE" -H 'Cache-Control: only-if-cached'
is 404 "a name that is not there" "${OWNER[@]}" "$URL/ipfs/$ROOT_CID/nothing"
is 404 "nor is there any above" "${OWNER[@]}" "$URL/ipfs/$ROOT_CID/../../etc/passwd"
is 404 "or behind a zero byte" "${OWNER[@]}" "$URL/ipfs/$ROOT_CID/empty%00x"
is 406 "a tar is not made" "${OWNER[@]}" "$URL/ipfs/$ROOT_CID?format=tar"
is 400 "a CID that is none" "${OWNER[@]}" "$URL/ipfs/nothing"
is 401 "who is nobody gets nothing" "$URL/ipfs/$BIG"
LEAF=$(ipvm dag get "/ipld/$BIG" | grep -o 'bafkrei[a-z2-7]*' | tail -n 1)
expect "a leaf is lost" ipvm block rm -q --force "$LEAF"
expect_code 18 "a CAR without it does not look whole" curl -s -m 20 "${OWNER[@]}" -o "$BODY" "$URL/ipfs/$BIG?format=car"
expect_code 18 "nor does a file" curl -s -m 20 "${OWNER[@]}" -o "$BODY" "$URL/ipfs/$BIG"
is 206 "what is there of it is given" "${OWNER[@]}" -r 0-99 "$URL/ipfs/$BIG"

# --- In -----------------------------------------------------------------------

is 201 "a file in chunks" "${OWNER[@]}" -X POST -T - "$URL/v1/files?name=big" < tree/sub/big
expect_true "has its CID" test "$(cid_of)" = "$BIG"
is 200 "and heals what was lost" "${OWNER[@]}" "$URL/ipfs/$BIG"
same "byte for byte" tree/sub/big "$BODY"
is 201 "an empty file" "${OWNER[@]}" -X POST --data-binary @/dev/null "$URL/v1/files"
printf 'a block' > small
SMALL=$(ipvm --store other add -q small)
is 201 "a block under its CID" "${OWNER[@]}" -X PUT --data-binary @small "$URL/v1/blocks/$SMALL"
expect "is in the store" ipvm block get "$SMALL"
expect_output "a block"
is 422 "other bytes are not" "${OWNER[@]}" -X PUT --data-binary other "$URL/v1/blocks/$SMALL"
is 201 "a block is named" "${OWNER[@]}" --data-binary @<(printf '\xa0') "$URL/v1/blocks?codec=dag-cbor"
is 400 "a block that its codec cannot read" "${OWNER[@]}" --data-binary @<(printf '\xff') "$URL/v1/blocks?codec=dag-cbor"
is 413 "a block that is too long" "${OWNER[@]}" --data-binary @tree/sub/big "$URL/v1/blocks"
is 200 "which are missing" "${OWNER[@]}" -H 'Content-Type: application/json' \
    -d "{\"cids\":[\"$GONE\",{\"/\":\"$BIG\"}]}" "$URL/v1/missing"
expect_true "is answered" test "$(cat "$BODY")" = "{\"missing\":[{\"/\":\"$GONE\"}]}"

head -c 40000000 /dev/urandom > large
expect_true "a CAR of another store" ipvm --store other add -q large
LARGE=$(ipvm --store other add -q large)
ipvm --store other export -q "$LARGE" -o large.car
head -c 30000000 large.car > cut.car
{ head -c 20000000 large.car; printf x; tail -c +20000002 large.car; } > bad.car
CAR=(-H 'Content-Type: application/vnd.ipld.car')
is 400 "a CAR with a wrong byte" "${OWNER[@]}" "${CAR[@]}" --data-binary @bad.car "$URL/v1/car"
is 400 "a CAR that is cut off" "${OWNER[@]}" "${CAR[@]}" --data-binary @cut.car "$URL/v1/car"
expect_code 4 "leave nothing behind" ipvm block get "$LARGE"
is 201 "a whole CAR" "${OWNER[@]}" "${CAR[@]}" --data-binary @large.car "$URL/v1/car"
expect_true "is here" ipvm get "$LARGE" -o large.out
same "byte for byte" large large.out

for index in {1..8}; do
    curl -s -o /dev/null -w '%{http_code}\n' "${OWNER[@]}" "${CAR[@]}" --data-binary @large.car "$URL/v1/car" > "code.$index" &
    wait_for+=($!)
done
wait "${wait_for[@]}"
expect_true "many CARs at once each have their turn" test "$(cat code.* | sort -u)" = 201

# --- Clients that go away -----------------------------------------------------

head -c 20000000 /dev/urandom > left
LEFT=$(ipvm --store other add -q left)
for _ in 1 2 3; do
    timeout 0.4 curl -s "${OWNER[@]}" --limit-rate 8M -X POST -T left "$URL/v1/files" > /dev/null
    timeout 0.2 curl -s "${OWNER[@]}" --limit-rate 1M "$URL/ipfs/$LARGE?format=car" > /dev/null
done
expect_code 4 "what came half has no name" ipvm block get "$LEFT"
is 200 "and the node serves" "$URL/healthz"

# --- kill -9 ------------------------------------------------------------------

is 201 "what is acknowledged" "${OWNER[@]}" -X POST -T left "$URL/v1/files"
node_kill
expect_true "outlives the node" ipvm get "$LEFT" -o left.out
same "byte for byte" left left.out
expect "and the store is whole" ipvm fsck -q
finish
