/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_control.c - `ipvm suspend`, `resume`, `cancel`, `retry`, `fork`: words to
 * the jobs of a node. */
#include <stdio.h>

#include "cli/field.h"
#include "cli/output.h"
#include "cli/remote_job.h"
#include "cli/remote_submit.h"
#include "cli/tables.h"
#include "node/job.h"

/* Prints a node's answer to a word: the job and its state. */
static void print_answer(const struct cli *cli, const Value *answer)
{
    struct arena arena = {0};
    const Text state = output_safe(field_text(answer, TEXT("state")), &arena);
    char id[CID_TEXT_MAX] = "";
    Cid cid;
    if (cli->json)
        output_json(answer);
    if (field_cid(answer, TEXT("job"), &cid))
        cid_to_text(&cid, id);
    if (!cli->json && cli->quiet)
        printf("%s\n", id);
    else if (!cli->json)
        printf("%s  %.*s\n", id, TEXT_ARG(state));
    arena_deinit(&arena);
}

static int say(struct node_client *client, const char *id, const char *verb,
               Bytes body)
{
    struct arena arena = {0};
    Value answer = value_null();
    const struct node_ask ask = {
        .method = "POST",
        .path = remote_job_path(&arena, id, verb).data,
        .cmd = "/job/control",
        .job = id,
        .type = body.len > 0 ? "application/json" : NULL,
        .body = body,
    };
    const int code = node_ask_value(client, &ask, &arena, &answer);
    if (code == EXIT_OK)
        print_answer(node_client_cli(client), &answer);
    arena_deinit(&arena);
    return code;
}

/* To each job of the command line; the first trouble's exit code. */
static int say_to_all(struct cli *cli, const char *verb, Bytes body)
{
    struct node_client *client = NULL;
    char id[CID_TEXT_MAX];
    int code = node_client_open(cli, &client);
    for (int word = 0; client && word < cli->word_count; word++) {
        int this = remote_job_find(client, cli->words[word], id);
        if (this == EXIT_OK)
            this = say(client, id, verb, body);
        if (code == EXIT_OK)
            code = this;
    }
    node_client_close(client);
    return code;
}

enum { SUSPEND_NOW = NODE_OPTIONS };

static const struct option suspend_options[] = {
    NODE_OPTION_ROWS,
    [SUSPEND_NOW] = {0, "now", NULL, "stop running tasks, too"},
    {0, NULL, NULL, NULL},
};
static const struct option plain_options[] = {
    NODE_OPTION_ROWS,
    {0, NULL, NULL, NULL},
};

static int run_suspend(struct cli *cli)
{
    const Text now = TEXT("{\"now\":true}");
    return say_to_all(cli, "/suspend",
                      cli_flag(cli, SUSPEND_NOW) ? text_bytes(now)
                                                 : (Bytes){0});
}

static int run_resume(struct cli *cli)
{
    return say_to_all(cli, "/resume", (Bytes){0});
}

static int run_cancel(struct cli *cli)
{
    return say_to_all(cli, "/cancel", (Bytes){0});
}

static int run_retry(struct cli *cli)
{
    return say_to_all(cli, "/retry", (Bytes){0});
}

enum { IDS_MAX = 4096 };

const struct command suspend_command = {
    .name = "suspend",
    .synopsis = "ID...",
    .summary = "let a job rest, for as long as you like",
    .description =
        "No more of its tasks are started; those that run are let finish,\n"
        "or with --now are stopped and run again later. It takes no memory\n"
        "meanwhile, and restarts of the node do not matter.",
    .options = suspend_options,
    .examples = "  ipvm suspend a4xk\n",
    .run = run_suspend,
    .words_min = 1,
    .words_max = IDS_MAX,
};

const struct command resume_command = {
    .name = "resume",
    .synopsis = "ID...",
    .summary = "let a suspended job go on",
    .description = "It goes on where it was: what is finished stays so.",
    .options = plain_options,
    .examples = "  ipvm resume a4xk\n",
    .run = run_resume,
    .words_min = 1,
    .words_max = IDS_MAX,
};

