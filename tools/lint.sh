#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# lint.sh - the checks of `make lint` that take seconds: layers, headers alone,
# format, sizes, licence lines, scripts, words, public symbols. clang-tidy is
# in the Makefile, a stamp for each file.
#
# Usage: tools/lint.sh [BUILD_DIR]    BUILD_DIR holds libipvm.so, if built
set -uo pipefail
cd "$(dirname "$0")/.." || exit
build=${1:-build/release}
export LC_ALL=C.UTF-8
passed=0 failed=0

# check "what" COMMAND...: the command prints what is wrong, or nothing.
check() {
    local what=$1 output
    shift
    output=$("$@" 2>&1)
    if [[ $? -eq 0 && -z $output ]]; then
        printf 'ok    %s\n' "$what"
        passed=$((passed + 1))
    else
        printf 'FAIL  %s\n' "$what"
        sed 's/^/      /' <<< "$output"
        failed=$((failed + 1))
    fi
}

# Files of the project, tracked or about to be.
ours() { git ls-files --cached --others --exclude-standard -- "$@" | xargs -r ls -d 2> /dev/null; }

mapfile -t c_files < <(ours 'src/*.[ch]' 'include/*.h' 'tests/*.[ch]' 'bench/*.[ch]')
mapfile -t sources < <(ours 'src/*.[ch]' 'include/*.h')
mapfile -t scripts < <(ours '*.sh' '.ci/run')
mapfile -t licensed < <(ours '*.c' '*.h' '*.sh' '*.rs' '*.awk' '*.py' '*.mk' '*.js' '*.mjs' '*.css' Makefile .ci/run)

layers() { tools/layers.sh; }

headers_alone() {
    local header
    for header in $(ours 'src/*.h'); do
        [[ $header == src/base/banned.h ]] ||
            gcc -std=c2x -D_GNU_SOURCE -Isrc -Iinclude -Wall -Wextra -Werror -fsyntax-only \
                -include src/base/banned.h -x c "$header"
    done
    [[ -f include/ipvm.h ]] || return 0
    for compiler in gcc clang; do
        $compiler -std=c11 -Wall -Wextra -Wpedantic -Werror -fsyntax-only -x c include/ipvm.h
        $compiler -std=c++11 -Wall -Wextra -Wpedantic -Werror -fsyntax-only -x c++ include/ipvm.h
    done
}

formatted() { # by name only: `make format` mends it
    clang-format --dry-run -Werror "${c_files[@]}" 2>&1 | sed -n 's/^\([^ :]*\):[0-9].*error.*/\1: make format/p' | sort -u
}

columns() { # clang-format leaves comments alone
    grep -nHP '^.{81,}' "${sources[@]}" | grep -v 'https\?://' | sed 's/:\([0-9]*\):.*/:\1: longer than 80 columns/'
    true
}

file_sizes() {
    wc -l "${sources[@]}" | awk '$2 != "total" && $1 > 600 {print $2 ": " $1 " lines, more than 600"}'
}

function_sizes() {
    awk 'FNR == 1 {start = 0}
        /^\{/ {start = FNR}
        /^\}/ {if (start && FNR - start - 1 > 70)
                   printf "%s:%d: function of %d lines, more than 70\n", FILENAME, start, FNR - start - 1
               start = 0}' "${sources[@]}"
}

licence_lines() {
    local file
    for file in "${licensed[@]}"; do
        head -n 2 "$file" | grep -q 'SPDX-License-Identifier: Apache-2.0' ||
            echo "$file:1: no SPDX line"
    done
}

own_header_first() {
    local file header
    for file in $(ours 'src/*.c'); do
        header=${file#src/}
        header=${header%.c}.h
        [[ -f src/$header ]] || continue
        [[ $(grep -m 1 '^#include' "$file") == "#include \"$header\"" ]] ||
            echo "$file:1: its own header is not included first"
    done
}

words() {
    grep -nHwE 'TO''DO|FIX''ME|X''XX|HA''CK' -- "${licensed[@]}"
    true
}

# What a guest says stays text: no script of the dashboard makes markup of it.
text_stays_text() {
    ours 'src/web/*.js' | xargs -r grep -nHE \
        '(inner|outer)HTML|insertAdjacentHTML|document\.write|DOMParser|ContextualFragment|srcdoc|\beval\(|new Function'
    true
}

scripts_are_sound() { [[ ${#scripts[@]} -eq 0 ]] || shellcheck -x -S warning -e SC2034 "${scripts[@]}"; }

man_pages() {
    local page
    for page in $(ours 'man/*.[1-9]'); do
        man --warnings -E UTF-8 -l -Tutf8 -Z "$page" > /dev/null
    done
}

public_symbols() {
    [[ -f $build/libipvm.so ]] || return 0
    nm -D --defined-only "$build/libipvm.so" | awk '$3 !~ /^ipvm_/ {print "libipvm.so shows " $3}'
    local name
    {
        nm -D --defined-only "$build/libipvm.so"
        nm -g --defined-only "$build/libipvm.a"
    } | awk 'NF == 3 {print $3}' | sort -u | while read -r name; do
        grep -qw "$name" include/ipvm.h || echo "libipvm shows $name, which ipvm.h does not declare"
    done
}

check "modules include only what src/LAYERS allows; one door per library" layers
check "every header compiles alone, ipvm.h as C11 and C++11 too" headers_alone
check "own header first" own_header_first
check "clang-format" formatted
check "no line over 80 columns" columns
check "no file over 600 lines" file_sizes
check "no function over 70 lines" function_sizes
check "SPDX lines" licence_lines
check "no words that mark something unfinished" words
check "the dashboard makes no markup of text" text_stays_text
check "shellcheck" scripts_are_sound
check "man pages" man_pages
check "libipvm shows only what ipvm.h declares" public_symbols

echo "$passed passed, $failed failed"
[[ $failed -eq 0 ]]
