/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_submit.c - `ipvm submit`: a workflow becomes a job of a node. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/block_input.h"
#include "cli/field.h"
#include "cli/output.h"
#include "cli/remote_draw.h"
#include "cli/remote_output.h"
#include "cli/remote_submit.h"
#include "cli/tables.h"
#include "cli/when.h"
#include "lib/handle.h"
#include "ucan/token.h"

enum {
    SUBMIT_WAIT = NODE_OPTIONS,
    SUBMIT_OUTPUT,
    SUBMIT_AT,
    SUBMIT_IN,
    SUBMIT_DEADLINE,
    SUBMIT_PRIORITY,
    SUBMIT_RETRY,
    SUBMIT_TIME,
    SUBMIT_MEMORY,
    SUBMIT_FUEL,
    SUBMIT_QUOTA,
    SUBMIT_ONCE,
    SUBMIT_TEXT,
};

static const struct option submit_options[] = {
    NODE_OPTION_ROWS,
    [SUBMIT_WAIT] = {'w', "wait", NULL,
                     "show its progress and end as `ipvm run` does"},
    [SUBMIT_OUTPUT] = {'o', "output", "PATH",
                       "wait, and write its outputs there: a file for one, a "
                       "directory for several"},
    [SUBMIT_AT] = {0, "at", "TIME", "not before 2027-01-31T12:00:00Z"},
    [SUBMIT_IN] = {0, "in", "DURATION", "not before that is over: 90s, 2h"},
    [SUBMIT_DEADLINE] = {0, "deadline", "TIME",
                         "fail it then: a date, or 10m from now"},
    [SUBMIT_PRIORITY] = {0, "priority", "N",
                         "-100 to 100; higher first among one's own"},
    [SUBMIT_RETRY] = {0, "retry", "N",
                      "try again so often what fails by the host's fault"},
    [SUBMIT_TIME] = {0, "time", "DURATION",
                     "all of it may take so long, from its start"},
    [SUBMIT_MEMORY] = {0, "memory", "SIZE", "of its tasks at once"},
    [SUBMIT_FUEL] = {0, "fuel", "N", "of all its tasks; they run slower"},
    [SUBMIT_QUOTA] = {0, "quota", "ID", "pay with this quota"},
    [SUBMIT_ONCE] = {0, "once", "NAME",
                     "the same again under NAME is the same job"},
    [SUBMIT_TEXT] = {0, "text", NULL, "every argument is text"},
    {0, NULL, NULL, NULL},
};

enum {
    RETRY_FIRST_MS = 1000,
    RETRY_MAX_MS = 5 * 60 * 1000,
    RETRIES_MAX = 1000
};

/* --- Its terms ----------------------------------------------------------- */

static int wrong(const struct cli *cli, int option, const char *why)
{
    return cli_error(cli, EXIT_USAGE, "submit: --%s %.100s: %s",
                     submit_options[option].name, cli_value(cli, option), why);
}

static int read_number(struct cli *cli, int option, int64_t least,
                       int64_t most, int64_t *out)
{
    const char *word = cli_value(cli, option);
    char *end, why[80];
    if (!word)
        return EXIT_OK;
    errno = 0;
    const long long number = strtoll(word, &end, 10);
    snprintf(why, sizeof why, "it is a number from %lld to %lld",
             (long long)least, (long long)most);
    if (!*word || *end || errno || number < least || number > most)
        return wrong(cli, option, why);
    *out = number;
    return EXIT_OK;
}

static int read_time(struct cli *cli, int option, int64_t *out_ms)
{
    const char *word = cli_value(cli, option);
    int64_t seconds;
    if (!word)
        return EXIT_OK;
    if (!when_read(word, clock_wall_s(), &seconds))
        return wrong(cli, option,
                     "write 2027-01-31, 2027-01-31T12:00:00Z, or 90s, 30m, "
                     "12h, 7d from now");
    *out_ms = seconds * 1000;
    return EXIT_OK;
}

