#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Trees of files go in under the CIDs that Kubo gives them and come out as they
# were; nothing is ever written outside, and neither a full disk nor kill -9 in
# the middle leaves anything half done that was told.
source "$(dirname "$0")/lib.sh"

make_sample() {
    mkdir -p "$1/sub" "$1/empty"
    echo one > "$1/a"
    echo two > "$1/sub/b"
    echo h > "$1/.hidden"
    ln -s ../a "$1/sub/link"
    ln -s sub "$1/dirlink"
}
same_tree() { diff -r --no-dereference "$1" "$2"; }
no_leftovers() { [[ -z $(find . -maxdepth 1 -name ".ipvm-*") ]]; }

# --- In and out -------------------------------------------------------------

# By `ipfs add -r --cid-version 1 --chunker size-1048576 --max-file-links 1024`.
plain=bafybeifvvb55v5b7vzm2nyofvwiuhzxjujelmhwy2xhdxv4ckbqphefezu
hidden=bafybeicscibudh3ol53bn3hl44sqe5klrqwmkjjx6zzvzraemwc7vscfmm
make_sample t
expect "a tree has the CID that Kubo gives it" ipvm add -q t
expect_output "$plain"
expect "what is hidden is left out, and said" ipvm add t
expect_error '1 hidden file in t left out; --hidden'
expect "and taken where it is wanted" ipvm add -q -H t/
expect_output "$hidden"
expect "--only-hash names a tree" ipvm add -q -H --only-hash t
expect_output "$hidden"
expect "get writes it" ipvm get "$hidden" -o out
expect_true "  unchanged" same_tree t out
expect "a part of it" ipvm get -q "$hidden/empty" -o part
expect_true "  is a directory" test -d part
expect "without -o it takes the last name" ipvm get -q "$hidden/empty"
expect_true "  which is there" test -d empty
expect "a file in it" ipvm cat "$hidden/sub/b"
expect_output two
expect "a part of a file" ipvm cat --offset 1 --length 2 "$hidden/sub/b"
expect_output wo
expect "of several as of one" ipvm cat --offset 3 -l 3 "$hidden/a" "$hidden/sub/b"
expect_true "  over the seam" cmp "$OUT" <(printf '\ntw')
expect "--wrap keeps the name" ipvm add -q --wrap t/a
expect_output bafybeiakmuufdr4s6gqi7bg3fewe46fa6ejqn2g5awo7zdr2xl4qjpixtm/a
expect "which leads to it" ipvm cat "$(cat "$OUT")"
expect_output one
expect_code 3 "standard input has no name" ipvm add --wrap -
mkdir -p two/a
expect_code 3 "two of one name cannot be wrapped" ipvm add --wrap t/a two/a
expect_code 4 "a tree that is not there" ipvm add nowhere

# --- Listing ----------------------------------------------------------------

expect "ls lists it" ipvm ls "$hidden"
expect_match '^bafkrei[a-z2-7]{52} +4  a$'
expect_match '^bafybei[a-z2-7]{52} +-  sub/$'
expect_match '^bafybei[a-z2-7]{52} +-  dirlink -> sub$'
expect "ls of a part" ipvm ls -q "$hidden/sub"
expect_output "$(printf 'b\nlink')"
expect "ls of a file is the file" ipvm ls "$hidden/sub/b"
expect_match '^bafkrei[a-z2-7]{52} +4  b$'
expect "ls in JSON" ipvm ls --json "$hidden/sub"
expect_match '^\{"cid":"bafkrei[a-z2-7]{52}","kind":"file","name":"b","size":4\}$'
expect "ls without looking further" ipvm ls --fast "$hidden/sub"
expect_match '^bafkrei[a-z2-7]{52}  b$'
mkdir esc && : > $'esc/a\033[31mb'
expect "names are safe for the terminal" ipvm ls "$(ipvm add -q esc)"
expect_match 'a\\x1b\[31mb$'
mkdir wide && (cd wide && seq -f 'file-%05.0f' 6000 | while read -r f; do echo "$f" > "$f"; done)
expect "6000 names make a HAMT" ipvm add -q wide
wide=$(cat "$OUT")
expect "which is listed" ipvm ls -q "$wide"
expect_true "  whole" test "$(sort "$OUT" | cksum)" = "$(find wide -type f -printf "%f\n" | sort | cksum)"
expect "and comes back" ipvm get -q "$wide" -o wideout
expect_true "  unchanged" same_tree wide wideout
expect "a name in it" ipvm cat "$wide/file-01234"
expect_output file-01234

