/* SPDX-License-Identifier: Apache-2.0 */
/* wit_type.h - WIT types with their layout in the canonical ABI.
 *
 * Everything that is one of several cases (variant, enum, option, result) has
 * the same shape: `members` are the cases, a case without payload has no
 * type. So has everything that is a row (record, tuple, a parameter list).
 * Types are immutable and live in the arena of their description. Thread: any.
 */
#ifndef IPVM_WASM_WIT_TYPE_H
#define IPVM_WASM_WIT_TYPE_H

#include "base/arena.h"
#include "base/bytes.h"

typedef enum {
    WIT_BOOL,
    WIT_S8,
    WIT_U8,
    WIT_S16,
    WIT_U16,
    WIT_S32,
    WIT_U32,
    WIT_S64,
    WIT_U64,
    WIT_F32,
    WIT_F64,
    WIT_CHAR,
    WIT_STRING, /* up to here a type is a word */
    WIT_LIST,
    WIT_OPTION,
    WIT_RESULT,
    WIT_TUPLE,
    WIT_RECORD,
    WIT_VARIANT,
    WIT_ENUM,
    WIT_FLAGS,
    WIT_OWN,        /* of a blob: a link, unread (blob.h) */
    WIT_BORROW,     /* likewise */
    WIT_UNSUPPORTED /* other handles, stream, …: `name` says what */
} WitKind;

enum {
    WIT_FLAT_PARAMS_MAX = 16,
    WIT_FLAT_RESULTS_MAX = 1,
    WIT_DEPTH_MAX = 100,
};

struct wit_type;

struct wit_member {
    Text name;                   /* empty in a tuple */
    const struct wit_type *type; /* NULL: a case without payload, a flag */
    uint32_t offset;             /* rows: bytes from the row's start */
    uint32_t flat;               /* rows: flat values before it */
};

struct wit_type {
    WitKind kind;
    uint32_t size;           /* bytes in linear memory */
    uint32_t align;          /* 1, 2, 4 or 8 */
    uint32_t flat;           /* flat values; many stay UINT32_MAX */
    uint32_t tag_size;       /* cases: bytes of the discriminant */
    uint32_t payload_offset; /* cases: bytes from the start */
    uint32_t depth;          /* levels of types, this one included */
    uint32_t count;          /* members; 1 for a list, 2 for an option */
    const struct wit_member *members;
    const uint32_t *order; /* records: members in the order of map keys */
    Text name;             /* WIT_UNSUPPORTED: what it is */
    /* The first part of it that cannot be converted, or empty. */
    Text refused;
    bool has_blob; /* it or a part of it is a blob: no result can be */
};

/* Fills in the layout of `type`, whose kind and members are set and whose
 * members' types have been through here. */
void wit_type_finish(struct wit_type *type, struct arena *arena);

/* "u8" … "string", "list", "record", … for messages. */
const char *wit_kind_name(WitKind kind);

/* The elements of a list, the payload of an option. */
static inline const struct wit_type *wit_element(const struct wit_type *type)
{
    return type->members[type->count - 1].type;
}

static inline bool wit_is_cases(const struct wit_type *type)
{
    return type->kind == WIT_OPTION || type->kind == WIT_RESULT ||
           type->kind == WIT_VARIANT || type->kind == WIT_ENUM;
}

static inline bool wit_is_row(const struct wit_type *type)
{
    return type->kind == WIT_TUPLE || type->kind == WIT_RECORD;
}

static inline bool wit_is_bytes(const struct wit_type *type)
{
    return type->kind == WIT_LIST && wit_element(type)->kind == WIT_U8;
}

static inline bool wit_is_blob(const struct wit_type *type)
{
    return type->kind == WIT_OWN || type->kind == WIT_BORROW;
}

/* Words of 32 bits that flags take. */
static inline uint32_t wit_flag_words(const struct wit_type *type)
{
    return (type->count + 31) / 32;
}

#endif
