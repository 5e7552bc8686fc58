#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Files go in and come out unchanged, under the CIDs that others give them, in
# constant memory; what is not there, or is no CID, is said so.
source "$(dirname "$0")/lib.sh"

vectors=${IPVM_VECTORS:-$ROOT/../shared/vectors}

expect "adding a file prints its CID" ipvm add /usr/share/common-licenses/GPL-3
expect_match '^bafkrei[a-z2-7]{52}  /usr/share/common-licenses/GPL-3$'
expect "-q prints just the CID" ipvm add -q /usr/share/common-licenses/GPL-3
expect_match '^bafkrei[a-z2-7]{52}$'
gpl=$(cat "$OUT")
expect "get writes it" ipvm get "$gpl" -o gpl
expect_true "  unchanged" cmp gpl /usr/share/common-licenses/GPL-3
expect "get without -o takes the CID for a name" ipvm get "$gpl"
expect_true "  unchanged" cmp "$gpl" /usr/share/common-licenses/GPL-3
mkdir there
expect "get into a directory" ipvm get "$gpl" -o there
expect_true "  unchanged" cmp "there/$gpl" /usr/share/common-licenses/GPL-3
expect "cat prints it" ipvm cat "$gpl"
expect_true "  unchanged" cmp "$OUT" /usr/share/common-licenses/GPL-3
expect "cat prints several" ipvm cat "$gpl" "$gpl"
expect_true "  one after the other" cmp "$OUT" \
    <(cat /usr/share/common-licenses/GPL-3 /usr/share/common-licenses/GPL-3)
STDIN=/usr/share/common-licenses/GPL-3
expect "standard input has the same CID" ipvm add -q -
expect_output "$gpl"
STDIN=/dev/null
expect "nothing has a CID" ipvm add -q -
expect_output bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku
expect "and comes back" ipvm cat bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku
expect_true "  empty" test ! -s "$OUT"
expect "CIDs of another base mean the same" ipvm cat "${gpl^^}"
expect "an /ipfs/ path too" ipvm cat "/ipfs/$gpl"
: > empty
expect "several files at once" ipvm add -q empty /usr/share/common-licenses/GPL-3
expect_match "^$gpl\$"
expect "--only-hash keeps nothing" bash -c "echo never | '$IPVM' add -q -n -"
expect_code 4 "  so it is not there" ipvm cat "$(cat "$OUT")"
expect_error 'is not in the store'

# --- CIDs that others give --------------------------------------------------

synthcat=$vectors/homestar/synthcat.png
if [[ -f $synthcat ]]; then
    expect "256 KiB chunks give Kubo's CIDs" ipvm add -q --chunk-size 256KiB "$synthcat"
    expect_output bafybeiejevluvtoevgk66plh5t6xiy3ikyuuxg3vgofuvpeckb6eadresm
    expect "which are read" ipvm get -q bafybeiejevluvtoevgk66plh5t6xiy3ikyuuxg3vgofuvpeckb6eadresm -o cat.png
    expect_true "  unchanged" cmp cat.png "$synthcat"
    expect "other chunks, another CID" ipvm add -q "$synthcat"
    expect_true "  the same bytes" cmp <(ipvm cat "$(cat "$OUT")") "$synthcat"
else
    skip "no $synthcat: CIDs of older Kubo not compared"
fi
expect_code 2 "no chunks of nothing" ipvm add --chunk-size 0 empty
expect_code 2 "nor of everything" ipvm add --chunk-size 1GiB empty
expect_error 'chunk-size'
expect_code 2 "nor of words" ipvm add --chunk-size much empty
expect_error 'much'

# --- A big file -------------------------------------------------------------

# The peak of memory that is not a file's pages, in KiB, of a command.
cat > peak.py << 'END'
import os, sys, time
pid = os.spawnvp(os.P_NOWAIT, sys.argv[1], sys.argv[1:])
peak = 0
while True:
    try:
        for line in open(f"/proc/{pid}/status"):
            if line.startswith("RssAnon"):
                peak = max(peak, int(line.split()[1]))
    except OSError:
        pass
    done, status = os.waitpid(pid, os.WNOHANG)
    if done:
        break
    time.sleep(0.005)
