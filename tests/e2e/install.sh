#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What `make install` puts somewhere works there, and `make uninstall` takes
# all of it away.
source "$(dirname "$0")/lib.sh"

root=$WORK/root
build=$(realpath --relative-to="$ROOT" "$(dirname "$IPVM")")
in_clone() {
    with_own_home make -s -C "$ROOT" MODE=release B="$build" DESTDIR="$root" PREFIX=/usr/local "$@"
}
prefix=$root/usr/local

# Not `install`, which builds: other tests run these programs right now.
expect "make install-files" in_clone install-files
for file in bin/ipvm libexec/ipvm/ipvm-worker include/ipvm.h lib/libipvm.a lib/libipvm.so.0 \
    lib/pkgconfig/ipvm.pc share/bash-completion/completions/ipvm; do
    expect_true "  there is $file" test -s "$prefix/$file"
done
for page in "$ROOT"/man/*.[1-9]; do
    [[ -e $page ]] || continue
    expect_true "  there is ${page##*/}" test -s "$prefix/share/man/man${page##*.}/${page##*/}"
done

expect "the installed program runs" "$prefix/bin/ipvm" version

cat > program.c << 'END'
#include <ipvm.h>
#include <stdio.h>
int main(void)
{
    ipvm *vm;
    ipvm_error error;
    char cid[IPVM_CID_MAX];
    if (ipvm_open(NULL, &vm, &error) != IPVM_OK ||
        ipvm_add(vm, "hello\n", 6, cid, &error) != IPVM_OK) {
        fprintf(stderr, "%s\n", error.message);
        return 1;
    }
    puts(cid);
    ipvm_close(vm);
    return 0;
}
END
if command -v pkg-config > /dev/null; then
    export PKG_CONFIG_PATH=$prefix/lib/pkgconfig PKG_CONFIG_SYSROOT_DIR=$root
    read -ra flags < <(pkg-config --cflags --libs ipvm)
    expect "a program compiles against it" gcc -std=c11 -Wall -Wextra -Werror -o program program.c "${flags[@]}"
    expect "  and runs" env LD_LIBRARY_PATH="$prefix/lib" ./program
    expect_output bafkreicysg23kiwv34eg2d7qweipxwosdo2py4ldv42nbauguluen5v6am
    read -ra flags < <(pkg-config --static --cflags --libs ipvm | sed 's/-lipvm /-l:libipvm.a /')
    expect "it links statically, too" gcc -std=c11 -o static program.c "${flags[@]}"
    expect "  and runs" ./static
    expect_output bafkreicysg23kiwv34eg2d7qweipxwosdo2py4ldv42nbauguluen5v6am
else
    skip "no pkg-config"
fi

expect "make uninstall" in_clone uninstall
expect_true "  nothing is left" test -z "$(find "$root" -type f)"

finish
