/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_path.c - any text as a path, over a store in memory with a few blocks.
 * A byte from 0x01 to 0x05 stands for the CID of one of them. */
#include "content/path.h"
#include "ipld/codec.h"
#include "ipld/dag_cbor.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { BLOCKS = 5, TEXT_MAX = 4096 };

struct world {
    struct store *store;
    char names[BLOCKS][CID_TEXT_MAX];
};

static Cid add(struct world *world, size_t index, uint64_t codec,
               const Value *value)
{
    struct buffer block;
    Cid cid;
    buffer_init(&block, 4096);
    ASSERT(codec_encode(codec, value, &block, NULL) == STATUS_OK);
    cid_of(codec, buffer_bytes(&block), &cid);
    struct store_batch *batch = store_batch_new(world->store);
    store_batch_block(batch, &cid, buffer_bytes(&block));
    if (index == 0)
        store_batch_name(batch, TEXT("a/b"), &cid);
    ASSERT(store_commit(batch, NULL) == STATUS_OK);
    store_batch_free(batch);
    buffer_deinit(&block);
    cid_to_text(&cid, world->names[index]);
    return cid;
}

static Value node_of(struct arena *arena, const Cid *cid, const char *data,
                     size_t len)
{
    const struct value_entry link[] = {
        {TEXT("Hash"), value_link(cid)},
        {TEXT("Name"), value_text(TEXT("a"))},
    };
    Value *links = ARENA_NEW(arena, Value);
    *links = value_map(arena, link, 2);
    const struct value_entry node[] = {
        {TEXT("Data"), value_bytes(bytes_of(data, len))},
        {TEXT("Links"), value_list(links, 1)},
    };
    return value_map(arena, node, 2);
}

/* A map and a list that is linked from it, directories, a node that is none. */
static void make_world(struct world *world)
{
    struct arena arena = {0};
    world->store = store_open_memory();
    const Value items[] = {value_uint(1), value_text(TEXT("x"))};
    const Value list = value_list(items, 2);
    const Cid first = add(world, 0, CODEC_DAG_CBOR, &list);
    const Value map = value_map1(&arena, TEXT("a"), value_link(&first));
    const Cid second = add(world, 1, CODEC_DAG_JSON, &map);
    const Value directory = node_of(&arena, &second, "\x08\x01", 2);
    const Cid third = add(world, 2, CODEC_DAG_PB, &directory);
    const Value other = node_of(&arena, &third, "no", 2);
    add(world, 3, CODEC_DAG_PB, &other);
    const Value raw = value_bytes(bytes_of("raw", 3));
    add(world, 4, CODEC_RAW, &raw);
    arena_deinit(&arena);
}

static Text expand(const struct world *world, const uint8_t *data, size_t len,
                   char out[TEXT_MAX])
{
    size_t used = 0;
    for (size_t index = 0; index < len; index++) {
        if (TEXT_MAX - used < CID_TEXT_MAX)
            break;
        if (data[index] >= 1 && data[index] <= BLOCKS) {
            const Text name = text_of(world->names[data[index] - 1]);
            memcpy(out + used, name.data, name.len);
            used += name.len;
        } else {
            out[used++] = (char)data[index];
        }
    }
    return (Text){out, used};
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct world world;
    static char text[TEXT_MAX];
    struct arena arena = {0};
    struct error err = {0};
    struct content_found found;
    Cid cid;
    if (!world.store)
        make_world(&world);
    if (len == 0)
        return 0;
    const struct content_find_options options = {
        .plain = data[0] & 1,
        .stay_inside = data[0] & 2,
    };
    const Text path = expand(&world, data + 1, len - 1, text);
    const Status status =
        content_find(world.store, path, &options, &arena, &found, &err);
    if (status == STATUS_OK) {
        ASSERT(found.cid.len > 0 && found.rest.len <= path.len);
        ASSERT(!found.is_inside || options.stay_inside ||
               found.value.kind != VALUE_LINK);
        // What can be found begins as a path does.
        ASSERT(cid_is_path(path));
    } else {
        ASSERT(err.message[0] != '\0');
        ASSERT(utf8_is_valid(text_of(err.message), NULL) ||
               strlen(err.message) == sizeof err.message - 1);
    }
    IGNORE(content_resolve(world.store, path, &cid, &err)); // Ends.
    arena_deinit(&arena);
    return 0;
}