# --- Modes and times --------------------------------------------------------

chmod 750 t/sub && chmod 4640 t/a && touch -d '2001-02-03T04:05:06Z' t/a t/sub
expect "modes and times are kept if asked for" ipvm add -q --preserve-mode --preserve-mtime t
kept=$(cat "$OUT")
expect "and shown" ipvm ls --long "$kept"
expect_match '^ 4640  2001-02-03T04:05:06Z .* a$'
expect "and restored" ipvm get -q "$kept" -o kept
expect_true "  without setuid" test "$(stat -c '%a %Y' kept/a)" = "640 $(stat -c %Y t/a)"
expect_true "  of directories, too" test "$(stat -c '%a %Y' kept/sub)" = "750 $(stat -c %Y t/sub)"

# --- What is refused --------------------------------------------------------

expect_code 5 "what is there is not overwritten" ipvm get "$hidden" -o out
expect_error 'out is there already and not empty'
expect_code 5 "nor a file" ipvm get "$hidden" -o t/a
mkfifo t/sub/fifo
expect_code 3 "pipes are refused by name" ipvm add t
expect_error 't/sub/fifo'
rm t/sub/fifo
: > $'t/sub/\xff'
expect_code 3 "names that are not UTF-8 too" ipvm add t
expect_error 't/sub has a file whose name is not UTF-8'
rm $'t/sub/\xff'
if ((EUID != 0)); then
    : > t/secret && chmod 0 t/secret
    expect_code 5 "and what may not be read" ipvm add t
    expect_error 't/secret'
    rm -f t/secret
fi
mkdir -p evil/sub && ln -s /etc/passwd evil/sub/abs
evil=$(ipvm add -q evil)
expect_code 3 "a symlink out of the tree is not written" ipvm get "$evil" -o evilout
expect_error 'evilout/sub/abs: .*/etc/passwd'
expect_true "  nor anything else" test ! -e evilout
expect "--unsafe-links skip leaves it out" ipvm get "$evil" --unsafe-links skip -o evilout
expect_error '1 symlinks that could lead out skipped'
expect_true "  only that" test ! -L evilout/sub/abs -a -d evilout/sub
expect_code 2 "no other words" ipvm get "$evil" --unsafe-links please -o x
expect_code 3 "--max-size stops" ipvm get "$wide" -o small --max-size 64KiB
expect_true "  and leaves nothing" test ! -e small
expect_true "  no temporary directory either" no_leftovers

# --- What changes while it is read ------------------------------------------

mkdir grow && head -c 50000000 /dev/urandom > grow/file
(while :; do printf x >> grow/file; done) &
writer=$!
expect_code 5 "a file that grows is refused" ipvm add grow
expect_error 'grow/file (changed|became)'
kill "$writer" && wait "$writer" 2> /dev/null
rm -r grow
# A directory that becomes a symlink and back leads nowhere else.
mkdir -p swap/dir other && echo inside > swap/dir/f && echo outside > other/f
(while :; do mv swap/dir swap/.d && ln -s ../other swap/dir && rm swap/dir && mv swap/.d swap/dir; done) 2> /dev/null &
swapper=$!
outside=0
for _ in $(seq 100); do
    cid=$(ipvm add -q --only-hash swap 2> /dev/null) || continue
    [[ $(ipvm add -q swap 2> /dev/null) == "$cid" ]] || continue
    [[ $(ipvm cat "$cid/dir/f" 2> /dev/null) != outside ]] || outside=1
done
kill "$swapper" && wait "$swapper" 2> /dev/null
expect_true "a directory swapped for a symlink does not lead out" test $outside = 0

# --- Two at once ------------------------------------------------------------

rm -rf "$IPVM_STORE"
ipvm add -q wide > one.txt &
ipvm add -q wide > two.txt &
wait
expect_true "two imports of one tree agree" test "$(cat one.txt)" = "$wide" -a "$(cat two.txt)" = "$wide"
expect "and it is whole" ipvm get -q "$wide" -o both
expect_true "  unchanged" same_tree wide both

# --- kill -9 ----------------------------------------------------------------

