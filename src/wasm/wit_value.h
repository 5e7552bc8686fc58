/* SPDX-License-Identifier: Apache-2.0 */
/* wit_value.h - an argument already checked against its WIT type, ready to be
 * lowered into a guest. It means nothing without its type. Thread: any, as
 * long as what it borrows lives. */
#ifndef IPVM_WASM_WIT_VALUE_H
#define IPVM_WASM_WIT_VALUE_H

#include "wasm/wit_type.h"

struct wit_value {
    /* bool, integers (two's complement in 64 bits), floats (their own width),
     * char: the bits. Cases: the index of the case. */
    uint64_t bits;
    /* string, list<u8>: bytes. Other lists and rows: items. Cases: 1 with a
     * payload. Flags: words. */
    size_t count;
    union {
        const uint8_t *data;
        const struct wit_value *items;
        const uint32_t *words;
    };
};

#endif
