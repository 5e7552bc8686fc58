/* SPDX-License-Identifier: Apache-2.0 */
/* hex.h - for tests: bytes written as hexadecimal text, in heap blocks of
 * exactly their length, so that a read past the end is found. */
#ifndef IPVM_TESTS_UNIT_IPLD_HEX_H
#define IPVM_TESTS_UNIT_IPLD_HEX_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/bytes.h"

static inline Bytes exact_copy(Bytes bytes)
{
    uint8_t *data = malloc(bytes.len ? bytes.len : 1);
    assert_non_null(data);
    if (bytes.len)
        memcpy(data, bytes.data, bytes.len);
    // Even an empty input is a block of its own: one byte, handed out from
    // behind it.
    return bytes_of(bytes.len ? data : data + 1, bytes.len);
}

static inline void exact_free(Bytes bytes)
{
    free((void *)(uintptr_t)(bytes.len ? bytes.data : bytes.data - 1));
}

static inline uint8_t hex_digit(char letter)
{
    if (letter >= '0' && letter <= '9')
        return (uint8_t)(letter - '0');
    return (uint8_t)((letter | 0x20) - 'a' + 10);
}

/* Blanks between bytes are for the reader. */
static inline Bytes exact_from_hex(const char *hex)
{
    size_t len = 0;
    uint8_t *data = malloc(strlen(hex) + 1);
    assert_non_null(data);
    for (; *hex; hex++) {
        if (*hex == ' ')
            continue;
        data[len++] = (uint8_t)(hex_digit(hex[0]) << 4 | hex_digit(hex[1]));
        hex++;
    }
    Bytes exact = exact_copy(bytes_of(data, len));
    free(data);
    return exact;
}

#endif
