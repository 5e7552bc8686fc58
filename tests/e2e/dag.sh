#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Blocks and values go in and out as Kubo has it, always strict; paths lead
# through directories, values and links, and say where they end.
source "$(dirname "$0")/lib.sh"

put() { ipvm dag put "$@"; }
get() { ipvm dag get "$@"; }
with_input() { # with_input TEXT COMMAND…: printf's text on standard input
    printf '%b' "$1" > .input
    "${@:2}" < .input
}

# --- dag put and get -----------------------------------------------------

echo '{"b": 1, "a": [1, 2.5, {"/": {"bytes": "aGk"}}, -3, 1e3]}' > value.json
expect "a value in DAG-JSON becomes a block" put value.json
expect_output bafyreidcmq5ehbbp7qa7fhpyg4wevribcib34emkt4swptmchg55qrmsoy
value=$(cat "$OUT")
expect "it comes back in its one form" get "$value"
expect_output '{"a":[1,2.5,{"/":{"bytes":"aGk"}},-3,1000.0],"b":1}'
expect "bytes inside of it come back as they are" \
    get --output-codec raw "$value/a/2"
expect_output hi
expect "an integer, down a path" get "$value/a/3"
expect_output -3
expect "DAG-CBOR comes out of it" get --output-codec dag-cbor "$value/b"
expect_true "  in one byte" cmp "$OUT" <(printf '\x01')

echo "{\"to\": {\"/\": \"$value\"}, \"n\": null}" > link.json
expect "a value that links" put --pin link.json
link=$(cat "$OUT")
expect "a path goes through the link" get "$link/to/a/1"
expect_output 2.5
expect "and ends at what is linked" ipvm dag resolve "$link/to"
expect_output "$value"
expect "what is left inside of the block is told" \
    ipvm dag resolve "$link/to/a/1" "$link/n" "ipfs://$link/%6e"
expect_match "^$value/a/1\$"
expect_match "^$link/n\$"
expect "several files at once" put value.json link.json
expect_match "^$link\$"
expect "each as JSON" put --json value.json
expect_output "{\"cid\":\"$value\",\"size\":$(ipvm block get "$value" | wc -c)}"
expect "other hash functions" put --hash sha2-512 value.json
expect_match '^bafyrg'
expect "and other codecs" put --store-codec dag-json value.json
expect_match '^baguqe'
expect "an identity CID needs no store" put --hash identity value.json
expect "it answers for itself" get "$(cat "$OUT")/b"
expect_output 1

expect_code 2 "an unknown codec is refused" put --store-codec cbor value.json
expect_error 'codec cbor is not supported; there are dag-cbor'
expect_code 2 "so is json" put --input-codec json value.json
expect_code 2 "so is what no table has" get --output-codec nope "$value"
expect_code 2 "so is an unknown hash" put --hash sha1 value.json
expect_error 'sha1 is not supported'
printf '{"a": 1' > short.json
expect_code 3 "half a value is refused" put short.json value.json
expect_error 'short.json, byte 7'
expect_code 3 "raw holds bytes only" put --store-codec raw value.json
expect_error 'raw holds bytes, this is a map'
expect_code 3 "dag-pb holds nodes only" put --store-codec dag-pb value.json
expect_code 4 "a file that is not there is named" put none.json
expect_error 'there is no file none.json'

echo '{"Data": {"/": {"bytes": "CAE"}}, "Links": []}' > directory.json
expect "dag-pb has a form in JSON" put --store-codec dag-pb directory.json
expect_output bafybeiczsscdsbs7ffqz55asqdf3smv6klcw3gofszvwlyarci47bgf354
expect "which comes back" get "$(cat "$OUT")"
expect_output '{"Data":{"/":{"bytes":"CAE"}},"Links":[]}'

# --- Every value of the IPLD fixtures, from every codec to every other ------

