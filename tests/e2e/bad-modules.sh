#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Hostile modules: refused before they run, stopped at their limits, or their
# trap is the result; the program and its store go on as if nothing had been.
source "$(dirname "$0")/lib.sh"

if ! command -v wat2wasm > /dev/null; then
    skip "wat2wasm is missing: install wabt"
    exit 77
fi

# module NAME < WAT: NAME.wasm
module() {
    cat > "$1.wat"
    wat2wasm --enable-all "$1.wat" -o "$1.wasm" || not_ok "$1.wat is not right"
}

# typed NAME TYPE < WAT: the same, whose function f has a WIT type
typed() {
    cat > "$1.wat"
    printf 'package a:b;\nworld w { export f: %s; }\n' "$2" > "$1.wit"
    wat2wasm "$1.wat" -o "$1.core.wasm" || not_ok "$1.wat is not right"
    "$IPVM" embed "$1.core.wasm" --wit "$1.wit" -o "$1.wasm" > "$OUT" 2> "$ERR" ||
        not_ok "$1.wit does not fit"
}

# refuses WHAT CODE WORDS MODULE [WORD…]
refuses() {
    local what=$1 code=$2 words=$3
    shift 3
    expect_code "$code" "refused: $what" ipvm run "$@"
    expect_error "$words"
    expect_true "  in less than 2 s ($MS ms)" test "$MS" -lt 2000
}

# gives WHAT NAME WORDS MODULE [WORD…]: {"error": {"ipvm/error": NAME}}
gives() {
    local what=$1 name=$2 words=$3
    shift 3
    expect_code 1 "$name: $what" ipvm run "$@"
    expect_output "error {\"ipvm/error\":\"$name\"}"
    expect_error "$words"
}

# ends WHAT NAME MODULE [WORD…]: no result, and none in the memo
ends() {
    local what=$1 name=$2
    shift 2
    expect_code 1 "$name: $what" ipvm run "$@"
    expect_error "✗ call +$name"
    expect_true "  with nothing on stdout" test ! -s "$OUT"
    expect_code 1 "  it is not in the memo" ipvm run "$@"
    expect_error ' 0 from the memo'
}

# --- No modules, or not of this profile -------------------------------------

printf '\0asm\1\0\0\0' > empty.wasm
refuses "a module of nothing" 3 'exports no function' empty.wasm f
printf 'hello' > text.wasm
refuses "a text" 3 'not Wasm|no WebAssembly|magic' text.wasm f
: > nothing.wasm
refuses "an empty file" 3 'refused' nothing.wasm f
printf '\0asm\2\0\0\0' > version.wasm
refuses "another version" 3 'version' version.wasm f
printf '\0asm\1\0\0\0\1\xff\xff\xff\xff\x0f' > section.wasm
refuses "a section longer than the file" 3 'byte|end' section.wasm f
module plain <<< '(module (func (export "f") (result i32) (i32.const 7)))'
expect "a good one runs" ipvm run plain.wasm f
expect_output 7

while IFS='|' read -r what words wat; do
    module feature <<< "$wat"
    refuses "$what" 3 "the module is refused: .*$words.* at byte [0-9]+" feature.wasm f
done << 'END'
threads|threads|(module (memory (export "memory") 1 2 shared) (func (export "f")))
atomics|threads|(module (memory 1) (func (export "f") (drop (i32.atomic.load (i32.const 0)))))
memory64|memory64|(module (memory i64 1) (func (export "f")))
several memories|multiple memories|(module (memory 1) (memory 1) (func (export "f")))
exceptions|exceptions|(module (tag $e) (func (export "f") (throw $e)))
END
# What wat2wasm does not write: sections by hand.
binary() { # NAME WORDS HEX
    printf '0061736d01000000%s' "$3" | xxd -r -p > feature.wasm
    refuses "$1" 3 "$2" feature.wasm f
}
# A struct type; a function of type 0 that is f: (i32.const 0) (drop).
binary "garbage collection" 'gc|struct' '0105015f017f00'
binary "typed function references" 'func|ref|gc' '01060160016300''00'
binary "relaxed SIMD" 'relaxed' \
    '010401600000''03020100''0705010166''0000''0a''2c012a00fd0c''00000000000000000000000000000000fd0c00000000000000000000000000000000fd80021a0b'
binary "custom page sizes" 'page' '01040160000003020100050401080100''07050101660000''0a040102000b'

