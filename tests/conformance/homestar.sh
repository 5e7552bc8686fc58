#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The client of the reference implementation, unchanged, runs its workflows
# against our node: it is told of every task, in order, with the values and names
# it expects. What is not its protocol is refused, and the node stays up.
#
# With the reference's own module in HOMESTAR_MODULE (example_test.wasm of its
# repository) the two workflows of its demo run as they stand there.
source "$(dirname "$0")/../e2e/lib.sh"

{ read -r node && read -r directory; } < <(
    with_own_home "$ROOT/tools/node.sh" tests/conformance/homestar 2> "$ERR")
if [[ ! -x ${node:-} ]]; then
    not_ok "the client can be installed"
    finish
fi
# Modules are looked for beside the script that imports them.
mkdir client
ln -s "$directory/node_modules" client/node_modules
cp "$ROOT/tests/conformance/homestar/client.mjs" client/

cat=$ROOT/examples/photo/cat.png
add_one=$(ipvm add -q "$ROOT/examples/homestar/add_one.wasm")
image=$(ipvm add -q "$ROOT/examples/photo/image.wasm")
picture=$(ipvm add -q "$cat")
expect "the picture is cropped without the client" \
    ipvm run "$ROOT/examples/photo/image.wasm" crop "@$cat" 1 2 30 40 -o cropped.png

"$IPVM" node --port 0 --homestar 0 > node.out 2> node.err &
server=$!
for _ in $(seq 400); do
    ! grep -q "^homestar " node.out || break
    sleep 0.05
done
port=$(sed -n 's|^homestar  *ws://127.0.0.1:\([0-9]*\)$|\1|p' node.out)
expect_true "the node says where it serves Homestar's interface" test -n "$port"

demo=()
if [[ -n ${HOMESTAR_MODULE:-} ]]; then
    demo=("$(ipvm add -q -s 256KiB "$HOMESTAR_MODULE")"
        "$(ipvm add -q -s 256KiB "${IPVM_VECTORS:-$ROOT/../shared/vectors}/homestar/synthcat.png")")
fi
"$node" client/client.mjs "$port" "$add_one" "$image" "$picture" cropped.png "${demo[@]}" 2> "$ERR" || {
    FAILED=$((FAILED + 1))
    sed 's/^/  /' "$ERR" | head -n 20
}
expect_true "the node is still there" kill -0 "$server"
kill -TERM "$server"
wait "$server"
CODE=$?
expect_true "and stops in good order" test "$CODE" -eq 0
expect "what it did is a job like others" ipvm fsck
finish
