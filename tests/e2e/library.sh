#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A program embeds libipvm: builds as C11 and C++ against the public header and
# the shared library, runs a workflow in its own process and in workers, and
# the library exports nothing but its public names.
source "$(dirname "$0")/lib.sh"

BUILD=$(dirname "$IPVM")
EXAMPLE=$ROOT/examples/library/hello.c
WORDS=$ROOT/examples/words/words.yaml
WARNINGS=(-Wall -Wextra -Wpedantic -Werror)

expect "the example compiles as C11" \
    cc -std=c11 "${WARNINGS[@]}" -I"$ROOT/include" "$EXAMPLE" -o hello \
    -L"$BUILD" -lipvm -Wl,-rpath,"$BUILD"
expect "the header is valid C++" \
    c++ -x c++ -fsyntax-only -Wall -Wextra -I"$ROOT/include" "$EXAMPLE"
ln -sf "$BUILD/libipvm.so" libipvm.so.0
export LD_LIBRARY_PATH=$PWD

expect "it runs a workflow in its own process" ./hello "$WORDS"
expect_match '^top is \[\["the",'
expect_match '^16 tasks ran'
expect "again: all from the memo" ./hello "$WORDS"
expect_match '^0 tasks ran'
expect "the command line finds what the library computed" \
    ipvm run -n "$WORDS"
expect_error 'all from the memo'

expect_code 1 "a workflow that is not there is an error with words" \
    ./hello nothing.yaml
expect_error 'nothing.yaml'
expect "only public names are exported" bash -c \
    "nm -D --defined-only '$BUILD/libipvm.so' | awk '\$3 !~ /^ipvm_/ && \$2 != \"A\" {print; bad = 1} END {exit bad}'"
finish
