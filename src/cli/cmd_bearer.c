/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_bearer.c - `ipvm bearer`: an invocation for programs that ask a node by
 * themselves. */
#include <stdio.h>

#include "cli/node_client.h"
#include "cli/output.h"
#include "cli/remote_job.h"
#include "cli/tables.h"
#include "task/limits.h"
#include "ucan/container.h"
#include "ucan/token.h"

enum { BEARER_JOB = NODE_OPTIONS, BEARER_FOR };

enum { LIFETIME_MAX_S = 3600 };

static const struct option options[] = {
    NODE_OPTION_ROWS,
    [BEARER_JOB] = {0, "job", "ID", "good for this job only"},
    [BEARER_FOR] = {0, "for", "DURATION",
                    "how long it is good (default 5m, at most 1h)"},
    {0, NULL, NULL, NULL},
};

static int read_lifetime(struct cli *cli, struct node_client *client)
{
    const char *word = cli_value(cli, BEARER_FOR);
    struct error err = {0};
    uint64_t ms;
    if (!word)
        return EXIT_OK;
    if (duration_parse(text_of(word), &ms, &err) != STATUS_OK || ms < 1000 ||
        ms > (uint64_t)LIFETIME_MAX_S * 1000)
        return cli_error(cli, EXIT_USAGE,
                         "bearer: --for: %s is not a time from 1s to 1h",
                         word);
    node_client_set_lifetime(client, (int64_t)(ms / 1000));
    return EXIT_OK;
}

/* {} or {"job": link} */
static int read_args(struct cli *cli, struct node_client *client,
                     struct arena *arena, Value *out)
{
    const char *word = cli_value(cli, BEARER_JOB);
    char id[CID_TEXT_MAX];
    Cid *cid = ARENA_NEW(arena, Cid);
    *out = value_map(arena, NULL, 0);
    if (!word)
        return EXIT_OK;
    const int code = remote_job_find(client, word, id);
    if (code == EXIT_OK && cid_from_text(text_of(id), cid, NULL) == STATUS_OK)
        *out = value_map1(arena, TEXT("job"), value_link(cid));
    return code;
}

static void print_bearer(const struct cli *cli, Text bearer,
                         struct arena *arena)
{
    if (cli->json) {
        const Value value =
            value_map1(arena, TEXT("bearer"), value_text(bearer));
        output_json(&value);
    } else {
        printf("%.*s\n", TEXT_ARG(bearer));
    }
}

static int run_bearer(struct cli *cli)
{
    struct node_client *client = NULL;
    struct arena arena = {0};
    struct buffer bearer;
    struct error err = {0};
    Value args = value_null();
    const Text cmd = text_of(cli->words[0]);
    if (!utf8_is_valid(cmd, NULL) || command_check(cmd, &err) != STATUS_OK)
        return cli_error(cli, EXIT_USAGE,
                         "bearer: it is a command such as /node/read");
    buffer_init(&bearer, (size_t)2 * CONTAINER_BYTES_MAX);
    int code = node_client_open(cli, &client);
    if (code == EXIT_OK)
        code = read_lifetime(cli, client);
    if (code == EXIT_OK)
        code = read_args(cli, client, &arena, &args);
    if (code == EXIT_OK)
        code = node_mint(client, cmd, &args, (Bytes){0}, &bearer);
    if (code == EXIT_OK)
        print_bearer(cli, bytes_text(buffer_bytes(&bearer)), &arena);
    node_client_close(client);
    buffer_deinit(&bearer);
    arena_deinit(&arena);
    return code;
}

const struct command bearer_command = {
    .name = "bearer",
    .synopsis = "/COMMAND",
    .summary = "print a token for a program that asks a node",
    .description =
        "Signs an invocation of the command on the node, good for some\n"
        "minutes, and prints it with its proofs as what stands behind\n"
        "`Authorization: Bearer`. The API's routes say which command they\n"
        "want: /node/read, /job/read, /content/write, ... What changes a job\n"
        "or the node is taken once.",
    .options = options,
    .examples =
        "  curl -H \"Authorization: Bearer $(ipvm bearer /node/read)\" \\\n"
        "      http://127.0.0.1:4747/metrics\n"
        "  ipvm bearer /node/read --for 1h > /run/prometheus/bearer\n",
    .run = run_bearer,
    .words_min = 1,
    .words_max = 1,
};