mib=$((1 << 20))
python3 - << 'END' > many.wasm
# A module whose function section claims four billion functions.
import sys
sys.stdout.buffer.write(b"\0asm\1\0\0\0\1\4\1\x60\0\0\3\5\xff\xff\xff\xff\x0f")
END
refuses "four billion functions" 3 'refused' many.wasm f
python3 - << 'END' > deep.wasm
# A function of a million nested blocks.
import sys
def varint(n):
    out = b""
    while n > 127:
        out, n = out + bytes([n & 127 | 128]), n >> 7
    return out + bytes([n])
def section(number, data): return bytes([number]) + varint(len(data)) + data
body = b"\0" + b"\x02\x40" * 1000000 + b"\x0b" * 1000001
sys.stdout.buffer.write(b"\0asm\1\0\0\0" + section(1, b"\1\x60\0\0") + section(3, b"\1\0") +
    section(7, b"\1\1f\0\0") + section(10, b"\1" + varint(len(body)) + body))
END
capture ipvm run deep.wasm f
expect_true "a million nested blocks end in time ($CODE, $MS ms)" test "$CODE" -le 5 -a "$MS" -lt 10000
head -c $((80 * mib)) /dev/zero | cat <(printf '\0asm\1\0\0\0') - > long.wasm
capture ipvm run long.wasm f
expect_true "a module of 80 MiB is refused ($MS ms)" test "$CODE" = 3
rm long.wasm deep.wasm

# --- Imports ----------------------------------------------------------------

while IFS='|' read -r module name words; do
    module import <<< "(module (import \"$module\" \"$name\" (func)) (func (export \"f\") (result i32) (i32.const 1)))"
    expect_code 1 "refused: the import $module $name" ipvm run import.wasm f
    expect_error '✗ call +refused/import'
    expect_error "$module $name.*$words"
    expect "  inspect says so too" ipvm inspect import.wasm
    expect_match "refused because .*$module"
done << 'END'
wasi:clocks/wall-clock@0.2.0|now|as an argument
wasi:clocks/monotonic-clock@0.2.0|now|as an argument
wasi:random/random@0.2.0|get-random-bytes|.
wasi:sockets/tcp@0.2.0|connect|.
wasi:filesystem/types@0.2.0|read|.
wasi:http/outgoing-handler@0.2.0|handle|.
env|foo|link
unknown:interface/x@1.0.0|y|.
wasi_snapshot_preview1|no_such_function|.
END
module memory_import <<< '(module (import "env" "memory" (memory 1)) (func (export "f")))'
refuses "an imported memory" 3 'imports the memory env memory' memory_import.wasm f

# --- Arguments --------------------------------------------------------------

module two <<< '(module (func (export "f") (param i32 i64) (result i64) (i64.add (i64.extend_i32_s (local.get 0)) (local.get 1))))'
expect "numbers add up" ipvm run two.wasm f -1 9223372036854775807
expect_output 9223372036854775806
refuses "too few arguments" 3 'takes 2 arguments, 1 is given' two.wasm f 1
refuses "too many" 3 'takes 2 arguments, 3 are given' two.wasm f 1 2 3
ends "an i32 out of range" refused/argument two.wasm f 4294967296 1
expect_error 'argument 1: '
ends "a float for an integer" refused/argument two.wasm f 1.0 1
ends "text" refused/argument two.wasm f 1 one
expect_error 'argument 2: '
ends "null" refused/argument two.wasm f 1 null
ends "a list" refused/argument two.wasm f 1 '[1]'
module v128 <<< '(module (func (export "f") (param v128)))'
ends "v128" refused/function v128.wasm f 1
module several <<< '(module (func (export "f") (result i32 i32) (i32.const 1) (i32.const 2)))'
ends "several results" refused/function several.wasm f
refuses "no such function" 4 'no function g' plain.wasm g
cat > count.yaml << 'END'
ipvm: "1.0"
tasks:
  a: {run: "two.wasm#f", args: [1]}
END
expect_code 1 "the count in a manifest" ipvm run count.yaml
expect_error 'takes 2 arguments, 1'

# --- Traps ------------------------------------------------------------------

while IFS='|' read -r what words body; do
    module trap <<< "(module (type \$v (func)) (table 2 funcref) (elem (i32.const 1) \$g) (func \$g (param i32)) (memory (export \"memory\") 1) (func (export \"f\") (result i32) $body))"
    gives "$what" trap "$words" trap.wasm f
