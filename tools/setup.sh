#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# setup.sh - installs the Debian packages that are missing, and says why.
#
#   tools/setup.sh run     what building and running needs
#   tools/setup.sh test    that, and what the tests and checks need
#
# Asks dpkg first: where nothing is missing it does nothing, needs no root and
# takes a few milliseconds. tools/packages.txt is the list.
set -euo pipefail
cd "$(dirname "$0")/.."

# Prints "package<TAB>reason" for the sets named.
wanted() {
    local sets=" $* "
    while read -r set package reason; do
        case "$sets" in
        *" $set "*) [[ $set == \#* ]] || printf '%s\t%s\n' "$package" "$reason" ;;
        esac
    done < tools/packages.txt
}

# Of "package<TAB>reason" lines on stdin, those not installed.
missing() {
    local installed package reason
    installed=$(dpkg-query -W -f='${db:Status-Status} ${Package}\n' | awk '$1 == "installed" {print $2}')
    while IFS=$'\t' read -r package reason; do
        grep -qxF -- "$package" <<< "$installed" || printf '%s\t%s\n' "$package" "$reason"
    done
}

as_root() {
    if [[ $EUID -eq 0 ]]; then
        env DEBIAN_FRONTEND=noninteractive "$@"
    elif command -v sudo > /dev/null; then
        sudo env DEBIAN_FRONTEND=noninteractive "$@"
    else
        echo "setup: not root and no sudo: run as root: $*" >&2
        exit 1
    fi
}

case "${1:-}" in
run) sets=(run) ;;
test) sets=(run test) ;;
*)
    echo "usage: tools/setup.sh run|test" >&2
    exit 64
    ;;
esac

if ! command -v dpkg-query > /dev/null; then
    echo "setup: not a Debian system: install what tools/packages.txt lists by hand" >&2
    exit 0
fi

tools/rust.sh > /dev/null || sets+=(rust)
[[ $1 != test ]] || tools/node.sh --found || sets+=(node)
lines=$(wanted "${sets[@]}" | missing)
[[ -n $lines ]] || exit 0

echo "setup: installing Debian packages that are missing:"
while IFS=$'\t' read -r package reason; do
    printf '  %-26s %s\n' "$package" "$reason"
done <<< "$lines"
mapfile -t packages < <(cut -f1 <<< "$lines")

as_root apt-get -qq update || echo "setup: apt-get update failed; trying with the lists there are" >&2
as_root apt-get -qq -o Dpkg::Use-Pty=0 install -y --no-install-recommends "${packages[@]}"
echo "setup: done"
