/* SPDX-License-Identifier: Apache-2.0 */
/* test_ipld.c - what holds for every value, tried on random ones. The seed is
 * printed; IPVM_SEED repeats a run, IPVM_ROUNDS makes it longer. */
#include "ipld/dag_cbor.h"
#include "ipld/dag_json.h"
#include "ipld/float_text.h"
#include "ipld/unixfs_directory.h"
#include "unit/ipld/block_map.h"

#include <math.h>

static uint64_t state_of_random;

static uint64_t next_random(void)
{
    // xorshift64*: small, and good enough to find mistakes.
    state_of_random ^= state_of_random >> 12;
    state_of_random ^= state_of_random << 25;
    state_of_random ^= state_of_random >> 27;
    return state_of_random * 0x2545f4914f6cdd1dU;
}

static size_t below(size_t bound)
{
    return (size_t)(next_random() >> 16) % bound;
}

static size_t rounds(void)
{
    const char *text = getenv("IPVM_ROUNDS");
    return text ? (size_t)strtoull(text, NULL, 10) : 2000;
}

static int choose_seed(void **state)
{
    (void)state;
    const char *text = getenv("IPVM_SEED");
    state_of_random = text ? strtoull(text, NULL, 10) : 20260101;
    print_message("seed %llu\n", (unsigned long long)state_of_random);
    return 0;
}

/* --- Random values ------------------------------------------------------ */

/* Numbers of every size, the edges more often than chance has them. */
static uint64_t random_number(void)
{
    uint64_t number = next_random() >> below(64);
    return number + (uint64_t)below(3) - 1;
}

static double random_float(void)
{
    double number;
    do {
        uint64_t bits = next_random();
        if (below(4) == 0)
            bits &= ~(uint64_t)0 << 44; // A short fraction.
        memcpy(&number, &bits, sizeof number);
        if (below(4) == 0)
            number = (double)(int64_t)random_number() / 1000;
    } while (!isfinite(number));
    return number;
}

static Text random_text(struct arena *arena)
{
    static const char *const pieces[] = {"a",  "/", "bytes", "\"", "\\",
                                         "\n", "ß", "水",    "𐅑",  "\x01",
                                         "",   "z", "await", "0",  "\x7f"};
    size_t count = below(6);
    struct buffer buffer;
    buffer_init(&buffer, 4096);
    if (below(20) == 0)
        count = 60;
    for (size_t index = 0; index < count; index++)
        buffer_add_text(&buffer, text_of(pieces[below(15)]));
    Text text = arena_copy_text(arena, bytes_text(buffer_bytes(&buffer)));
    buffer_deinit(&buffer);
    return text;
}

static Bytes random_bytes_value(struct arena *arena)
{
    size_t len = below(40);
    uint8_t *data = arena_alloc(arena, len);
    for (size_t index = 0; index < len; index++)
        data[index] = (uint8_t)next_random();
    return bytes_of(data, len);
}

static Value random_link(struct arena *arena)
{
    static const uint64_t codecs[] = {CODEC_RAW, CODEC_DAG_PB, CODEC_DAG_CBOR,
                                      CODEC_DAG_JSON, 0x1234567};
    Cid *cid = ARENA_NEW(arena, Cid);
    cid_of(codecs[below(5)], random_bytes_value(arena), cid);
    return value_link(cid);
}

static Value random_value(struct arena *arena, unsigned depth);

static Value random_map(struct arena *arena, unsigned depth)
{
    struct value_entry entries[6];
    size_t count = 0;
    for (size_t tries = below(7); tries > 0; tries--) {
        entries[count].key = random_text(arena);
        entries[count].value = random_value(arena, depth + 1);
        bool is_new = true;
        for (size_t index = 0; index < count; index++)
            if (text_equal(entries[index].key, entries[count].key))
                is_new = false;
        count += is_new;
    }
    return value_map(arena, entries, count);
}

