/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_token.c - a token that is read says the same when it is encoded again,
 * and its signature is verified or denied. */
#include "ipld/dag_cbor.h"
#include "ucan/token.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void encode_again(const struct token *token)
{
    struct arena arena = {0};
    struct buffer out;
    Value value;
    buffer_init(&out, token->bytes.len);
    ASSERT(dag_cbor_decode(token->bytes, &arena, &value, NULL) == STATUS_OK);
    dag_cbor_encode(&value.list.items[1], &out);
    ASSERT(bytes_equal(buffer_bytes(&out), token->signed_bytes));
    buffer_deinit(&out);
    arena_deinit(&arena);
}

static void check(const struct token *token)
{
    const Status verified = token_verify(token, NULL);
    ASSERT(verified == STATUS_OK || verified == STATUS_DENIED);
    ASSERT(command_check(token->cmd, NULL) == STATUS_OK);
    ASSERT(command_covers(token->cmd, token->cmd));
    encode_again(token);
    if (token->kind == TOKEN_DELEGATION) {
        ASSERT(token->pol && token->has_aud && !token->args);
    } else {
        Cid task;
        ASSERT(token->args && token->has_sub && !token->pol);
        token_task_cid(token, &task);
        ASSERT(task.len == CID_OURS_LEN);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    const struct token_options options = {.rc1_too = true};
    struct error err = {0};
    struct token *token;
    if (token_read(bytes_of(data, len), &options, &token, &err) == STATUS_OK) {
        check(token);
        token_free(token);
    } else {
        ASSERT(err.message[0] != '\0');
    }
    return 0;
}
