/* SPDX-License-Identifier: Apache-2.0 */
/* test_computation.c - memo keys: what is in them and what is not. */
#include "unit/task/task_test.h"

#include "task/reserved.h"

static void freezes_the_profile(void **state)
{
    (void)state;
    Cid cid;
    Value value;
    struct arena arena = {0};
    assert_int_equal(profile_block().len, 94);
    cid_of(CODEC_DAG_CBOR, profile_block(), &cid);
    assert_cid(&cid, "bafyreifcqqic4u5xrkqdibsgtylpdlyq5zuz7swjfmf4ksvkrfv3dr"
                     "d6g4");
    assert_true(cid_equal(&cid, profile_cid()));
    assert_int_equal(dag_cbor_decode(profile_block(), &arena, &value, NULL),
                     STATUS_OK);
    arena_deinit(&arena);
}

static Value wasm_args(struct arena *arena, const Value *items, size_t count)
{
    static Cid module;
    cid_of(CODEC_RAW, bytes_of("wasm", 4), &module);
    Value link = value_link(&module), list = value_list(items, count);
    return wasm_call_args(arena, &link, TEXT("add"), &list, false);
}

static void reads_back_what_it_wrote(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct error err;
    Hash hash;
    Cid cid;
    Value one = value_int(1);
    Value args = wasm_args(&arena, &one, 1);
    Bytes block = computation_encode(TEXT("/wasm/run"), &args, (Bytes){0},
                                     &arena, &hash);
    cid_from_hash(CODEC_DAG_CBOR, &hash, &cid);
    assert_cid(&cid, "bafyreidm5qrlohfx25bwznllicpmyz4r272l2nf4j7pen62ur"
                     "taetp2c2a");
    struct computation out;
    struct wasm_call call;
    ASSERT_OK(computation_decode(block, &arena, &out, &err), &err);
    assert_true(value_equal(&out.args, &args));
    ASSERT_OK(wasm_call_read(&out.args, &call, &err), &err);
    assert_true(text_equal(call.function, TEXT("add")));
    assert_false(call.homestar);
    for (size_t len = 0; len < block.len; len++) {
        uint8_t *copy = exact_copy(bytes_of(block.data, len));
        assert_int_not_equal(
            computation_decode(bytes_of(copy, len), &arena, &out, &err),
            STATUS_OK);
        free(copy);
    }
    arena_deinit(&arena);
}

static void refuses_other_fields_and_profiles(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct wasm_call call;
    struct error err;
    Cid other;
    cid_of(CODEC_DAG_CBOR, bytes_of("", 0), &other);
    const struct value_entry good[] = {
        {TEXT("det"), value_link(profile_cid())},
        {TEXT("fun"), value_text(TEXT("f"))},
        {TEXT("mod"), value_link(&other)},
        {TEXT("args"), value_list(NULL, 0)},
        {TEXT("map"), value_text(TEXT("homestar/0.2"))},
    };
    struct value_entry entries[6];
    memcpy(entries, good, sizeof good);
    Value args = value_map(&arena, entries, 5);
    ASSERT_OK(wasm_call_read(&args, &call, &err), &err);
    assert_true(call.homestar);
    for (size_t index = 0; index < 4; index++) { // each field wrong, and gone
        entries[index].value = value_int(1);
        args = value_map(&arena, entries, 5);
        assert_int_equal(wasm_call_read(&args, &call, &err), STATUS_INVALID);
        entries[index] = entries[4];
        args = value_map(&arena, entries, 4);
        assert_int_equal(wasm_call_read(&args, &call, &err), STATUS_INVALID);
        memcpy(entries, good, sizeof good);
    }
    entries[5] = (struct value_entry){TEXT("more"), value_null()};
    args = value_map(&arena, entries, 6);
    assert_int_equal(wasm_call_read(&args, &call, &err), STATUS_INVALID);
    entries[0].value = value_link(&other);
    args = value_map(&arena, entries, 4);
    assert_int_equal(wasm_call_read(&args, &call, &err), STATUS_UNSUPPORTED);
    arena_deinit(&arena);
}

