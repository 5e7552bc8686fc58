#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# lib.sh - what every end-to-end script starts with:
#
#     #!/usr/bin/env bash
#     # SPDX-License-Identifier: Apache-2.0
#     # What this script shows, in a sentence.
#     source "$(dirname "$0")/lib.sh"
#
#     expect "adding a file prints its CID" ipvm add -q hello.txt
#     expect_output bafk…
#     finish
#
# A script runs in an empty directory of its own, removed at the end, with a
# store of its own. $ROOT is the clone, `ipvm` the program under test.
#
#   expect TEXT COMMAND…           it must end with exit code 0
#   expect_code N TEXT COMMAND…    it must end with exit code N
#   expect_output LINE             stdout of the last command was exactly this
#   expect_match REGEX             stdout of the last command has such a line
#   expect_error REGEX             its stderr has such a line
#   expect_true TEXT COMMAND…      like expect, output kept out of the way
#   skip TEXT                      something needed is missing: say what
#   finish                         last line of every script
#
# The last command's output is in the files $OUT and $ERR, its exit code in
# $CODE, its time in $MS. Each check prints "ok - …" or "not ok - …"; `make
# check` counts them.
set -uo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
IPVM=${IPVM:-${IPVM_BUILD:-$ROOT/build/release}/ipvm}
[[ -x $IPVM ]] || {
    echo "not ok - $IPVM is not there: run make first"
    exit 1
}

WORK=$(mktemp -d "${TMPDIR:-/tmp}/ipvm-e2e.XXXXXX")
OUT=$WORK/.stdout ERR=$WORK/.stderr CODE=0 MS=0
: > "$OUT"
: > "$ERR"
cd "$WORK" || exit 1
# For what needs the caller's own surroundings: with_own_home make …
own_home=(HOME="$HOME" XDG_CACHE_HOME="${XDG_CACHE_HOME:-$HOME/.cache}")
with_own_home() { env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS "${own_home[@]}" "$@"; }

export HOME=$WORK/home IPVM_STORE=$WORK/store LC_ALL=C.UTF-8 NO_COLOR=1
export XDG_DATA_HOME=$HOME/data XDG_CACHE_HOME=$HOME/cache
unset IPVM_WORKER # the program finds its own helper
mkdir -p "$HOME"

FAILED=0
LAST=

# What a script started and has to end, whatever becomes of it: scripts say so
# by a function of their own.
at_leave() { :; }
leave() {
    local code=$?
    at_leave 2> /dev/null
    cd / || exit 1
    chmod -R u+w "$WORK" 2> /dev/null
    rm -rf "$WORK"
    ((code != 0)) || ((FAILED == 0)) || code=1
    exit "$code"
}
trap leave EXIT
trap 'exit 130' INT TERM

ipvm() { "$IPVM" "$@"; }

ok() { echo "ok - $1"; }

not_ok() {
    FAILED=$((FAILED + 1))
    echo "not ok - $1"
    [[ -z ${2:-} ]] || echo "  $2"
    echo "  last command: $LAST (exit code $CODE, $MS ms)"
    sed 's/^/  stdout: /' "$OUT" | head -n 20
    sed 's/^/  stderr: /' "$ERR" | head -n 20
}

skip() { echo "skip - $1"; }

# Runs a command, keeps what it printed.
capture() {
    local start
    LAST=$*
    start=$(date +%s%N)
    "$@" > "$OUT" 2> "$ERR" < "${STDIN:-/dev/null}"
    CODE=$?
    MS=$((($(date +%s%N) - start) / 1000000))
}

expect_code() {
    local wanted=$1 what=$2
    shift 2
    capture "$@"
    if ((CODE == wanted)); then
        ok "$what"
    else
        not_ok "$what" "exit code $CODE, expected $wanted"
    fi
}

expect() { expect_code 0 "$@"; }

expect_true() {
    local what=$1
    shift
    if "$@" > /dev/null 2>&1; then
        ok "$what"
    else
        not_ok "$what" "does not hold: $*"
    fi
}

expect_output() {
    if [[ $(cat "$OUT") == "$1" ]]; then
        ok "  prints $1"
    else
        not_ok "  prints $1"
    fi
}

expect_match() {
    if grep -qE -- "$1" "$OUT"; then
        ok "  prints a line like $1"
    else
        not_ok "  prints a line like $1"
    fi
}

expect_error() {
    if grep -qE -- "$1" "$ERR"; then
        ok "  says on stderr $1"
    else
        not_ok "  says on stderr $1"
    fi
}

finish() { exit 0; }
