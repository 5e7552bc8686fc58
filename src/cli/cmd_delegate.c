/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_delegate.c - `ipvm delegate`: gives somebody authority, as a signed token
 * in a container that is text. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli/block_input.h"
#include "cli/keys.h"
#include "cli/output.h"
#include "cli/show_token.h"
#include "cli/tables.h"
#include "cli/when.h"
#include "ipld/dag_json.h"
#include "lib/handle.h"
#include "ucan/container.h"

enum { TO, COMMAND, SUBJECT, POLICY, EXPIRES, FROM, PROOF, KEY, META, OUTPUT };

static const struct option options[] = {
    [TO] = {'t', "to", "DID", "who gets it"},
    [COMMAND] = {'c', "command", "/PATH",
                 "what for; all below it too, \"/\" is everything"},
    [SUBJECT] = {0, "subject", "DID|self|any",
                 "on whose behalf (self; that of the proofs)"},
    [POLICY] = {'p', "policy", "TEXT|@FILE",
                "only where the arguments are so; may be repeated"},
    [EXPIRES] = {'e', "expires", "WHEN", "7d (the default), a date, never"},
    [FROM] = {0, "from", "WHEN", "not before"},
    [PROOF] = {0, "proof", "CID|FILE|TEXT",
               "by what we may; goes along; may be repeated"},
    [KEY] = {'k', "key", "NAME", "sign with this key instead of self"},
    [META] = {0, "meta", "JSON", "a map that is signed and means nothing"},
    [OUTPUT] = {'o', "output", "FILE", "write the container to FILE"},
    {0, NULL, NULL, NULL},
};

static const char expires_default[] = "7d";

struct delegating {
    struct cli *cli;
    struct arena arena;
    struct secret_key *key;
    Did iss, aud, sub;
    Value pol, meta;
    struct token_claims claims;
    struct token *proofs[CONTAINER_TOKENS_MAX];
    size_t proof_count;
    struct token *token;
};

/* --- What is asked for --------------------------------------------------- */

static int wrong(const struct cli *cli, int option, const char *value,
                 const char *why)
{
    return cli_error(cli, EXIT_USAGE, "delegate: --%s %.100s: %s",
                     options[option].name, value, why);
}

static int read_when(struct cli *cli, int option, const char *word, bool *has,
                     int64_t *out)
{
    *has = strcmp(word, "never") != 0 || option != EXPIRES;
    if (!*has || when_read(word, clock_wall_s(), out))
        return EXIT_OK;
    return wrong(
        cli, option, word,
        "write 12h, 7d, 2w, 2027-01-31, 2027-01-31T12:00:00Z or never");
}

static int read_options(struct delegating *delegating)
{
    struct cli *cli = delegating->cli;
    struct token_claims *claims = &delegating->claims;
    const char *to = cli_value(cli, TO), *cmd = cli_value(cli, COMMAND);
    const char *expires = cli_value(cli, EXPIRES),
               *from = cli_value(cli, FROM);
    struct error err = {0};
    claims->kind = TOKEN_DELEGATION;
    if (!to || !cmd)
        return cli_error(cli, EXIT_USAGE, "delegate: --%s is missing",
                         to ? "command" : "to");
    if (did_read(text_of(to), &delegating->aud, NULL, &err) != STATUS_OK)
        return wrong(cli, TO, to, err.message);
    claims->aud = &delegating->aud;
    claims->cmd = text_of(cmd);
    if (!utf8_is_valid(claims->cmd, NULL))
        return wrong(cli, COMMAND, "", "it is not UTF-8");
    if (command_check(claims->cmd, &err) != STATUS_OK)
        return wrong(cli, COMMAND, cmd, err.message);
    int code = read_when(cli, EXPIRES, expires ? expires : expires_default,
                         &claims->has_exp, &claims->exp);
    if (code == EXIT_OK && from)
        code = read_when(cli, FROM, from, &claims->has_nbf, &claims->nbf);
    if (code == EXIT_OK && claims->has_exp && claims->has_nbf &&
        claims->exp < claims->nbf)
        return wrong(cli, FROM, from, "it expires before that");
    return code;
}

/* DAG-JSON from the word, or from the file behind '@'. */
static int read_json(struct delegating *delegating, int option,
                     const char *word, Value *out)
{
    struct error err = {0};
    struct buffer file;
    Text text = text_of(word);
    Status status = STATUS_OK;
    buffer_init(&file, TOKEN_BYTES_MAX);
    if (word[0] == '@') {
        status = read_input(word + 1, &file, &err);
        text = bytes_text(buffer_bytes(&file));
    }
    text = arena_copy_text(&delegating->arena, text);
    buffer_deinit(&file);
    if (status != STATUS_OK)
        return say_failed(delegating->cli, status, &err);
    if (dag_json_decode(text_bytes(text), &delegating->arena, out, &err) !=
        STATUS_OK)
        return wrong(delegating->cli, option, word, err.message);
    return EXIT_OK;
}

