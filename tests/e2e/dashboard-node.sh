#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The dashboard of a real node in a real browser: its headers and its one-time
# link, examples run from dropped files, a call by a form.
source "$(dirname "$0")/lib.sh"
source "$ROOT/tests/browser/browser.sh"

need_browser
mkdir examples
cp -r "$ROOT/examples/photo" "$ROOT/examples/primes" examples
"$ROOT/examples/primes/make-manifest.sh" 512 200 > examples/primes/primes.yaml
cat > examples/primes/slow.yaml << 'END'
ipvm: "1.0"
name: slow
tasks:
  slow: {run: "primes.wasm#count", args: [0, 4000000000], limits: {time: 60s}}
  after: {run: "primes.wasm#add", args: [!ok slow, 1]}
END

browser node.mjs "$IPVM" "$WORK/examples"
finish
