/* SPDX-License-Identifier: Apache-2.0 */
/* lines.c - large files read by link, with WIT types (lines.wit). */
#include "ipvm_wit.h"

enum { PIECE = 1 << 20 };

/* The next piece, empty at the end; the one before is given back. */
static WitBytes next(WitBlob file, uint64_t *offset, WitBytes before)
{
    WitBytes piece;
    free((void *)before.data);
    wit_blob_read(file, *offset, PIECE, &piece);
    *offset += piece.len;
    if (piece.len == 0)
        piece.data = NULL;
    return piece;
}

WIT_EXPORT("count") uint64_t count(WitBlob file)
{
    uint64_t offset = 0, lines = 0;
    WitBytes piece = {NULL, 0};
    while ((piece = next(file, &offset, piece)).len > 0) {
        const uint8_t *bytes = piece.data;
        for (uint32_t index = 0; index < piece.len; index++)
            lines += bytes[index] == '\n';
    }
    return lines;
}

static uint32_t table[8][256];

/* table[n]: what a byte does that n more bytes follow. */
static void fill_table(void)
{
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t code = byte;
        for (int bit = 0; bit < 8; bit++)
            code = code >> 1 ^ (code & 1 ? 0xedb88320 : 0);
        table[0][byte] = code;
    }
    for (int n = 1; n < 8; n++)
        for (uint32_t byte = 0; byte < 256; byte++)
            table[n][byte] =
                table[n - 1][byte] >> 8 ^ table[0][table[n - 1][byte] & 255];
}

static uint32_t crc_add(uint32_t crc, const uint8_t *at, uint32_t len)
{
    for (; len >= 8; at += 8, len -= 8) {
        uint32_t low, high;
        memcpy(&low, at, 4);
        memcpy(&high, at + 4, 4);
        low ^= crc;
        crc = table[7][low & 255] ^ table[6][low >> 8 & 255] ^
              table[5][low >> 16 & 255] ^ table[4][low >> 24] ^
              table[3][high & 255] ^ table[2][high >> 8 & 255] ^
              table[1][high >> 16 & 255] ^ table[0][high >> 24];
    }
    for (; len > 0; at++, len--)
        crc = crc >> 8 ^ table[0][(crc ^ *at) & 255];
    return crc;
}

WIT_EXPORT("crc32") uint32_t crc32(WitBlob file)
{
    uint64_t offset = 0;
    uint32_t crc = UINT32_MAX;
    WitBytes piece = {NULL, 0};
    fill_table();
    while ((piece = next(file, &offset, piece)).len > 0)
        crc = crc_add(crc, piece.data, piece.len);
    return ~crc;
}
