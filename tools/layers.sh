#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# layers.sh - every #include under src/ obeys src/LAYERS, and every library
# from outside has one door. Prints file:line: what is wrong.
set -euo pipefail
cd "$(dirname "$0")/.."
failed=0

mapfile -t files < <(find src -name '*.[ch]' | sort)

# One module may include itself, the public header, and what its line allows.
awk '
FILENAME == "src/LAYERS" {
    if (/^[a-z]+:/) {
        module = substr($1, 1, length($1) - 1)
        known[module] = 1
        allowed[module, module] = 1
        for (i = 2; i <= NF; i++) {
            if (!($i in known)) {
                printf "src/LAYERS:%d: %s includes %s, which is not below it\n", FNR, module, $i
                bad = 1
            }
            allowed[module, $i] = 1
        }
    }
    next
}
FNR == 1 {
    split(FILENAME, path, "/")
    module = path[2]
    if (!(module in known)) {
        printf "%s:1: module %s is not in src/LAYERS\n", FILENAME, module
        bad = 1
    }
}
/^[ \t]*#[ \t]*include[ \t]*"/ {
    split($0, part, "\"")
    count = split(part[2], header, "/")
    if (part[2] == "ipvm.h")
        next
    if (count != 2 || !(header[1] in known)) {
        printf "%s:%d: write \"module/file.h\", not \"%s\"\n", FILENAME, FNR, part[2]
        bad = 1
    } else if (!((module, header[1]) in allowed)) {
        printf "%s:%d: %s may not include %s (src/LAYERS)\n", FILENAME, FNR, module, header[1]
        bad = 1
    }
}
END { exit bad }
' src/LAYERS "${files[@]}" || failed=1

# The doors: header of a library | where it may be included.
while IFS='|' read -r header door; do
    if grep -nE "^[[:space:]]*#[[:space:]]*include[[:space:]]*[<\"]($header)" "${files[@]}" |
        grep -vE "^($door)"; then
        echo "  only $door may include $header" >&2
        failed=1
    fi
done << 'END'
lmdb\.h|src/store/
openssl/|src/crypto/
sodium\.h|src/crypto/
sodium/|src/crypto/
secp256k1|src/crypto/key_secp256k1
zlib\.h|src/ucan/gzip
wasm\.h|src/wasm/engine
wasmtime|src/wasm/engine
wasmi|src/wasm/engine
libfyaml|src/task/
seccomp\.h|src/worker/
linux/seccomp\.h|src/worker/
microhttpd|src/http/exchange\.h
curl/|src/net/http_client\.c
END

exit "$failed"
