/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_explain.c - `ipvm explain`: what a run would do and why, or what is known
 * of one computation or result. */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/tables.h"
#include "lib/handle.h"
#include "run/explain.h"

static const char *const verdict_names[] = {
    [EXPLAIN_HIT_SYMBOLIC] = "hit",  [EXPLAIN_HIT_CONCRETE] = "hit",
    [EXPLAIN_UPSTREAM] = "upstream", [EXPLAIN_WOULD_RUN] = "would run",
    [EXPLAIN_WAITS] = "would run",   [EXPLAIN_REFUSED] = "refused",
};

static bool is_hit(const struct explained *task)
{
    return task->verdict == EXPLAIN_HIT_SYMBOLIC ||
           task->verdict == EXPLAIN_HIT_CONCRETE;
}

/* --- A workflow, as text ------------------------------------------------- */

static void print_cost(const struct memo_entry *cost)
{
    char time[SHORT_TEXT_MAX], memory[SHORT_TEXT_MAX], stored[SHORT_TEXT_MAX];
    if (cost->provenance == MEMO_RECEIPT) {
        printf(
            "      not computed here: an imported answer that was trusted\n");
        return;
    }
    printf("      cost %s, %s of memory, %s stored",
           show_ns(cost->run_ns, time), show_bytes(cost->memory_peak, memory),
           show_bytes(cost->stored_bytes, stored));
    if (cost->fuel > 0)
        printf(", %llu fuel", (unsigned long long)cost->fuel);
    printf("; by %s\n", cost->engine);
}

static void print_limits(const struct limits *limits)
{
    char memory[SHORT_TEXT_MAX];
    if (limits->time_ms == 0 && limits->memory == 0 && limits->fuel == 0)
        return;
    printf("      limits");
    if (limits->time_ms > 0)
        printf(" time %llu ms", (unsigned long long)limits->time_ms);
    if (limits->memory > 0)
        printf(" memory %s", show_bytes(limits->memory, memory));
    if (limits->fuel > 0)
        printf(" fuel %llu", (unsigned long long)limits->fuel);
    printf("\n");
}

static void print_awaited_by(const struct workflow *workflow, uint32_t task)
{
    struct arena arena = {0};
    const uint32_t *others;
    uint32_t count = explain_awaited_by(workflow, task, &arena, &others);
    if (count > 0)
        printf("      awaited by");
    for (uint32_t index = 0; index < count && index < 6; index++)
        printf("%s %.*s", index ? "," : "",
               TEXT_ARG(workflow->tasks[others[index]].label));
    if (count > 6)
        printf(" and %u more", count - 6);
    if (count > 0)
        printf("\n");
    arena_deinit(&arena);
}

static void print_task(const struct cli *cli, const struct workflow *workflow,
                       const struct explanation *explanation, uint32_t index)
{
    const struct explained *task = &explanation->tasks[index];
    const struct task *what = &workflow->tasks[index];
    struct arena arena = {0};
    Style mark =
        is_hit(task) ? STYLE_GREEN
        : task->verdict == EXPLAIN_WOULD_RUN || task->verdict == EXPLAIN_WAITS
            ? STYLE_BLUE
            : STYLE_RED;
    Text why = output_safe(text_of(task->why), &arena);
    bool unneeded = !task->is_needed && !is_hit(task);
    printf("  %s%-10s%s %.*s: %.*s%s\n", style(cli->color, mark),
           unneeded ? "not needed" : verdict_names[task->verdict],
           style(cli->color, STYLE_NONE), TEXT_ARG(what->label), TEXT_ARG(why),
           is_hit(task) && !task->is_ok ? " (an error)" : "");
    if (is_hit(task) && !task->is_believed)
        print_cost(&task->cost);
    if (task->trust[0] != '\0')
        printf("      %s%s\n",
               is_hit(task) ? "not computed here: "
                            : "there are receipts of it, which are not "
                              "used: ",
               task->trust);
    print_limits(&what->limits);
    print_awaited_by(workflow, index);
    arena_deinit(&arena);
}

