/* SPDX-License-Identifier: Apache-2.0 */
/* test_token_vectors.c - tokens and containers as data, with what each must
 * come out as: tests/vectors/ucan/{token,container}.json. */
#include "ucan/container.h"
#include "ucan/token.h"
#include "unit/ucan/vectors.h"

static const Value *rows(const char *path, const char *list,
                         struct arena *arena)
{
    Value file;
    *arena = (struct arena){0};
    if (!vectors_read(path, arena, &file))
        fail_msg("run this from the top of the repository: no %s", path);
    Value *copy = ARENA_NEW(arena, Value);
    *copy = *vectors_at(&file, list);
    assert_true(copy->kind == VALUE_LIST && copy->list.count > 0);
    return copy;
}

static void assert_names(const Value *row, const char *key, const Cid *cid)
{
    if (!bytes_equal(vectors_at(row, key)->link, cid_bytes(cid)))
        fail_msg("%s: another %s", vectors_at(row, "title")->text.data, key);
}

/* "malformed", "InvalidSignature" or "OK"; `*out` if it could be read. */
static const char *outcome(Bytes bytes, const struct token_options *options,
                           struct token **out, struct error *err)
{
    *out = NULL;
    if (token_read(bytes, options, out, err) != STATUS_OK)
        return "malformed";
    return token_verify(*out, err) == STATUS_OK ? "OK" : "InvalidSignature";
}

static void tokens_come_out_as_they_should(void **state)
{
    (void)state;
    struct arena arena;
    const Value *table =
        rows("tests/vectors/ucan/token.json", "tokens", &arena);
    for (size_t index = 0; index < table->list.count; index++) {
        const Value *row = &table->list.items[index];
        const Text title = vectors_at(row, "title")->text;
        const Bytes bytes = exact_copy(vectors_at(row, "token")->bytes);
        const struct token_options rc1 = {
            .rc1_too = value_get(row, TEXT("rc1")) != NULL};
        struct token *token;
        struct error err = {0};
        const char *got = outcome(bytes, &rc1, &token, &err);
        if (!text_equal(text_of(got), vectors_at(row, "result")->text))
            fail_msg("%.*s: %s %s", TEXT_ARG(title), got, err.message);
        if (strcmp(got, "OK") == 0) {
            assert_names(row, "cid", &token->cid);
            assert_names(row, "payload", &token->payload);
        }
        if (strcmp(got, "OK") == 0 && token->kind == TOKEN_INVOCATION) {
            Cid task;
            token_task_cid(token, &task);
            assert_names(row, "task", &task);
        }
        token_free(token);
        if (rc1.rc1_too)
            assert_string_equal(outcome(bytes, NULL, &token, &err),
                                "malformed");
        exact_free(bytes);
    }
    arena_deinit(&arena);
}

static void containers_come_out_as_they_should(void **state)
{
    (void)state;
    struct arena arena;
    const Value *table =
        rows("tests/vectors/ucan/container.json", "containers", &arena);
    for (size_t index = 0; index < table->list.count; index++) {
        const Value *row = &table->list.items[index];
        const Text title = vectors_at(row, "title")->text;
        const Value *expected = value_get(row, TEXT("tokens"));
        const Bytes bytes = exact_copy(vectors_at(row, "container")->bytes);
        struct error err = {0};
        Bytes *tokens;
        size_t count;
        const Status status =
            container_read(bytes, &arena, &tokens, &count, &err);
        const Status wanted =
            expected ? STATUS_OK
            : text_equal(vectors_at(row, "refused")->text, TEXT("limit"))
                ? STATUS_LIMIT
                : STATUS_INVALID;
        if (status != wanted)
            fail_msg("%.*s: %s %s", TEXT_ARG(title), status_name(status),
                     err.message);
        if (status == STATUS_OK) {
            assert_int_equal(count, expected->list.count);
            for (size_t at = 0; at < count; at++)
                assert_true(
                    bytes_equal(tokens[at], expected->list.items[at].bytes));
        }
        exact_free(bytes);
    }
    arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens_come_out_as_they_should),
        cmocka_unit_test(containers_come_out_as_they_should),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
