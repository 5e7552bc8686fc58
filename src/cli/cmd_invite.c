/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_invite.c - `ipvm invite`: a link to the dashboard of a node. */
#include <stdio.h>

#include "cli/field.h"
#include "cli/node_client.h"
#include "cli/output.h"
#include "cli/tables.h"

static const struct option options[] = {
    NODE_OPTION_ROWS,
    {0, NULL, NULL, NULL},
};

static int print_link(struct node_client *client, const Value *answer)
{
    struct cli *cli = node_client_cli(client);
    const Text token = field_text(answer, TEXT("token"));
    struct arena arena = {0};
    if (token.len == 0)
        return cli_error(cli, EXIT_TROUBLE, "the node gave no link");
    const Text link = arena_format(&arena, "%s/#token=%.*s",
                                   node_client_url(client), TEXT_ARG(token));
    if (cli->json) {
        const Value value =
            value_map1(&arena, TEXT("dashboard"), value_text(link));
        output_json(&value);
    } else {
        printf("%.*s\n", TEXT_ARG(link));
    }
    arena_deinit(&arena);
    return EXIT_OK;
}

static int run_invite(struct cli *cli)
{
    const struct node_ask ask = {
        .method = "POST", .path = "/v1/invitations", .cmd = "/node/admin"};
    struct node_client *client = NULL;
    struct arena arena = {0};
    Value answer = value_null();
    int code = node_client_open(cli, &client);
    if (code == EXIT_OK)
        code = node_ask_value(client, &ask, &arena, &answer);
    if (code == EXIT_OK)
        code = print_link(client, &answer);
    arena_deinit(&arena);
    node_client_close(client);
    return code;
}

const struct command invite_command = {
    .name = "invite",
    .synopsis = "",
    .summary = "print a link to a node's dashboard",
    .description =
        "The link lets one browser in as the owner: it works once, within\n"
        "ten minutes.",
    .options = options,
    .examples = "  xdg-open $(ipvm invite)\n",
    .run = run_invite,
    .words_max = 0,
};
