/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_jobs.c - `ipvm jobs` and `ipvm job`: what a node has to do, and did. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli/facts.h"
#include "cli/field.h"
#include "cli/output.h"
#include "cli/remote_job.h"
#include "cli/tables.h"
#include "cli/when.h"
#include "node/job.h"

/* --- Many ---------------------------------------------------------------- */

enum { JOBS_STATE = NODE_OPTIONS, JOBS_NAME, JOBS_SUBJECT, JOBS_LIMIT };

static const struct option jobs_options[] = {
    NODE_OPTION_ROWS,
    [JOBS_STATE] = {'s', "state", "STATE",
                    "only queued, running, suspended, succeeded, failed or "
                    "cancelled ones; may be repeated"},
    [JOBS_NAME] = {'n', "name", "TEXT", "only those with TEXT in their name"},
    [JOBS_SUBJECT] = {0, "subject", "DID", "only those that DID submitted"},
    [JOBS_LIMIT] = {'l', "limit", "N", "at most so many (default 20)"},
    {0, NULL, NULL, NULL},
};

enum { LIMIT_DEFAULT = 20, LIMIT_MAX = 1000000, PAGE = 1000 };

struct listing {
    struct cli *cli;
    struct arena arena;
    struct buffer filter; /* of the query: "&state=queued" */
    uint64_t limit;
    Value *all; /* --json */
    size_t count;
    bool has_more;
};

static void add_filter(struct listing *listing, const char *key,
                       const char *word)
{
    buffer_format(&listing->filter, "&%s=", key);
    url_add(&listing->filter, text_of(word));
}

static int read_filter(struct listing *listing)
{
    struct cli *cli = listing->cli;
    const char *limit = cli_value(cli, JOBS_LIMIT);
    const char *word;
    char *end = NULL;
    for (int at = 0; (word = cli_next_value(cli, JOBS_STATE, &at));) {
        if ((unsigned)job_state_from_name(text_of(word)) == JOB_STATES)
            return cli_error(cli, EXIT_USAGE,
                             "jobs: --state %s: it is queued, running, "
                             "suspended, succeeded, failed or cancelled",
                             word);
        add_filter(listing, "state", word);
    }
    if ((word = cli_value(cli, JOBS_NAME)))
        add_filter(listing, "name", word);
    if ((word = cli_value(cli, JOBS_SUBJECT)))
        add_filter(listing, "subject", word);
    listing->limit = limit ? strtoull(limit, &end, 10) : LIMIT_DEFAULT;
    if (limit && (limit[0] < '0' || limit[0] > '9' || *end ||
                  listing->limit == 0 || listing->limit > LIMIT_MAX))
        return cli_error(cli, EXIT_USAGE,
                         "jobs: --limit: %s is not a number from 1 to %d",
                         limit, LIMIT_MAX);
    return EXIT_OK;
}

/* "3 min ago" as "3m", for a column. */
static const char *show_age(uint64_t at_ms, char out[SHORT_TEXT_MAX])
{
    const int64_t age = clock_wall_s() - (int64_t)(at_ms / 1000);
    if (age < 120)
        snprintf(out, SHORT_TEXT_MAX, "%llds", (long long)(age > 0 ? age : 0));
    else if (age < 7200)
        snprintf(out, SHORT_TEXT_MAX, "%lldm", (long long)(age / 60));
    else if (age < 172800)
        snprintf(out, SHORT_TEXT_MAX, "%lldh", (long long)(age / 3600));
    else
        snprintf(out, SHORT_TEXT_MAX, "%lldd", (long long)(age / 86400));
    return out;
}

static Style style_of(Text state)
{
    switch ((int)job_state_from_name(state)) {
    case JOB_SUCCEEDED:
        return STYLE_GREEN;
    case JOB_FAILED:
        return STYLE_RED;
    case JOB_RUNNING:
        return STYLE_BLUE;
    case JOB_SUSPENDED:
        return STYLE_YELLOW;
    default:
        return STYLE_DIM;
    }
}

static void print_job(struct listing *listing, const Value *job)
{
    const bool color = listing->cli->color;
    const Value *counts = field(job, TEXT("counts"));
    const Text state = field_text(job, TEXT("state"));
    char id[CID_TEXT_MAX] = "", age[SHORT_TEXT_MAX], tasks[64];
    Cid cid;
    if (field_cid(job, TEXT("job"), &cid))
        cid_to_text(&cid, id);
    if (listing->cli->quiet) {
        printf("%s\n", id);
        return;
    }
    const Text safe_state = output_safe(state, &listing->arena);
    const Text name =
        output_safe(field_text(job, TEXT("name")), &listing->arena);
    snprintf(tasks, sizeof tasks, "%llu/%llu",
             (unsigned long long)field_uint(counts, TEXT("done")),
             (unsigned long long)field_uint(counts, TEXT("total")));
    printf("%.*s  %s%-9.*s%s  %7s  %5s  %.*s\n", SHORT_ID_LEN, id,
           style(color, style_of(state)), TEXT_ARG(safe_state),
           style(color, STYLE_NONE), tasks,
           show_age(field_uint(job, TEXT("submitted")), age), TEXT_ARG(name));
}