static int read_in(struct cli *cli, int64_t *out_ms)
{
    const char *word = cli_value(cli, SUBMIT_IN);
    struct error err = {0};
    uint64_t ms;
    if (!word)
        return EXIT_OK;
    if (cli_flag(cli, SUBMIT_AT))
        return wrong(cli, SUBMIT_IN, "there is --at already");
    if (duration_parse(text_of(word), &ms, &err) != STATUS_OK ||
        ms > (uint64_t)1 << 52)
        return wrong(cli, SUBMIT_IN, "write 500ms, 90s, 30m, 12h or 7d");
    *out_ms = clock_wall_s() * 1000 + (int64_t)ms;
    return EXIT_OK;
}

static int read_limits(struct cli *cli, struct limits *out)
{
    struct error err = {0};
    int64_t fuel = 0;
    const char *word = cli_value(cli, SUBMIT_TIME);
    if (word &&
        duration_parse(text_of(word), &out->time_ms, &err) != STATUS_OK)
        return wrong(cli, SUBMIT_TIME, err.message);
    word = cli_value(cli, SUBMIT_MEMORY);
    if (word && size_parse(text_of(word), &out->memory, &err) != STATUS_OK)
        return wrong(cli, SUBMIT_MEMORY, err.message);
    const int code = read_number(cli, SUBMIT_FUEL, 1, INT64_MAX, &fuel);
    out->fuel = (uint64_t)fuel;
    return code;
}

static int read_terms(struct cli *cli, struct job_terms *out)
{
    int64_t priority = 0, retries = 0;
    const char *quota = cli_value(cli, SUBMIT_QUOTA);
    int code = read_time(cli, SUBMIT_AT, &out->not_before_ms);
    if (code == EXIT_OK)
        code = read_in(cli, &out->not_before_ms);
    if (code == EXIT_OK)
        code = read_time(cli, SUBMIT_DEADLINE, &out->deadline_ms);
    if (code == EXIT_OK)
        code = read_number(cli, SUBMIT_PRIORITY, -JOB_PRIORITY_MAX,
                           JOB_PRIORITY_MAX, &priority);
    if (code == EXIT_OK)
        code = read_number(cli, SUBMIT_RETRY, 0, RETRIES_MAX, &retries);
    if (code == EXIT_OK)
        code = read_limits(cli, &out->limits);
    out->priority = (int32_t)priority;
    if (retries > 0)
        out->retry = (struct retry){
            .count = (uint32_t)retries,
            .first_ms = RETRY_FIRST_MS,
            .max_ms = RETRY_MAX_MS,
        };
    if (quota && (!*quota || strlen(quota) > QUOTA_ID_MAX ||
                  !utf8_is_valid(text_of(quota), NULL)))
        return wrong(cli, SUBMIT_QUOTA, "it has 1 to 255 bytes of UTF-8");
    out->quota = quota ? text_of(quota) : TEXT("");
    return code;
}

/* --- The workflow -------------------------------------------------------- */

static int load(struct cli *cli, ipvm_workflow **out)
{
    const ipvm_call_options call = {.all_text = cli_flag(cli, SUBMIT_TEXT)};
    ipvm_error error;
    ipvm_status status;
    if (cli->word_count > 1)
        status = ipvm_workflow_call(
            cli->vm, cli->words[0], cli->words[1], cli->words + 2,
            (size_t)cli->word_count - 2, &call, out, &error);
    else
        status = ipvm_workflow_load(cli->vm, cli->words[0], out, &error);
    return status == IPVM_OK ? EXIT_OK : cli_fail(cli, &error);
}

/* A workflow by its CID may be the node's alone. */
static bool is_foreign(const struct cli *cli, struct job_terms *terms)
{
    return cli->word_count == 1 &&
           cid_from_text(text_of(cli->words[0]), &terms->workflow, NULL) ==
               STATUS_OK &&
           !store_has(cli->vm->store, &terms->workflow);
}

/* --- What comes of it ---------------------------------------------------- */

static int wait_for(struct node_client *client, const char *id)
{
    struct cli *cli = node_client_cli(client);
    struct arena arena = {0};
    Value job = value_null();
    const struct remote_drawing drawing = {
        .job = id, .name = cli->words[cli->word_count > 1]};
    int code = remote_draw(client, &drawing, &arena, &job);
    // One that failed has outputs, too; those of one that goes on do not
    // matter.
    if (code == EXIT_OK || code == EXIT_FAILED)
        code = remote_outputs(client, id, &job, cli_value(cli, SUBMIT_OUTPUT),
                              code);
    arena_deinit(&arena);
    return code;
}