/* ".limits.time <= 60000": a selector, an operator, DAG-JSON, with blanks
 * between them. False: it is not of that form. */
static bool read_infix(struct delegating *delegating, const char *word,
                       Value *out)
{
    static const char *const operators[] = {
        " == ", " != ", " <= ", " >= ", " < ", " > ", " like "};
    const char *blank = strchr(word, ' ');
    for (size_t index = 0; index < sizeof operators / sizeof *operators;
         index++) {
        const size_t len = strlen(operators[index]);
        if (!blank || strncmp(blank, operators[index], len) != 0)
            continue;
        Value *items = arena_array(&delegating->arena, 3, sizeof *items);
        items[0] = value_text((Text){operators[index] + 1, len - 2});
        items[1] = value_text((Text){word, (size_t)(blank - word)});
        *out = value_list(items, 3);
        return utf8_is_valid(items[1].text, NULL) &&
               dag_json_decode(text_bytes(text_of(blank + len)),
                               &delegating->arena, &items[2],
                               NULL) == STATUS_OK;
    }
    return false;
}

static int read_policy(struct delegating *delegating, const char *word,
                       Value *out)
{
    if (word[0] != '.')
        return read_json(delegating, POLICY, word, out);
    if (read_infix(delegating, word, out))
        return EXIT_OK;
    return wrong(delegating->cli, POLICY, word,
                 "behind a selector write == != < <= > >= or like, and JSON; "
                 "text in quotes");
}

/* One statement, ["==", …], or a list of them; all together are the policy. */
static int read_policies(struct delegating *delegating)
{
    const size_t max = POLICY_STATEMENTS_MAX + 1;
    Value *all = arena_array(&delegating->arena, max, sizeof *all);
    const char *word;
    size_t count = 0;
    for (int at = 0; (word = cli_next_value(delegating->cli, POLICY, &at));) {
        Value value = value_null();
        int code = read_policy(delegating, word, &value);
        if (code != EXIT_OK)
            return code;
        if (value.kind != VALUE_LIST)
            return wrong(delegating->cli, POLICY, word,
                         "it is no list: write [\"==\", \".mod\", ...]");
        const bool is_one =
            value.list.count > 0 && value.list.items[0].kind == VALUE_TEXT;
        const Value *items = is_one ? &value : value.list.items;
        for (size_t item = 0; item < (is_one ? 1 : value.list.count); item++) {
            if (count == max)
                return wrong(delegating->cli, POLICY, word,
                             "there are too many statements");
            all[count++] = items[item];
        }
    }
    const struct policy *policy;
    struct error err = {0};
    delegating->pol = value_list(all, count);
    delegating->claims.pol = &delegating->pol;
    if (policy_read(&delegating->pol, &delegating->arena, &policy, &err) !=
        STATUS_OK)
        return cli_error(delegating->cli, EXIT_USAGE, "delegate: --policy: %s",
                         err.message);
    return EXIT_OK;
}

static int read_meta(struct delegating *delegating)
{
    const char *word = cli_value(delegating->cli, META);
    if (!word)
        return EXIT_OK;
    delegating->claims.meta = &delegating->meta;
    return read_json(delegating, META, word, &delegating->meta);
}

static Status add_proof(struct delegating *delegating, Bytes bytes,
                        struct error *err)
{
    struct token *token;
    TRY(token_read(bytes, NULL, &token, err));
    if (token->kind != TOKEN_DELEGATION ||
        delegating->proof_count == CONTAINER_TOKENS_MAX - 1 ||
        token_verify(token, err) != STATUS_OK) {
        const bool is_other = token->kind != TOKEN_DELEGATION;
        token_free(token);
        return fail(err, STATUS_INVALID, "%s",
                    is_other
                        ? "it is an invocation, which proves nothing"
                        : "its signature is wrong, or there are too many");
    }
    delegating->proofs[delegating->proof_count++] = token;
    return STATUS_OK;
}

static int read_proofs(struct delegating *delegating)
{
    struct cli *cli = delegating->cli;
    struct error err = {0};
    const char *word;
    for (int at = 0; (word = cli_next_value(cli, PROOF, &at));) {
        Bytes *tokens;
        size_t count = 0;
        Status status = tokens_of_word(
            cli->vm->store, word, &delegating->arena, &tokens, &count, &err);
        if (status != STATUS_OK)
            return say_failed(cli, status, &err);
        for (size_t index = 0; index < count && status == STATUS_OK; index++)
            status = add_proof(delegating, tokens[index], &err);
        if (status != STATUS_OK)
            return cli_error(cli, EXIT_INPUT, "delegate: --proof %.60s: %s",
                             word, err.message);
    }
    return EXIT_OK;
}