static void print_workflow(const struct cli *cli,
                           const struct workflow *workflow,
                           const struct explanation *explanation)
{
    char cid[CID_TEXT_MAX], saved[SHORT_TEXT_MAX];
    cid_to_text(&workflow->cid, cid);
    printf("workflow %s\n", cid);
    for (uint32_t index = 0; index < workflow->count; index++)
        print_task(cli, workflow, explanation, index);
    printf("%u of %u tasks are in the memo, %u would run", explanation->hits,
           explanation->count, explanation->would_run);
    if (explanation->saved_ns > 0)
        printf("; the memo saves %s", show_ns(explanation->saved_ns, saved));
    printf("\n");
}

/* --- A workflow, as JSON ------------------------------------------------- */

static Value json_hash(struct arena *arena, const Hash *hash)
{
    char text[CID_TEXT_MAX];
    Cid cid;
    cid_from_hash(CODEC_DAG_CBOR, hash, &cid);
    size_t len = cid_to_text(&cid, text);
    return value_text(arena_copy_text(arena, (Text){text, len}));
}

static Value json_cost(struct arena *arena, const struct memo_entry *cost)
{
    struct value_entry entries[] = {
        {TEXT("cpu_ns"), value_uint(cost->cpu_ns)},
        {TEXT("engine"), value_text(text_of(cost->engine))},
        {TEXT("fuel"), value_uint(cost->fuel)},
        {TEXT("memory_peak"), value_uint(cost->memory_peak)},
        {TEXT("provenance"),
         value_text(cost->provenance == MEMO_RECEIPT ? TEXT("imported")
                                                     : TEXT("own"))},
        {TEXT("run_ns"), value_uint(cost->run_ns)},
        {TEXT("stored_bytes"), value_uint(cost->stored_bytes)},
    };
    return value_map(arena, entries, sizeof entries / sizeof *entries);
}

static Value json_task(struct arena *arena, const struct workflow *workflow,
                       uint32_t index, const struct explained *task)
{
    struct value_entry entries[10];
    const uint32_t *others;
    size_t count = 0;
    uint32_t awaiting = explain_awaited_by(workflow, index, arena, &others);
    Value *labels = arena_array(arena, awaiting, sizeof *labels);
    for (uint32_t other = 0; other < awaiting; other++)
        labels[other] = value_text(workflow->tasks[others[other]].label);
    entries[count++] = (struct value_entry){
        TEXT("label"), value_text(workflow->tasks[index].label)};
    entries[count++] = (struct value_entry){
        TEXT("verdict"), value_text(text_of(verdict_names[task->verdict]))};
    entries[count++] =
        (struct value_entry){TEXT("why"), value_text(text_of(task->why))};
    entries[count++] =
        (struct value_entry){TEXT("needed"), value_bool(task->is_needed)};
    entries[count++] =
        (struct value_entry){TEXT("awaited_by"), value_list(labels, awaiting)};
    entries[count++] = (struct value_entry){
        TEXT("trust"),
        task->trust[0] ? value_text(text_of(task->trust)) : value_null()};
    if (task->has_concrete)
        entries[count++] = (struct value_entry){
            TEXT("computation"), json_hash(arena, &task->concrete)};
    if (is_hit(task)) {
        entries[count++] = (struct value_entry){
            TEXT("result"), json_hash(arena, &task->result)};
        entries[count++] =
            (struct value_entry){TEXT("cost"), json_cost(arena, &task->cost)};
    }
    return value_map(arena, entries, count);
}

static void print_json(const struct workflow *workflow,
                       const struct explanation *explanation)
{
    struct arena arena = {0};
    Value *tasks = arena_array(&arena, workflow->count, sizeof *tasks);
    for (uint32_t index = 0; index < workflow->count; index++)
        tasks[index] =
            json_task(&arena, workflow, index, &explanation->tasks[index]);
    struct value_entry entries[] = {
        {TEXT("hits"), value_uint(explanation->hits)},
        {TEXT("saved_ns"), value_uint(explanation->saved_ns)},
        {TEXT("tasks"), value_list(tasks, workflow->count)},
        {TEXT("would_run"), value_uint(explanation->would_run)},
    };
    Value whole = value_map(&arena, entries, 4);
    output_json(&whole);
    arena_deinit(&arena);
}

/* --- One computation or result ------------------------------------------- */