vectors=${IPVM_VECTORS:-$ROOT/../shared/vectors}/ipld/fixtures
convert() { # convert FROM TO
    local from=("$vectors"/*/*."$1") files=() file
    : > wanted
    for file in "${from[@]}"; do
        compgen -G "${file%/*}/*.$2" > .to || continue
        files+=("$file")
        basename "$(head -n 1 .to)" ".$2" >> wanted
    done
    ipvm dag put --allow-big-block --input-codec "$1" --store-codec "$2" "${files[@]}"
}
if [[ -d $vectors ]]; then
    for from in dag-cbor dag-json dag-pb; do
        for to in dag-cbor dag-json dag-pb; do
            expect "$from becomes $to" convert $from $to
            expect_true "  all $(wc -l < wanted) have their CIDs" cmp wanted "$OUT"
        done
    done
else
    skip "no test data at $vectors"
fi

# --- block ---------------------------------------------------------------

expect "bytes become a raw block" with_input 'hello' ipvm block put
expect_output bafkreibm6jg3ux5qumhcn2b3flc3tyu6dmlb4xa7u5bf44yegnrjhc4yeq
hello=$(cat "$OUT")
expect "they come back" ipvm block get "$hello"
expect_output hello
expect "their size is told" ipvm block stat "$hello"
expect_match '^Size: 5$'
expect "an empty DAG-PB node as CIDv0" with_input '' \
    ipvm block put --format v0
expect_output QmdfTbBqBPQ7VNxZEYEj14VmRuZBkqFbiwReogJgS1zR1n
expect "which is found by it" ipvm block stat "$(cat "$OUT")"
expect_match '^Codec: dag-pb$'
expect "a whole digest may be asked for" \
    with_input hello ipvm block put --mhlen 32
expect_output "$hello"
expect_code 2 "one cut short may not" \
    with_input hello ipvm block put --mhlen 20
expect_error 'no proof'
expect_code 2 "a CIDv0 is of sha2-256" \
    with_input '' ipvm block put --format v0 --mhtype sha3-256
expect_code 3 "keys out of order are no DAG-CBOR" \
    with_input '\xa2\x61b\x01\x61a\x02' ipvm block put --cid-codec dag-cbor
expect_error 'byte 4: dag-cbor: map keys out of order'
expect_code 3 "blanks are no DAG-JSON block" \
    with_input '{"a": 1}' ipvm block put --cid-codec dag-json
expect_error 'one form'
expect_code 3 "stray bytes are no DAG-PB" \
    with_input 'stray' ipvm block put --cid-codec dag-pb
expect "codecs that nobody here reads are kept" \
    with_input 'blob 1' ipvm block put --cid-codec git-raw
git=$(cat "$OUT")
expect "and named" ipvm block stat "$git"
expect_match '^Codec: git-raw \(not looked into\)$'
expect "they come back as bytes" ipvm block get "$git"
expect_output 'blob 1'
expect_code 3 "but have no value" get "$git"
expect_error '0x78 \(git-raw\) is not one of'
expect "codecs without a name go by number" \
    with_input 'x' ipvm block put --cid-codec 0x300001
expect_code 3 "and are named by it" get "$(cat "$OUT")"
expect_error 'codec 0x300001 is not one of'
expect_code 3 "a hash that we cannot verify is named" \
    ipvm block get bafkrcffk6tdb3xgf5crnvpw6b45uqlgzv2uugti
expect_error 'named by hash function 0x11'

head -c 1500000 /dev/zero > big
head -c 2200000 /dev/zero > huge
expect_code 3 "a block of more than 1 MiB is asked about" ipvm block put big
expect_error 'allow-big-block'
expect "and made then" ipvm block put --allow-big-block big
expect_code 3 "one of more than 2 MiB is not" \
    ipvm block put --allow-big-block huge
expect_error 'at most 2097152'

# --- Paths that end ------------------------------------------------------

expect_code 4 "a key that is not there" get "$link/to/x"
expect_error '/to/x: a map of 2 has no key "x"'
expect_code 4 "an index that is not there" get "$link/to/a/7"
expect_error '/to/a/7: a list of 5 has no index 7'
expect_code 3 "nothing is below a number" get "$link/to/b/x"
expect_error 'of kind int'
expect_code 3 "what is no CID" get nope/x
expect_error 'not a CID'
expect_code 4 "a block that is not there" \
    get bafyreigdmqpykrgxyaxtlafqpqhzrfgnqlzsxmhgmo7ai2yoh5uaqmrqba/x
expect_error 'is not in the store'
expect_code 3 "bad JSON has its place in JSON, too" get --json "$link/to/b/x"
expect_match '"code":3'

# --- stat and rm ---------------------------------------------------------

expect "blocks below are counted once" ipvm dag stat "$link" "$value"
expect_match "^$link	2 "
expect_match "^$value	1 "
expect_match '^Unique Blocks: 2$'
expect "also as JSON" ipvm dag stat --json "$link"
expect_match '"unique_blocks":2'

expect_code 3 "what a pin needs stays" ipvm block rm "$value" "$hello"
expect_error "cannot remove $value: pin $link needs it"
expect_match "^removed $hello\$"
expect_code 4 "what is gone is gone" ipvm block get "$hello"
expect_code 4 "and cannot be removed again" ipvm block rm "$hello"
expect "but with --force" ipvm block rm --force "$hello" "$value"
expect_match "^removed $value\$"
expect_code 4 "a path that needs it says so" get "$link/to/b"
expect_error "/to: block $value is not in the store"
expect_code 4 "so does a count" ipvm dag stat "$link"
expect_error "block $value is not in the store"

# --- Directories ---------------------------------------------------------

mkdir tree && echo one > tree/one && echo two > tree/two
expect "a directory" ipvm add -q tree
tree=$(tail -n 1 "$OUT")
expect "a path into a directory" ipvm cat "$tree/two"
expect_output two
expect "the node it is written as" get "/ipld/$tree/Links/1/Name"
expect_output '"two"'
expect "each name is inspected by path" ipvm inspect "$tree/one"
expect_match '^kind: file'

# --- Others at the same time ---------------------------------------------

many() { for n in {1..20}; do echo "{\"n\": $n}" | ipvm dag put --pin; done; }
many > one.txt & many > two.txt & wait
expect_true "two at once store the same" cmp one.txt two.txt
expect_true "  twenty blocks" test "$(sort -u one.txt | wc -l)" = 20
mapfile -t all < one.txt
expect "which are all there" ipvm dag stat --json "${all[@]}"
expect_match '"unique_blocks":20'

# --- A store that nobody may write -----------------------------------------

mkdir mounted
if ((EUID == 0)) && mount --bind "$IPVM_STORE" mounted 2> /dev/null &&
    mount -o remount,ro,bind mounted 2> /dev/null; then
    expect_code 5 "a read-only store takes nothing" \
        put --store mounted link.json value.json
    expect_error 'mounted'
    expect "and answers" get --store mounted "$link/n"
    expect_output null
    expect_code 5 "nothing is removed from it" \
        ipvm block rm --store mounted "$git"
else
    skip "cannot mount: a read-only file system not tried"
fi
umount mounted 2> /dev/null
finish