static Value random_list(struct arena *arena, unsigned depth)
{
    size_t count = below(6);
    Value *items = arena_array(arena, count, sizeof *items);
    for (size_t index = 0; index < count; index++)
        items[index] = random_value(arena, depth + 1);
    return value_list(items, count);
}

static Value random_value(struct arena *arena, unsigned depth)
{
    switch (below(depth < 6 ? 10 : 7)) {
    case 0:
        return value_null();
    case 1:
        return value_bool(below(2));
    case 2:
        return (Value){.kind = VALUE_INT,
                       .negative = below(2),
                       .magnitude = random_number()};
    case 3:
        return value_float(random_float());
    case 4:
        return value_text(random_text(arena));
    case 5:
        return value_bytes(random_bytes_value(arena));
    case 6:
        return random_link(arena);
    case 7:
        return random_list(arena, depth);
    default:
        return random_map(arena, depth);
    }
}

/* True if a map somewhere in `value` cannot be said in DAG-JSON. */
static bool has_reserved(const Value *value)
{
    if (value->kind == VALUE_LIST)
        for (size_t index = 0; index < value->list.count; index++)
            if (has_reserved(&value->list.items[index]))
                return true;
    if (value->kind != VALUE_MAP)
        return false;
    for (size_t index = 0; index < value->map.count; index++)
        if (has_reserved(&value->map.entries[index].value))
            return true;
    return dag_json_is_reserved(value);
}

/* --- Properties --------------------------------------------------------- */

static void every_value_survives_dag_cbor(void **state)
{
    (void)state;
    for (size_t round = 0; round < rounds(); round++) {
        struct arena arena = {0};
        struct error err = {0};
        Cid cid;
        Value value = random_value(&arena, 0), again;
        Bytes block = dag_cbor_block(&value, &arena, &cid);
        assert_int_equal(block.len, dag_cbor_length(&value));
        Bytes exact = exact_copy(block);
        if (dag_cbor_decode(exact, &arena, &again, &err) != STATUS_OK)
            fail_msg("round %zu: %s", round, err.message);
        assert_true(value_equal(&value, &again));
        exact_free(exact);
        arena_deinit(&arena);
    }
}

/* A value has one encoding: whatever still decodes after a change encodes to
 * the changed bytes. */
static void no_two_blocks_decode_to_one_value(void **state)
{
    (void)state;
    for (size_t round = 0; round < rounds(); round++) {
        struct arena arena = {0};
        struct buffer out;
        Cid cid;
        Value value = random_value(&arena, 0), again;
        Bytes block = dag_cbor_block(&value, &arena, &cid);
        uint8_t *changed = malloc(block.len);
        assert_non_null(changed);
        memcpy(changed, block.data, block.len);
        for (size_t change = below(3) + 1; change > 0; change--)
            changed[below(block.len)] ^= (uint8_t)(1 << below(8));
        Bytes bytes = bytes_of(changed, block.len);
        buffer_init(&out, block.len);
        if (dag_cbor_decode(bytes, &arena, &again, NULL) == STATUS_OK) {
            dag_cbor_encode(&again, &out);
            assert_true(bytes_equal(buffer_bytes(&out), bytes));
        }
        buffer_deinit(&out);
        free(changed);
        arena_deinit(&arena);
    }
}

static void every_value_survives_dag_json(void **state)
{
    (void)state;
    for (size_t round = 0; round < rounds(); round++) {
        struct arena arena = {0};
        struct buffer plain, pretty;
        struct error err = {0};
        Value value = random_value(&arena, 0), again;
        buffer_init(&plain, 1 << 24);
        buffer_init(&pretty, 1 << 24);
        Status status = dag_json_encode(&value, &plain, &err);
        if (has_reserved(&value)) {
            assert_int_equal(status, STATUS_INVALID);
        } else {
            assert_int_equal(status, STATUS_OK);
            if (dag_json_decode(buffer_bytes(&plain), &arena, &again, &err) !=
                STATUS_OK)
                fail_msg("round %zu: %s", round, err.message);
            assert_true(value_equal(&value, &again));
            assert_int_equal(dag_json_print(&value, &pretty, NULL), STATUS_OK);
            assert_int_equal(
                dag_json_decode(buffer_bytes(&pretty), &arena, &again, NULL),
                STATUS_OK);
            assert_true(value_equal(&value, &again));
        }
        buffer_deinit(&plain);
        buffer_deinit(&pretty);
        arena_deinit(&arena);
    }
}

