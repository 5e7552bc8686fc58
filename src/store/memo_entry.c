/* SPDX-License-Identifier: Apache-2.0 */
/* memo_entry.c - fixed places, little-endian numbers:
 *
 *    version | flags | provenance | len | result CID | 8 numbers | len | engine
 *       1        1         1         1       len         8 × 8      1     len
 */
#include "store/memo_entry.h"

enum { ENTRY_VERSION = 1, ENTRY_IS_OK = 1, NUMBERS = 8 };

static uint8_t *write_number(uint8_t *at, uint64_t number)
{
    for (unsigned shift = 0; shift < 64; shift += 8)
        *at++ = (uint8_t)(number >> shift);
    return at;
}

static uint64_t read_number(const uint8_t *at)
{
    uint64_t number = 0;
    for (unsigned index = 0; index < 8; index++)
        number |= (uint64_t)at[index] << 8 * index;
    return number;
}

size_t memo_entry_write(const struct memo_entry *entry,
                        uint8_t out[MEMO_ENTRY_BYTES_MAX])
{
    uint8_t *at = out;
    *at++ = ENTRY_VERSION;
    *at++ = entry->is_ok ? ENTRY_IS_OK : 0;
    *at++ = entry->provenance;
    *at++ = entry->result.len;
    memcpy(at, entry->result.bytes, entry->result.len);
    at += entry->result.len;
    const uint64_t numbers[NUMBERS] = {
        entry->run_ns,          entry->cpu_ns,
        entry->memory_peak,     entry->fuel,
        entry->stored_bytes,    (uint64_t)entry->made_s,
        (uint64_t)entry->hit_s, entry->hits,
    };
    for (size_t index = 0; index < NUMBERS; index++)
        at = write_number(at, numbers[index]);
    size_t engine_len = strnlen(entry->engine, sizeof entry->engine - 1);
    *at++ = (uint8_t)engine_len;
    memcpy(at, entry->engine, engine_len);
    at += engine_len;
    return (size_t)(at - out);
}

bool memo_entry_read(Bytes bytes, struct memo_entry *out)
{
    memset(out, 0, sizeof *out);
    if (bytes.len < 4 || bytes.data[0] != ENTRY_VERSION ||
        bytes.data[1] > ENTRY_IS_OK)
        return false;
    size_t cid_len = bytes.data[3];
    size_t fixed = 4 + cid_len + sizeof(uint64_t) * NUMBERS + 1;
    if (cid_len == 0 || cid_len > CID_BYTES_MAX || bytes.len < fixed)
        return false;
    size_t engine_len = bytes.data[fixed - 1];
    if (engine_len >= sizeof out->engine || bytes.len != fixed + engine_len)
        return false;
    if (cid_from_bytes(bytes_of(bytes.data + 4, cid_len), &out->result,
                       NULL) != STATUS_OK)
        return false;
    out->is_ok = bytes.data[1] & ENTRY_IS_OK;
    out->provenance = bytes.data[2];
    const uint8_t *at = bytes.data + 4 + cid_len;
    uint64_t *const numbers[NUMBERS] = {
        &out->run_ns,
        &out->cpu_ns,
        &out->memory_peak,
        &out->fuel,
        &out->stored_bytes,
        (uint64_t *)&out->made_s,
        (uint64_t *)&out->hit_s,
        &out->hits,
    };
    for (size_t index = 0; index < NUMBERS; index++, at += 8)
        *numbers[index] = read_number(at);
    memcpy(out->engine, bytes.data + fixed, engine_len);
    return strlen(out->engine) == engine_len;
}
