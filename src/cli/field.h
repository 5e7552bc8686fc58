/* SPDX-License-Identifier: Apache-2.0 */
/* field.h - fields of a map that somebody else wrote: what is absent, of
 * another kind, or in no map at all, is empty. Thread: any. */
#ifndef IPVM_CLI_FIELD_H
#define IPVM_CLI_FIELD_H

#include "ipld/value.h"

static inline const Value *field(const Value *map, Text key)
{
    return map ? value_get(map, key) : NULL;
}

static inline Text field_text(const Value *map, Text key)
{
    const Value *value = field(map, key);
    return value && value->kind == VALUE_TEXT ? value->text : TEXT("");
}

static inline uint64_t field_uint(const Value *map, Text key)
{
    const Value *value = field(map, key);
    uint64_t number;
    return value && value_to_uint64(value, &number) ? number : 0;
}

static inline bool field_true(const Value *map, Text key)
{
    const Value *value = field(map, key);
    return value && value->kind == VALUE_BOOL && value->boolean;
}

/* False: no link, or one longer than a Cid. */
static inline bool field_cid(const Value *map, Text key, Cid *out)
{
    const Value *value = field(map, key);
    return value && value->kind == VALUE_LINK &&
           cid_from_bytes(value->link, out, NULL) == STATUS_OK;
}

#endif
