#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# fuzz.sh - runs each fuzz target for a while, from its corpus.
#
#   tools/fuzz.sh run SECONDS FUZZER ...    findings go beside the fuzzer, in
#                                           found/<noun> and crash/<noun>-*
#   tools/fuzz.sh keep FUZZER ...           adds to the corpus those findings
#                                           that reach new code
set -uo pipefail
cd "$(dirname "$0")/.." || exit

mode=${1:-}
[[ $mode == run || $mode == keep ]] || { sed -n '3,11s/^# \{0,1\}//p' "$0" >&2; exit 64; }
shift
if [[ $mode == run ]]; then
    export SECONDS_EACH=$1
    shift
fi

fuzz_one() {
    local fuzzer=$1 noun=${1##*/fuzz_} here log code
    here=${fuzzer%/tests/fuzz/*}
    mkdir -p "$here/found/$noun" "$here/crash" "tests/fuzz/corpus/$noun"
    log=$here/$noun.log
    "$fuzzer" -max_total_time="$SECONDS_EACH" -timeout=10 -rss_limit_mb=2048 \
        -print_final_stats=1 -artifact_prefix="$here/crash/$noun-" \
        "$here/found/$noun" "tests/fuzz/corpus/$noun" > "$log" 2>&1
    code=$?
    printf '%s  %-28s %12s runs  %5d found\n' "$( ((code == 0)) && echo 'ok  ' || echo 'FAIL')" \
        "$noun" "$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")" \
        "$(find "$here/found/$noun" -type f | wc -l)"
    ((code == 0)) || tail -n 40 "$log"
    return "$code"
}
export -f fuzz_one

if [[ $mode == run ]]; then
    printf '%s\n' "$@" | xargs -r -P "$(nproc)" -I{} bash -c 'fuzz_one {}'
    exit
fi
for fuzzer in "$@"; do
    noun=${fuzzer##*/fuzz_}
    found=${fuzzer%/tests/fuzz/*}/found/$noun
    [[ -d $found ]] && "$fuzzer" -merge=1 -use_counters=0 "tests/fuzz/corpus/$noun" "$found" 2>&1 | tail -n 1
done
