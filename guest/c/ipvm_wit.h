/* SPDX-License-Identifier: Apache-2.0 */
/* ipvm_wit.h - what a C guest with WIT types needs of the canonical ABI, in one
 * header, without a generator. Include it in one .c file.
 *
 *     list<u8>, string   arrive as (pointer, length), owned by you
 *     a result in memory return a pointer to it; post-return frees it
 *
 * Every call gets a fresh instance, so nothing has to be freed: memory goes
 * with the instance. Build without imports:
 *
 *     clang-19 --target=wasm32-wasi -O2 -DNDEBUG -nostartfiles
 *         -Wl,--no-entry -Wl,--strip-all x.c -o x.core.wasm
 *     ipvm embed x.core.wasm --wit x.wit -o x.wasm
 */
#ifndef IPVM_WIT_H
#define IPVM_WIT_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Exports a function under its WIT name: "blur", "demo:img/fns#blur". */
#define WIT_EXPORT(name) __attribute__((export_name(name)))

/* Arguments and what is returned lie in memory that comes from here. */
WIT_EXPORT("cabi_realloc")
void *cabi_realloc(void *old, size_t old_len, size_t align, size_t len)
{
    (void)old_len;
    if (len == 0)
        return (void *)align;
    void *memory = realloc(old, len); /* aligned for everything in WIT */
    if (!memory)
        __builtin_trap();
    return memory;
}

/* How list<u8> and string lie in memory. */
typedef struct {
    const void *data;
    uint32_t len;
} WitBytes;

/* How result<list<u8>, string> lies in memory: return a pointer to one. */
typedef struct {
    uint8_t is_error;
    WitBytes value;
} WitResult;

/* --- Content by link ----------------------------------------------------- */

/* A parameter `blob` of ipvm:content/types@1.0.0 is a file, directory or block
 * that is read piece by piece, however large (docs/formats/content-import.md).
 * What you read is yours: give it to free(). */
typedef uint32_t WitBlob;

#define WIT_CONTENT(name)                                                     \
    __attribute__((import_module("ipvm:content/types@1.0.0"),                 \
                   import_name(name))) extern

WIT_CONTENT("open") WitBlob wit_blob_open(const void *link, uint32_t len);
WIT_CONTENT("[method]blob.kind") uint32_t wit_blob_kind(WitBlob blob);
WIT_CONTENT("[method]blob.size") uint64_t wit_blob_size(WitBlob blob);
WIT_CONTENT("[method]blob.read")
void wit_blob_read(WitBlob blob, uint64_t offset, uint32_t len, WitBytes *out);
WIT_CONTENT("[resource-drop]blob") void wit_blob_drop(WitBlob blob);

static inline const WitResult *wit_ok(const void *data, size_t len)
{
    static WitResult result;
    result = (WitResult){0, {data, (uint32_t)len}};
    return &result;
}

static inline const WitResult *wit_error(const char *words)
{
    static WitResult result;
    result = (WitResult){1, {words, (uint32_t)strlen(words)}};
    return &result;
}

#endif