print(peak, file=sys.stderr)
sys.exit(os.waitstatus_to_exitcode(status))
END
truncate -s 300M big
printf 'beginning' | dd of=big conv=notrunc status=none
printf 'middle' | dd of=big bs=1M seek=150 conv=notrunc status=none
sleep 2.1 # Files younger than two seconds are always read again.
expect "300 MB are added" python3 peak.py "$IPVM" add -q big
big=$(cat "$OUT")
expect_true "  in less than 64 MB of memory ($(tail -n 1 "$ERR") KiB)" test "$(tail -n 1 "$ERR")" -lt 65536
expect "again, without reading it" ipvm add -q big
expect_output "$big"
expect_true "  in a moment ($MS ms)" test "$MS" -lt 500
expect "got back" python3 peak.py "$IPVM" get -q "$big" -o copy
expect_true "  in less than 64 MB of memory ($(tail -n 1 "$ERR") KiB)" test "$(tail -n 1 "$ERR")" -lt 65536
expect_true "  unchanged" cmp big copy
rm copy
printf x | dd of=big bs=1M seek=299 conv=notrunc status=none
expect "a changed file is read again" ipvm add -q big
expect_true "  and has another CID" test "$(cat "$OUT")" != "$big"
rm big
expect_true "a reader that leaves is no trouble" \
    bash -o pipefail -c "'$IPVM' cat '$big' | head -c 9 | grep -q beginning; test \${PIPESTATUS[1]} = 0"

# --- What is not there ------------------------------------------------------

none=bafkreifg22lhidg22vscuoklprqgjmlon77evy3vht6p2wynefy366urmu
for command in get cat inspect explain; do
    expect_code 4 "$command of an unknown CID" ipvm "$command" "$none"
    expect_error "$none"
done
expect_code 3 "no workflow has such a CID" ipvm run "$none"
expect_error "$none"
expect_code 4 "an unknown workflow" ipvm run bafyreifg22lhidg22vscuoklprqgjmlon77evy3vht6p2wynefy366urmu
expect_error 'not in the store'
expect_true "  get left no file" test ! -e "$none"
for bad in bafkrei zzz "$none"x "${none%u}" Qm b f bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi0; do
    expect_code 3 "no CID: $bad" ipvm cat "$bad"
    expect_error 'CID'
done
expect_code 3 "an empty word" ipvm cat ''
expect_code 4 "a missing file" ipvm add nowhere
expect_error 'nowhere'
expect_code 4 "one missing file of several" ipvm add empty nowhere
expect_code 4 "inspect of nothing" ipvm inspect nowhere
expect_code 5 "a file that may not be written" ipvm get "$gpl" -o /proc/gpl
expect_error '/proc/gpl'
expect_code 5 "a full device" bash -c "'$IPVM' cat '$gpl' > /dev/full"
expect_error 'standard output'
if ((EUID == 0)); then
    skip "running as root: unreadable files not tried"
else
    : > secret
    chmod 0 secret
    expect_code 5 "a file that may not be read" ipvm add secret
    expect_error 'secret'
fi

# --- Directories ------------------------------------------------------------

mkdir -p tree/sub
echo one > tree/a
echo two > tree/sub/b
cp "$ROOT/examples/words/words.wasm" . 2> /dev/null
cat > tree.yaml << 'END'
ipvm: "1.0"
tasks:
  a: {run: "words.wasm#count", args: [!dir tree]}
END
if [[ -f words.wasm ]]; then
    expect_code 1 "a directory as an argument" ipvm run -n --json tree.yaml
    task=$(ipvm inspect tree.yaml | grep -o 'bafyrei[a-z2-7]*' | tail -n 1)
    expect "its computation names the directory" ipvm inspect --json "$task"
    directory=$(grep -o 'bafybei[a-z2-7]*' "$OUT")
    expect "which is one" ipvm inspect "$directory"
    expect_match '^kind: directory'
    expect "a file in it" ipvm cat "$directory/sub/b"
    expect_output two
    expect "by an /ipfs/ path" ipvm get -q "/ipfs/$directory/a"
    expect_true "  which takes the name" test "$(cat a)" = one
    expect_code 3 "a directory is no file" ipvm cat "$directory"
    expect_error 'directory'
    expect_code 4 "a name that is not in it" ipvm cat "$directory/sub/c"
    expect_error 'sub/c: the directory has no such name'
    ln -s a tree/link
    expect_code 3 "a directory with other things in it" ipvm run tree.yaml
    expect_error 'tree.yaml:3:[0-9]+: .*tree/link'
    rm tree/link
    expect_code 1 "an argument that is not here" ipvm run words.wasm count "@$none"
    expect_error 'unavailable'
    expect_error "$none is not here"
    expect_code 4 "a module that is not here" ipvm run "$none" count x
    expect_error "$none is not in the store"
else
    skip "no examples/words/words.wasm: run make guests"
fi

finish