done << 'END'
unreachable|unreachable|unreachable
a division by zero|divide by zero|(i32.div_s (i32.const 1) (i32.const 0))
a division that overflows|overflow|(i32.div_s (i32.const 0x80000000) (i32.const -1))
NaN as an integer|conversion|(i32.trunc_f64_s (f64.const nan))
a float beyond integers|overflow|(i32.trunc_f64_s (f64.const 1e300))
a load outside of memory|out of bounds|(i32.load (i32.const 65536))
a store outside of memory|out of bounds|(i32.store (i32.const -1) (i32.const 0)) (i32.const 0)
a fill outside of memory|out of bounds|(memory.fill (i32.const 1) (i32.const 0) (i32.const 65536)) (i32.const 0)
a null function|uninitialized|(call_indirect (type $v) (i32.const 0)) (i32.const 0)
a function of another type|mismatch|(call_indirect (type $v) (i32.const 1)) (i32.const 0)
a function outside of the table|undefined|(call_indirect (type $v) (i32.const 9)) (i32.const 0)
END
module start <<< '(module (func $s unreachable) (start $s) (func (export "f")))'
gives "at the start" trap unreachable start.wasm f
module initialize <<< '(module (func (export "_initialize") unreachable) (func (export "f")))'
gives "in _initialize" trap unreachable initialize.wasm f
module segment <<< '(module (memory 1) (data (i32.const 65536) "x") (func (export "f")))'
gives "a data segment outside of memory" trap 'out of bounds' segment.wasm f
expect "a trap is a result: it comes from the memo" bash -c "'$IPVM' run segment.wasm f; test \$? = 1"
expect_error '1 from the memo'
module exit <<< '(module (import "wasi_snapshot_preview1" "proc_exit" (func $e (param i32))) (memory (export "memory") 1) (func (export "f") (call $e (i32.const 0))))'
gives "proc_exit" trap 'proc_exit' exit.wasm f

# --- What cannot be represented -----------------------------------------------

for value in nan inf -inf; do
    module float <<< "(module (func (export \"f\") (result f64) (f64.const $value)))"
    gives "$value" unrepresentable 'NaN' float.wasm f
done

# --- The IPVM ABI --------------------------------------------------------------

# abi BYTES PTR<<32|LEN: a function that returns these bytes.
abi() {
    module abi << END
(module (memory (export "memory") 1)
  (func (export "ipvm_alloc") (param i32) (result i32) (i32.const 1024))
  (data (i32.const 0) "$1")
  (func (export "f") (param i32 i32) (result i64) (i64.const $2)))
END
}
abi '\a1\62ok\01' 5
expect "a good one" ipvm run abi.wasm f
expect_output 1
abi '' 0xffff000000000010
gives "a pointer outside of memory" trap 'out of bounds' abi.wasm f
abi '' 0x0000fffffffffff
gives "a length outside of memory" trap 'out of bounds' abi.wasm f
while IFS='|' read -r what length bytes name; do
    abi "$bytes" "$length"
    gives "$what" "$name" . abi.wasm f
done << 'END'
nothing|0||trap
bytes that are no CBOR|2|\ff\ff|trap
truncated CBOR|4|\a1\62ok|trap
bytes behind the value|6|\a1\62ok\01\01|trap
a number not in its shortest form|6|\a1\62ok\18\01|trap
text that is not UTF-8|6|\a1\62ok\61\ff|trap
a text longer than all|9|\a1\62ok\7a\ff\ff\ff\ff|trap
both branches|12|\a2\62ok\01\65error\01|trap
neither|5|\a1\62no\01|trap
a list|2|\81\01|trap
an indefinite list|6|\a1\62ok\9f\ff|trap
another tag|6|\a1\62ok\c0\60|trap
NaN|13|\a1\62ok\fb\7f\f8\00\00\00\00\00\00|unrepresentable
a promise|15|\a1\62ok\a1\68await/ok\01|unrepresentable
an error of ours|24|\a1\65error\a1\6aipvm/error\64trap|unrepresentable
END
module alloc <<< '(module (memory (export "memory") 1) (func (export "ipvm_alloc") (param i32) (result i32) (i32.const -16)) (func (export "f") (param i32 i32) (result i64) (i64.const 5)))'
gives "an allocation outside of memory" trap 'ipvm_alloc' alloc.wasm f 1
module alloc <<< '(module (memory (export "memory") 1) (func (export "ipvm_alloc") (param i32) (result i32) unreachable) (func (export "f") (param i32 i32) (result i64) (i64.const 5)))'
gives "a trap while allocating" trap unreachable alloc.wasm f 1
module alloc <<< '(module (func (export "ipvm_alloc") (param i32) (result i32) (i32.const 0)) (func (export "f") (param i32 i32) (result i64) (i64.const 5)))'
expect "without a memory it has numbers only" ipvm run alloc.wasm f 1 2
expect_output 5

# --- WIT types ---------------------------------------------------------------

