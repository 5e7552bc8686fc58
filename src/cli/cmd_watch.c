/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_watch.c - `ipvm watch` and `ipvm logs`: what a job of a node tells. */
#include <stdio.h>

#include "cli/field.h"
#include "cli/output.h"
#include "cli/remote_draw.h"
#include "cli/tables.h"

static const struct option watch_options[] = {
    NODE_OPTION_ROWS,
    {0, NULL, NULL, NULL},
};

static int run_watch(struct cli *cli)
{
    struct node_client *client = NULL;
    struct arena arena = {0};
    Value job = value_null();
    char id[CID_TEXT_MAX];
    int code = node_client_open(cli, &client);
    if (code == EXIT_OK)
        code = remote_job_find(client, cli->words[0], id);
    if (code == EXIT_OK)
        code = remote_draw(
            client, &(struct remote_drawing){.job = id, .as_json = cli->json},
            &arena, &job);
    arena_deinit(&arena);
    node_client_close(client);
    return code;
}

const struct command watch_command = {
    .name = "watch",
    .synopsis = "ID",
    .summary = "show what a job does, until it is over",
    .description =
        "Draws the progress of a job from its beginning, as `ipvm run` does,\n"
        "and ends as that would: 0 if it succeeded. A node that goes away is\n"
        "waited for. Ctrl-C ends the watching, not the job. With --json its\n"
        "events, a line of DAG-JSON for each.",
    .options = watch_options,
    .examples = "  ipvm watch a4xk\n",
    .run = run_watch,
    .words_min = 1,
    .words_max = 1,
};

/* --- logs ---------------------------------------------------------------- */

enum { LOGS_FOLLOW = NODE_OPTIONS, LOGS_TASK };

static const struct option logs_options[] = {
    NODE_OPTION_ROWS,
    [LOGS_FOLLOW] = {'f', "follow", NULL, "go on until the job is over"},
    [LOGS_TASK] = {'t', "task", "LABEL", "only what this task said"},
    {0, NULL, NULL, NULL},
};

struct logging {
    struct cli *cli;
    const char *task; /* NULL: all */
    uint64_t until;   /* the number of the last event; 0: none yet */
    uint64_t dropped; /* lines that were not kept */
};

static void print_line(struct logging *logging, const Value *event)
{
    struct arena arena = {0};
    const Text task = output_safe(field_text(event, TEXT("task")), &arena);
    const Text text = output_safe(field_text(event, TEXT("text")), &arena);
    printf("%s%.*s%s%s%.*s\n", style(logging->cli->color, STYLE_DIM),
           TEXT_ARG(task), task.len > 0 ? ": " : "",
           style(logging->cli->color, STYLE_NONE), TEXT_ARG(text));
    arena_deinit(&arena);
}

static bool take_line(void *context, const Value *event)
{
    struct logging *logging = context;
    if (!event)
        return true;
    const Text kind = field_text(event, TEXT("kind"));
    const Text task = field_text(event, TEXT("task"));
    const bool is_line =
        (text_equal(kind, TEXT("log")) || text_equal(kind, TEXT("alarm"))) &&
        (!logging->task || text_equal(task, text_of(logging->task)));
    if (is_line && logging->cli->json)
        output_json(event);
    else if (is_line)
        print_line(logging, event);
    if (is_line)
        fflush(stdout);
    if (field_uint(event, TEXT("dropped")) > logging->dropped)
        logging->dropped = field_uint(event, TEXT("dropped"));
    return logging->until == 0 ||
           field_uint(event, TEXT("seq")) < logging->until;
}

static int follow(struct node_client *client, struct logging *logging,
                  const char *id)
{
    struct arena arena = {0};
    Value job = value_null();
    int code = remote_job_get(client, id, &arena, &job);
    const uint64_t last = field_uint(&job, TEXT("events"));
    if (!cli_flag(logging->cli, LOGS_FOLLOW))
        logging->until = last;
    if (code == EXIT_OK && (last > 0 || logging->until == 0))
        code = remote_job_follow(client, id, take_line, logging);
    if (code == EXIT_OK && logging->dropped > 0 && !logging->cli->quiet)
        fprintf(stderr, "ipvm: %llu more lines were not kept\n",
                (unsigned long long)logging->dropped);
    arena_deinit(&arena);
    return code;
}

static int run_logs(struct cli *cli)
{
    struct node_client *client = NULL;
    struct logging logging = {.cli = cli, .task = cli_value(cli, LOGS_TASK)};
    char id[CID_TEXT_MAX];
    int code = node_client_open(cli, &client);
    if (code == EXIT_OK)
        code = remote_job_find(client, cli->words[0], id);
    if (code == EXIT_OK)
        code = follow(client, &logging, id);
    node_client_close(client);
    return code;
}

const struct command logs_command = {
    .name = "logs",
    .synopsis = "ID",
    .summary = "print what the guests of a job logged",
    .description =
        "A line for each, behind the label of its task. A job keeps ten\n"
        "thousand; what is beyond is counted. With --json the whole events.",
    .options = logs_options,
    .examples = "  ipvm logs a4xk --follow\n"
                "  ipvm logs a4xk --task blur\n",
    .run = run_logs,
    .words_min = 1,
    .words_max = 1,
};