static void print_entry(const struct cli *cli, const Hash *concrete,
                        const struct memo_entry *entry)
{
    struct arena arena = {0};
    char result[CID_TEXT_MAX];
    cid_to_text(&entry->result, result);
    Value computation = json_hash(&arena, concrete);
    if (cli->json) {
        struct value_entry entries[] = {
            {TEXT("computation"), computation},
            {TEXT("cost"), json_cost(&arena, entry)},
            {TEXT("ok"), value_bool(entry->is_ok)},
            {TEXT("result"), value_text(text_of(result))},
        };
        Value whole = value_map(&arena, entries, 4);
        output_json(&whole);
    } else {
        printf("computation %.*s\n  gave %s %s\n", TEXT_ARG(computation.text),
               entry->is_ok ? "ok" : "an error,", result);
        print_cost(entry);
    }
    arena_deinit(&arena);
}

struct results {
    const struct cli *cli;
    struct store *store;
    unsigned count;
};

static bool print_source(void *context, const Hash *concrete)
{
    struct results *results = context;
    struct memo_entry entry;
    if (memo_get(results->store, concrete, &entry, NULL) == STATUS_OK) {
        print_entry(results->cli, concrete, &entry);
        results->count++;
    }
    return results->count < 100;
}

/* A CID that is no workflow: a computation, or what one gave. */
static int explain_cid(struct cli *cli, const Cid *cid)
{
    struct results results = {.cli = cli, .store = cli->vm->store};
    struct memo_entry entry;
    Hash hash, concrete;
    bool upstream = false;

    if (cid_sha256(cid, CODEC_DAG_CBOR, &hash)) {
        if (memo_get(results.store, &hash, &entry, NULL) == STATUS_OK) {
            print_entry(cli, &hash, &entry);
            return EXIT_OK;
        }
        if (memo_get_symbolic(results.store, &hash, &concrete, &upstream,
                              NULL) == STATUS_OK &&
            !upstream && print_source(&results, &concrete))
            return EXIT_OK;
    }
    IGNORE(memo_by_result(results.store, cid, print_source, &results, NULL));
    if (results.count == 0 &&
        memo_producer(results.store, cid, &concrete, NULL) == STATUS_OK)
        print_source(&results, &concrete);
    if (results.count > 0)
        return EXIT_OK;
    return cli_error(cli, EXIT_NOT_FOUND,
                     "%s is no workflow, and the memo knows no computation "
                     "that it names or that gave it",
                     cli->words[0]);
}

int command_explain(struct cli *cli)
{
    ipvm_workflow *workflow;
    ipvm_error error;
    struct explanation *explanation;
    struct error err = {0};
    Cid cid;

    int code = cli_open(cli, NULL);
    if (code != EXIT_OK)
        return code;
    const Text what = text_of(cli->words[0]);
    bool is_cid =
        cid_is_path(what) &&
        content_resolve(cli->vm->store, what, &cid, NULL) == STATUS_OK;
    if (ipvm_workflow_load(cli->vm, cli->words[0], &workflow, &error) !=
        IPVM_OK)
        return is_cid ? explain_cid(cli, &cid) : cli_fail(cli, &error);
    struct workflow *loaded;
    Status status = lib_workflow(workflow, &loaded, &err);
    if (status == STATUS_OK)
        status = explain_workflow(cli->vm->store, loaded,
                                  text_of(workflow->remember_as), &explanation,
                                  &err);
    if (status != STATUS_OK) {
        code = cli_error(cli, EXIT_TROUBLE, "%s", err.message);
    } else {
        if (cli->json)
            print_json(loaded, explanation);
        else
            print_workflow(cli, loaded, explanation);
        explanation_free(explanation);
    }
    ipvm_workflow_free(workflow);
    return code;
}

const struct command explain_command = {
    .name = "explain",
    .synopsis = "WORKFLOW | CID",
    .summary = "say per task: hit, miss or would run, and why",
    .description =
        "Asks the memo what a run would ask and runs nothing. Says for each\n"
        "task whether its result is known and what that saves, or why it\n"
        "would run: the first input that differs from the last run of this\n"
        "workflow, or the limit that run met.\n\n"
        "For the CID of a computation or a result, what the memo knows of it.",
    .examples = "  ipvm explain examples/photo/photo.yaml\n",
    .run = command_explain,
    .words_min = 1,
    .words_max = 1,
};