/* By default we ourselves, or whom the first proof with a subject is about. */
static int read_subject(struct delegating *delegating)
{
    const char *word = cli_value(delegating->cli, SUBJECT);
    struct error err = {0};
    if (word && strcmp(word, "any") == 0)
        return EXIT_OK;
    delegating->sub = delegating->iss;
    delegating->claims.sub = &delegating->sub;
    for (size_t index = delegating->proof_count; index-- > 0 && !word;)
        if (delegating->proofs[index]->has_sub)
            delegating->sub = delegating->proofs[index]->sub;
    if (word && strcmp(word, "self") != 0 &&
        did_read(text_of(word), &delegating->sub, NULL, &err) != STATUS_OK)
        return wrong(delegating->cli, SUBJECT, word, err.message);
    return EXIT_OK;
}

/* --- Whether we may ------------------------------------------------------ */

/* Whether proofs lead from us to the subject: each to the one before. */
static bool is_proved(const struct delegating *delegating)
{
    const struct token_claims *claims = &delegating->claims;
    Did holder = delegating->iss;
    for (size_t steps = 0; steps <= delegating->proof_count; steps++) {
        size_t index = 0;
        if (!claims->sub || did_equal(&holder, claims->sub))
            return true;
        while (index < delegating->proof_count) {
            const struct token *proof = delegating->proofs[index];
            if (did_equal(&proof->aud, &holder) &&
                (!proof->has_sub || did_equal(&proof->sub, claims->sub)) &&
                command_covers(proof->cmd, claims->cmd))
                break;
            index++;
        }
        if (index == delegating->proof_count)
            return false;
        holder = delegating->proofs[index]->iss;
    }
    return false;
}

static void warn_unless_proved(const struct delegating *delegating)
{
    const struct cli *cli = delegating->cli;
    if (is_proved(delegating))
        return;
    fprintf(stderr,
            "%sipvm: warning:%s nothing here proves that %s may pass on "
            "%.*s of %s: give the delegations that lead here with --proof\n",
            style(cli->color_errors, STYLE_YELLOW),
            style(cli->color_errors, STYLE_NONE), delegating->iss.text,
            TEXT_ARG(delegating->claims.cmd), delegating->sub.text);
}

/* --- What comes out ------------------------------------------------------ */

static Status keep(struct delegating *delegating, struct error *err)
{
    struct store_batch *batch = store_batch_new(delegating->cli->vm->store);
    const struct token *token = delegating->token;
    char name[128];
    snprintf(name, sizeof name, "delegation to %s",
             token->aud.text + strlen("did:key:"));
    store_batch_block(batch, &token->cid, token->bytes);
    store_batch_pin(batch, &token->cid, text_of(name));
    for (size_t index = 0; index < delegating->proof_count; index++) {
        const struct token *proof = delegating->proofs[index];
        snprintf(name, sizeof name, "delegation to %s",
                 proof->aud.text + strlen("did:key:"));
        store_batch_block(batch, &proof->cid, proof->bytes);
        store_batch_pin(batch, &proof->cid, text_of(name));
    }
    const Status status = store_commit(batch, err);
    store_batch_free(batch);
    return status;
}

/* As text, packed if that is shorter. */
static Status write_container(const struct delegating *delegating,
                              struct buffer *out, struct error *err)
{
    Bytes tokens[CONTAINER_TOKENS_MAX];
    struct buffer packed;
    size_t count = 0;
    tokens[count++] = delegating->token->bytes;
    for (size_t index = 0; index < delegating->proof_count; index++)
        tokens[count++] = delegating->proofs[index]->bytes;
    TRY(container_write(CONTAINER_BASE64URL, tokens, count, out, err));
    buffer_init(&packed, out->max);
    if (container_write(CONTAINER_GZIP_BASE64URL, tokens, count, &packed,
                        NULL) == STATUS_OK &&
        packed.len < out->len) {
        buffer_clear(out);
        buffer_add_bytes(out, buffer_bytes(&packed));
    }
    buffer_deinit(&packed);
    return STATUS_OK;
}

static int write_file(const struct cli *cli, const char *path, Bytes text)
{
    FILE *file = fopen(path, "we");
    bool is_written = file &&
                      fwrite(text.data, 1, text.len, file) == text.len &&
                      fputc('\n', file) != EOF;
    if (file && fclose(file) != 0)
        is_written = false;
    return is_written ? EXIT_OK
                      : cli_error(cli, EXIT_TROUBLE, "cannot write %s", path);
}