static size_t count_digits(const char *text)
{
    size_t count = 0, zeros = 0;
    for (; *text && *text != 'e'; text++) {
        if (*text < '0' || *text > '9' || (count == 0 && *text == '0'))
            continue;
        count++;
        zeros = *text == '0' ? zeros + 1 : 0;
    }
    return count - zeros;
}

/* Fewest digits, by trying each number of them, that read back. */
static size_t fewest_digits(double number)
{
    char text[40];
    for (int count = 1; count < 17; count++) {
        snprintf(text, sizeof text, "%.*e", count - 1, number);
        if (strtod(text, NULL) == number)
            return (size_t)count;
    }
    return 17;
}

static void floats_are_written_shortest_and_read_back(void **state)
{
    (void)state;
    for (size_t round = 0; round < 10 * rounds(); round++) {
        char text[FLOAT_TEXT_MAX];
        double number = random_float(), again;
        if (below(8) == 0)
            number = ldexp(1, (int)below(2098) - 1074); // A power of two.
        size_t len = float_to_text(number, text);
        assert_int_equal(len, strlen(text));
        assert_true(strchr(text, '.') || strchr(text, 'e'));
        assert_true(float_from_text((Text){text, len}, &again));
        assert_memory_equal(&number, &again, sizeof number);
        if (number != 0)
            assert_true(count_digits(text) <= fewest_digits(number));
    }
}

static void files_of_any_shape_read_back(void **state)
{
    (void)state;
    for (size_t round = 0; round < rounds() / 20; round++) {
        struct block_map blocks = {.on_loan = 0};
        struct unixfs_block_sink sink = block_map_sink(&blocks);
        struct unixfs_source source = block_map_source(&blocks);
        struct unixfs_writer_options options = {.chunk_size = 1 + below(50),
                                                .links_max = 2 + below(9)};
        struct unixfs_writer *writer = unixfs_writer_new(&options, &sink);
        size_t len = below(3000), done = 0;
        Bytes bytes = pattern(len);
        Cid root;
        while (done < len) {
            size_t step = 1 + below(len - done);
            assert_int_equal(
                unixfs_writer_add(writer, bytes_of(bytes.data + done, step),
                                  NULL),
                STATUS_OK);
            done += step;
        }
        assert_int_equal(unixfs_writer_finish(writer, &root, NULL, NULL),
                         STATUS_OK);
        size_t from = below(len + 1), count = below(len - from + 1);
        uint8_t *out = malloc(count + 1);
        assert_non_null(out);
        assert_int_equal(
            unixfs_read(&source, cid_bytes(&root), from, out, count, NULL),
            STATUS_OK);
        assert_memory_equal(out, bytes.data + from, count);
        free(out);
        unixfs_writer_free(writer);
        free((void *)(uintptr_t)bytes.data);
        block_map_deinit(&blocks);
    }
}

/* A name of up to 255 letters, so long that a few hundred make a HAMT. */
static Text random_name(struct arena *arena)
{
    size_t len = below(4) == 0 ? 200 + below(56) : 1 + below(6);
    char *name = arena_alloc(arena, len);
    for (size_t index = 0; index < len; index++)
        name[index] = (char)('a' + below(26));
    return (Text){name, len};
}

static int by_name(const void *left, const void *right)
{
    const struct unixfs_child *a = left, *b = right;
    return bytes_compare(text_bytes(a->name), text_bytes(b->name));
}