realloc='(func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 4096))'
while IFS='|' read -r what type data body; do
    typed wit "$type" <<< "(module (memory (export \"memory\") 1) $realloc $data (func (export \"f\") (result i32) $body))"
    gives "$what" trap . wit.wasm f
done << 'END'
a string outside of memory|func() -> string|(data (i32.const 16) "\00\00\00\00\ff\ff\ff\ff")|(i32.const 16)
a string that is not UTF-8|func() -> string|(data (i32.const 16) "\20\00\00\00\01\00\00\00") (data (i32.const 32) "\ff")|(i32.const 16)
a string that wraps around|func() -> string|(data (i32.const 16) "\f0\ff\ff\ff\20\00\00\00")|(i32.const 16)
a result outside of memory|func() -> string||(i32.const -4)
a result that is misaligned|func() -> string||(i32.const 3)
a list longer than memory|func() -> list<u64>|(data (i32.const 16) "\00\00\00\00\ff\ff\ff\1f")|(i32.const 16)
a list that is misaligned|func() -> list<u64>|(data (i32.const 16) "\01\00\00\00\01\00\00\00")|(i32.const 16)
a discriminant of nothing|func() -> option<u32>|(data (i32.const 16) "\07")|(i32.const 16)
a surrogate as a char|func() -> char||(i32.const 0xd800)
a char beyond Unicode|func() -> char||(i32.const 0x110000)
END
while IFS='|' read -r what body; do
    typed wit 'func(s: list<u32>)' <<< "(module (memory (export \"memory\") 1) (func (export \"cabi_realloc\") (param i32 i32 i32 i32) (result i32) $body) (func (export \"f\") (param i32 i32)))"
    gives "cabi_realloc $what" trap . wit.wasm f '[1, 2, 3]'
done << 'END'
outside of memory|(i32.const -4)
at the end of memory|(i32.const 65532)
misaligned|(i32.const 3)
traps|unreachable
END
typed wit 'func() -> u32' <<< "(module (memory (export \"memory\") 1) $realloc (func (export \"f\") (result i32) (i32.const 3)) (func (export \"cabi_post_f\") (param i32) unreachable))"
gives "in post-return" trap unreachable wit.wasm f
typed wit 'func() -> result<u32, string>' << END
(module (memory (export "memory") 1) $realloc (data (i32.const 16) "\01\00\00\00\20\00\00\00\02\00\00\00") (data (i32.const 32) "no") (func (export "f") (result i32) (i32.const 16)))
END
expect_code 1 "a guest's own error is its own" ipvm run wit.wasm f
expect_output 'error "no"'

# --- Limits ------------------------------------------------------------------

module recurse <<< '(module (func $f (export "f") (result i32) (i32.add (call $f) (i32.const 1))))'
ends "recursion for ever" limit/stack recurse.wasm f
module loop <<< '(module (func (export "f") (loop (br 0))))'
ends "a loop for ever" limit/time loop.wasm f --time 300ms
expect_true "  stopped in time ($MS ms)" test "$MS" -lt 600
module loop_start <<< '(module (func $s (loop (br 0))) (start $s) (func (export "f")))'
ends "a loop at the start" limit/time loop_start.wasm f --time 300ms
module loop_alloc <<< '(module (memory (export "memory") 1) (func (export "ipvm_alloc") (param i32) (result i32) (loop (br 0)) (i32.const 0)) (func (export "f") (param i32 i32) (result i64) (i64.const 5)))'
ends "a loop in ipvm_alloc" limit/time loop_alloc.wasm f 1 --time 300ms
ends "in this process" limit/time loop.wasm f --time 300ms --in-process
ends "in the other engine" limit/time loop.wasm f --time 300ms --engine wasmi
ends "fuel" limit/fuel loop.wasm f --fuel 10000
module grow <<< '(module (memory (export "memory") 1) (func (export "f") (loop (drop (memory.grow (i32.const 1))) (br 0))))'
ends "growth for ever" limit/memory grow.wasm f --memory 16MiB
ends "in this process" limit/memory grow.wasm f --memory 16MiB --in-process
ends "in the other engine" limit/memory grow.wasm f --memory 16MiB --engine wasmi
module table <<< '(module (table $t 1 funcref) (memory 1) (func (export "f") (loop (drop (table.grow $t (ref.null func) (i32.const 100000))) (br 0))))'
capture ipvm run table.wasm f --memory 16MiB --time 500ms
expect_true "a table that grows for ever is stopped" test "$CODE" = 1 -a "$MS" -lt 1000
module big <<< '(module (memory (export "memory") 20000) (func (export "f")))'
ends "a memory that is too large from the beginning" limit/memory big.wasm f --memory 16MiB
module max <<< '(module (memory (export "memory") 1 2) (func (export "f") (result i32) (memory.grow (i32.const 5))))'
expect "growth past the module's own maximum is its own affair" ipvm run max.wasm f
expect_output -1
module huge << 'END'
(module (memory (export "memory") 20000)
  (func (export "ipvm_alloc") (param i32) (result i32) (i32.const 1024))
  (data (i32.const 0) "\a1\62ok\5a\40\00\00\00")
  (func (export "f") (param i32 i32) (result i64) (i64.const 0x40000009)))
