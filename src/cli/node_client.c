/* SPDX-License-Identifier: Apache-2.0 */
/* node_client.c - every request carries an invocation minted for it, which is
 * good for a few minutes: who overhears one has not much of it. */
#include "cli/node_client.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/block_input.h"
#include "cli/field.h"
#include "cli/keys.h"
#include "cli/node_file.h"
#include "cli/output.h"
#include "cli/show_token.h"
#include "ipld/dag_json.h"
#include "lib/handle.h"
#include "ucan/container.h"

enum {
    INVOCATION_S = 300,
    DAY_S = 86400,
    ANSWER_MS = 60000, /* for the node to answer */
    PROOFS_MAX = TOKEN_PROOFS_MAX,
    TRIES = 3, /* of what may be asked twice */
};

struct node_client {
    struct cli *cli;
    struct http_client *http;
    struct arena arena;
    char url[NODE_URL_MAX];
    char store[4096];
    Did did; /* the node's */
    bool is_ours;
    struct secret_key *key;
    Did self; /* the key's */
    struct token *proofs[PROOFS_MAX];
    size_t proof_count;
    int64_t lifetime_s; /* of invocations */
};

static volatile sig_atomic_t interrupts;

static void on_signal(int number)
{
    if (++interrupts > 1)
        _exit(128 + number);
}

bool node_client_interrupted(void)
{
    return interrupts > 0;
}

struct cli *node_client_cli(const struct node_client *client)
{
    return client->cli;
}

const char *node_client_url(const struct node_client *client)
{
    return client->url;
}

const Did *node_client_did(const struct node_client *client)
{
    return &client->did;
}

bool node_client_shares_store(const struct node_client *client)
{
    return client->is_ours;
}

void node_client_set_lifetime(struct node_client *client, int64_t seconds)
{
    client->lifetime_s = seconds;
}

/* --- Which node ---------------------------------------------------------- */

static int no_node(const struct node_client *client, const char *why)
{
    return cli_error(client->cli, EXIT_NOT_FOUND,
                     "no node runs on the store %.200s%s%s: start one with "
                     "`ipvm node`, or name one with --node URL",
                     client->store, why[0] ? ": " : "", why);
}

/* The one that has our store open. */
static int find_own(struct node_client *client)
{
    struct node_file file;
    struct error err = {0};
    const Status status = node_file_read(client->store, &file, &err);
    if (status == STATUS_NOT_FOUND)
        return no_node(client, "");
    if (status != STATUS_OK)
        return say_failed(client->cli, status, &err);
    memcpy(client->url, file.url, sizeof client->url);
    client->did = file.did;
    client->is_ours = true;
    return EXIT_OK;
}

void node_client_find_again(struct node_client *client)
{
    struct node_file file;
    if (client->is_ours &&
        node_file_read(client->store, &file, NULL) == STATUS_OK)
        memcpy(client->url, file.url, sizeof client->url);
}

static int read_health(struct node_client *client, const Value *health)
{
    const Value *did = field(health, TEXT("did"));
    struct error err = {0};
    if (!did || did->kind != VALUE_TEXT ||
        did_read(did->text, &client->did, NULL, &err) != STATUS_OK)
        return cli_error(client->cli, EXIT_INPUT,
                         "what answers at %.200s is no node of ipvm",
                         client->url);
    return EXIT_OK;
}

/* Another one says who it is. */
static int find_named(struct node_client *client, const char *word)
{
    const struct node_ask ask = {.method = "GET", .path = "/healthz"};
    struct node_file file;
    struct error err = {0};
    Value health = value_null();
    if (node_url_read(word, client->url, &err) != STATUS_OK)
        return cli_error(client->cli, EXIT_USAGE, "%s: --node: %s",
                         client->cli->command->name, err.message);
    client->is_ours =
        node_file_read(client->store, &file, NULL) == STATUS_OK &&
        strcmp(file.url, client->url) == 0;
    int code = node_ask_value(client, &ask, &client->arena, &health);
    return code == EXIT_OK ? read_health(client, &health) : code;
}

/* --- By what we may ------------------------------------------------------ */

static Status add_proof(struct node_client *client, Bytes bytes,
                        struct error *err)
{
    struct token *token;
    if (client->proof_count == PROOFS_MAX)
        return fail(err, STATUS_LIMIT, "more than %d tokens", PROOFS_MAX);
    TRY(token_read(bytes, NULL, &token, err));
    if (token->kind == TOKEN_DELEGATION)
        client->proofs[client->proof_count++] = token;
    else
        token_free(token);
    return STATUS_OK;
}

