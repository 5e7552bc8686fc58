/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_trust_check.c - `ipvm trust check`: what the rules say of receipts that
 * are here, rule and all, without running anything. */
#include <stdio.h>

#include "cli/block_input.h"
#include "cli/output.h"
#include "cli/tables.h"
#include "content/path.h"
#include "lib/handle.h"
#include "run/explain.h"
#include "run/receipts.h"
#include "run/trust.h"

enum { CHECKED_MAX = 10000 };

struct checking {
    struct cli *cli;
    struct trust *trust;
    struct arena arena; /* of what is printed */
    Value *items;       /* CHECKED_MAX */
    size_t count;
    Hash last; /* of a list by computation */
};

static void check_one(struct checking *checking, Text label,
                      const Hash *computation)
{
    char name[CID_TEXT_MAX];
    struct trust_answer answer;
    Cid cid;
    if (checking->count == CHECKED_MAX)
        return;
    trust_ask(checking->trust, computation, (Bytes){NULL, 0}, &answer);
    const char *verdict = trust_verdict_name(answer.judgement.verdict);
    const char *why = answer.receipts > 0 ? answer.judgement.why
                                          : "no receipt of it is here";
    cid_from_hash(CODEC_DAG_CBOR, computation, &cid);
    const Text text = {name, cid_to_text(&cid, name)};
    if (!checking->cli->json) {
        printf("%-12s %.*s: %s\n", verdict,
               TEXT_ARG(label.len > 0 ? label : text), why);
        checking->count++;
        return;
    }
    struct arena *arena = &checking->arena;
    const struct value_entry entries[] = {
        {TEXT("computation"), value_text(arena_copy_text(arena, text))},
        {TEXT("label"), label.len > 0
                            ? value_text(arena_copy_text(arena, label))
                            : value_null()},
        {TEXT("receipts"), value_uint(answer.receipts)},
        {TEXT("usable"), value_bool(answer.is_usable)},
        {TEXT("verdict"), value_text(text_of(verdict))},
        {TEXT("why"), value_text(arena_copy_text(arena, text_of(why)))},
    };
    if (!checking->items)
        checking->items = arena_array(arena, CHECKED_MAX, sizeof(Value));
    checking->items[checking->count++] =
        value_map(arena, entries, sizeof entries / sizeof *entries);
}

static bool check_row(void *context, const struct receipt_row *row)
{
    struct checking *checking = context;
    if (row->has_comp && !hash_equal(&row->comp, &checking->last))
        check_one(checking, (Text){NULL, 0}, &row->comp);
    checking->last = row->comp;
    return checking->count < CHECKED_MAX;
}

/* Tasks whose inputs are not known have no computation to ask about. */
static Status check_workflow(struct checking *checking,
                             ipvm_workflow *workflow, struct error *err)
{
    struct explanation *explanation;
    struct workflow *loaded;
    TRY(lib_workflow(workflow, &loaded, err));
    TRY(explain_workflow(checking->cli->vm->store, loaded,
                         text_of(workflow->remember_as), &explanation, err));
    for (uint32_t index = 0; index < loaded->count; index++)
        if (explanation->tasks[index].has_concrete)
            check_one(checking, loaded->tasks[index].label,
                      &explanation->tasks[index].concrete);
        else if (!checking->cli->json)
            printf("%-12s %.*s: its inputs are not known\n", "unknown",
                   TEXT_ARG(loaded->tasks[index].label));
    explanation_free(explanation);
    return STATUS_OK;
}

static Status check_word(struct checking *checking, const char *word,
                         struct error *err)
{
    struct store *store = checking->cli->vm->store;
    struct trust_answer answer;
    Hash hash;
    Cid cid;
    ipvm_workflow *workflow;
    ipvm_error error;
    if (ipvm_workflow_load(checking->cli->vm, word, &workflow, &error) ==
        IPVM_OK) {
        const Status status = check_workflow(checking, workflow, err);
        ipvm_workflow_free(workflow);
        return status;
    }
    if (!cid_is_path(text_of(word)) ||
        content_resolve(store, text_of(word), &cid, NULL) != STATUS_OK)
        return fail(err, STATUS_INVALID, "%.150s", error.message);
    if (cid_sha256(&cid, CODEC_DAG_CBOR, &hash)) {
        trust_ask(checking->trust, &hash, (Bytes){NULL, 0}, &answer);
        if (answer.receipts > 0) {
            check_one(checking, (Text){NULL, 0}, &hash);
            return STATUS_OK;
        }
    }
    return receipts_of_cid(store, &cid, check_row, checking, err);
}

static int run_check(struct cli *cli)
{
    struct checking checking = {.cli = cli};
    struct error err = {0};
    int code = cli_open(cli, NULL);
    if (code != EXIT_OK)
        return code;
    Status status = trust_open(cli->vm->store, &checking.trust, &err);
    if (status == STATUS_OK)
        status = check_word(&checking, cli->words[0], &err);
    if (status != STATUS_OK) {
        code = say_failed(cli, status, &err);
    } else if (cli->json) {
        const Value list = value_list(checking.items, checking.count);
        output_json(&list);
    } else if (checking.count == 0) {
        code = cli_error(cli, EXIT_NOT_FOUND,
                         "no receipt that is here is about %s", cli->words[0]);
    }
    trust_close(checking.trust);
    arena_deinit(&checking.arena);
    return code;
}

const struct command trust_check_command = {
    .name = "trust check",
    .synopsis = "WORKFLOW | CID",
    .summary = "say what the rules make of the receipts that are here",
    .description =
        "For each task of a workflow, or for a computation, a result or a\n"
        "receipt: accepted, and by which rule, or why not.",
    .examples = "  ipvm trust check photo.yaml\n",
    .run = run_check,
    .words_min = 1,
    .words_max = 1,
};
