#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# One subject hands a node guests that loop, grow, trap, recurse, log and return
# without end, and modules that take for ever to compile. What another hands in
# meanwhile comes out, each hostile task ends under its right name, and nothing
# of it is left behind.
source "$(dirname "$0")/lib.sh"

wasm=$ROOT/bench/guests
for guest in "$wasm/hostile.wasm" "$wasm/loop.wasm"; do
    [[ -f $guest ]] || with_own_home make -s -C "$ROOT" "${guest#"$ROOT/"}" ||
        not_ok "$guest can be made"
done

NODE=0
at_leave() {
    local each
    for each in $NODE $(jobs -p); do
        kill -9 "$each"
    done
}
"$IPVM" node --port 0 --set task_memory=128MiB --set task_time_max=2s \
    --set workers=2 > node.out 2> node.err &
NODE=$!
for _ in {1..400}; do
    grep -q dashboard node.out 2> /dev/null && break
    sleep 0.02
done
url=$(python3 -c 'import json; print(json.load(open("store/node.json"))["url"])')

# Two subjects with a store, a key and a delegation each.
for who in good evil; do
    did=$("$IPVM" key new -q --store "$who")
    expect_true "$who may submit" "$IPVM" delegate -q --to "$did" \
        --command /workflow/run -o "$who.ucan"
done
as() { # WHO COMMAND…
    local who=$1 command=$2
    shift 2
    "$IPVM" "$command" --store "$who" --node "$url" --proof "$who.ucan" "$@"
}

files() { find /proc/$NODE/fd -type l 2> /dev/null | wc -l; }
before=$(files)

# --- What the hostile one hands in --------------------------------------------

# manifest NAME FUNCTION COUNT: so many calls, no two of them the same.
manifest() {
    printf 'ipvm: "1.0"\nname: %s\ntasks:\n' "$1"
    for ((i = 0; i < $3; i++)); do
        printf '  t%d: {run: %s, args: [%d]}\n' "$i" "$2" "$((i + $4))"
    done
}
# A function of very many instructions, in a module of its own for each number.
bomb() {
    python3 - "$1" > "bomb$1.wasm" << 'END'
import sys
number = int(sys.argv[1])
def size(n):
    return bytes([n & 127 | 128, n >> 7 & 127 | 128, n >> 14 & 127 | 128, n >> 21])
rounds = b"".join(bytes([0x20, 0, 0x42, (i + number) & 31, 0x7e, 0x20, 0,
                         (0x85, 0x7c)[i & 1], 0x21, 0]) for i in range(200000))
body = b"\0" + rounds + b"\x20\0\x0b"
sys.stdout.buffer.write(b"\0asm\1\0\0\0\1\6\1\x60\1\x7e\1\x7e\3\2\1\0\7\5\1\1f\0\0\x0a" +
                        size(5 + len(body)) + b"\1" + size(len(body)) + body)
END
}
declare -A wanted=([spin]=limit/time [grow]=limit/memory [trap]=trap
    [stack]=limit/stack [logs]=trap [giant]=ok)
declare -A count=([spin]=6 [grow]=10 [trap]=300 [stack]=50 [logs]=20 [giant]=3)
declare -A hostile
for what in "${!wanted[@]}"; do
    manifest "$what" "$wasm/hostile.wasm#$what" "${count[$what]}" 0 > "$what.yaml"
    expect "evil hands in ${count[$what]} of $what" as evil submit -q "$what.yaml"
    hostile[$what]=$(tail -n 1 "$OUT")
done
for number in 1 2 3; do
    bomb "$number"
    expect "evil hands in a module that takes long to compile" \
        as evil submit -q "bomb$number.wasm" f 1
    hostile[bomb$number]=$(tail -n 1 "$OUT")
done

# --- What the other one hands in meanwhile --------------------------------------

slowest=0
for round in {1..8}; do
    manifest "good$round" "$wasm/loop.wasm#integers" 20 $((100000 + round * 100)) > good.yaml
    capture as good submit -q --wait good.yaml
    ((CODE == 0)) || not_ok "a small job comes out beside all that"
    ((MS > slowest)) && slowest=$MS
done
ok "small jobs come out beside all that (the slowest took $slowest ms)"
expect_true "  while the hostile ones go on" \
    grep -q running <(as evil jobs --limit 50)

# --- How it ended ----------------------------------------------------------------

ended() { # ID: its state, once it is over
    for _ in {1..600}; do
        case $("$IPVM" job -q "$1") in
            succeeded | failed) return ;;
        esac
        sleep 0.05
    done
    return 1
}
ends_of() { # ID: each task's end, or the error of its result
    "$IPVM" job --json "$1" | python3 -c '
import json, sys
outputs = json.load(sys.stdin)["outputs"].values()
print(" ".join(sorted({o.get("end") or ("ok" if o["ok"] else "trap") for o in outputs})))'
}
for what in "${!hostile[@]}"; do
    expect_true "$what is over" ended "${hostile[$what]}"
    got=$(ends_of "${hostile[$what]}")
    case $what in
        bomb*) [[ $got == ok || $got == limit/compile ]] ;;
        *) [[ $got == "${wanted[$what]}" ]] ;;
    esac && ok "  as it should: $got" || not_ok "  as it should" "it is $got"
done

# --- What is left ------------------------------------------------------------------

stopped() { ps -o stat= --ppid $NODE | grep -c '^[TZ]'; }
expect_true "no worker is left stopped or dead" test "$(stopped)" = 0
expect_true "no more workers than are kept ($(ps -o pid= --ppid $NODE | wc -l))" \
    test "$(ps -o pid= --ppid $NODE | wc -l)" -le 10
workers=$(ps -o pid= --ppid $NODE | wc -l)
# A socket, an event, a process and its words for each; a file for each module; a few connections.
expect_true "no file of a worker that is gone ($before files before, $(files) now)" \
    test "$(files)" -le $((before + 4 * workers + 20))
expect "the node still answers" ipvm jobs --state running
expect_true "  with nothing running" test -z "$(ipvm jobs -q --state running)"
kill -TERM $NODE
expect_true "and ends in good order" wait $NODE
finish
