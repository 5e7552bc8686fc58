/* SPDX-License-Identifier: Apache-2.0 */
/* ipvm_guest.h - C guests with the IPVM ABI, in one header: functions that take
 * and return IPLD values as DAG-CBOR. Include it in one .c file.
 *
 *     IPVM_EXPORT(greet)                        // ipvm run greet.wasm greet Ann
 *     {
 *         IpvmReader in = ipvm_arguments(data, len);
 *         IpvmBytes name = ipvm_read_text(&in);
 *         if (in.failed || in.left != 0)
 *             return ipvm_error("expected one text");
 *         IpvmWriter out = ipvm_begin_ok();
 *         ipvm_write_text(&out, "hello ", 6) …
 *         return ipvm_end(&out);
 *     }
 *
 * Readers and writers have a sticky `failed`: make a row of calls, look once.
 * Every call gets a fresh instance, so nothing has to be freed. Build with
 *
 *     clang-19 --target=wasm32-wasi -O2 -DNDEBUG -nostartfiles
 *         -Wl,--no-entry -Wl,--strip-all x.c -o x.wasm
 */
#ifndef IPVM_GUEST_H
#define IPVM_GUEST_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Begins an exported function `name` with parameters `data` and `len`. */
#define IPVM_EXPORT(name)                                                     \
    __attribute__((export_name(#name)))                                       \
    uint64_t ipvm_export_##name(const uint8_t *data, uint32_t len)

/* The host asks for room for the arguments. */
__attribute__((export_name("ipvm_alloc")))
void *ipvm_alloc(uint32_t len)
{
    void *memory = malloc(len ? len : 1);
    if (!memory)
        __builtin_trap();
    return memory;
}

typedef struct {
    const uint8_t *data;
    size_t len;
} IpvmBytes;

/* --- Reading ------------------------------------------------------------- */

typedef enum {
    IPVM_UINT,
    IPVM_NEGATIVE,
    IPVM_BYTES,
    IPVM_TEXT,
    IPVM_LIST,
    IPVM_MAP,
    IPVM_LINK,
    IPVM_OTHER /* null, bool, float */
} IpvmKind;

typedef struct {
    const uint8_t *at, *end;
    uint32_t left; /* arguments not read yet; lists inside are yours to count */
    int failed;
} IpvmReader;

/* The next item's head: its kind and its number. */
static uint64_t ipvm_head(IpvmReader *in, IpvmKind *kind)
{
    if (in->failed || in->at == in->end) {
        in->failed = 1;
        return 0;
    }
    uint8_t first = *in->at++;
    uint64_t number = first & 31;
    *kind = (IpvmKind)(first >> 5);
    if (number >= 24) {
        unsigned count = 1U << (number - 24);
        if (number > 27 || (size_t)(in->end - in->at) < count) {
            in->failed = 1;
            return 0;
        }
        for (number = 0; count > 0; count--)
            number = number << 8 | *in->at++;
    }
    return number;
}

static uint64_t ipvm_expect(IpvmReader *in, IpvmKind kind)
{
    IpvmKind found = IPVM_OTHER;
    uint64_t number = ipvm_head(in, &found);
    if (found != kind)
        in->failed = 1;
    return in->failed ? 0 : number;
}

/* The kind of what comes next, without reading it. */
static inline IpvmKind ipvm_peek(const IpvmReader *in)
{
    return in->at < in->end ? (IpvmKind)(*in->at >> 5) : IPVM_OTHER;
}

/* The function's arguments; `left` is how many there are. */
static inline IpvmReader ipvm_arguments(const uint8_t *data, uint32_t len)
{
    IpvmReader in = {data, data + len, 0, 0};
    in.left = (uint32_t)ipvm_expect(&in, IPVM_LIST);
    return in;
}

static inline void ipvm_count_down(IpvmReader *in)
{
    if (in->left > 0)
        in->left--;
}

static inline int64_t ipvm_read_int(IpvmReader *in)
{
    IpvmKind kind = IPVM_OTHER;
    uint64_t number = ipvm_head(in, &kind);
    ipvm_count_down(in);
    if ((kind != IPVM_UINT && kind != IPVM_NEGATIVE) || number > INT64_MAX)
        in->failed = 1;
    return kind == IPVM_NEGATIVE ? -1 - (int64_t)number : (int64_t)number;
}

static IpvmBytes ipvm_read_string(IpvmReader *in, IpvmKind kind)
{
    uint64_t len = ipvm_expect(in, kind);
    IpvmBytes bytes = {in->at, (size_t)len};
    ipvm_count_down(in);
    if (in->failed || len > (uint64_t)(in->end - in->at)) {
        in->failed = 1;
        return (IpvmBytes){0, 0};
    }
    in->at += len;
    return bytes;
}

static inline IpvmBytes ipvm_read_bytes(IpvmReader *in)
{
    return ipvm_read_string(in, IPVM_BYTES);
}

static inline IpvmBytes ipvm_read_text(IpvmReader *in)
{
    return ipvm_read_string(in, IPVM_TEXT);
}

/* A link: the bytes of its CID. */
static inline IpvmBytes ipvm_read_link(IpvmReader *in)
{
    IpvmBytes cid = {0, 0};
    if (ipvm_expect(in, IPVM_LINK) != 42)
        in->failed = 1;
    if (!in->failed)
        cid = ipvm_read_string(in, IPVM_BYTES);
    if (cid.len < 2 || cid.data[0] != 0)
        in->failed = 1;
    if (in->failed)
        return (IpvmBytes){0, 0};
    return (IpvmBytes){cid.data + 1, cid.len - 1};
}

/* Enters a list or map: how many items, or pairs, follow. */
static inline uint32_t ipvm_read_list(IpvmReader *in)
{
    return (uint32_t)ipvm_expect(in, IPVM_LIST);
}

static inline uint32_t ipvm_read_map(IpvmReader *in)
{
    return (uint32_t)ipvm_expect(in, IPVM_MAP);
}

static inline double ipvm_read_float(IpvmReader *in)
{
    double number = 0;
    uint64_t bits = 0;
    ipvm_count_down(in);
    if (in->failed || in->end - in->at < 9 || *in->at++ != 0xfb) {
        in->failed = 1;
        return 0;
    }
    for (int byte = 0; byte < 8; byte++)
        bits = bits << 8 | *in->at++;
    memcpy(&number, &bits, sizeof number);
    return number;
}

/* --- Writing ------------------------------------------------------------- */

typedef struct {
    uint8_t *data;
    size_t len, room;
} IpvmWriter;

static void ipvm_write_raw(IpvmWriter *out, const void *data, size_t len)
{
    if (out->room - out->len < len) {
        out->room = out->room * 2 + len + 64;
        out->data = realloc(out->data, out->room);
        if (!out->data)
            __builtin_trap();
    }
    if (len > 0)
        memcpy(out->data + out->len, data, len);
    out->len += len;
}

/* The shortest head, as DAG-CBOR wants it. */
static void ipvm_write_head(IpvmWriter *out, IpvmKind kind, uint64_t number)
{
    uint8_t head[9];
    unsigned count = number < 24             ? 0
                     : number <= UINT8_MAX   ? 1
                     : number <= UINT16_MAX  ? 2
                     : number <= UINT32_MAX  ? 4
                                             : 8;
    static const uint8_t codes[] = {0, 24, 25, 0, 26, 0, 0, 0, 27};
    head[0] = (uint8_t)((unsigned)kind << 5 |
                        (count == 0 ? (unsigned)number : codes[count]));
    for (unsigned index = 0; index < count; index++)
        head[count - index] = (uint8_t)(number >> (8 * index));
    ipvm_write_raw(out, head, count + 1);
}

static inline void ipvm_write_int(IpvmWriter *out, int64_t number)
{
    if (number < 0)
        ipvm_write_head(out, IPVM_NEGATIVE, (uint64_t)(-1 - number));
    else
        ipvm_write_head(out, IPVM_UINT, (uint64_t)number);
}

static inline void ipvm_write_text(IpvmWriter *out, const void *text,
                                   size_t len)
{
    ipvm_write_head(out, IPVM_TEXT, len);
    ipvm_write_raw(out, text, len);
}

static inline void ipvm_write_bytes(IpvmWriter *out, const void *bytes,
                                    size_t len)
{
    ipvm_write_head(out, IPVM_BYTES, len);
    ipvm_write_raw(out, bytes, len);
}

static inline void ipvm_write_bool(IpvmWriter *out, int boolean)
{
    uint8_t byte = boolean ? 0xf5 : 0xf4;
    ipvm_write_raw(out, &byte, 1);
}

static inline void ipvm_write_null(IpvmWriter *out)
{
    ipvm_write_raw(out, "\xf6", 1);
}

/* Finite numbers only: others have no normal form. */
static inline void ipvm_write_float(IpvmWriter *out, double number)
{
    uint8_t bytes[9] = {0xfb};
    uint64_t bits;
    memcpy(&bits, &number, sizeof bits);
    for (int byte = 0; byte < 8; byte++)
        bytes[8 - byte] = (uint8_t)(bits >> (8 * byte));
    ipvm_write_raw(out, bytes, sizeof bytes);
}

static inline void ipvm_write_list(IpvmWriter *out, size_t count)
{
    ipvm_write_head(out, IPVM_LIST, count);
}

/* Keys follow as texts, each before its value, shorter keys first, equally
 * long ones bytewise: anything else is a trap. */
static inline void ipvm_write_map(IpvmWriter *out, size_t count)
{
    ipvm_write_head(out, IPVM_MAP, count);
}

/* --- Results ------------------------------------------------------------- */

static inline IpvmWriter ipvm_begin(const char *branch)
{
    IpvmWriter out = {0, 0, 0};
    ipvm_write_map(&out, 1);
    ipvm_write_text(&out, branch, strlen(branch));
    return out;
}

/* Begins {"ok": …}: write one value, then return ipvm_end(). */
static inline IpvmWriter ipvm_begin_ok(void)
{
    return ipvm_begin("ok");
}

static inline uint64_t ipvm_end(const IpvmWriter *out)
{
    return (uint64_t)(uintptr_t)out->data << 32 | (uint32_t)out->len;
}

/* {"error": words} */
static inline uint64_t ipvm_error(const char *words)
{
    IpvmWriter out = ipvm_begin("error");
    ipvm_write_text(&out, words, strlen(words));
    return ipvm_end(&out);
}

/* --- Content by link ----------------------------------------------------- */

/* A guest that uses any of these gets every link as a link, and reads what it
 * leads to piece by piece, however large:
 *
 *     IpvmBytes link = ipvm_read_link(&in);
 *     IpvmBlob blob = ipvm_open(link);
 *     while ((len = ipvm_read(blob, offset, buffer, sizeof buffer)) > 0)
 *         offset += len; …
 *
 * Only links from the arguments or from a block already opened can be opened.
 * What is wrong is a trap; see docs/formats/content-import.md. */
typedef uint32_t IpvmBlob;

typedef enum {
    IPVM_FILE,      /* a raw block or UnixFS file */
    IPVM_DIRECTORY, /* of UnixFS */
    IPVM_SYMLINK,   /* of UnixFS; reads as its target */
    IPVM_BLOCK      /* of another codec, DAG-CBOR for one; reads as it is */
} IpvmBlobKind;

enum { IPVM_READ_MAX = 16 << 20 };

#define IPVM_CONTENT(name)                                                    \
    __attribute__((import_module("ipvm:content/core@1.0.0"),                  \
                   import_name(#name))) extern

IPVM_CONTENT(open)
IpvmBlob ipvm_content_open(const void *link, uint32_t len);
IPVM_CONTENT(kind) uint32_t ipvm_content_kind(IpvmBlob blob);
IPVM_CONTENT(size) uint64_t ipvm_content_size(IpvmBlob blob);
IPVM_CONTENT(read)
uint32_t ipvm_content_read(IpvmBlob blob, uint64_t offset, void *buffer,
                           uint32_t len);
IPVM_CONTENT(entries)
uint32_t ipvm_content_entries(IpvmBlob blob, uint64_t start, void *buffer,
                              uint32_t len);
IPVM_CONTENT(find)
uint32_t ipvm_content_find(IpvmBlob blob, const void *name, uint32_t len,
                           void *buffer, uint32_t room);
IPVM_CONTENT(close) void ipvm_content_close(IpvmBlob blob);

static inline IpvmBlob ipvm_open(IpvmBytes link)
{
    return ipvm_content_open(link.data, (uint32_t)link.len);
}

static inline void ipvm_close(IpvmBlob blob)
{
    ipvm_content_close(blob);
}

static inline IpvmBlobKind ipvm_kind(IpvmBlob blob)
{
    return (IpvmBlobKind)ipvm_content_kind(blob);
}

/* Bytes of a file, of a symlink's target, of a block. */
static inline uint64_t ipvm_size(IpvmBlob blob)
{
    return ipvm_content_size(blob);
}

/* Up to `len` bytes from `offset`, at most IPVM_READ_MAX; fewer only at the
 * end. */
static inline uint32_t ipvm_read(IpvmBlob blob, uint64_t offset, void *buffer,
                                 uint32_t len)
{
    return ipvm_content_read(blob, offset, buffer, len);
}

/* A directory's entries from index `start` on, sorted bytewise by name, as
 * many as fit in `buffer`: `left` is how many, then for each
 *
 *     ipvm_read_list(&page); name = ipvm_read_text(&page);
 *     link = ipvm_read_link(&page);
 *
 * None are left at the end. `failed` if not even one fits. */
static inline IpvmReader ipvm_list(IpvmBlob blob, uint64_t start, void *buffer,
                                   uint32_t len)
{
    uint32_t used = ipvm_content_entries(blob, start, buffer, len);
    IpvmReader page = {0, 0, 0, 1};
    return used > len ? page : ipvm_arguments(buffer, used);
}

/* The link of one name in a directory; none has len 0. */
static inline IpvmBytes ipvm_find(IpvmBlob blob, const void *name, size_t len)
{
    static uint8_t link[256];
    uint32_t used = ipvm_content_find(blob, name, (uint32_t)len, link, 256);
    return (IpvmBytes){link, used};
}

#endif
