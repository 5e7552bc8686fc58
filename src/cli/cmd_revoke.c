/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_revoke.c - `ipvm revoke`: takes back what a token says. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "cli/block_input.h"
#include "cli/keys.h"
#include "cli/output.h"
#include "cli/tables.h"
#include "lib/handle.h"
#include "ucan/container.h"
#include "ucan/revocation.h"

enum { REVOKE_KEY };

static const struct option revoke_options[] = {
    [REVOKE_KEY] = {'k', "key", "NAME",
                    "who revokes: a key by name or DID; else the store's own"},
    {0, NULL, NULL, NULL},
};

static Status mint(const struct secret_key *key, const Cid *revoked,
                   struct token **out, struct error *err)
{
    struct arena arena = {0};
    Did did;
    did_of(secret_key_public(key), &did);
    const Value args = value_map1(&arena, TEXT("rev"), value_link(revoked));
    const struct token_claims claims = {
        .kind = TOKEN_INVOCATION,
        .sub = &did,
        .cmd = TEXT("/ucan/revoke"),
        .args = &args,
    };
    Status status = token_mint(&claims, key, NULL, out, err);
    arena_deinit(&arena);
    return status;
}

/* Whoever made this may not be whom it concerns: then it does nothing. */
static void warn_of_stranger(const struct cli *cli, const Cid *revoked,
                             const Did *by)
{
    const struct token_options options = {.rc1_too = true};
    struct block *block;
    struct token *token;
    if (cli->quiet ||
        store_get(cli->vm->store, revoked, &block, NULL) != STATUS_OK)
        return;
    if (token_read(block_bytes(block), &options, &token, NULL) == STATUS_OK) {
        if (!did_equal(&token->iss, by))
            fprintf(stderr,
                    "ipvm: this key did not issue that token: the revocation "
                    "counts only where the key issued one above it\n");
        token_free(token);
    }
    block_unref(block);
}

static void print_revocation(const struct cli *cli, const Cid *revoked,
                             const struct token *token, Text container)
{
    struct arena arena = {0};
    char name[CID_TEXT_MAX], own[CID_TEXT_MAX];
    cid_to_text(revoked, name);
    cid_to_text(&token->cid, own);
    const struct value_entry entries[] = {
        {TEXT("by"), value_text(text_of(token->sub.text))},
        {TEXT("cid"), value_text(text_of(own))},
        {TEXT("container"), value_text(container)},
        {TEXT("revoked"), value_text(text_of(name))},
    };
    const Value value = value_map(&arena, entries, 4);
    if (cli->json)
        output_json(&value);
    else if (cli->quiet)
        printf("%.*s\n", TEXT_ARG(container));
    else
        printf("revoked  %s\nby       %s\ntoken    %.*s\n", name,
               token->sub.text, TEXT_ARG(container));
    arena_deinit(&arena);
}

static Status revoke(struct cli *cli, const struct secret_key *key,
                     const Cid *revoked, struct error *err)
{
    // Nobody else has this invocation yet: it cannot be a replay.
    const struct chain_options options = {
        .now_s = clock_wall_s(),
        .store = cli->vm->store,
        .replay_is_ok = true,
    };
    struct authorised *authorised;
    struct buffer container;
    struct token *token;
    TRY(mint(key, revoked, &token, err));
    Status status = chain_authorise(token, &options, &authorised, NULL, err);
    if (status != STATUS_OK) {
        token_free(token);
        return status;
    }
    status = revocation_add(cli->vm->store, authorised, err);
    buffer_init(&container, CONTAINER_BYTES_MAX);
    if (status == STATUS_OK)
        status = container_write(CONTAINER_BASE64URL, &token->bytes, 1,
                                 &container, err);
    if (status == STATUS_OK) {
        print_revocation(cli, revoked, token,
                         bytes_text(buffer_bytes(&container)));
        warn_of_stranger(cli, revoked, &token->sub);
    }
    buffer_deinit(&container);
    authorised_free(authorised);
    return status;
}

static int run_revoke(struct cli *cli)
{
    struct error err = {0};
    struct secret_key *key;
    Hash hash;
    Cid cid;
    if (cid_from_text(text_of(cli->words[0]), &cid, NULL) != STATUS_OK ||
        !cid_sha256(&cid, CODEC_DAG_CBOR, &hash))
        return cli_error(cli, EXIT_USAGE,
                         "revoke: %.120s is no token's CID: those begin with "
                         "bafyrei",
                         cli->words[0]);
    int code = cli_open(cli, NULL);
    if (code == EXIT_OK)
        code = cli_key(cli, cli_value(cli, REVOKE_KEY), &key);
    if (code != EXIT_OK)
        return code;
    Status status = revoke(cli, key, &cid, &err);
    secret_key_free(key);
    return status == STATUS_OK ? EXIT_OK : say_failed(cli, status, &err);
}

const struct command revoke_command = {
    .name = "revoke",
    .synopsis = "CID",
    .summary = "take a delegation or an invocation back",
    .description =
        "Signs a revocation of the token CID, keeps it in the store and\n"
        "prints it, to be given to others. From then on no chain with that\n"
        "token is taken here, under whatever signature. It counts if the key\n"
        "issued the token or one above it in the chain; the token need not be\n"
        "known yet.",
    .options = revoke_options,
    .examples = "  ipvm revoke bafyrei…\n"
                "  ipvm revoke bafyrei… --key work\n",
    .run = run_revoke,
    .words_min = 1,
    .words_max = 1,
};
