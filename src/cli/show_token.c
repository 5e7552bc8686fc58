/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/show_token.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/block_input.h"
#include "cli/when.h"
#include "content/path.h"
#include "ipld/dag_cbor.h"
#include "ipld/dag_json.h"
#include "ucan/container.h"

/* --- In words ------------------------------------------------------------ */

static void show_time(struct facts *facts, Text key, int64_t seconds)
{
    char text[WHEN_TEXT_MAX];
    fact_text(facts, key, text_of(when_show(seconds, text)));
}

/* Each statement as a line; a program gets them as they are. */
static void show_policy(const struct cli *cli, struct facts *facts,
                        const Value *pol)
{
    if (cli->json) {
        fact(facts, TEXT("policy"), *pol);
        return;
    }
    Value *lines = arena_array(&facts->arena, pol->list.count, sizeof *lines);
    struct buffer json;
    buffer_init(&json, (size_t)TOKEN_BYTES_MAX * 8);
    for (size_t index = 0; index < pol->list.count; index++) {
        buffer_clear(&json);
        if (dag_json_encode(&pol->list.items[index], &json, NULL) != STATUS_OK)
            buffer_add_text(&json, TEXT("(DAG-JSON cannot say it)"));
        lines[index] = value_text(
            arena_copy_text(&facts->arena, bytes_text(buffer_bytes(&json))));
    }
    buffer_deinit(&json);
    fact(facts, TEXT("policy"), value_list(lines, pol->list.count));
}

static void show_proofs(struct facts *facts, const struct token *token)
{
    Value *lines =
        arena_array(&facts->arena, token->proof_count, sizeof *lines);
    for (size_t index = 0; index < token->proof_count; index++)
        lines[index] = value_text(cid_bytes_to_text(
            cid_bytes(&token->proofs[index]), &facts->arena));
    fact(facts, TEXT("proofs"), value_list(lines, token->proof_count));
}

static void show_invocation(struct facts *facts, const struct token *token)
{
    Cid task;
    fact(facts, TEXT("arguments"), *token->args);
    show_proofs(facts, token);
    token_task_cid(token, &task);
    fact_cid(facts, TEXT("task"), &task);
    if (token->has_cause)
        fact_cid(facts, TEXT("cause"), &token->cause);
}

/* What is not there: words for people, null for a program. */
static void show_none(const struct cli *cli, struct facts *facts, Text key,
                      Text words)
{
    fact(facts, key, cli->json ? value_null() : value_text(words));
}

static void show_parties(const struct cli *cli, struct facts *facts,
                         const struct token *token)
{
    fact_text(facts, TEXT("issuer"), text_of(token->iss.text));
    if (token->has_aud)
        fact_text(facts, TEXT("audience"), text_of(token->aud.text));
    if (token->has_sub)
        fact_text(facts, TEXT("subject"), text_of(token->sub.text));
    else
        show_none(cli, facts, TEXT("subject"),
                  TEXT("any that the issuer may act for"));
    fact_text(facts, TEXT("command"), token->cmd);
}

static void show_times(const struct cli *cli, struct facts *facts,
                       const struct token *token)
{
    if (token->has_nbf)
        show_time(facts, TEXT("not before"), token->nbf);
    if (token->has_iat)
        show_time(facts, TEXT("issued at"), token->iat);
    if (token->has_exp)
        show_time(facts, TEXT("expires"), token->exp);
    else
        show_none(cli, facts, TEXT("expires"), TEXT("never"));
}

void show_token(const struct cli *cli, struct facts *facts,
                const struct token *token)
{
    struct error err = {0};
    const bool is_delegation = token->kind == TOKEN_DELEGATION;
    fact_cid(facts, TEXT("token"), &token->cid);
    fact_format(facts, TEXT("kind"), "%s%s",
                is_delegation ? "delegation" : "invocation",
                token->is_rc1 ? " (1.0.0-rc.1)" : "");
    show_parties(cli, facts, token);
    if (is_delegation)
        show_policy(cli, facts, token->pol_value);
    else
        show_invocation(facts, token);
    show_times(cli, facts, token);
    if (token->meta)
        fact(facts, TEXT("meta"), *token->meta);
    if (token_verify(token, &err) == STATUS_OK)
        fact_format(facts, TEXT("signature"), "right (%s)",
                    key_type_name(token->key.type));
    else
        fact_format(facts, TEXT("signature"), "WRONG: %s", err.message);
}

/* --- Where tokens are ---------------------------------------------------- */

static bool is_text_form(uint8_t header)
{
    return header == CONTAINER_BASE64 || header == CONTAINER_BASE64URL ||
           header == CONTAINER_GZIP_BASE64 ||
           header == CONTAINER_GZIP_BASE64URL;
}

static Bytes without_blanks(Bytes bytes)
{
    while (bytes.len > 0 && strchr(" \t\r\n", bytes.data[bytes.len - 1]) &&
           bytes.data[bytes.len - 1] != '\0')
        bytes.len--;
    return bytes;
}

