/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_receipt.c - `ipvm receipt`: one receipt, and whether it holds. */
#include <stdio.h>

#include "cli/block_input.h"
#include "cli/facts.h"
#include "cli/output.h"
#include "cli/receipts.h"
#include "cli/tables.h"
#include "cli/when.h"
#include "ipld/dag_json.h"
#include "lib/handle.h"

struct showing {
    struct asker *asker;
    uint64_t shown;
    bool failed; /* one does not hold */
    int code;
};

static void fact_hash(struct facts *facts, Text key, const Hash *hash)
{
    Cid cid;
    cid_from_hash(CODEC_DAG_CBOR, hash, &cid);
    fact_cid(facts, key, &cid);
}

/* --- What ran ------------------------------------------------------------ */

/* The function and its module, if the computation is here. */
static void show_computation(struct store *store, const Hash *comp,
                             struct facts *facts)
{
    struct computation computation;
    struct wasm_call call;
    struct arena *arena = &facts->arena;
    struct block *block;
    Cid cid;
    cid_from_hash(CODEC_DAG_CBOR, comp, &cid);
    if (store_get(store, &cid, &block, NULL) != STATUS_OK)
        return;
    const Bytes bytes = arena_copy_bytes(arena, block_bytes(block));
    block_unref(block);
    if (computation_decode(bytes, arena, &computation, NULL) != STATUS_OK)
        return;
    fact_text(facts, TEXT("command"), computation.cmd);
    if (wasm_call_read(&computation.args, &call, NULL) != STATUS_OK)
        return;
    fact_text(facts, TEXT("function"), call.function);
    fact_cid(facts, TEXT("module"), &call.module);
}

/* --- What it cost -------------------------------------------------------- */

static uint64_t number_in(const Value *meta, const char *key)
{
    const Value *value = value_get(meta, text_of(key));
    uint64_t number = 0;
    if (value && value->kind == VALUE_INT && value_to_uint64(value, &number))
        return number;
    return 0;
}

static void show_cost(const struct receipt_view *view, const struct cli *cli,
                      struct facts *facts)
{
    char time[SHORT_TEXT_MAX], cpu[SHORT_TEXT_MAX], memory[SHORT_TEXT_MAX];
    char in[SHORT_TEXT_MAX], written[SHORT_TEXT_MAX];
    Value meta;
    if (view->row.meta.len == 0 ||
        dag_cbor_decode(view->row.meta, &facts->arena, &meta, NULL) !=
            STATUS_OK)
        return;
    if (cli->json) {
        fact(facts, TEXT("meta"), meta);
        return;
    }
    const Value *engine = value_get(&meta, TEXT("engine"));
    const Value *said = value_get(&meta, TEXT("said"));
    if (said && said->kind == VALUE_TEXT)
        fact_text(facts, TEXT("said"), said->text);
    if (number_in(&meta, "wall_ns") > 0)
        fact_format(facts, TEXT("cost"),
                    "%s, %s of CPU, %s of memory, %s read, %s written",
                    show_ns(number_in(&meta, "wall_ns"), time),
                    show_ns(number_in(&meta, "cpu_ns"), cpu),
                    show_bytes(number_in(&meta, "memory"), memory),
                    show_bytes(number_in(&meta, "read"), in),
                    show_bytes(number_in(&meta, "written"), written));
    if (number_in(&meta, "fuel") > 0)
        fact_format(facts, TEXT("fuel"), "%llu",
                    (unsigned long long)number_in(&meta, "fuel"));
    if (engine && engine->kind == VALUE_TEXT)
        fact_text(facts, TEXT("engine"), engine->text);
}

/* --- How it is signed ---------------------------------------------------- */

static void show_signature(const struct receipt_view *view,
                           struct facts *facts)
{
    char time[WHEN_TEXT_MAX];
    const struct statement *statement = &view->statement;
    const unsigned long long index = view->index + 1;
    if (statement->form != STATUS_OK)
        return;
    if (statement->kind == STATEMENT_RECEIPT)
        fact_text(facts, TEXT("signed"), TEXT("alone"));
    else
        fact_format(facts, TEXT("signed"),
                    statement->kind == STATEMENT_LOG
                        ? "as number %llu of the %llu in its issuer's log"
                        : "as number %llu of a batch of %llu",
                    index, (unsigned long long)statement->count);
    fact_cid(facts, TEXT("token"), &view->token);
    if (statement->token->has_exp)
        fact_text(facts, TEXT("expires"),
                  text_of(when_show(statement->token->exp, time)));
}

static void show_checks(const struct receipt_view *view, const struct cli *cli,
                        struct facts *facts)
{
    const struct receipt_verdict *verdict = &view->verdict;
    struct arena *arena = &facts->arena;
    Value *lines = arena_array(arena, RECEIPT_CHECKS, sizeof *lines);
    for (int check = 0; check < RECEIPT_CHECKS; check++) {
        const bool holds = verdict->checks[check] == STATUS_OK;
        const char *name = receipt_check_name((ReceiptCheck)check);
        const Text words = output_safe(text_of(verdict->words[check]), arena);
        const struct value_entry entries[] = {
            {TEXT("check"), value_text(text_of(name))},
            {TEXT("ok"), value_bool(holds)},
            {TEXT("words"), value_text(words)},
        };
        lines[check] =
            cli->json
                ? value_map(arena, entries, 3)
                : value_text(arena_format(
                      arena, "%-9s  %s%s%.*s", name, holds ? "ok" : "FAILED",
                      words.len ? ": " : "", TEXT_ARG(words)));
    }
    fact(facts, TEXT("checks"), value_list(lines, RECEIPT_CHECKS));
}