/* --- Reserved maps ------------------------------------------------------- */

static void knows_who_may_write_reserved_maps(void **state)
{
    (void)state;
    struct arena arena = {0};
    Cid cid;
    cid_of(CODEC_DAG_CBOR, bytes_of("", 0), &cid);
    Value link = value_link(&cid), trap = value_text(TEXT("trap"));
    const struct {
        const char *key;
        Value inner;
        bool author, block, guest;
    } rows[] = {
        {"await/ok", link, true, false, false},
        {"await/error", link, true, false, false},
        {"await/*", link, true, false, false},
        {"await/ok", value_int(1), false, false, false},
        {"await/else", link, false, false, false},
        {"ipvm/bytes", link, true, true, false},
        {"ipvm/text", link, true, true, false},
        {"ipvm/value", link, true, true, false},
        {"ipvm/value", trap, false, false, false},
        {"ipvm/error", trap, true, true, false},
        {"ipvm/error", value_text(TEXT("other")), false, false, false},
        {"ipvm/else", link, false, false, false},
        {"ipvm", link, true, true, true},
        {"await", link, true, true, true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        Value map = value_map1(&arena, text_of(rows[i].key), rows[i].inner);
        Value list = value_list(&map, 1);
        assert_int_equal(value_check(&list, FROM_AUTHOR, 100, NULL) ==
                             STATUS_OK,
                         rows[i].author);
        assert_int_equal(value_check(&list, FROM_BLOCK, 100, NULL) ==
                             STATUS_OK,
                         rows[i].block);
        assert_int_equal(value_check(&list, FROM_GUEST, 100, NULL) ==
                             STATUS_OK,
                         rows[i].guest);
    }
    // With a second key nothing is reserved.
    const struct value_entry two[] = {{TEXT("a"), link},
                                      {TEXT("ipvm/else"), link}};
    Value map = value_map(&arena, two, 2);
    assert_int_equal(value_check(&map, FROM_GUEST, 100, NULL), STATUS_OK);
    arena_deinit(&arena);
}

static Value nest(struct arena *arena, unsigned depth)
{
    Value value = value_null();
    for (unsigned i = 0; i < depth; i++) {
        Value *item = ARENA_NEW(arena, Value);
        *item = value;
        value = value_list(item, 1);
    }
    return value;
}

static void bounds_depth_and_integers(void **state)
{
    (void)state;
    struct arena arena = {0};
    Value fits = nest(&arena, 100), deep = nest(&arena, 101);
    Value low = {.kind = VALUE_INT, .negative = true, .magnitude = INT64_MAX};
    assert_int_equal(value_check(&fits, FROM_GUEST, 100, NULL), STATUS_OK);
    assert_int_equal(value_check(&deep, FROM_GUEST, 100, NULL), STATUS_LIMIT);
    assert_int_equal(value_check(&low, FROM_GUEST, 100, NULL), STATUS_OK);
    low.magnitude++;
    assert_int_equal(value_check(&low, FROM_GUEST, 100, NULL), STATUS_INVALID);
    arena_deinit(&arena);
}

/* --- Normalisation ------------------------------------------------------- */

static Status count_block(void *context, const Cid *cid, Bytes block,
                          struct error *err)
{
    (void)err;
    ++*(size_t *)context;
    return cid_verify(cid, block, err);
}

static void replaces_what_is_longer_than_32_kib(void **state)
{
    (void)state;
    static uint8_t data[LONG_VALUE + 1];
    struct arena arena = {0};
    size_t blocks = 0;
    struct block_sink sink = {&blocks, count_block};
    Value out, value = value_bytes(bytes_of(data, LONG_VALUE));
    assert_int_equal(value_normalise(&value, &sink, &arena, &out, NULL),
                     STATUS_OK);
    assert_true(value_equal(&value, &out));
    assert_int_equal(blocks, 0);
    value = value_bytes(bytes_of(data, LONG_VALUE + 1));
    assert_int_equal(value_normalise(&value, &sink, &arena, &out, NULL),
                     STATUS_OK);
    assert_int_equal(value_reserved(&out), RESERVED_BYTES);
    assert_int_equal(blocks, 1);
    Cid raw;
    cid_of(CODEC_RAW, value.bytes, &raw);
    assert_true(bytes_equal(out.map.entries[0].value.link, cid_bytes(&raw)));
    value = value_text((Text){(const char *)data, sizeof data});
    assert_int_equal(value_normalise(&value, &sink, &arena, &out, NULL),
                     STATUS_OK);
    assert_int_equal(value_reserved(&out), RESERVED_TEXT);
    arena_deinit(&arena);
}

/* Innermost first: a list with long bytes in it is short once they are
 * replaced; one with many short ones is long. */
static void replaces_from_the_inside(void **state)
{
    (void)state;
    static uint8_t data[40000];
    struct arena arena = {0};
    size_t blocks = 0;
    struct block_sink sink = {&blocks, count_block};
    Value items[3] = {value_int(1), value_bytes(bytes_of(data, 40000)),
                      value_int(2)};
    Value out, list = value_list(items, 3);
    assert_int_equal(value_normalise(&list, &sink, &arena, &out, NULL),
                     STATUS_OK);
    assert_int_equal(out.kind, VALUE_LIST);
    assert_int_equal(value_reserved(&out.list.items[1]), RESERVED_BYTES);
    assert_int_equal(blocks, 1);

    // A list of 10922 texts of two bytes: 3 + 3 * 10922 = 32769 bytes.
    Value *many = arena_array(&arena, 10922, sizeof *many);
    for (size_t i = 0; i < 10922; i++)
        many[i] = value_text(TEXT("ab"));
    list = value_list(many, 10922);
    assert_int_equal(dag_cbor_length(&list), 32769);
    assert_int_equal(value_normalise(&list, &sink, &arena, &out, NULL),
                     STATUS_OK);
    assert_int_equal(value_reserved(&out), RESERVED_VALUE);
    list = value_list(many, 10921);
    assert_int_equal(value_normalise(&list, &sink, &arena, &out, NULL),
                     STATUS_OK);
    assert_true(value_equal(&list, &out));
    arena_deinit(&arena);
}

/* --- Resolving ----------------------------------------------------------- */

static Bytes resolve(const Value *args, const struct await *awaits,
                     const struct awaited *awaited, uint32_t count,
                     struct arena *arena, Status *status)
{
    struct await *copy = arena_array(arena, count, sizeof *copy);
    Cid ignored;
    if (count)
        memcpy(copy, awaits, count * sizeof *copy);
    struct task task = {.cmd = TEXT("/wasm/run"),
                        .args = dag_cbor_block(args, arena, &ignored),
                        .awaits = copy,
                        .await_count = count};
    Bytes block = {0};
    Hash hash;
    *status =
        computation_resolve(&task, awaited, NULL, arena, &block, &hash, NULL);
    return block;
}

static Value promise_on(struct arena *arena, Branch branch)
{
    static Cid cid;
    cid_of(CODEC_DAG_CBOR, bytes_of("x", 1), &cid);
    return promise_make(arena, branch, value_link(&cid));
}

/* One rule: with a value in place of its promise, the computation is the one
 * that has the value written in it. */
static void resolves_to_what_is_written_out(void **state)
{
    (void)state;
    static uint8_t data[50000];
    struct arena arena = {0};
    const Value values[] = {
        value_int(7), value_text(TEXT("hello")),
        value_bytes(bytes_of(data, 50000)),
        value_map1(&arena, TEXT("ipvm/error"), value_text(TEXT("trap")))};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        Status status;
        struct buffer output;
        struct result result;
        buffer_init(&output, 1 << 20);
        bool is_ok = i < 3;
        Value whole =
            value_map1(&arena, is_ok ? TEXT("ok") : TEXT("error"), values[i]);
        dag_cbor_encode(&whole, &output);
        ASSERT_OK(result_normalise(buffer_bytes(&output), NULL, &arena,
                                   &result, NULL),
                  &(struct error){0});
        Branch branch = is_ok ? BRANCH_OK : BRANCH_ERROR;
        Value promise = promise_on(&arena, branch);
        Value args = wasm_args(&arena, &promise, 1);
        struct await await = {TASK_OUTSIDE, branch, NULL};
        struct awaited awaited = {is_ok, false, &result.value};
        Bytes made = resolve(&args, &await, &awaited, 1, &arena, &status);
        assert_int_equal(status, STATUS_OK);
        args = wasm_args(&arena, &values[i], 1);
        Bytes written = resolve(&args, NULL, NULL, 0, &arena, &status);
        assert_int_equal(status, STATUS_OK);
        assert_true(bytes_equal(made, written));
        buffer_deinit(&output);
    }
    arena_deinit(&arena);
}