/* Children of different names, at most `max`; sorted. */
static size_t random_children(struct arena *arena, size_t max,
                              struct unixfs_child *out)
{
    size_t made = below(max), count = 0;
    for (size_t index = 0; index < made; index++) {
        uint32_t content = (uint32_t)below(1000);
        out[index].name = random_name(arena);
        out[index].tsize = below(1U << below(31));
        cid_of(CODEC_RAW, bytes_of(&content, sizeof content), &out[index].cid);
    }
    if (made > 1)
        qsort(out, made, sizeof *out, by_name);
    for (size_t index = 0; index < made; index++)
        if (count == 0 || !text_equal(out[count - 1].name, out[index].name))
            out[count++] = out[index];
    return count;
}

static void check_directory(const struct unixfs_source *source, Bytes cid,
                            const struct unixfs_child *children, size_t count)
{
    struct arena arena = {0};
    struct unixfs_entries entries;
    Bytes found;

    assert_int_equal(unixfs_list(source, cid, &arena, &entries, NULL),
                     STATUS_OK);
    assert_int_equal(entries.count, count);
    for (size_t index = 0; index < count; index++) {
        const struct unixfs_entry *entry = &entries.items[index];
        assert_true(text_equal(entry->name, children[index].name));
        assert_true(bytes_equal(entry->cid, cid_bytes(&children[index].cid)));
        assert_int_equal(entry->tsize, children[index].tsize);
        if (below(20) > 0)
            continue;
        assert_int_equal(
            unixfs_resolve(source, cid, entry->name, &arena, &found, NULL),
            STATUS_OK);
        assert_true(bytes_equal(found, entry->cid));
    }
    assert_int_equal(
        unixfs_resolve(source, cid, TEXT("ABSENT"), &arena, &found, NULL),
        STATUS_NOT_FOUND);
    arena_deinit(&arena);
}

/* Whatever order they come in, they have one name and read back. */
static void directories_of_any_shape_read_back(void **state)
{
    (void)state;
    enum { MOST = 5000 };
    size_t hamts = 0;
    for (size_t round = 0; round < 1 + rounds() / 100; round++) {
        struct block_map blocks = {.on_loan = 0};
        struct unixfs_block_sink sink = block_map_sink(&blocks);
        struct unixfs_source source = block_map_source(&blocks);
        struct arena arena = {0};
        struct unixfs_child *children =
            arena_array(&arena, MOST, sizeof *children);
        uint64_t tsize, again;
        Cid root, same;

        size_t count = random_children(&arena, below(2) ? MOST : 20, children);
        assert_int_equal(unixfs_write_directory(children, count, NULL, &sink,
                                                &root, &tsize, NULL),
                         STATUS_OK);
        hamts += blocks.put_count > 1;
        check_directory(&source, cid_bytes(&root), children, count);
        for (size_t index = count; index > 1; index--) {
            size_t other = below(index);
            struct unixfs_child swapped = children[index - 1];
            children[index - 1] = children[other];
            children[other] = swapped;
        }
        assert_int_equal(unixfs_write_directory(children, count, NULL, &sink,
                                                &same, &again, NULL),
                         STATUS_OK);
        assert_true(cid_equal(&root, &same));
        assert_int_equal(tsize, again);
        arena_deinit(&arena);
        block_map_deinit(&blocks);
    }
    print_message("%zu of them HAMTs\n", hamts);
}

/* --- Trees -------------------------------------------------------------- */

enum { TREE_DEPTH_MAX = 4, TREE_WIDTH_MAX = 6 };

/* Writes a tree of directories, files and symlinks; `path` is one way down, to
 * `*leaf`. */
static void write_tree(struct block_map *blocks, struct arena *arena,
                       unsigned depth, struct unixfs_child *out,
                       struct buffer *path, Cid *leaf)
{
    struct unixfs_block_sink sink = block_map_sink(blocks);
    size_t kind = depth == 0 ? 1 + below(2) : below(3);
    struct unixfs_child children[TREE_WIDTH_MAX];
    struct buffer ways[TREE_WIDTH_MAX];
    Cid leaves[TREE_WIDTH_MAX];
    uint32_t content = (uint32_t)below(1000);