mkdir -p many && for d in 1 2 3 4; do cp -r wide many/$d; done
for f in many/*/*; do echo "$f" >> "$f"; done
for delay in 0.02 0.05 0.1 0.2 0.3; do
    rm -rf "$IPVM_STORE"
    told=$(timeout -s KILL "$delay" "$IPVM" add -q many 2> /dev/null)
    if [[ -n $told ]] && ! ipvm get -q "$told" -o told > "$OUT" 2> "$ERR"; then
        not_ok "killed after $delay s: what was told is not there"
    fi
    rm -rf told
done
expect "after imports were killed another is whole" ipvm add -q many
many=$(cat "$OUT")
expect "  and comes back" ipvm get -q "$many" -o manyout
expect_true "  unchanged" same_tree many manyout
rm -rf manyout
for delay in 0.05 0.1 0.2 0.3; do
    # Not by timeout, which KILL ends before the program is gone.
    "$IPVM" get -q "$many" -o manyout 2> /dev/null &
    sleep "$delay"
    kill -9 $! 2> /dev/null
    wait $! 2> /dev/null
    if [[ -e manyout ]] && ! same_tree many manyout; then
        not_ok "killed after $delay s: half a tree is there"
    fi
    rm -rf manyout .ipvm-*
done
ok "an extraction that is killed leaves no half tree under its name"
# Sooner, where it was through before.
for delay in 0.1 0.05 0.03 0.02; do
    rm -rf manyout
    timeout -s INT "$delay" "$IPVM" get -q "$many" -o manyout 2> "$ERR" || break
done
expect_true "Ctrl-C takes back what was written" no_leftovers
rm -rf manyout

# --- A full disk ------------------------------------------------------------

if ${CC:-cc} -std=gnu11 -D_GNU_SOURCE -O1 -shared -fPIC -w \
    -o faults.so "$ROOT/tests/e2e/faults.c" -ldl; then
    make_sample small && head -c 3000000 /dev/urandom > small/big
    right=$(ipvm add -q -H small)
    with_fault() { # CALL NTH ERRNO COMMAND…
        rm -f mark
        env LD_PRELOAD="$PWD/faults.so" FAULT_ON=1 FAULT_CALL="$1" FAULT_NTH="$2" \
            FAULT_ERRNO="$3" FAULT_MARK="$PWD/mark" timeout -s KILL 30 "${@:4}"
    }
    tried=0 bad=0
    for call in write sync open read; do
        for nth in $(seq 1 60); do
            rm -rf "$IPVM_STORE"
            told=$(with_fault $call "$nth" 28 "$IPVM" add -q -H small 2> "$ERR")
            code=$?
            [[ -e mark ]] || break
            tried=$((tried + 1))
            if ((code > 125)) || { ((code != 0)) && ! grep -q '[a-z]' "$ERR"; }; then
                not_ok "add: $call $nth fails: exit code $code, $(head -n 1 "$ERR")"
                bad=1
            elif [[ -n $told ]] && [[ $told != "$right" ]]; then
                not_ok "add: $call $nth fails: another CID"
                bad=1
            elif ((code == 0)) && ! { ipvm get -q "$told" -o back && same_tree small back; } > "$OUT" 2>&1; then
                not_ok "add: $call $nth fails: what was told is not there"
                bad=1
            fi
            rm -rf back
        done
    done
    ((bad)) || ok "add: $tried calls may fail, and all after them"
    rm -rf "$IPVM_STORE"
    ipvm add -q -H small > /dev/null
    tried=0 bad=0
    for call in write open rename; do
        for nth in $(seq 1 60); do
            rm -rf back .ipvm-*
            with_fault $call "$nth" 28 "$IPVM" get -q "$right" -o back 2> "$ERR"
            code=$?
            [[ -e mark ]] || break
            tried=$((tried + 1))
            if ((code == 0)) && ! same_tree small back > "$OUT" 2>&1; then
                not_ok "get: $call $nth fails: half a tree"
                bad=1
            elif ((code != 0)) && [[ -e back ]]; then
                not_ok "get: $call $nth fails, but something is there"
                bad=1
            elif ((code > 125)) || { ((code != 0)) && ! grep -q '[a-z]' "$ERR"; }; then
                not_ok "get: $call $nth fails: exit code $code"
                bad=1
            fi
            # Where nothing can be opened, nothing can be taken back.
            [[ $call == open ]] || no_leftovers || { not_ok "get: $call $nth fails and leaves things"; bad=1; }
        done
    done
    rm -rf back .ipvm-*
    ((bad)) || ok "get: $tried calls may fail, and all after them"
else
    not_ok "the faults can be made"
fi

finish