static int read_proofs(struct node_client *client)
{
    struct cli *cli = client->cli;
    struct error err = {0};
    const char *word;
    for (int at = 0; (word = cli_next_value(cli, NODE_OPTION_PROOF, &at));) {
        Bytes *tokens = NULL;
        size_t count = 0;
        Status status =
            cid_is_path(text_of(word))
                ? fail(&err, STATUS_INVALID, "name a file, or the text")
                : tokens_of_word(NULL, word, &client->arena, &tokens, &count,
                                 &err);
        for (size_t index = 0; index < count && status == STATUS_OK; index++)
            status = add_proof(client, tokens[index], &err);
        if (status != STATUS_OK)
            return cli_error(cli, EXIT_INPUT, "%s: --proof %.60s: %s",
                             cli->command->name, word, err.message);
    }
    return EXIT_OK;
}

/* The delegation by which `holder` may `cmd` on the node, or NULL. */
static const struct token *proof_of(const struct node_client *client,
                                    const Did *holder, Text cmd)
{
    for (size_t index = 0; index < client->proof_count; index++) {
        const struct token *proof = client->proofs[index];
        if (did_equal(&proof->aud, holder) &&
            (!proof->has_sub || did_equal(&proof->sub, &client->did)) &&
            command_covers(proof->cmd, cmd))
            return proof;
    }
    return NULL;
}

/* From us to the node, so last first. Their number; 0: none lead there. */
static size_t find_chain(const struct node_client *client, Text cmd,
                         const struct token *out[PROOFS_MAX])
{
    Did holder = client->self;
    for (size_t count = 0; count <= client->proof_count; count++) {
        if (did_equal(&holder, &client->did))
            return count;
        const struct token *proof = proof_of(client, &holder, cmd);
        if (!proof || count == PROOFS_MAX)
            return 0;
        out[count] = proof;
        holder = proof->iss;
    }
    return 0;
}

static Status mint(struct node_client *client,
                   const struct token_claims *asked, struct buffer *out,
                   struct error *err)
{
    struct token_claims claims = *asked;
    const struct token *chain[PROOFS_MAX];
    Cid proofs[PROOFS_MAX];
    Bytes tokens[PROOFS_MAX + 1];
    struct token *token;
    const size_t count = find_chain(client, claims.cmd, chain);
    for (size_t index = 0; index < count; index++) {
        proofs[count - 1 - index] = chain[index]->cid; // root first
        tokens[index] = chain[index]->bytes;
    }
    claims.proofs = proofs;
    claims.proof_count = count;
    TRY(token_mint(&claims, client->key, NULL, &token, err));
    tokens[count] = token->bytes;
    const Status status =
        container_write(CONTAINER_BASE64URL, tokens, count + 1, out, err);
    token_free(token);
    return status;
}

int node_mint(struct node_client *client, Text cmd, const Value *args,
              Bytes nonce, struct buffer *out)
{
    struct error err = {0};
    const bool is_owner = did_equal(&client->self, &client->did);
    const int64_t now_s = clock_wall_s();
    const struct token_claims claims = {
        .kind = TOKEN_INVOCATION,
        .sub = &client->did,
        .cmd = cmd,
        .args = args,
        .nonce = nonce.len > 0 ? nonce : (Bytes){0},
        // The owner's with a nonce is the same for ever, others' for a day.
        .has_exp = nonce.len == 0 || !is_owner,
        .exp = nonce.len == 0 ? now_s + client->lifetime_s
                              : (now_s / DAY_S + 1) * DAY_S,
    };
    const Status status = mint(client, &claims, out, &err);
    return status == STATUS_OK ? EXIT_OK
                               : say_failed(client->cli, status, &err);
}

/* --- Opening ------------------------------------------------------------- */

static int open_parts(struct node_client *client)
{
    struct cli *cli = client->cli;
    const char *url = cli_value(cli, NODE_OPTION_URL);
    struct error err = {0};
    const Status status =
        lib_store_path(cli->values[OPTION_STORE], client->store, &err);
    if (status != STATUS_OK)
        return say_failed(cli, status, &err);
    int code = url ? find_named(client, url) : find_own(client);
    if (code == EXIT_OK)
        code = cli_key(cli, cli_value(cli, NODE_OPTION_KEY), &client->key);
    if (code != EXIT_OK)
        return code;
    did_of(secret_key_public(client->key), &client->self);
    return read_proofs(client);
}