static void one_mismatch_decides(void **state)
{
    (void)state;
    struct arena arena = {0};
    Status status;
    Value ok = value_map1(&arena, TEXT("ok"), value_int(1));
    Value items[2] = {promise_on(&arena, BRANCH_OK),
                      promise_on(&arena, BRANCH_ERROR)};
    Value args = wasm_args(&arena, items, 2);
    struct await awaits[2] = {{0, BRANCH_OK, NULL}, {1, BRANCH_ERROR, NULL}};
    // The first one's outcome is not known and does not matter.
    struct awaited awaited[2] = {{false, false, NULL}, {true, false, &ok}};
    resolve(&args, awaits, awaited, 2, &arena, &status);
    assert_int_equal(status, STATUS_NOT_FOUND);
    // An upstream error is an error like others.
    items[0] = promise_on(&arena, BRANCH_ERROR);
    awaits[0].branch = BRANCH_ERROR;
    awaited[0] = (struct awaited){false, true, NULL};
    args = wasm_args(&arena, items, 1);
    Bytes block = resolve(&args, awaits, awaited, 1, &arena, &status);
    assert_int_equal(status, STATUS_OK);
    Value upstream =
        value_map1(&arena, TEXT("ipvm/error"), value_text(TEXT("upstream")));
    args = wasm_args(&arena, &upstream, 1);
    assert_true(
        bytes_equal(block, resolve(&args, NULL, NULL, 0, &arena, &status)));
    arena_deinit(&arena);
}

