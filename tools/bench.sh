#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# bench.sh - runs benchmark programs one after the other, collects what they
# print and draws a table.
#
# A program prints one JSON object per line for each bar:
#   {"name": "warm task", "value": 17.2, "unit": "us", "target": 20,
#    "p99": 80, "p99_target": 100, "memory": 5242880}
# `value` is the median. Less is better, but for units "per second", "times
# faster" or ending in "/s". target, p99, p99_target and memory (bytes) may be left out.
#
# Usage: tools/bench.sh OUT.json PROGRAM ...
set -euo pipefail
cd "$(dirname "$0")/.."
out=$1
shift
lines=$(mktemp)
trap 'rm -f "$lines"' EXIT

for program in "$@"; do
    echo "bench: ${program##*/}" >&2
    IPVM_BUILD=$(realpath "${program%%/bench/*}") \
        IPVM_WORKER=$(realpath "${program%%/bench/*}")/ipvm-worker \
        "$program" | grep '^{' >> "$lines" ||
        echo "bench: ${program##*/} failed" >&2
done

cpu=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)
memory=$(awk '/^MemTotal/ {printf "%.0f", $2 * 1024}' /proc/meminfo)
{
    printf '{"machine": {"cpu": "%s", "cores": %d, "memory": %s, "kernel": "%s", "commit": "%s"},\n' \
        "$cpu" "$(nproc)" "$memory" "$(uname -r)" "$(git rev-parse --short HEAD 2> /dev/null || true)"
    printf ' "bars": [\n'
    sed '$!s/$/,/; s/^/  /' "$lines"
    printf ' ]}\n'
} > "$out"

echo
echo "$cpu, $(nproc) cores, $((memory >> 20)) MiB"
awk '
function field(name,    at, text) {
    at = index($0, "\"" name "\":")
    if (!at)
        return ""
    text = substr($0, at + length(name) + 3)
    sub(/^ */, "", text)
    if (text ~ /^"/)
        return substr(text, 2, index(substr(text, 2), "\"") - 1)
    sub(/[,}].*/, "", text)
    return text == "null" ? "" : text
}
BEGIN {
    line = "%-52s %12s %12s %12s %-12s %9s  %s\n"
    printf line, "name", "median", "p99", "target", "unit", "memory", "met"
}
{
    unit = field("unit"); value = field("value"); p99 = field("p99")
    target = field("target"); p99_target = field("p99_target")
    met = ""
    if (target + 0 == 0)
        target = ""
    if (target != "") {
        more = unit ~ /per second|\/s$|faster/
        met = (more ? value + 0 >= target + 0 : value + 0 <= target + 0) ? "yes" : "NO"
        if (p99 != "" && p99_target != "" && p99 + 0 > p99_target + 0)
            met = "NO (p99)"
    }
    memory = field("memory")
    if (memory != "")
        memory = sprintf("%.1f MB", memory / 1e6)
    printf line, field("name"), value, p99, target (p99_target == "" ? "" : "/" p99_target), unit, memory, met
}' "$lines"
echo
echo "written to $out"