Status tokens_in(Bytes bytes, struct arena *arena, Bytes **tokens,
                 size_t *count, struct error *err)
{
    enum { ENVELOPE = 0x82 }; /* a list of two */
    if (bytes.len > 0 && bytes.data[0] == ENVELOPE) {
        *tokens = ARENA_NEW(arena, Bytes);
        **tokens = arena_copy_bytes(arena, bytes);
        *count = 1;
        return STATUS_OK;
    }
    if (bytes.len > 0 && is_text_form(bytes.data[0]))
        bytes = without_blanks(bytes);
    if (bytes.len == 0 ||
        !(is_text_form(bytes.data[0]) || bytes.data[0] == CONTAINER_RAW ||
          bytes.data[0] == CONTAINER_GZIP))
        return fail(err, STATUS_NOT_FOUND, "neither a token nor a container");
    return container_read(bytes, arena, tokens, count, err);
}

static Status tokens_of_block(struct store *store, const char *word,
                              struct arena *arena, Bytes **tokens,
                              size_t *count, struct error *err)
{
    struct block *block;
    Cid cid;
    TRY(content_resolve(store, text_of(word), &cid, err));
    Status status = store_get(store, &cid, &block, err);
    if (status == STATUS_NOT_FOUND)
        return fail(err, status, "%.120s is not in the store", word);
    TRY(status);
    status = tokens_in(block_bytes(block), arena, tokens, count, err);
    block_unref(block);
    return status;
}

Status tokens_of_word(struct store *store, const char *word,
                      struct arena *arena, Bytes **tokens, size_t *count,
                      struct error *err)
{
    struct buffer file;
    Status status;
    if (cid_is_path(text_of(word))) {
        status = tokens_of_block(store, word, arena, tokens, count, err);
    } else if (is_text_form((uint8_t)word[0]) && access(word, F_OK) != 0) {
        status =
            tokens_in(text_bytes(text_of(word)), arena, tokens, count, err);
    } else {
        buffer_init(&file, INPUT_MAX);
        status = read_input(word, &file, err);
        if (status == STATUS_OK)
            status = tokens_in(buffer_bytes(&file), arena, tokens, count, err);
        buffer_deinit(&file);
    }
    return status == STATUS_OK ? STATUS_OK
                               : fail_in(err, status, "%.60s", word);
}

/* A list that would be a token, but for a rule. */
static void say_why_not(struct facts *facts, Bytes bytes)
{
    const struct token_options options = {.rc1_too = true};
    struct arena arena = {0};
    struct error err = {0};
    struct token *token;
    Value value;
    if (dag_cbor_decode(bytes, &arena, &value, NULL) == STATUS_OK &&
        value.kind == VALUE_LIST && value.list.count == 2 &&
        value_get(&value.list.items[1], TEXT("h")) &&
        token_read(bytes, &options, &token, &err) != STATUS_OK)
        fact_text(facts, TEXT("not a token"), text_of(err.message));
    arena_deinit(&arena);
}

/* --- Printing ------------------------------------------------------------ */

static void print_one(const struct cli *cli, struct facts *facts, Bytes bytes)
{
    const struct token_options options = {.rc1_too = true};
    struct error err = {0};
    struct token *token = NULL;
    if (token_read(bytes, &options, &token, &err) == STATUS_OK)
        show_token(cli, facts, token);
    else
        fact_text(facts, TEXT("malformed"), text_of(err.message));
    facts_print(facts, cli);
    token_free(token);
}

bool show_tokens(const struct cli *cli, struct facts *facts, Bytes bytes)
{
    struct arena arena = {0};
    struct token *token = NULL;
    const bool is_one = bytes.len > 0 && bytes.data[0] == 0x82;
    const struct token_options options = {.rc1_too = true};
    Bytes *tokens = NULL;
    size_t count = 0;
    // Other lists of two are values.
    bool is =
        is_one ? token_read(bytes, &options, &token, NULL) == STATUS_OK
               : tokens_in(bytes, &arena, &tokens, &count, NULL) == STATUS_OK;
    token_free(token);
    if (!is && is_one)
        say_why_not(facts, bytes);
    if (is && is_one) {
        print_one(cli, facts, bytes);
    } else if (is) {
        fact_text(facts, TEXT("kind"), TEXT("container of tokens"));
        fact(facts, TEXT("tokens"), value_uint(count));
        facts_print(facts, cli);
    }
    for (size_t index = 0; is && index < count; index++) {
        if (!cli->json)
            printf("\n");
        print_one(cli, facts, tokens[index]);
    }
    arena_deinit(&arena);
    return is;
}

bool show_tokens_of_text(const struct cli *cli, struct facts *facts,
                         const char *word)
{
    return is_text_form((uint8_t)word[0]) && access(word, F_OK) != 0 &&
           show_tokens(cli, facts, text_bytes(text_of(word)));
}
