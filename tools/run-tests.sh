#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# run-tests.sh - runs test programs and scripts side by side and counts what
# they say. Output of each goes to a log, which is shown only when it fails.
#
# Usage: tools/run-tests.sh [-j JOBS] [-r RELEASE_DIR] [-l LOG_DIR] FILE ...
#
#   BUILD/tests/unit/*/test_*    cmocka programs: their cases are counted
#   BUILD/tests/fuzz/replay_X    runs over tests/fuzz/corpus/X
#   tests/*/*.sh                 lines "ok - …", "not ok - …", "skip - …" are
#                                counted; they test RELEASE_DIR
#
# Exit code 77 means skipped. TEST_SECONDS (default 900) bounds each.
set -uo pipefail
cd "$(dirname "$0")/.." || exit

jobs=$(nproc) release=build/release logs=build/check
while getopts j:r:l: option; do
    case $option in
    j) jobs=$OPTARG ;;
    r) release=$OPTARG ;;
    l) logs=$OPTARG ;;
    *) exit 64 ;;
    esac
done
shift $((OPTIND - 1))
mkdir -p "$logs"
export TEST_SECONDS=${TEST_SECONDS:-900}
export RELEASE=$release LOGS=$logs
export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
# The store takes all its locks to grow: more than the deadlock detector counts.
export TSAN_OPTIONS=halt_on_error=1:detect_deadlocks=0:suppressions="$PWD/tests/tsan.supp"
export NO_COLOR=1

# Runs one file; appends "passed failed skipped seconds file" to the tally and
# prints one line, with the log below it on failure.
run_one() {
    local file=$1 name log build start code passed failed skipped arguments=()
    case $file in
    *.sh)
        build=$RELEASE
        name=${file%.sh}
        ;;
    *)
        build=${file%%/tests/*}
        name=${build##*/}/${file#*/tests/}
        ;;
    esac
    log=$LOGS/${name//\//-}.log
    case $file in
    */replay_*)
        arguments=("tests/fuzz/corpus/${file##*/replay_}")
        [[ -d ${arguments[0]} ]] || arguments=()
        ;;
    esac
    start=$(date +%s%N)
    IPVM_BUILD=$(realpath "$build") IPVM_WORKER=$(realpath "$build")/ipvm-worker \
        timeout -k 10 "$TEST_SECONDS" "$(realpath "$file")" "${arguments[@]}" < /dev/null > "$log" 2>&1
    code=$?
    local ms=$((($(date +%s%N) - start) / 1000000))
    read -r passed failed skipped < <(awk '
        /^\[  PASSED  \] [0-9]+ test/ {passed += $4}
        /^\[  FAILED  \] [0-9]+ test/ {failed += $4}
        /^\[  SKIPPED \] [0-9]+ test/ {skipped += $4}
        /^ok - /     {passed++}
        /^not ok - / {failed++}
        /^skip - /   {skipped++}
        END {print passed + 0, failed + 0, skipped + 0}' "$log")
    if ((code == 77)); then
        ((skipped > 0)) || skipped=1
    elif ((code != 0 && failed == 0)); then
        failed=1
    elif ((code == 0 && passed + failed + skipped == 0)); then
        passed=1
    fi
    {
        flock 9
        echo "$passed $failed $skipped $ms $file" >> "$LOGS/tally"
        if ((failed > 0)); then
            printf 'FAIL  %-44s exit code %d%s\n' "$name" "$code" \
                "$( ((code == 124)) && echo " (over $TEST_SECONDS s)")"
            {
                grep -nE -A 3 'ERROR   \] ---|^not ok|ERROR: |runtime error:|WARNING: Thread' "$log" | head -n 60
                echo "… the end of $log:"
                tail -n 30 "$log"
            } | sed 's/^/      /'
        else
            printf 'ok    %-44s %4d passed%s  %d.%d s\n' "$name" "$passed" \
                "$( ((skipped > 0)) && echo ", $skipped skipped")" \
                $((ms / 1000)) $((ms % 1000 / 100))
            ((skipped == 0)) || grep -iE '^skip - |skipp?(ed|ing)?:' "$log" | head -n 5 | sed 's/^/      /'
        fi
    } 9>> "$LOGS/lock"
}
export -f run_one

# What took longest last time starts first.
times=$logs/times
[[ -f $logs/tally ]] && sort -k4,4nr "$logs/tally" | awk '{print $5}' > "$times"
: > "$logs/tally"
{
    [[ -f $times ]] && printf '%s\n' "$@" | grep -Fxf - "$times"
    [[ -f $times ]] && printf '%s\n' "$@" | grep -vFxf "$times"
    [[ -f $times ]] || printf '%s\n' "$@"
} | awk 'NF && !seen[$0]++' | xargs -r -P "$jobs" -I{} bash -c 'run_one {}'

awk '{passed += $1; failed += $2; skipped += $3}
     END {
         printf "%d passed, %d failed", passed, failed
         if (skipped) printf ", %d skipped", skipped
         print ""
         exit failed > 0 || passed == 0
     }' "$logs/tally"
