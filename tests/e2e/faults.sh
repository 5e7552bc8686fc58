#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Whichever write, sync, open, read, mmap or rename fails, a run ends by itself
# with the right answer or with words about what went wrong, and the store is
# as sound as before: the next run gives the right answer.
source "$(dirname "$0")/lib.sh"

words=$ROOT/examples/words/words.wasm
if [[ ! -f $words ]]; then
    not_ok "$words is there: run make guests first"
    finish
fi
if ! ${CC:-cc} -std=gnu11 -D_GNU_SOURCE -O1 -shared -fPIC -w \
    -o faults.so "$ROOT/tests/e2e/faults.c" -ldl; then
    not_ok "the faults can be made"
    finish
fi
printf 'one two two\nthree three three\n' > one.txt
printf 'one one one one\n' > two.txt
cat > words.yaml << END
ipvm: "1.0"
name: words
tasks:
  one: {run: "$words#count", args: [!file one.txt]}
  two: {run: "$words#count", args: [!file two.txt]}
  all: {run: "$words#merge", args: [[!ok one, !ok two]]}
  top: {run: "$words#top", args: [!ok all, 3]}
outputs: [top]
END
expect "it runs without a fault" ipvm run words.yaml
right=$(cat "$OUT")

# One run with the N-th such call failing, then one without.
with_fault() {
    local call=$1 nth=$2 errno=$3 code
    rm -rf "$IPVM_STORE" mark
    env LD_PRELOAD="$PWD/faults.so" FAULT_CALL="$call" FAULT_NTH="$nth" \
        FAULT_ERRNO="$errno" FAULT_MARK="$PWD/mark" \
        timeout -s KILL 30 "$IPVM" run words.yaml > "$OUT" 2> "$ERR"
    code=$?
    LAST="FAULT_CALL=$call FAULT_NTH=$nth FAULT_ERRNO=$errno ipvm run"
    CODE=$code
    if ((code == 0)) && [[ $(cat "$OUT") != "$right" ]]; then
        not_ok "$call $nth: another answer"
    elif ((code > 125)); then
        not_ok "$call $nth: it crashed or hung"
    elif ((code != 0)) && ! grep -q '[a-z]' "$ERR"; then
        not_ok "$call $nth: it failed without a word"
    fi
    if ! timeout -s KILL 30 "$IPVM" run words.yaml > "$OUT" 2> "$ERR" ||
        [[ $(cat "$OUT") != "$right" ]]; then
        CODE=1
        not_ok "$call $nth: the next run is not right"
    fi
}

# Each of the first 20, then ever fewer: what follows is more of the same.
each_fault() {
    local call=$1 errno=$2 nth=1 tried=0 before=$FAILED
    while ((nth < 2000)); do
        with_fault "$call" "$nth" "$errno"
        [[ -e mark ]] || break
        tried=$((tried + 1))
        nth=$((nth + 1 + nth / 20))
    done
    ((FAILED > before)) ||
        ok "$tried of the $call calls may fail ($errno)${FAULT_ON:+, and all after}"
}

each_fault write 28 # no space left
each_fault sync 5   # input/output error
export FAULT_ON=1
each_fault write 28
each_fault sync 5
unset FAULT_ON
each_fault open 24  # too many open files
each_fault read 5
each_fault mmap 12 # no memory
each_fault rename 5

# No file may grow beyond so many KiB.
limited() {
    rm -rf "$IPVM_STORE"
    (ulimit -f "$1" && "$IPVM" run words.yaml)
}
for size in 1 100; do
    expect_code 5 "a file size limit of $size KiB is said" limited "$size"
    expect_error 'File too large|no space left'
done
expect "the next run is right" ipvm run words.yaml
expect_output "$right"
finish