/* Bytes in `mod` become the link to their file, short ones too. */
static void links_a_module_that_was_made(void **state)
{
    (void)state;
    static uint8_t data[50000];
    struct arena arena = {0};
    for (size_t len = 100; len <= 50000; len += 49900) {
        Status status;
        Cid cid;
        Value list = value_list(NULL, 0), normal;
        Value promise = promise_on(&arena, BRANCH_OK);
        Value args = wasm_call_args(&arena, &promise, TEXT("f"), &list, false);
        Value bytes = value_bytes(bytes_of(data, len));
        ASSERT_OK(value_normalise(&bytes, NULL, &arena, &normal, NULL),
                  &(struct error){0});
        Value ok = value_map1(&arena, TEXT("ok"), normal);
        struct await await = {0, BRANCH_OK, NULL};
        struct awaited awaited = {true, false, &ok};
        Bytes made = resolve(&args, &await, &awaited, 1, &arena, &status);
        cid_of(CODEC_RAW, bytes.bytes, &cid);
        Value link = value_link(&cid);
        args = wasm_call_args(&arena, &link, TEXT("f"), &list, false);
        Bytes written = resolve(&args, NULL, NULL, 0, &arena, &status);
        assert_true(bytes_equal(made, written));
    }
    arena_deinit(&arena);
}

/* --- Results ------------------------------------------------------------- */

