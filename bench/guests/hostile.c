/* SPDX-License-Identifier: Apache-2.0 */
/* hostile.c - guests that want all there is. Each takes a number, so that no
 * two calls are the same. */
#include "ipvm_guest.h"

#define IMPORT(module, name)                                                  \
    __attribute__((import_module(module), import_name(name)))

typedef struct {
    const char *data;
    uint32_t len;
} Vector;

IMPORT("wasi_snapshot_preview1", "fd_write")
int fd_write(int file, const Vector *vectors, int count, uint32_t *written);

static volatile uint64_t sink;

IPVM_EXPORT(spin)
{
    for (;;)
        sink += len + data[0];
}

IPVM_EXPORT(grow)
{
    (void)data;
    (void)len;
    for (;;) {
        char *more =
            (char *)(uintptr_t)(__builtin_wasm_memory_grow(0, 16) << 16);
        for (uint32_t at = 0; at < 16 << 16; at += 4096)
            more[at] = 1;
    }
}

IPVM_EXPORT(trap)
{
    (void)data;
    (void)len;
    __builtin_trap();
}

static __attribute__((noinline)) uint64_t deeper(uint64_t depth)
{
    uint64_t below = depth ? deeper(depth + 1) : 0;
    sink = below;
    return below + depth;
}

IPVM_EXPORT(stack)
{
    (void)data;
    return deeper(len + 1);
}

IPVM_EXPORT(logs)
{
    static char text[4000];
    Vector vector = {text, sizeof text};
    uint32_t written;
    (void)data;
    (void)len;
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\n';
    for (int line = 0; line < 20000; line++)
        fd_write(1, &vector, 1, &written);
    __builtin_trap();
}

/* 64 MiB of which no part is like another, or like another call's. */
IPVM_EXPORT(giant)
{
    enum { SIZE = 64 << 20 };
    uint8_t *out = malloc(SIZE + 16);
    uint64_t state = 88172645463325252u;
    for (uint32_t at = 0; at < len; at++)
        state = state * 31 + data[at];
    static const uint8_t head[] = {0xa1, 0x62, 'o', 'k', 0x5a, 4, 0, 0, 0};
    memcpy(out, head, sizeof head);
    for (uint32_t at = 0; at < SIZE; at += 8) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        memcpy(out + sizeof head + at, &state, 8);
    }
    return (uint64_t)(uintptr_t)out << 32 | (SIZE + sizeof head);
}
