/* SPDX-License-Identifier: Apache-2.0 */
/* Results of hostile guests: any memory, any flat value, any typed encoding,
 * under many types; and any CBOR of the IPVM ABI.
 *
 *     type | mapping and place | 8 bytes of a flat value | memory
 */
#include <stdlib.h>

#include "ipld/dag_cbor.h"
#include "wasm/cbor_scan.h"
#include "wasm/lift.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TYPES = 32 };
static struct arena types_arena;
static struct wit_type types[TYPES];
static unsigned type_count;

static struct wit_type *add(WitKind kind, const struct wit_member *members,
                            uint32_t count)
{
    struct wit_type *type = &types[type_count++];
    type->kind = kind;
    type->members = members;
    type->count = count;
    wit_type_finish(type, &types_arena);
    return type;
}

static void make_types(void)
{
    for (int kind = WIT_BOOL; kind <= WIT_STRING; kind++)
        add((WitKind)kind, NULL, 0);
#define T(kind) &types[kind]
    add(WIT_LIST, (struct wit_member[]){{.type = T(WIT_U8)}}, 1);
    add(WIT_LIST, (struct wit_member[]){{.type = T(WIT_STRING)}}, 1);
    add(WIT_LIST, (struct wit_member[]){{.type = T(WIT_F32)}}, 1);
    struct wit_type *some =
        add(WIT_OPTION,
            (struct wit_member[]){{.type = NULL}, {.type = T(WIT_CHAR)}}, 2);
    add(WIT_OPTION, (struct wit_member[]){{.type = NULL}, {.type = some}}, 2);
    struct wit_type *flags =
        add(WIT_FLAGS,
            (struct wit_member[]){
                {.name = TEXT("a")}, {.name = TEXT("b")}, {.name = TEXT("c")}},
            3);
    struct wit_type *record =
        add(WIT_RECORD,
            (struct wit_member[]){{.name = TEXT("bb"), .type = T(WIT_U64)},
                                  {.name = TEXT("a"), .type = some},
                                  {.name = TEXT("c"), .type = flags}},
            3);
    struct wit_type *variant =
        add(WIT_VARIANT,
            (struct wit_member[]){{.name = TEXT("none")},
                                  {.name = TEXT("r"), .type = record},
                                  {.name = TEXT("s"), .type = T(WIT_STRING)}},
            3);
    struct wit_type *pair = add(
        WIT_TUPLE,
        (struct wit_member[]){{.type = T(WIT_STRING)}, {.type = variant}}, 2);
    struct wit_type *list =
        add(WIT_LIST, (struct wit_member[]){{.type = pair}}, 1);
    add(WIT_RESULT,
        (struct wit_member[]){{.name = TEXT("ok"), .type = list},
                              {.name = TEXT("error"), .type = T(WIT_STRING)}},
        2);
    // Elements without a size.
    struct wit_type *empty = add(WIT_TUPLE, NULL, 0);
    add(WIT_LIST, (struct wit_member[]){{.type = empty}}, 1);
}

/* What was lifted is strict DAG-CBOR. */
static void lift(const struct wit_type *type, unsigned mode,
                 EngineNumber number, Bytes memory)
{
    struct buffer out;
    struct arena arena = {0};
    Value value;
    buffer_init(&out, 1 << 16);
    struct lifting lifting = {.source = {.bytes = memory}, .out = &out};
    struct place place = mode & 2         ? place_typed(0)
                         : type->flat > 1 ? place_memory(&lifting.source, type,
                                                         (uint32_t)number)
                                          : place_flat(&number);
    if (lift_result(&lifting, type, place, mode & 1) == LIFTED &&
        dag_cbor_decode(buffer_bytes(&out), &arena, &value, NULL) != STATUS_OK)
        __builtin_trap();
    arena_deinit(&arena);
    buffer_deinit(&out);
}

static void scan(Bytes memory)
{
    struct cbor_scan found;
    struct arena arena = {0};
    Value value;
    uint8_t *copy = heap_alloc(memory.len + 1);
    if (memory.len)
        memcpy(copy, memory.data, memory.len);
    cbor_scan(copy, memory.len, &found);
    // Bytes that are strict already have nothing that is not finite.
    if (dag_cbor_decode(memory, &arena, &value, NULL) == STATUS_OK &&
        found.not_finite > 0)
        __builtin_trap();
    arena_deinit(&arena);
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    EngineNumber number;
    if (type_count == 0)
        make_types();
    if (size < 10)
        return 0;
    memcpy(&number, data + 2, sizeof number);
    Bytes memory = bytes_of(data + 10, size - 10);
    scan(memory);
    const struct wit_type *type = &types[data[0] % type_count];
    // A flat value's upper half is zero where its type has 32 bits.
    lift(type, data[1], number, memory);
    return 0;
}