static void gives_guests_unrepresentable(void **state)
{
    (void)state;
    struct arena arena = {0};
    Cid cid;
    cid_of(CODEC_DAG_CBOR, bytes_of("", 0), &cid);
    Value trap =
        value_map1(&arena, TEXT("ipvm/error"), value_text(TEXT("trap")));
    const struct value_entry two[] = {
        {TEXT("ipvm/error"), value_text(TEXT("mine"))},
        {TEXT("x"), value_null()}};
    const struct {
        const char *branch;
        Value inner;
        bool kept;
    } rows[] = {
        {"ok", value_int(2), true},
        {"ok", trap, false},   // a guest cannot return a reserved map
        {"error", trap, true}, // the performer's word
        {"error",
         value_map1(&arena, TEXT("ipvm/error"), value_text(TEXT("upstream"))),
         false},
        {"error", value_map(&arena, two, 2), false},
        {"ok", value_map(&arena, two, 2), true},
        {"ok", value_map1(&arena, TEXT("ipvm/bytes"), value_link(&cid)),
         false},
        {"ok", nest(&arena, 100), true},
        {"ok", nest(&arena, 101), false},
        {"ok", nest(&arena, 126), false},
        {"ok",
         {.kind = VALUE_INT, .negative = true, .magnitude = UINT64_MAX},
         false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct result result, expected;
        struct buffer output;
        struct error err = {0};
        buffer_init(&output, 1 << 20);
        Value whole =
            value_map1(&arena, text_of(rows[i].branch), rows[i].inner);
        dag_cbor_encode(&whole, &output);
        ASSERT_OK(result_normalise(buffer_bytes(&output), NULL, &arena,
                                   &result, &err),
                  &err);
        if (rows[i].kept) {
            assert_true(value_equal(&result.value, &whole));
        } else {
            result_error(TEXT("unrepresentable"), &arena, &expected);
            assert_true(cid_equal(&result.cid, &expected.cid));
        }
        ASSERT_OK(result_decode(result.block, &arena, &expected, &err), &err);
        assert_true(cid_equal(&result.cid, &expected.cid));
        buffer_deinit(&output);
    }
    arena_deinit(&arena);
}

static void refuses_what_is_no_result(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct result result;
    const char *const rows[] = {"",
                                "\x01",
                                "\xa0",
                                "\xa1\x61x\x01",
                                ("\xa2\x62ok\x01\x65"
                                 "error\x02"),
                                "\xa1\x62ok\xfb\x7f\xf8\0\0\0\0\0\0"};
    const size_t lengths[] = {0, 1, 1, 4, 12, 13};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        Bytes bytes = bytes_of(rows[i], lengths[i]);
        assert_int_equal(result_normalise(bytes, NULL, &arena, &result, NULL),
                         STATUS_INVALID);
        assert_int_equal(result_decode(bytes, &arena, &result, NULL),
                         STATUS_INVALID);
    }
    arena_deinit(&arena);
}

static void freezes_the_errors_of_the_system(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct result result;
    result_error(TEXT("upstream"), &arena, &result);
    assert_cid(&result.cid, "bafyreieaqegsa64vuap5qrooh2asbbj4egvcfgyky53m"
                            "bvkpne7kf4kqhu");
    result_error(TEXT("trap"), &arena, &result);
    assert_cid(&result.cid, "bafyreid5chlp7i5w6d23opehcyr3522qzpzcjawebid7"
                            "7bwt33chh2a3cq");
    result_error(TEXT("unrepresentable"), &arena, &result);
    assert_cid(&result.cid, "bafyreidz7wo442qmrpymbdz45aqphe23wgoe2eed52ax"
                            "hjfc2i3y5iteiu");
    arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(freezes_the_profile),
        cmocka_unit_test(reads_back_what_it_wrote),
        cmocka_unit_test(refuses_other_fields_and_profiles),
        cmocka_unit_test(knows_who_may_write_reserved_maps),
        cmocka_unit_test(bounds_depth_and_integers),
        cmocka_unit_test(replaces_what_is_longer_than_32_kib),
        cmocka_unit_test(replaces_from_the_inside),
        cmocka_unit_test(resolves_to_what_is_written_out),
        cmocka_unit_test(one_mismatch_decides),
        cmocka_unit_test(links_a_module_that_was_made),
        cmocka_unit_test(gives_guests_unrepresentable),
        cmocka_unit_test(refuses_what_is_no_result),
        cmocka_unit_test(freezes_the_errors_of_the_system),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
