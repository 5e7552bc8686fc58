/* SPDX-License-Identifier: Apache-2.0 */
/* value.h - the IPLD data model in memory.
 *
 * A value is a small struct; what it points to lives in an arena or in the
 * block it was decoded from, so decoding copies nothing but the tree. Values
 * are immutable once built. Thread: any, as long as what they borrow lives.
 */
#ifndef IPVM_IPLD_VALUE_H
#define IPVM_IPLD_VALUE_H

#include "base/arena.h"
#include "base/bytes.h"
#include "ipld/cid.h"

typedef enum {
    VALUE_NULL,
    VALUE_BOOL,
    VALUE_INT,
    VALUE_FLOAT,
    VALUE_TEXT,
    VALUE_BYTES,
    VALUE_LINK,
    VALUE_LIST,
    VALUE_MAP
} ValueKind;

struct value_entry;

typedef struct value {
    ValueKind kind;
    bool negative; /* VALUE_INT: the number is -1 - magnitude */
    union {
        bool boolean;
        uint64_t magnitude; /* VALUE_INT; -2^64 … 2^64-1 in all */
        double number;      /* finite */
        Text text;          /* valid UTF-8 */
        Bytes bytes;
        Bytes link; /* a well-formed binary CID */
        struct {
            const struct value *items;
            size_t count;
        } list;
        struct {
            /* In DAG-CBOR order (length, then bytes), keys unique. */
            const struct value_entry *entries;
            size_t count;
        } map;
    };
} Value;

struct value_entry {
    Text key;
    Value value;
};

enum {
    VALUE_DEPTH_MAX = 100, /* of arguments and results (FORMATS 1) */
    CODEC_DEPTH_MAX = 128, /* of what a decoder takes */
    /* Members of all lists and maps of what a DAG-CBOR decoder takes: a byte
     * each in a hostile gibibyte would be 40 in memory. */
    CODEC_ITEMS_MAX = 1 << 25,
};

static inline Value value_null(void)
{
    return (Value){.kind = VALUE_NULL};
}
static inline Value value_bool(bool boolean)
{
    return (Value){.kind = VALUE_BOOL, .boolean = boolean};
}
static inline Value value_uint(uint64_t number)
{
    return (Value){.kind = VALUE_INT, .magnitude = number};
}
static inline Value value_int(int64_t number)
{
    return number >= 0 ? value_uint((uint64_t)number)
                       : (Value){.kind = VALUE_INT,
                                 .negative = true,
                                 .magnitude = ~(uint64_t)number};
}
static inline Value value_float(double number)
{
    return (Value){.kind = VALUE_FLOAT, .number = number};
}
static inline Value value_text(Text text)
{
    return (Value){.kind = VALUE_TEXT, .text = text};
}
static inline Value value_bytes(Bytes bytes)
{
    return (Value){.kind = VALUE_BYTES, .bytes = bytes};
}
/* Borrows the bytes of `cid`. */
static inline Value value_link(const Cid *cid)
{
    return (Value){.kind = VALUE_LINK, .link = cid_bytes(cid)};
}
static inline Value value_list(const Value *items, size_t count)
{
    return (Value){.kind = VALUE_LIST, .list = {items, count}};
}

/* Builds a map: copies `entries` into `arena` in canonical order. Keys must
 * be unique, else the program stops: check foreign keys first. */
Value value_map(struct arena *arena, const struct value_entry *entries,
                size_t count);
/* A one-key map. */
Value value_map1(struct arena *arena, Text key, Value value);

/* The entry under `key`, or NULL; also NULL when `value` is no map. */
const Value *value_get(const Value *value, Text key);

/* Equal in the data model: 1 and 1.0 differ, 0.0 and -0.0 differ. */
bool value_equal(const Value *a, const Value *b);

/* Deep copy; nothing is borrowed any more. */
Value value_copy(struct arena *arena, const Value *value);

/* Integer in the range of int64, else false. */
bool value_to_int64(const Value *value, int64_t *out);
/* Not negative, else false. */
bool value_to_uint64(const Value *value, uint64_t *out);

/* Word for messages: "null", "bool", "int", "float", "text", "bytes", "link",
 * "list", "map". */
const char *value_kind_name(ValueKind kind);

/* Order of map keys in DAG-CBOR: by length, then bytewise. */
int value_key_compare(Text a, Text b);

#endif