static void take_page(struct listing *listing, const Value *jobs)
{
    for (size_t index = 0; index < jobs->list.count; index++) {
        listing->has_more = listing->count == listing->limit;
        if (listing->has_more)
            return;
        listing->count++;
        if (!listing->cli->json) {
            print_job(listing, &jobs->list.items[index]);
            continue;
        }
        listing->all =
            heap_resize(listing->all, listing->count, sizeof *listing->all);
        listing->all[listing->count - 1] = jobs->list.items[index];
    }
}

static int list_jobs(struct node_client *client, struct listing *listing)
{
    Text next = TEXT("");
    do {
        // One more than are shown tells if there are more.
        const uint64_t left = listing->limit - listing->count + 1;
        const Text path = arena_format(
            &listing->arena, "/v1/jobs?limit=%llu%.*s%s%.*s",
            (unsigned long long)(left < PAGE ? left : PAGE),
            (int)listing->filter.len, (const char *)listing->filter.data,
            next.len > 0 ? "&after=" : "", TEXT_ARG(next));
        const struct node_ask ask = {
            .method = "GET", .path = path.data, .cmd = "/job/read"};
        Value answer = value_null();
        const int code =
            node_ask_value(client, &ask, &listing->arena, &answer);
        const Value *jobs = field(&answer, TEXT("jobs"));
        if (code != EXIT_OK)
            return code;
        if (jobs && jobs->kind == VALUE_LIST)
            take_page(listing, jobs);
        // A page with nothing on it leads nowhere.
        next = jobs && jobs->kind == VALUE_LIST && jobs->list.count > 0
                   ? field_text(&answer, TEXT("next"))
                   : TEXT("");
    } while (next.len > 0 && !listing->has_more);
    if (listing->cli->json) {
        const Value all = value_list(listing->all, listing->count);
        const Value whole = value_map1(&listing->arena, TEXT("jobs"), all);
        output_json(&whole);
    } else if (listing->has_more && !listing->cli->quiet) {
        fprintf(stderr, "ipvm: there are older ones; --limit shows more\n");
    }
    return EXIT_OK;
}

static int run_jobs(struct cli *cli)
{
    struct listing listing = {.cli = cli};
    struct node_client *client = NULL;
    buffer_init(&listing.filter, 4 << 20);
    int code = read_filter(&listing);
    if (code == EXIT_OK)
        code = node_client_open(cli, &client);
    if (code == EXIT_OK)
        code = list_jobs(client, &listing);
    node_client_close(client);
    buffer_deinit(&listing.filter);
    arena_deinit(&listing.arena);
    free(listing.all);
    return code;
}

const struct command jobs_command = {
    .name = "jobs",
    .synopsis = "",
    .summary = "list the jobs of a node, newest first",
    .description =
        "A line for each job: the beginning of its id, its state, how many\n"
        "of its tasks are over, how long ago it was submitted, the name of\n"
        "its workflow. With --quiet the whole ids only. What is not the\n"
        "owner sees the jobs that it submitted itself.",
    .options = jobs_options,
    .examples = "  ipvm jobs\n"
                "  ipvm jobs --state running --state queued\n"
                "  ipvm jobs -q --state failed | xargs -n1 ipvm retry\n",
    .run = run_jobs,
    .words_max = 0,
};

/* --- One ----------------------------------------------------------------- */

static void fact_time(struct facts *facts, Text key, const Value *job,
                      Text field)
{
    char text[WHEN_TEXT_MAX];
    const uint64_t at_ms = field_uint(job, field);
    if (at_ms > 0)
        fact_text(facts, key,
                  text_of(when_show((int64_t)(at_ms / 1000), text)));
}

static void fact_cost(struct facts *facts, const Value *job)
{
    const Value *cost = field(job, TEXT("cost"));
    char ran[SHORT_TEXT_MAX], saved[SHORT_TEXT_MAX], stored[SHORT_TEXT_MAX],
        memory[SHORT_TEXT_MAX];
    if (!cost)
        return;
    fact_format(facts, TEXT("cost"),
                "ran %s, saved %s by the memo, stored %s, at most %s of "
                "memory",
                show_ns(field_uint(cost, TEXT("run_ns")), ran),
                show_ns(field_uint(cost, TEXT("saved_ns")), saved),
                show_bytes(field_uint(cost, TEXT("stored")), stored),
                show_bytes(field_uint(cost, TEXT("memory")), memory));
}

