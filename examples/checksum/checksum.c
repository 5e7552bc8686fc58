/* SPDX-License-Identifier: Apache-2.0 */
/* checksum.c - large files read by link, with the IPVM ABI:
 *
 *     sha256(file or directory)   → hexadecimal text, or {name: text}
 *     grep(file, text)            → [[line number, line], …], 1,000 at most
 *     count(file)                 → lines
 *
 * A file of any size takes a megabyte of memory. */
#include "ipvm_guest.h"

#include "sha256.h"

enum { PIECE = 1 << 20, PAGE = 1 << 16, MATCHES_MAX = 1000 };

static uint8_t piece[PIECE];

static void hash_blob(IpvmBlob blob, char hex[64])
{
    struct sha256 hash;
    uint32_t len;
    sha256_begin(&hash);
    while ((len = ipvm_read(blob, hash.len, piece, PIECE)) > 0)
        sha256_add(&hash, piece, len);
    sha256_end(&hash, hex);
}

struct named {
    IpvmBytes name;
    char hex[64];
};

/* The order of map keys in DAG-CBOR. */
static int by_key(const void *left, const void *right)
{
    const struct named *a = left, *b = right;
    if (a->name.len != b->name.len)
        return a->name.len < b->name.len ? -1 : 1;
    return memcmp(a->name.data, b->name.data, a->name.len);
}

static uint64_t hash_directory(IpvmBlob directory)
{
    struct named *files = NULL;
    size_t count = 0;
    for (uint64_t start = 0;;) {
        void *buffer = ipvm_alloc(PAGE); // Names are kept in it.
        IpvmReader page = ipvm_list(directory, start, buffer, PAGE);
        uint32_t found = page.left;
        if (page.failed)
            return ipvm_error("a name is longer than 64 KiB");
        if (found == 0)
            break;
        files = realloc(files, (count + found) * sizeof *files);
        for (uint32_t index = 0; index < found; index++) {
            ipvm_read_list(&page);
            IpvmBytes name = ipvm_read_text(&page);
            IpvmBlob blob = ipvm_open(ipvm_read_link(&page));
            if (ipvm_kind(blob) == IPVM_FILE) {
                files[count].name = name;
                hash_blob(blob, files[count++].hex);
            }
            ipvm_close(blob);
        }
        start += found;
    }
    qsort(files, count, sizeof *files, by_key);
    IpvmWriter out = ipvm_begin_ok();
    ipvm_write_map(&out, count);
    for (size_t index = 0; index < count; index++) {
        ipvm_write_text(&out, files[index].name.data, files[index].name.len);
        ipvm_write_text(&out, files[index].hex, 64);
    }
    return ipvm_end(&out);
}

IPVM_EXPORT(sha256)
{
    IpvmReader in = ipvm_arguments(data, len);
    IpvmBytes link = ipvm_read_link(&in);
    if (in.failed || in.left != 0)
        return ipvm_error("sha256 takes one link: a file or directory");
    IpvmBlob blob = ipvm_open(link);
    if (ipvm_kind(blob) == IPVM_DIRECTORY)
        return hash_directory(blob);
    char hex[64];
    hash_blob(blob, hex);
    IpvmWriter out = ipvm_begin_ok();
    ipvm_write_text(&out, hex, 64);
    return ipvm_end(&out);
}

/* --- Lines --------------------------------------------------------------- */

/* The lines of a file one by one; what is too long for the buffer is cut. */
struct lines {
    IpvmBlob blob;
    uint64_t offset; /* of the byte behind the buffer's last */
    size_t from, to; /* in `piece`: not looked at yet */
    uint64_t number; /* of the line last given, from 1 */
};

static int next_line(struct lines *lines, IpvmBytes *line)
{
    for (;;) {
        const uint8_t *start = piece + lines->from;
        size_t left = lines->to - lines->from;
        const uint8_t *end = memchr(start, '\n', left);
        if (!end && lines->from > 0) {
            memmove(piece, start, left);
            lines->from = 0;
            lines->to = left;
            uint32_t more = ipvm_read(lines->blob, lines->offset, piece + left,
                                      (uint32_t)(PIECE - left));
            lines->offset += more;
            lines->to += more;
            if (more > 0)
                continue;
            start = piece;
        }
        if (left == 0)
            return 0;
        line->data = start;
        line->len = end ? (size_t)(end - start) : left;
        lines->from = (size_t)(start - piece) + line->len + (end != NULL);
        if (!end && lines->from < PIECE)
            lines->from = lines->to = PIECE; // The last line, without an end.
        lines->number++;
        return 1;
    }
}

static struct lines lines_of(IpvmBytes link)
{
    // An empty buffer that was looked through.
    return (struct lines){.blob = ipvm_open(link), .from = 1, .to = 1};
}

static int has(IpvmBytes line, IpvmBytes text)
{
    const uint8_t *at = line.data, *end = line.data + line.len;
    if (text.len == 0)
        return 1;
    while (
        (size_t)(end - at) >= text.len &&
        (at = memchr(at, text.data[0], (size_t)(end - at) - text.len + 1))) {
        if (memcmp(at, text.data, text.len) == 0)
            return 1;
        at++;
    }
    return 0;
}

IPVM_EXPORT(grep)
{
    IpvmReader in = ipvm_arguments(data, len);
    IpvmBytes link = ipvm_read_link(&in);
    IpvmBytes text = ipvm_read_text(&in);
    if (in.failed || in.left != 0)
        return ipvm_error("grep takes a link to a file and a text");
    IpvmWriter matches = {0, 0, 0};
    IpvmBytes line;
    size_t count = 0;
    for (struct lines lines = lines_of(link);
         count < MATCHES_MAX && next_line(&lines, &line);) {
        if (!has(line, text))
            continue;
        count++;
        ipvm_write_list(&matches, 2);
        ipvm_write_int(&matches, (int64_t)lines.number);
        ipvm_write_bytes(&matches, line.data, line.len);
    }
    IpvmWriter out = ipvm_begin_ok();
    ipvm_write_list(&out, count);
    ipvm_write_raw(&out, matches.data, matches.len);
    return ipvm_end(&out);
}

IPVM_EXPORT(count)
{
    IpvmReader in = ipvm_arguments(data, len);
    IpvmBytes link = ipvm_read_link(&in);
    if (in.failed || in.left != 0)
        return ipvm_error("count takes a link to a file");
    IpvmBlob blob = ipvm_open(link);
    uint64_t lines = 0, offset = 0;
    for (uint32_t got; (got = ipvm_read(blob, offset, piece, PIECE)) > 0;
         offset += got) {
        for (uint32_t index = 0; index < got; index++)
            lines += piece[index] == '\n';
    }
    IpvmWriter out = ipvm_begin_ok();
    ipvm_write_int(&out, (int64_t)lines);
    return ipvm_end(&out);
}