int node_client_open(struct cli *cli, struct node_client **out)
{
    const struct sigaction action = {.sa_handler = on_signal};
    struct node_client *client = HEAP_NEW(struct node_client);
    client->cli = cli;
    client->http = http_client_new();
    client->lifetime_s = INVOCATION_S;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    signal(SIGPIPE, SIG_IGN); // Writing says so.
    const int code = open_parts(client);
    if (code != EXIT_OK) {
        node_client_close(client);
        return code;
    }
    *out = client;
    return EXIT_OK;
}

void node_client_close(struct node_client *client)
{
    if (!client)
        return;
    for (size_t index = 0; index < client->proof_count; index++)
        token_free(client->proofs[index]);
    secret_key_free(client->key);
    http_client_free(client->http);
    arena_deinit(&client->arena);
    free(client);
}

/* --- Asking -------------------------------------------------------------- */

/* What is asked, for libcurl's door: its functions get one context. */
static bool sink_piece(void *context, const void *data, size_t len)
{
    const struct node_ask *ask = context;
    return ask->sink(ask->context, data, len);
}

static long read_piece(void *context, void *data, size_t max)
{
    const struct node_ask *ask = context;
    return ask->read(ask->context, data, max);
}

static bool is_interrupted(void *context)
{
    const struct node_ask *ask = context;
    if (ask->tick)
        ask->tick(ask->context);
    return node_client_interrupted();
}

enum { HEADERS_MAX = 6, HEADER_MAX = 512 };

static Status send(struct node_client *client, const struct node_ask *ask,
                   const char *bearer, struct http_client_answer *out,
                   struct error *err)
{
    struct arena arena = {0};
    const char *headers[HEADERS_MAX] = {0};
    size_t count = 0;
    if (bearer && !ask->is_in_body)
        headers[count++] =
            arena_format(&arena, "Authorization: Bearer %s", bearer).data;
    headers[count++] =
        arena_format(&arena, "Accept: %s",
                     ask->accept ? ask->accept : "application/json")
            .data;
    if (ask->type)
        headers[count++] =
            arena_format(&arena, "Content-Type: %s", ask->type).data;
    if (ask->last_id && ask->last_id[0])
        headers[count++] =
            arena_format(&arena, "Last-Event-ID: %s", ask->last_id).data;
    // What streams may take as long as it goes on.
    const bool is_streamed = ask->sink || ask->read;
    struct node_ask asked = *ask;
    const struct http_client_request request = {
        .method = ask->method,
        .url = arena_format(&arena, "%s%s", client->url, ask->path).data,
        .headers = headers,
        .body = ask->body,
        .read = ask->read ? read_piece : NULL,
        .read_len = ask->read_len,
        .sink = ask->sink ? sink_piece : NULL,
        .is_stopped = is_interrupted,
        .context = &asked,
        .timeout_ms = is_streamed ? 0 : ANSWER_MS + ask->wait_ms,
    };
    const Status status = http_client_ask(client->http, &request, out, err);
    arena_deinit(&arena);
    return status;
}

static const Value *args_of(const struct node_ask *ask, struct arena *arena)
{
    Cid *cid = ARENA_NEW(arena, Cid);
    Value *args = ARENA_NEW(arena, Value);
    if (ask->args || !ask->job ||
        cid_from_text(text_of(ask->job), cid, NULL) != STATUS_OK)
        return ask->args;
    *args = value_map1(arena, TEXT("job"), value_link(cid));
    return args;
}

Status node_try(struct node_client *client, const struct node_ask *ask,
                struct http_client_answer *out, struct error *err)
{
    struct arena arena = {0};
    struct buffer bearer;
    Status status = STATUS_OK;
    *out = (struct http_client_answer){0};
    buffer_init(&bearer, (size_t)2 * CONTAINER_BYTES_MAX);
    if (ask->cmd && !ask->bearer &&
        node_mint(client, text_of(ask->cmd), args_of(ask, &arena), (Bytes){0},
                  &bearer) != EXIT_OK)
        status = fail(err, STATUS_INVALID, "no invocation could be made");
    buffer_add_byte(&bearer, '\0');
    const char *minted = bearer.len > 1 ? (const char *)bearer.data : NULL;
    if (status == STATUS_OK)
        status =
            send(client, ask, ask->bearer ? ask->bearer : minted, out, err);
    buffer_deinit(&bearer);
    arena_deinit(&arena);
    return status;
}