END
ends "a result of a gigabyte" limit/result huge.wasm f --memory 2GiB

# A larger limit, and there is a result.
module work << 'END'
(module (memory (export "memory") 1)
  (func (export "f") (param i32) (result i32)
    (if (i32.eq (memory.grow (i32.const 100)) (i32.const -1)) (then unreachable))
    (loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
    (memory.size)))
END
ends "too little time" limit/time work.wasm f 2000000000 --time 20ms
ends "too little memory" limit/memory work.wasm f 1000 --memory 1MiB
ends "too little fuel" limit/fuel work.wasm f 1000 --fuel 100
expect "enough of each" ipvm run work.wasm f 1000 --memory 16MiB --fuel 100000 --time 10s
expect_output 101
expect "then it is in the memo, with whatever limit" ipvm run work.wasm f 1000 --memory 1MiB --fuel 1
expect_output 101
expect_error 'all from the memo'

# --- Logs --------------------------------------------------------------------

module flood << 'END'
(module (import "homestar:host/helpers@0.1.1" "print" (func $p (param i32 i32)))
  (memory (export "memory") 1) (data (i32.const 0) "spam\1b[31m")
  (func (export "f") (result i32) (local i32)
    (loop (call $p (i32.const 0) (i32.const 9))
      (br_if 0 (i32.lt_u (local.tee 0 (i32.add (local.get 0) (i32.const 1))) (i32.const 1000000))))
    (local.get 0)))
END
expect "a million lines are no trouble" ipvm run flood.wasm f
expect_output 1000000
expect_true "  most are dropped" test "$(wc -l < "$ERR")" -lt 20000
expect_true "  none speaks to the terminal" bash -c "! grep -q $'\x1b' '$ERR'"
for call in '(i32.const 0) (i32.const -1)' '(i32.const 65535) (i32.const 2)' '(i32.const 4) (i32.const 2)'; do
    module log <<< "(module (import \"homestar:host/helpers@0.1.1\" \"print\" (func \$p (param i32 i32))) (memory (export \"memory\") 1) (data (i32.const 4) \"\\ff\\ff\") (func (export \"f\") (call \$p $call)))"
    gives "a line at $call" trap . log.wasm f
done

# --- Broken bytes ------------------------------------------------------------

photo=$ROOT/examples/photo/image.wasm
if [[ -f $photo ]]; then
    crashes=0 size=$(stat -c %s "$photo")
    for ((at = 0; at < size; at += size / 25)); do
        head -c "$at" "$photo" > cut.wasm
        "$IPVM" inspect cut.wasm > "$OUT" 2> "$ERR" || true
        (($? < 128)) || crashes=$((crashes + 1))
        "$IPVM" run cut.wasm rotate90 @"$ROOT/examples/photo/cat.png" -n > "$OUT" 2> "$ERR"
        CODE=$?
        ((CODE == 3)) || crashes=$((crashes + 1))
    done
    LAST="run and inspect of cut.wasm"
    expect_true "every beginning of a module is refused" test "$crashes" = 0
    python3 - "$photo" << 'END'
import random, sys
whole = open(sys.argv[1], "rb").read()
chance = random.Random(7)
for number in range(25):
    broken = bytearray(whole)
    for _ in range(3):
        broken[chance.randrange(8, len(broken))] ^= 1 << chance.randrange(8)
    open(f"flipped-{number}.wasm", "wb").write(broken)
END
    crashes=0
    for flipped in flipped-*.wasm; do
        "$IPVM" run "$flipped" crop @"$ROOT/examples/photo/cat.png" 1 1 9 9 -n --time 2s > "$OUT" 2> "$ERR"
        CODE=$?
        ((CODE <= 4)) && ! grep -q ' host ' "$ERR" || {
            crashes=$((crashes + 1))
            LAST="run of $flipped"
        }
    done
    expect_true "flipped bits crash nothing" test "$crashes" = 0
else
    skip "no examples/photo/image.wasm: run make guests"
fi

expect "after all that the store works" ipvm run plain.wasm f
expect_output 7
expect_error 'all from the memo'

finish