    if (kind == 1) {
        assert_int_equal(unixfs_write(bytes_of(&content, sizeof content),
                                      &sink, &out->cid, NULL),
                         STATUS_OK);
        out->tsize = sizeof content;
    } else if (kind == 2) {
        assert_int_equal(unixfs_write_symlink(random_name(arena), NULL, &sink,
                                              &out->cid, &out->tsize, NULL),
                         STATUS_OK);
    }
    *leaf = out->cid;
    if (kind > 0)
        return;
    size_t count = 1 + below(TREE_WIDTH_MAX), chosen = below(count);
    for (size_t index = 0; index < count; index++) {
        buffer_init(&ways[index], 1 << 16);
        children[index].name =
            arena_format(arena, "%zu %zu", index, below(100));
        write_tree(blocks, arena, depth - 1, &children[index], &ways[index],
                   &leaves[index]);
    }
    buffer_add_byte(path, '/');
    buffer_add_text(path, children[chosen].name);
    buffer_add_bytes(path, buffer_bytes(&ways[chosen]));
    *leaf = leaves[chosen];
    for (size_t index = 0; index < count; index++)
        buffer_deinit(&ways[index]);
    assert_int_equal(unixfs_write_directory(children, count, NULL, &sink,
                                            &out->cid, &out->tsize, NULL),
                     STATUS_OK);
}

/* Bytes of all blocks below, one that comes twice counted twice. */
static uint64_t bytes_below(const struct unixfs_source *source, Bytes cid)
{
    struct unixfs_block block;
    struct unixfs_info info;
    struct unixfs_entries entries = {.count = 0};
    struct arena arena = {0};

    assert_int_equal(source->get(source->context, cid, &block, NULL),
                     STATUS_OK);
    uint64_t total = block.bytes.len;
    source->release(source->context, &block);
    assert_int_equal(unixfs_open(source, cid, &info, NULL), STATUS_OK);
    if (info.kind == UNIXFS_DIRECTORY)
        assert_int_equal(unixfs_list(source, cid, &arena, &entries, NULL),
                         STATUS_OK);
    for (size_t index = 0; index < entries.count; index++) {
        uint64_t below_it = bytes_below(source, entries.items[index].cid);
        assert_int_equal(below_it, entries.items[index].tsize);
        total += below_it;
    }
    arena_deinit(&arena);
    return total;
}

static void a_path_leads_through_any_tree(void **state)
{
    (void)state;
    for (size_t round = 0; round < rounds() / 20; round++) {
        struct block_map blocks = {.on_loan = 0};
        struct unixfs_source source = block_map_source(&blocks);
        struct unixfs_child root = {.tsize = 0};
        struct arena arena = {0};
        struct buffer path;
        Bytes found;
        Cid leaf;

        buffer_init(&path, 1 << 16);
        write_tree(&blocks, &arena, TREE_DEPTH_MAX, &root, &path, &leaf);
        assert_int_equal(unixfs_resolve(&source, cid_bytes(&root.cid),
                                        bytes_text(buffer_bytes(&path)),
                                        &arena, &found, NULL),
                         STATUS_OK);
        assert_true(bytes_equal(found, cid_bytes(&leaf)));
        assert_int_equal(bytes_below(&source, cid_bytes(&root.cid)),
                         root.tsize);
        buffer_deinit(&path);
        arena_deinit(&arena);
        block_map_deinit(&blocks);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_value_survives_dag_cbor),
        cmocka_unit_test(no_two_blocks_decode_to_one_value),
        cmocka_unit_test(every_value_survives_dag_json),
        cmocka_unit_test(floats_are_written_shortest_and_read_back),
        cmocka_unit_test(files_of_any_shape_read_back),
        cmocka_unit_test(directories_of_any_shape_read_back),
        cmocka_unit_test(a_path_leads_through_any_tree),
    };
    return cmocka_run_group_tests(tests, choose_seed, NULL);
}