int node_say_trouble(struct node_client *client, Status status,
                     const struct error *err)
{
    if (status == STATUS_CANCELLED)
        return cli_error(client->cli, EXIT_INTERRUPTED, "interrupted");
    if (status == STATUS_NOT_FOUND && client->is_ours)
        return no_node(client, err->message);
    return say_failed(client->cli, status, err);
}

int node_ask(struct node_client *client, const struct node_ask *ask,
             struct http_client_answer *out)
{
    struct error err = {0};
    // What is read or taken in pieces cannot be asked again, and nothing that
    // changes something, but a submission: that is one job, however often.
    const bool is_one = strcmp(ask->method, "GET") == 0 || ask->bearer;
    const int tries = is_one && !ask->read && !ask->sink ? TRIES : 1;
    Status status = node_try(client, ask, out, &err);
    for (int at = 1; at < tries && status == STATUS_IO; at++) {
        buffer_deinit(&out->body);
        node_client_find_again(client);
        status = node_try(client, ask, out, &err);
    }
    if (status != STATUS_OK)
        return node_say_trouble(client, status, &err);
    return out->status >= 400 ? node_refused(client, out) : EXIT_OK;
}

void url_add(struct buffer *url, Text word)
{
    for (size_t index = 0; index < word.len; index++) {
        const unsigned char byte = (unsigned char)word.data[index];
        const bool is_plain = (byte >= 'a' && byte <= 'z') ||
                              (byte >= 'A' && byte <= 'Z') ||
                              (byte >= '0' && byte <= '9') ||
                              (byte != '\0' && strchr("-_.~", byte));
        if (is_plain)
            buffer_add_byte(url, byte);
        else
            buffer_format(url, "%%%02X", byte);
    }
}

/* --- What the node says -------------------------------------------------- */

static int code_of(int status)
{
    switch (status) {
    case 404:
    case 410:
        return EXIT_NOT_FOUND;
    case 400:
    case 405:
    case 406:
    case 409:
    case 413:
    case 414:
    case 415:
    case 416:
    case 422:
        return EXIT_INPUT;
    default:
        return EXIT_TROUBLE;
    }
}

int node_refused(struct node_client *client,
                 const struct http_client_answer *answer)
{
    struct arena arena = {0};
    Value problem = value_null();
    char later[64] = "";
    const Text body =
        arena_copy_text(&arena, bytes_text(buffer_bytes(&answer->body)));
    IGNORE(dag_json_decode(text_bytes(body), &arena, &problem, NULL));
    Text words = field_text(&problem, TEXT("detail"));
    const Text where = field_text(&problem, TEXT("where"));
    if (words.len == 0)
        words = field_text(&problem, TEXT("title"));
    if (words.len == 0)
        words = arena_format(&arena, "it answered %d", answer->status);
    if (answer->status == 429 || answer->status == 503)
        snprintf(later, sizeof later, "; try again in %u s",
                 answer->retry_after_s ? answer->retry_after_s : 1);
    const int code = cli_error(
        client->cli, code_of(answer->status), "the node says: %.*s%s%.*s%s",
        TEXT_ARG(words), where.len > 0 ? ": " : "", TEXT_ARG(where), later);
    arena_deinit(&arena);
    return code;
}

int node_answer_value(struct node_client *client,
                      const struct http_client_answer *answer,
                      struct arena *arena, Value *out)
{
    struct error err = {0};
    *out = value_null();
    if (answer->status >= 400)
        return node_refused(client, answer);
    const Bytes body = arena_copy_bytes(arena, buffer_bytes(&answer->body));
    if (body.len == 0 || dag_json_decode(body, arena, out, &err) == STATUS_OK)
        return EXIT_OK;
    return cli_error(client->cli, EXIT_TROUBLE,
                     "what %.100s answers is not what a node of ipvm says: "
                     "%s",
                     client->url, err.message);
}

int node_ask_value(struct node_client *client, const struct node_ask *ask,
                   struct arena *arena, Value *out)
{
    struct http_client_answer answer;
    *out = value_null();
    int code = node_ask(client, ask, &answer);
    if (code == EXIT_OK)
        code = node_answer_value(client, &answer, arena, out);
    buffer_deinit(&answer.body);
    return code;
}
