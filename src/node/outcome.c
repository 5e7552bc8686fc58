/* SPDX-License-Identifier: Apache-2.0 */
/* outcome.c - what came of a job's outputs: a block that its row keeps, and
 * with it the results. A map by label or, where that is too long for a block, a
 * list of links to such maps. */
#include "ipld/dag_cbor.h"
#include "node/state.h"
#include "run/root.h"

enum { PART_BYTES_MAX = 512 << 10 };

struct outcome {
    struct arena *arena;
    struct value_entry *entries;
    size_t count;
};

static void add_output(struct outcome *outcome, Text label,
                       const struct value_entry *fields, size_t count)
{
    outcome->entries[outcome->count++] =
        (struct value_entry){label, value_map(outcome->arena, fields, count)};
}

static Value result_link(struct arena *arena, const Hash *result)
{
    Cid *cid = ARENA_NEW(arena, Cid);
    cid_from_hash(CODEC_DAG_CBOR, result, cid);
    return value_link(cid);
}

static void add_report(struct outcome *outcome, Text label,
                       const struct run_task_report *report)
{
    struct value_entry fields[4];
    size_t count = 0;
    const bool ok =
        report->state.state == TASK_DONE && report->state.out == OUT_OK;
    fields[count++] = (struct value_entry){TEXT("ok"), value_bool(ok)};
    if (report->has_result)
        fields[count++] = (struct value_entry){
            TEXT("result"), result_link(outcome->arena, &report->result)};
    else if (report->state.state == TASK_DONE)
        fields[count++] = (struct value_entry){
            TEXT("end"), value_text(end_name(report->state.end))};
    if (report->message[0])
        fields[count++] = (struct value_entry){
            TEXT("message"),
            value_text(arena_copy_text(outcome->arena,
                                       event_text(text_of(report->message))))};
    add_output(outcome, label, fields, count);
}

/* The parts of one that is too long go to `put`. */
static Bytes outcome_block(struct outcome *outcome, struct store_batch *batch,
                           Cid *cid)
{
    struct arena *arena = outcome->arena;
    const size_t count = outcome->count;
    const Value whole = value_map(arena, outcome->entries, count);
    if (dag_cbor_length(&whole) <= PART_BYTES_MAX)
        return dag_cbor_block(&whole, arena, cid);
    Value *links = arena_array(arena, count, sizeof *links);
    size_t parts = 0;
    for (size_t first = 0, end = 0; first < count; first = end) {
        Cid *part = ARENA_NEW(arena, Cid);
        for (size_t len = 0; end < count && len < PART_BYTES_MAX; end++)
            len += outcome->entries[end].key.len + 3 +
                   dag_cbor_length(&outcome->entries[end].value);
        const Value map =
            value_map(arena, outcome->entries + first, end - first);
        store_batch_block(batch, part, dag_cbor_block(&map, arena, part));
        links[parts++] = value_link(part);
    }
    const Value list = value_list(links, parts);
    return dag_cbor_block(&list, arena, cid);
}

static void put_outcome(struct node *node, struct job *job,
                        struct outcome *outcome, struct store_batch *batch)
{
    Cid cid;
    Hash hash;
    const Bytes block = outcome_block(outcome, batch, &cid);
    store_batch_block(batch, &cid, block);
    bool known = cid_sha256(&cid, CODEC_DAG_CBOR, &hash);
    ASSERT(known);
    pthread_mutex_lock(&node->lock);
    job->facts.outcome = hash;
    job->facts.has_outcome = true;
    pthread_mutex_unlock(&node->lock);
}

void outcome_of_run(struct active *active, struct store_batch *batch)
{
    const struct workflow *workflow = active->workflow;
    struct arena arena = {0};
    struct outcome outcome = {
        .arena = &arena,
        .entries = arena_array(&arena, workflow->output_count,
                               sizeof(struct value_entry)),
    };
    for (uint32_t index = 0; index < workflow->output_count; index++) {
        const uint32_t task = workflow->outputs[index];
        struct run_task_report report;
        run_report(active->run, task, &report);
        add_report(&outcome, workflow->tasks[task].label, &report);
    }
    put_outcome(active->node, active->job, &outcome, batch);
    arena_deinit(&arena);
}

bool outcome_of_root(struct node *node, struct job *job,
                     const struct root *root,
                     const struct root_answer *answers,
                     struct store_batch *batch)
{
    struct arena arena = {0};
    struct outcome outcome = {
        .arena = &arena,
        .entries = arena_array(&arena, root->output_count,
                               sizeof(struct value_entry)),
    };
    bool succeeded = true;
    for (uint32_t index = 0; index < root->output_count; index++) {
        const struct root_answer *answer = &answers[index];
        const bool ok = !answer->is_upstream && answer->entry.is_ok;
        struct result upstream;
        result_error(TEXT("upstream"), &arena, &upstream);
        const struct value_entry fields[] = {
            {TEXT("ok"), value_bool(ok)},
            {TEXT("result"),
             value_link(answer->is_upstream ? &upstream.cid
                                            : &answer->entry.result)},
        };
        if (answer->is_upstream)
            store_batch_block(batch, &upstream.cid, upstream.block);
        add_output(&outcome, root->outputs[index].label, fields, 2);
        succeeded = succeeded && ok;
    }
    put_outcome(node, job, &outcome, batch);
    arena_deinit(&arena);
    return succeeded;
}

/* --- Reading ------------------------------------------------------------- */

static Status read_block(struct store *store, const Cid *cid,
                         struct arena *arena, Value *out, struct error *err)
{
    struct block *block;
    Status status = store_get(store, cid, &block, err);
    if (status == STATUS_NOT_FOUND)
        return fail(err, STATUS_CORRUPT,
                    "what came of the job is not in the store any more");
    TRY(status);
    const Bytes copy = arena_copy_bytes(arena, block_bytes(block));
    block_unref(block);
    return dag_cbor_decode(copy, arena, out, err);
}

static Status join_parts(struct store *store, const Value *links,
                         struct arena *arena, Value *out, struct error *err)
{
    struct value_entry *entries = NULL;
    size_t count = 0;
    for (size_t index = 0; index < links->list.count; index++) {
        Value part;
        Cid cid;
        if (links->list.items[index].kind != VALUE_LINK)
            return fail(err, STATUS_CORRUPT, "an outcome of no known form");
        TRY(cid_from_bytes(links->list.items[index].link, &cid, err));
        TRY(read_block(store, &cid, arena, &part, err));
        if (part.kind != VALUE_MAP)
            return fail(err, STATUS_CORRUPT, "an outcome of no known form");
        struct value_entry *all =
            arena_array(arena, count + part.map.count, sizeof *all);
        for (size_t at = 0; at < count; at++)
            all[at] = entries[at];
        for (size_t at = 0; at < part.map.count; at++)
            all[count + at] = part.map.entries[at];
        entries = all;
        count += part.map.count;
    }
    *out = value_map(arena, entries, count);
    return STATUS_OK;
}

Status outcome_read(struct store *store, const Hash *outcome,
                    struct arena *arena, Value *out, struct error *err)
{
    Value value;
    Cid cid;
    cid_from_hash(CODEC_DAG_CBOR, outcome, &cid);
    TRY(read_block(store, &cid, arena, &value, err));
    if (value.kind == VALUE_LIST)
        return join_parts(store, &value, arena, out, err);
    *out = value;
    return STATUS_OK;
}
