#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Both engines, with and without fuel, by our own canonical ABI and by the
# component API, give the same results: for the examples, and for a function of
# every WIT type.
source "$(dirname "$0")/lib.sh"

here=$ROOT/tests/e2e
photo=$ROOT/examples/photo

# --- Examples ---------------------------------------------------------------

mkdir few
cp "$ROOT"/examples/primes/primes.wasm few/
"$ROOT/examples/primes/make-manifest.sh" 8 500 > few/primes.yaml
cat > picture.yaml << END
ipvm: "1.0"
name: picture
tasks:
  eye: {run: "$photo/image.wasm#crop", args: [!file $photo/cat.png, 180, 90, 32, 24]}
  turned: {run: "$photo/image.wasm#rotate90", args: [!ok eye]}
  grey: {run: "$photo/image.wasm#grayscale", args: [!ok eye]}
  soft: {run: "$photo/image.wasm#blur", args: [!ok eye, 1.5]}
  big: {run: "$photo/image.wasm#resize", args: [!ok eye, 50, 40]}
  small: {run: "$photo/image.wasm#to-jpeg", args: [!ok big, 85]}
  no: {run: "$photo/image.wasm#crop", args: [!ok eye, 1000, 0, 1, 1]}
END
cat > more.yaml << END
ipvm: "1.0"
name: more
tasks:
  five: {run: "$ROOT/examples/homestar/add_one.wasm#add-one", args: [4]}
END
for workflow in "$ROOT/examples/words/words.yaml" "$ROOT/examples/compress/compress.yaml" \
    few/primes.yaml picture.yaml more.yaml; do
    name=$(basename "$workflow" .yaml)
    wanted=0
    [[ $name != picture ]] || wanted=1 # one task of it gives an error
    expect_code $wanted "$name on Wasmtime" ipvm run -n -q --store a "$workflow"
    cp "$OUT" first.out
    for options in "--engine wasmi" --cross-check --meter "--engine wasmi --meter"; do
        # shellcheck disable=SC2086 # several words
        expect_code $wanted "$name with $options" ipvm run -n -q --no-memo --store a $options "$workflow"
        expect_true "  gives the same" cmp "$OUT" first.out
    done
done

# --- A function of every type -----------------------------------------------

command -v clang-19 > /dev/null || {
    skip "clang-19 is missing: no guest of all types was made"
    finish
}
compile() {
    clang-19 --target=wasm32-wasi -O2 -DNDEBUG -nostartfiles -Wl,--no-entry \
        -Wl,--strip-all -Wl,--allow-undefined -I"$ROOT/guest/c" "$@" "$ROOT/tests/guests/types.c"
}
cp "$ROOT/tests/guests/types.wit" types.wit
{
    sed 's|^    export fns;|    import wasi:logging/logging;\n&|' types.wit
    cat << 'END'
package wasi:logging {
    interface logging {
        enum level { trace, debug, info, warn, error, critical }
        log: func(level: level, context: string, message: string);
    }
}
END
} > logs.wit
expect "the guest is compiled" compile -o plain.core.wasm
expect "with an import as well" compile -DLOGS -o logs.core.wasm
for guest in plain:types logs:logs; do
    core=${guest%:*} wit=${guest#*:}.wit
    expect "$core gets its types" ipvm embed "$core.core.wasm" --wit "$wit" -o "$core.wasm"
    expect "$core becomes a component" ipvm embed "$core.core.wasm" -c --wit "$wit" -o "$core-component.wasm"
done

# One way to run all calls: a name, a module, options.
results=()
all_calls() {
    local name=$1 module=$2
    shift 2
    python3 "$here/types.py" manifest "$module" > "$name.json"
    expect_code 1 "all calls, $name" ipvm run -n -q --json --no-memo "$@" "$name.json"
    cp "$OUT" "$name.out"
    results+=("$name.out")
}
all_calls module plain.wasm
all_calls module-wasmi plain.wasm --engine wasmi
all_calls module-fuel plain.wasm --meter
all_calls module-both plain.wasm --cross-check
all_calls module-here plain.wasm --in-process
all_calls component plain-component.wasm
all_calls component-wasmi plain-component.wasm --engine wasmi
all_calls imports logs.wasm
all_calls imports-wasmi logs.wasm --engine wasmi
# Several core instances: by Wasmtime's component API.
all_calls api-here logs-component.wasm --in-process
all_calls api-fuel-here logs-component.wasm --in-process --meter
all_calls api logs-component.wasm
expect "each call gave what it must, and the same every way" \
    python3 "$here/types.py" check "${results[@]}"
cat "$OUT"
expect_code 1 "such a component needs Wasmtime" ipvm run -n --no-memo --engine wasmi logs-component.wasm bools true
expect_error 'wasmtime'

# --- Words of a command line ------------------------------------------------

types=plain.wasm
expect "a record as JSON" ipvm run "$types" one-person \
    '{"name": "Jö", "age": 3, "tags": ["a"], "at": {"x": 1, "y": 2.5}, "nick": null}'
expect_output '{"age":3,"at":{"x":1.0,"y":2.5},"name":"Jö","nick":null,"tags":["a"]}'
expect "flags as JSON" ipvm run "$types" few-flags '["c", "a"]'
expect_output '["a","c"]'
expect "a variant with a payload" ipvm run "$types" one-shape '{"rect": [1, 2]}'
expect_output '{"rect":[1,2]}'
expect "a variant without" ipvm run "$types" one-shape nothing
expect_output '"nothing"'
expect "text that looks like a number" ipvm run "$types" text 007
expect_output '"007"'
expect "text that looks like JSON" ipvm run "$types" text '{"a": 1}'
expect_output '"{\"a\": 1}"'
expect "a number" ipvm run "$types" one-s64 -9223372036854775808
expect_output -9223372036854775808
expect_code 1 "a number out of the type's range" ipvm run "$types" one-s8 200
expect_error 'argument 1: integer out of the range of s8'

finish