/* Standard output is the container, to be pasted; what it says is beside it. */
static void tell(struct delegating *delegating, Bytes text)
{
    const struct cli *cli = delegating->cli;
    const struct token *token = delegating->token;
    const char *path = cli_value(cli, OUTPUT);
    char cid[CID_TEXT_MAX], until[WHEN_TEXT_MAX] = "it is revoked";
    cid_to_text(&token->cid, cid);
    if (cli->json) {
        struct facts facts = {0};
        show_token(cli, &facts, token);
        fact_cid(&facts, TEXT("cid"), &token->cid);
        fact_text(&facts, TEXT("container"), bytes_text(text));
        facts_print(&facts, cli);
        return;
    }
    if (token->has_exp)
        when_show(token->exp, until);
    if (!cli->quiet)
        fprintf(stderr, "ipvm: %s may %.*s for %s until %s, by token %s\n",
                token->aud.text, TEXT_ARG(token->cmd),
                token->has_sub ? token->sub.text : "anybody we may act for",
                until, cid);
    if (path)
        printf("%s\n", cid);
    else
        printf("%.*s\n", (int)text.len, (const char *)text.data);
}

static int mint(struct delegating *delegating)
{
    struct cli *cli = delegating->cli;
    const char *path = cli_value(cli, OUTPUT);
    struct error err = {0};
    struct buffer text;
    Status status = token_mint(&delegating->claims, delegating->key, NULL,
                               &delegating->token, &err);
    if (status == STATUS_INVALID)
        return cli_error(cli, EXIT_USAGE, "delegate: %s", err.message);
    if (status != STATUS_OK)
        return say_failed(cli, status, &err);
    warn_unless_proved(delegating);
    buffer_init(&text, (size_t)2 * CONTAINER_BYTES_MAX);
    status = write_container(delegating, &text, &err);
    if (status == STATUS_OK)
        status = keep(delegating, &err);
    int code = status == STATUS_OK ? EXIT_OK : say_failed(cli, status, &err);
    if (code == EXIT_OK && path)
        code = write_file(cli, path, buffer_bytes(&text));
    if (code == EXIT_OK)
        tell(delegating, buffer_bytes(&text));
    buffer_deinit(&text);
    return code;
}

static int run_delegate(struct cli *cli)
{
    struct delegating *delegating = HEAP_NEW(struct delegating);
    delegating->cli = cli;
    int code = read_options(delegating);
    if (code == EXIT_OK)
        code = read_policies(delegating);
    if (code == EXIT_OK)
        code = read_meta(delegating);
    if (code == EXIT_OK)
        code = cli_open(cli, NULL);
    if (code == EXIT_OK)
        code = cli_key(cli, cli_value(cli, KEY), &delegating->key);
    if (code == EXIT_OK) {
        did_of(secret_key_public(delegating->key), &delegating->iss);
        code = read_proofs(delegating);
    }
    if (code == EXIT_OK)
        code = read_subject(delegating);
    if (code == EXIT_OK)
        code = mint(delegating);
    for (size_t index = 0; index < delegating->proof_count; index++)
        token_free(delegating->proofs[index]);
    token_free(delegating->token);
    secret_key_free(delegating->key);
    arena_deinit(&delegating->arena);
    free(delegating);
    return code;
}

const struct command delegate_command = {
    .name = "delegate",
    .synopsis = "--to DID --command /PATH",
    .summary = "give somebody authority, as a signed token",
    .description =
        "Signs a UCAN delegation: the key DID may do the command, and all\n"
        "below it, on behalf of the subject, while every statement of the\n"
        "policy is true of the arguments. It is printed as a container, one\n"
        "line of text to be sent on, with the proofs in it. The store keeps\n"
        "it, pinned as \"delegation to z6Mk...\".\n"
        "\n"
        "A policy is a statement as `.limits.time <= 60000`, or DAG-JSON: one\n"
        "statement as [\"==\", \".fun\", \"resize\"], or a list of them.\n"
        "A time is 90s, 30m, 12h, 7d or 2w from now, or a date in UTC.\n"
        "`--subject any` passes on all that others let us pass on.",
    .options = options,
    .examples =
        "  ipvm delegate --to did:key:z6Mk... --command /wasm/run\n"
        "  ipvm delegate --to did:key:z6Mk... --command /workflow/run \\\n"
        "      --policy '.limits.time <= 60000' -o carol.ucan\n",
    .run = run_delegate,
    .words_min = 0,
    .words_max = 0,
};
