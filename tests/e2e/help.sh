#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The program explains itself, and a typo gets a suggestion, not a wall.
source "$(dirname "$0")/lib.sh"

expect "help lists the commands" ipvm help
for command in run add get cat inspect explain graph help; do
    expect_match "^ *$command\b"
done
for command in run add get cat inspect explain graph; do
    expect "help $command" ipvm help "$command"
    expect_match "ipvm $command"
done
expect "--help is help" ipvm --help
expect "the version is a number" ipvm version
expect_match '[0-9]+\.[0-9]+\.[0-9]+'

expect_code 2 "an unknown command is refused" ipvm rnu
expect_error 'rnu'
expect_error 'run'
expect_true "  in a few lines" test "$(wc -l < "$ERR")" -le 4
expect_true "  with nothing on stdout" test ! -s "$OUT"
expect_code 2 "an unknown option is refused" ipvm run --no-such-option
expect_error 'no-such-option'

for shell in bash zsh fish; do
    expect "completion for $shell" ipvm completion "$shell"
    expect_match 'ipvm'
done
ipvm completion bash > completion.bash
expect_true "the bash completion is bash" bash -n completion.bash

finish