/* --- Together ------------------------------------------------------------ */

/* On one line, not all of what is long. */
static void show_value(const Value *value, struct facts *facts)
{
    enum { SHOWN_MAX = 400 };
    struct buffer json;
    buffer_init(&json, BLOCK_TAKEN_MAX);
    if (dag_json_encode(value, &json, NULL) == STATUS_OK) {
        const bool is_long = json.len > SHOWN_MAX;
        size_t len = is_long ? SHOWN_MAX : json.len;
        while (len > 0 && is_long && (json.data[len] & 0xc0) == 0x80)
            len--; // Not in the middle of a character.
        fact_format(facts, TEXT("value"), "%.*s%s", (int)len,
                    (const char *)json.data, is_long ? " ..." : "");
    }
    buffer_deinit(&json);
}

static void show_result(const struct receipt_view *view, const struct cli *cli,
                        struct facts *facts)
{
    const struct assertion *assertion = &view->assertion;
    if (!assertion->has_result) {
        fact_text(facts, TEXT("end"), assertion->end);
        return;
    }
    const Value *value = &assertion->result.value.map.entries[0].value;
    fact_text(facts, TEXT("outcome"), receipt_outcome(assertion));
    if (cli->json)
        fact(facts, TEXT("value"), *value);
    else
        show_value(value, facts);
    fact_hash(facts, TEXT("result"), &assertion->res);
}

static void show_inputs(const struct assertion *assertion, struct facts *facts)
{
    Value *items =
        arena_array(&facts->arena, assertion->input_count, sizeof *items);
    for (size_t index = 0; index < assertion->input_count; index++) {
        Cid cid;
        cid_from_hash(CODEC_DAG_CBOR, &assertion->inputs[index], &cid);
        items[index] =
            value_text(cid_bytes_to_text(cid_bytes(&cid), &facts->arena));
    }
    if (assertion->input_count > 0)
        fact(facts, TEXT("used"), value_list(items, assertion->input_count));
}

static void show_view(const struct asker *asker,
                      const struct receipt_view *view)
{
    struct facts facts = {0};
    char time[WHEN_TEXT_MAX];
    const struct cli *cli = asker->cli;
    const struct assertion *assertion = &view->assertion;
    const bool own = text_equal(view->row.issuer, text_of(asker->did.text));
    fact_hash(&facts, TEXT("receipt"), &view->row.id);
    if (assertion->has_comp)
        show_computation(cli->vm->store, &assertion->comp, &facts);
    show_result(view, cli, &facts);
    fact_hash(&facts, TEXT("task"), &assertion->ran);
    if (assertion->has_comp)
        fact_hash(&facts, TEXT("computation"), &assertion->comp);
    show_inputs(assertion, &facts);
    fact_format(&facts, TEXT("issuer"), "%.*s%s", TEXT_ARG(view->row.issuer),
                own && !cli->json ? " (this store)" : "");
    fact_text(&facts, TEXT("at"), text_of(when_show(view->row.at_s, time)));
    show_cost(view, cli, &facts);
    show_signature(view, &facts);
    show_checks(view, cli, &facts);
    facts_print(&facts, cli);
}

static bool show_row(void *context, const struct receipt_row *row)
{
    struct showing *showing = context;
    struct receipt_view view;
    struct error err = {0};
    const struct cli *cli = showing->asker->cli;
    const Status status = receipt_view_open(cli->vm->store, row, &view, &err);
    if (status != STATUS_OK) {
        showing->code = say_failed(cli, status, &err);
        return false;
    }
    if (showing->shown++ > 0 && !cli->json)
        printf("\n");
    if (cli->quiet) {
        struct facts facts = {0};
        fact_hash(&facts, TEXT("receipt"), &row->id);
        facts_print(&facts, cli);
    } else {
        show_view(showing->asker, &view);
    }
    showing->failed = showing->failed || !view.verdict.holds;
    receipt_view_close(&view);
    return true;
}

static int run_receipt(struct cli *cli)
{
    struct asker asker = {0};
    struct showing showing = {.asker = &asker};
    int code = asker_open(cli, &asker);
    if (code == EXIT_OK)
        code = asker_find(&asker, cli->words[0],
                          cli->word_count > 1 ? cli->words[1] : NULL, show_row,
                          &showing);
    asker_close(&asker);
    if (code == EXIT_OK && showing.code != EXIT_OK)
        code = showing.code;
    return code == EXIT_OK && showing.failed ? EXIT_FAILED : code;
}

const struct command receipt_command = {
    .name = "receipt",
    .synopsis = "CID|WORKFLOW [LABEL]",
    .summary = "show a receipt: what ran, what it came to, who says so",
    .description =
        "The CID is that of a receipt, a task, a computation or a result. Of\n"
        "a workflow (a file, or its CID) it is the receipt of the task with\n"
        "that label, or those of the outputs. Each check is a line with its\n"
        "outcome; the exit code is 1 if one fails. Results get their\n"
        "receipts, signed with the store's own key, when they are asked for.",
    .examples = "  ipvm receipt photo.yaml turn\n"
                "  ipvm receipt bafy... --json\n",
    .run = run_receipt,
    .words_min = 1,
    .words_max = 2,
};
