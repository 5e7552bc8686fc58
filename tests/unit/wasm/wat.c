/* SPDX-License-Identifier: Apache-2.0 */
#include "wat.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/arena.h"

Bytes wat_to_wasm(const char *text)
{
    enum { WASM_MAX = 4 << 20 };
    char command[128];
    const size_t len = strlen(text);
    const int file = memfd_create("wat", 0);

    if (file < 0 || write(file, text, len) != (ssize_t)len) {
        perror("memfd");
        exit(1);
    }
    snprintf(command, sizeof command,
             "wat2wasm --enable-all --no-check --debug-names --output=- "
             "/proc/%d/fd/%d",
             (int)getpid(), file);
    FILE *pipe = popen(command, "r");
    uint8_t *bytes = heap_alloc(WASM_MAX);
    const size_t got = pipe ? fread(bytes, 1, WASM_MAX, pipe) : 0;
    if (pipe == NULL || pclose(pipe) != 0 || got == 0) {
        fprintf(stderr, "wat2wasm failed (apt install wabt) on:\n%s\n", text);
        exit(1);
    }
    close(file);
    return bytes_of(heap_resize(bytes, got, 1), got);
}
