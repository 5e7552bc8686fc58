/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/receipts.h"

#include <stdio.h>

#include "cli/block_input.h"
#include "cli/keys.h"
#include "cli/output.h"
#include "cli/when.h"
#include "lib/handle.h"
#include "task/document.h"

/* --- Opening ------------------------------------------------------------- */

static void say_sealed(const struct cli *cli, const struct seal_report *report)
{
    if (report->alarms > 0)
        fprintf(stderr,
                "ipvm: %llu computations came to another result than before: "
                "both are kept, see `ipvm fsck`\n",
                (unsigned long long)report->alarms);
    if (report->lost > 0 && !cli->quiet)
        fprintf(stderr,
                "ipvm: %llu tasks have no receipt: what it is made of is gone "
                "from the store\n",
                (unsigned long long)report->lost);
}

int asker_open(struct cli *cli, struct asker *out)
{
    struct seal_report report;
    struct error err = {0};
    *out = (struct asker){.cli = cli};
    int code = cli_open(cli, NULL);
    if (code == EXIT_OK)
        code = cli_key(cli, NULL, &out->key);
    if (code != EXIT_OK)
        return code;
    did_of(secret_key_public(out->key), &out->did);
    receipt_issuer(text_of(out->did.text), &out->issuer);
    const Status status =
        receipts_seal_pending(cli->vm->store, out->key, &report, &err);
    if (status != STATUS_OK)
        return say_failed(cli, status, &err);
    say_sealed(cli, &report);
    return EXIT_OK;
}

void receipts_before_collection(struct cli *cli)
{
    struct seal_report report;
    struct secret_key *key;
    struct error err = {0};
    if (!receipts_are_pending(cli->vm->store) ||
        cli_key(cli, NULL, &key) != EXIT_OK)
        return;
    if (receipts_seal_pending(cli->vm->store, key, &report, &err) == STATUS_OK)
        say_sealed(cli, &report);
    else
        fprintf(stderr,
                "ipvm: results without receipts are kept, since these cannot "
                "be written: %s\n",
                err.message);
    secret_key_free(key);
}

void asker_close(struct asker *asker)
{
    secret_key_free(asker->key);
    asker->key = NULL;
}

/* --- Finding ------------------------------------------------------------- */

struct finding {
    ReceiptEach *each;
    void *context;
    uint64_t count;
};

static bool count_each(void *context, const struct receipt_row *row)
{
    struct finding *finding = context;
    finding->count++;
    return finding->each(finding->context, row);
}

static bool is_workflow(struct store *store, const Cid *cid)
{
    struct block *block;
    if (cid_codec(cid) != CODEC_DAG_CBOR ||
        store_get(store, cid, &block, NULL) != STATUS_OK)
        return false;
    const bool is = document_kind_of(block_bytes(block)) == DOCUMENT_WORKFLOW;
    block_unref(block);
    return is;
}

static Status find_in_workflow(struct asker *asker, const char *word,
                               const char *label, struct finding *finding,
                               struct error *err)
{
    struct store *store = asker->cli->vm->store;
    struct workflow *workflow;
    Status status = STATUS_OK;
    TRY(load_workflow(&asker->cli->vm->loader, word, &workflow, err));
    const uint32_t task =
        label ? workflow_find(workflow, text_of(label)) : TASK_OUTSIDE;
    const uint32_t count = label ? 1 : workflow->output_count;
    if (label && task == TASK_OUTSIDE)
        status =
            fail(err, STATUS_NOT_FOUND,
                 "the workflow has no task %.60s: see `ipvm inspect`", label);
    for (uint32_t index = 0; index < count && status == STATUS_OK; index++)
        status = receipts_of_task(
            store, workflow, label ? task : workflow->outputs[index],
            text_of(asker->did.text), count_each, finding, err);
    workflow_free(workflow);
    return status;
}

int asker_find(struct asker *asker, const char *word, const char *label,
               ReceiptEach *each, void *context)
{
    struct store *store = asker->cli->vm->store;
    struct finding finding = {each, context, 0};
    struct error err = {0};
    Status status;
    Cid cid;
    if (cid_from_text(text_of(word), &cid, NULL) == STATUS_OK &&
        !is_workflow(store, &cid))
        status = receipts_of_cid(store, &cid, count_each, &finding, &err);
    else
        status = find_in_workflow(asker, word, label, &finding, &err);
    if (status != STATUS_OK)
        return say_failed(asker->cli, status, &err);
    if (finding.count > 0)
        return EXIT_OK;
    return cli_error(asker->cli, EXIT_NOT_FOUND,
                     "no receipt of %.100s: it has not run here, or before "
                     "there were receipts; `ipvm run --no-memo` runs it "
                     "again",
                     label ? label : word);
}

/* --- A line -------------------------------------------------------------- */

Text receipt_outcome(const struct assertion *assertion)
{
    if (!assertion->has_result)
        return assertion->end;
    return assertion->result.is_ok ? TEXT("ok") : TEXT("error");
}

static Value hash_value(const Hash *hash, struct arena *arena)
{
    Cid cid;
    cid_from_hash(CODEC_DAG_CBOR, hash, &cid);
    return value_text(cid_bytes_to_text(cid_bytes(&cid), arena));
}

static void print_json(const struct receipt_row *row,
                       const struct assertion *assertion, struct arena *arena)
{
    struct value_entry entries[8];
    size_t count = 0;
    entries[count++] =
        (struct value_entry){TEXT("receipt"), hash_value(&row->id, arena)};
    entries[count++] = (struct value_entry){
        TEXT("outcome"), value_text(receipt_outcome(assertion))};
    entries[count++] =
        (struct value_entry){TEXT("issuer"), value_text(row->issuer)};
    entries[count++] = (struct value_entry){TEXT("at"), value_int(row->at_s)};
    entries[count++] =
        (struct value_entry){TEXT("task"), hash_value(&row->ran, arena)};
    if (row->has_comp)
        entries[count++] = (struct value_entry){TEXT("computation"),
                                                hash_value(&row->comp, arena)};
    if (row->has_res)
        entries[count++] =
            (struct value_entry){TEXT("result"), hash_value(&row->res, arena)};
    if (row->how == RECEIPT_IN_LOG)
        entries[count++] =
            (struct value_entry){TEXT("position"), value_uint(row->index)};
    const Value value = value_map(arena, entries, count);
    output_json(&value);
}

bool receipt_list(void *context, const struct receipt_row *row)
{
    const struct asker *asker = context;
    const struct cli *cli = asker->cli;
    struct assertion assertion = {0};
    struct arena arena = {0};
    char id[CID_TEXT_MAX], time[WHEN_TEXT_MAX];
    Cid cid;
    cid_from_hash(CODEC_DAG_CBOR, &row->id, &cid);
    cid_to_text(&cid, id);
    IGNORE(assertion_decode(row->assertion, &arena, &assertion, NULL));
    const Text outcome = receipt_outcome(&assertion);
    if (cli->json)
        print_json(row, &assertion, &arena);
    else if (cli->quiet)
        printf("%s\n", id);
    else
        printf("%s  %s  %-5.*s  %s\n", id, when_show(row->at_s, time),
               TEXT_ARG(outcome),
               text_equal(row->issuer, text_of(asker->did.text))
                   ? "this store"
                   : arena_copy_text(&arena, row->issuer).data);
    const bool goes_on = !ferror(stdout);
    arena_deinit(&arena);
    return goes_on;
}