static int tell(struct node_client *client, const Value *answer)
{
    struct cli *cli = node_client_cli(client);
    const bool waits =
        cli_flag(cli, SUBMIT_WAIT) || cli_flag(cli, SUBMIT_OUTPUT);
    char id[CID_TEXT_MAX];
    Cid cid;
    if (!field_cid(answer, TEXT("job"), &cid))
        return cli_error(cli, EXIT_TROUBLE,
                         "the node does not say which job it is");
    cid_to_text(&cid, id);
    if (waits && !cli->quiet && !cli->json)
        fprintf(stderr, "job %s\n", id);
    if (waits)
        return wait_for(client, id);
    if (cli->json)
        output_json(answer);
    else
        printf("%s\n", id);
    return EXIT_OK;
}

static int submit(struct node_client *client, struct job_terms *terms)
{
    struct cli *cli = node_client_cli(client);
    const char *once = cli_value(cli, SUBMIT_ONCE);
    struct arena arena = {0};
    Value answer = value_null();
    const bool is_shared =
        node_client_shares_store(client) || is_foreign(cli, terms);
    const struct remote_submission submission = {
        .terms = terms,
        .nonce = once ? text_bytes(text_of(once)) : (Bytes){0},
        .store = is_shared ? NULL : cli->vm->store,
    };
    int code = remote_submit(client, &submission, &arena, &answer);
    if (code == EXIT_OK)
        code = tell(client, &answer);
    arena_deinit(&arena);
    return code;
}

static int run_submit(struct cli *cli)
{
    const char *once = cli_value(cli, SUBMIT_ONCE);
    struct node_client *client = NULL;
    ipvm_workflow *workflow = NULL;
    struct job_terms terms = {0};
    struct error err = {0};
    int code = read_terms(cli, &terms);
    if (code != EXIT_OK)
        return code;
    if (once && (!*once || strlen(once) > NONCE_LEN_MAX))
        return wrong(cli, SUBMIT_ONCE, "it has 1 to 128 bytes");
    code = cli_open(cli, NULL);
    if (code == EXIT_OK)
        code = node_client_open(cli, &client);
    if (code == EXIT_OK && !is_foreign(cli, &terms)) {
        code = load(cli, &workflow);
        if (code == EXIT_OK &&
            cid_from_text(text_of(ipvm_workflow_cid(workflow)),
                          &terms.workflow, &err) != STATUS_OK)
            code = say_failed(cli, err.status, &err);
    }
    if (code == EXIT_OK)
        code = submit(client, &terms);
    ipvm_workflow_free(workflow);
    node_client_close(client);
    return code;
}

const struct command submit_command = {
    .name = "submit",
    .synopsis = "WORKFLOW | MODULE FUNCTION [ARGUMENT...]",
    .summary = "give a node a workflow to run, as a job",
    .description =
        "Loads the workflow, or the call, as `ipvm run` does, gives the node\n"
        "the blocks that it lacks, and prints the id of the job once the\n"
        "node has it on disk: from then on it goes on whatever happens to\n"
        "the node. Nothing is given where the node has this store open.\n"
        "\n"
        "With --wait its progress is drawn as that of `ipvm run`, outputs\n"
        "are printed, and the exit code is as there; -o writes them as\n"
        "files. Ctrl-C ends the waiting, not the job.\n"
        "\n"
        "Each time it is another job, unless --once names it: the same\n"
        "workflow with the same options under the same name is one job.",
    .options = submit_options,
    .examples =
        "  ipvm submit examples/photo/photo.yaml --wait\n"
        "  ipvm submit report.yaml --at 2027-01-31T06:00:00Z --retry 3\n"
        "  ipvm submit big.yaml --node https://node.example \\\n"
        "      --proof carol.ucan --quota carol\n",
    .run = run_submit,
    .words_min = 1,
    .words_max = -1,
};