static void fact_counts(struct facts *facts, const Value *job)
{
    const Value *counts = field(job, TEXT("counts"));
    if (!counts)
        return;
    fact_format(facts, TEXT("tasks"),
                "%llu of %llu over, %llu running, %llu from the memo, %llu "
                "failed",
                (unsigned long long)field_uint(counts, TEXT("done")),
                (unsigned long long)field_uint(counts, TEXT("total")),
                (unsigned long long)field_uint(counts, TEXT("running")),
                (unsigned long long)field_uint(counts, TEXT("hits")),
                (unsigned long long)field_uint(counts, TEXT("failed")));
}

static void fact_output(struct facts *facts, const struct value_entry *entry)
{
    char text[CID_TEXT_MAX] = "";
    const Value *result = &entry->value;
    const Text end = field_text(result, TEXT("end"));
    Cid cid;
    if (facts->count == FACTS_MAX)
        return;
    if (field_cid(result, TEXT("result"), &cid))
        cid_to_text(&cid, text);
    const Text key = output_safe(entry->key, &facts->arena);
    if (end.len > 0)
        fact_format(facts, key, "%.*s: %.*s", TEXT_ARG(end),
                    TEXT_ARG(field_text(result, TEXT("message"))));
    else
        fact_format(facts, key, "%s %s",
                    field_true(result, TEXT("ok")) ? "ok" : "error", text);
}

static void show_job(struct cli *cli, const Value *job)
{
    static const Text plain[] = {TEXT_INIT("state"), TEXT_INIT("name"),
                                 TEXT_INIT("subject"), TEXT_INIT("message")};
    const Value *outputs = field(job, TEXT("outputs"));
    struct facts facts = {0};
    Cid cid;
    if (field_cid(job, TEXT("job"), &cid))
        fact_cid(&facts, TEXT("job"), &cid);
    for (size_t at = 0; at < sizeof plain / sizeof *plain; at++)
        if (field_text(job, plain[at]).len > 0)
            fact_text(&facts, plain[at], field_text(job, plain[at]));
    if (field_cid(job, TEXT("workflow"), &cid))
        fact_cid(&facts, TEXT("workflow"), &cid);
    fact_time(&facts, TEXT("submitted"), job, TEXT("submitted"));
    fact_time(&facts, TEXT("not before"), job, TEXT("not_before"));
    fact_time(&facts, TEXT("deadline"), job, TEXT("deadline"));
    fact_time(&facts, TEXT("started"), job, TEXT("started"));
    fact_time(&facts, TEXT("ended"), job, TEXT("ended"));
    if (field_uint(job, TEXT("attempt")) > 1)
        fact_format(&facts, TEXT("attempt"), "%llu",
                    (unsigned long long)field_uint(job, TEXT("attempt")));
    fact_counts(&facts, job);
    fact_cost(&facts, job);
    for (size_t at = 0;
         outputs && outputs->kind == VALUE_MAP && at < outputs->map.count;
         at++)
        fact_output(&facts, &outputs->map.entries[at]);
    facts_print(&facts, cli);
}

static int run_job(struct cli *cli)
{
    struct node_client *client = NULL;
    struct arena arena = {0};
    Value job = value_null();
    char id[CID_TEXT_MAX];
    int code = node_client_open(cli, &client);
    if (code == EXIT_OK)
        code = remote_job_find(client, cli->words[0], id);
    if (code == EXIT_OK)
        code = remote_job_get(client, id, &arena, &job);
    const Text state = output_safe(field_text(&job, TEXT("state")), &arena);
    if (code == EXIT_OK && cli->json)
        output_json(&job);
    else if (code == EXIT_OK && cli->quiet)
        printf("%.*s\n", TEXT_ARG(state));
    else if (code == EXIT_OK)
        show_job(cli, &job);
    arena_deinit(&arena);
    node_client_close(client);
    return code;
}

static const struct option job_options[] = {
    NODE_OPTION_ROWS,
    {0, NULL, NULL, NULL},
};

const struct command job_command = {
    .name = "job",
    .synopsis = "ID",
    .summary = "show a job of a node",
    .description =
        "What it is about, how far it is, what it cost and what it came to.\n"
        "The beginning of an id is enough where only one job has it. With\n"
        "--quiet its state only.",
    .options = job_options,
    .examples = "  ipvm job bafyreia4\n"
                "  ipvm job a4xk --json\n",
    .run = run_job,
    .words_min = 1,
    .words_max = 1,
};