const struct command cancel_command = {
    .name = "cancel",
    .synopsis = "ID...",
    .summary = "stop a job for good",
    .description =
        "Running tasks are stopped at once. What was finished is kept in the\n"
        "memo. `ipvm retry` begins it again.",
    .options = plain_options,
    .examples = "  ipvm cancel a4xk\n"
                "  ipvm jobs -q --state queued | xargs ipvm cancel\n",
    .run = run_cancel,
    .words_min = 1,
    .words_max = IDS_MAX,
};

const struct command retry_command = {
    .name = "retry",
    .synopsis = "ID...",
    .summary = "try a job again that failed or was cancelled",
    .description =
        "It is the same job with one attempt more: what was finished is\n"
        "answered from the memo, the rest runs again.",
    .options = plain_options,
    .examples = "  ipvm retry a4xk\n",
    .run = run_retry,
    .words_min = 1,
    .words_max = IDS_MAX,
};

/* --- fork ---------------------------------------------------------------- */

enum { FORK_FROM = NODE_OPTIONS };

static const struct option fork_options[] = {
    NODE_OPTION_ROWS,
    [FORK_FROM] = {'f', "from", "TASK",
                   "run this one again, and what awaits it; may be repeated"},
    {0, NULL, NULL, NULL},
};

/* The labels after --from. */
static int read_from(struct cli *cli, struct arena *arena,
                     struct job_terms *terms)
{
    Text *labels = arena_array(arena, OPTION_REPEATS_MAX, sizeof *labels);
    uint32_t count = 0;
    const char *word;
    for (int at = 0; (word = cli_next_value(cli, FORK_FROM, &at));) {
        if (!utf8_is_valid(text_of(word), NULL))
            return cli_error(cli, EXIT_USAGE, "fork: --from is not UTF-8");
        labels[count++] = text_of(word);
    }
    if (count == 0)
        return cli_error(cli, EXIT_USAGE,
                         "fork: --from is missing: the task to run again");
    terms->has_from = true;
    terms->from_tasks = labels;
    terms->from_task_count = count;
    return EXIT_OK;
}

static int fork_job(struct node_client *client, const char *id,
                    struct job_terms *terms, struct arena *arena)
{
    const struct remote_submission submission = {.terms = terms};
    Value job = value_null(), answer = value_null();
    Cid cid;
    int code = remote_job_get(client, id, arena, &job);
    if (code != EXIT_OK)
        return code;
    if (!field_cid(&job, TEXT("workflow"), &terms->workflow) ||
        cid_from_text(text_of(id), &cid, NULL) != STATUS_OK ||
        !job_id_of_cid(&cid, &terms->from_job))
        return cli_error(node_client_cli(client), EXIT_TROUBLE,
                         "the node does not say what the job runs");
    code = remote_submit(client, &submission, arena, &answer);
    if (code == EXIT_OK)
        print_answer(node_client_cli(client), &answer);
    return code;
}

static int run_fork(struct cli *cli)
{
    struct node_client *client = NULL;
    struct arena arena = {0};
    struct job_terms terms = {0};
    char id[CID_TEXT_MAX];
    int code = read_from(cli, &arena, &terms);
    if (code == EXIT_OK)
        code = node_client_open(cli, &client);
    if (code == EXIT_OK)
        code = remote_job_find(client, cli->words[0], id);
    if (code == EXIT_OK)
        code = fork_job(client, id, &terms, &arena);
    node_client_close(client);
    arena_deinit(&arena);
    return code;
}

const struct command fork_command = {
    .name = "fork",
    .synopsis = "ID --from TASK",
    .summary = "run a job again from a task on, as a new job",
    .description =
        "The new job shares with the other all that does not await the\n"
        "tasks: those run again though the memo has them. Prints its id.",
    .options = fork_options,
    .examples = "  ipvm fork a4xk --from blur\n",
    .run = run_fork,
    .words_min = 1,
    .words_max = 1,
};
