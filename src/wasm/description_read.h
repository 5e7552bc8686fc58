/* SPDX-License-Identifier: Apache-2.0 */
/* description_read.h - the pieces description.c reads with: fields of a map
 * and the table of types. Thread: any. */
#ifndef IPVM_WASM_DESCRIPTION_READ_H
#define IPVM_WASM_DESCRIPTION_READ_H

#include "ipld/value.h"
#include "wasm/description.h"

Status value_as_text(const Value *value, Text *out, struct error *err);
Status field_text(const Value *map, Text key, Text *out, struct error *err);
Status field_list(const Value *map, Text key, size_t count_max,
                  const Value **out, struct error *err);

/* Types read so far: a type refers to earlier ones only. */
struct type_table {
    struct arena *arena;
    struct wit_type *types;
    uint32_t count;
};

/* Reads the "types" of a description. */
Status types_read(const Value *map, struct type_table *table,
                  struct error *err);

/* An index into the table. */
Status type_refer(const Value *index, const struct type_table *table,
                  const struct wit_type **out, struct error *err);

typedef enum {
    MEMBER_TYPED,    /* [name, index] */
    MEMBER_OPTIONAL, /* [name, index | null] */
    MEMBER_NAME,     /* name */
    MEMBER_BARE,     /* index */
    MEMBER_PAYLOAD   /* index | null */
} MemberForm;

/* Reads a list of members into `type`. */
Status type_read_members(const Value *list, const struct type_table *table,
                         MemberForm form, struct wit_type *type,
                         struct error *err);

#endif
