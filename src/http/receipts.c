/* SPDX-License-Identifier: Apache-2.0 */
#include "http/receipts.h"

#include "http/at_desk.h"
#include "run/receipts.h"

enum { RECEIPTS_MAX = 1000 };

struct telling {
    struct at_desk at_desk; /* first: see at_desk.h */
    struct request *request;
    Cid cid; /* of a workflow, or of what is asked about */
    Value *items;
    size_t count, room;
    bool is_long, is_full;
    Status status;
    struct error err;
    Value value;
};

static Value hash_link(const Hash *hash, struct arena *arena)
{
    Cid *cid = ARENA_NEW(arena, Cid);
    cid_from_hash(CODEC_DAG_CBOR, hash, cid);
    return value_link(cid);
}

/* --- One as a value ------------------------------------------------------ */

struct fields {
    struct arena *arena;
    struct value_entry entries[24];
    size_t count;
};

static void add(struct fields *fields, Text key, Value value)
{
    ASSERT(fields->count < sizeof fields->entries / sizeof *fields->entries);
    fields->entries[fields->count++] = (struct value_entry){key, value};
}

static void add_statement(struct fields *fields,
                          const struct assertion *assertion)
{
    struct arena *arena = fields->arena;
    Text outcome = assertion->end;
    if (assertion->has_result)
        outcome = assertion->result.is_ok ? TEXT("ok") : TEXT("error");
    add(fields, TEXT("outcome"), value_text(arena_copy_text(arena, outcome)));
    add(fields, TEXT("task"), hash_link(&assertion->ran, arena));
    if (assertion->has_comp)
        add(fields, TEXT("computation"), hash_link(&assertion->comp, arena));
    if (assertion->has_result)
        add(fields, TEXT("result"), hash_link(&assertion->res, arena));
}

static void add_checks(struct fields *fields, const struct receipt_view *view)
{
    struct arena *arena = fields->arena;
    Value *lines = arena_array(arena, RECEIPT_CHECKS, sizeof *lines);
    for (int check = 0; check < RECEIPT_CHECKS; check++) {
        const Text words =
            arena_copy_text(arena, text_of(view->verdict.words[check]));
        const struct value_entry entries[] = {
            {TEXT("check"),
             value_text(text_of(receipt_check_name((ReceiptCheck)check)))},
            {TEXT("ok"), value_bool(view->verdict.checks[check] == STATUS_OK)},
            {TEXT("words"), value_text(words)},
        };
        lines[check] = value_map(arena, entries, 3);
    }
    add(fields, TEXT("holds"), value_bool(view->verdict.holds));
    add(fields, TEXT("checks"), value_list(lines, RECEIPT_CHECKS));
}

static void add_proof(struct fields *fields, const struct receipt_view *view)
{
    struct arena *arena = fields->arena;
    const struct assertion *assertion = &view->assertion;
    Cid *token = ARENA_NEW(arena, Cid);
    *token = view->token;
    add(fields, TEXT("token"), value_link(token));
    add(fields, TEXT("index"), value_uint(view->index));
    if (view->statement.form == STATUS_OK)
        add(fields, TEXT("leaves"), value_uint(view->statement.count));
    add(fields, TEXT("path"),
        value_bytes(arena_copy_bytes(arena, view->path)));
    add(fields, TEXT("assertion"),
        value_bytes(arena_copy_bytes(arena, view->row.assertion)));
    add(fields, TEXT("signed"),
        value_bytes(arena_copy_bytes(arena, view->token_bytes)));
    Value *inputs = arena_array(arena, assertion->input_count, sizeof *inputs);
    for (size_t index = 0; index < assertion->input_count; index++)
        inputs[index] = hash_link(&assertion->inputs[index], arena);
    add(fields, TEXT("used"), value_list(inputs, assertion->input_count));
    if (assertion->has_result)
        add(fields, TEXT("value"),
            value_copy(arena, &assertion->result.value));
    add_checks(fields, view);
}

static void add_meta(struct fields *fields, const struct receipt_row *row)
{
    Value meta;
    const Bytes bytes = arena_copy_bytes(fields->arena, row->meta);
    if (bytes.len > 0 &&
        dag_cbor_decode(bytes, fields->arena, &meta, NULL) == STATUS_OK)
        add(fields, TEXT("meta"), meta);
}

static Status make_item(struct telling *telling, const struct receipt_row *row,
                        Value *out, struct error *err)
{
    struct fields fields = {.arena = &telling->request->arena};
    struct receipt_view view;
    TRY(receipt_view_open(telling->request->store, row, &view, err));
    add(&fields, TEXT("receipt"), hash_link(&row->id, fields.arena));
    add(&fields, TEXT("issuer"),
        value_text(arena_copy_text(fields.arena, row->issuer)));
    add(&fields, TEXT("at"), value_int(row->at_s));
    add_statement(&fields, &view.assertion);
    add_meta(&fields, row);
    if (telling->is_long)
        add_proof(&fields, &view);
    else
        add(&fields, TEXT("holds"), value_bool(view.verdict.holds));
    *out = value_map(fields.arena, fields.entries, fields.count);
    receipt_view_close(&view);
    return STATUS_OK;
}

static bool take_row(void *context, const struct receipt_row *row)
{
    struct telling *telling = context;
    if (telling->count == RECEIPTS_MAX) {
        telling->is_full = true;
        return false;
    }
    telling->status = make_item(telling, row, &telling->items[telling->count],
                                &telling->err);
    if (telling->status != STATUS_OK)
        return false;
    telling->count++;
    return true;
}

static struct telling *telling_new(struct request *request)
{
    struct telling *telling = ARENA_NEW(&request->arena, struct telling);
    telling->request = request;
    telling->items =
        arena_array(&request->arena, RECEIPTS_MAX, sizeof *telling->items);
    request->state = telling;
    return telling;
}

static RequestStep respond_receipts(struct request *request)
{
    const struct telling *telling = request->state;
    if (telling->status == STATUS_NOT_FOUND)
        return respond_problem(request, 404, "receipt-not-found",
                               "there is no receipt of that");
    if (telling->status != STATUS_OK)
        return respond_failure(request, NULL, telling->status, &telling->err);
    const struct value_entry entries[] = {
        {TEXT("receipts"), value_list(telling->items, telling->count)},
        {TEXT("more"), value_bool(telling->is_full)},
    };
    const Value value = value_map(&request->arena, entries, 2);
    return respond_value(request, 200, &value);
}

/* --- Of a job ------------------------------------------------------------ */

static Status tell_workflow(struct telling *telling, struct error *err)
{
    struct request *request = telling->request;
    struct workflow *workflow;
    struct seal_report sealed;
    Status status = STATUS_OK;
    TRY(receipts_seal_pending(request->store, node_key(request->node), &sealed,
                              err));
    TRY(workflow_load(request->store, &telling->cid, &workflow, err));
    for (uint32_t task = 0; task < workflow->count && !telling->is_full &&
                            telling->status == STATUS_OK;
         task++) {
        status = receipts_of_task(request->store, workflow, task,
                                  text_of(node_did(request->node)->text),
                                  take_row, telling, err);
        if (status != STATUS_OK && status != STATUS_NOT_FOUND)
            break;
        status = STATUS_OK;
    }
    workflow_free(workflow);
    return status;
}

static void perform_job(struct desk_work *work, const struct loader *loader)
{
    struct telling *telling = (struct telling *)at_desk_of(work);
    (void)loader;
    const Status status = tell_workflow(telling, &telling->err);
    if (status != STATUS_OK)
        telling->status = status;
}

RequestStep receipts_of_job(struct request *request)
{
    struct telling *telling = telling_new(request);
    Value job;
    Hash id;
    if (!request_job(request, &id))
        return REQUEST_DONE;
    const Status status =
        node_job(request->node, &id, &request->arena, &job, &telling->err);
    if (status == STATUS_NOT_FOUND)
        return respond_problem(request, 404, "job-not-found",
                               "this node has no such job");
    if (status != STATUS_OK)
        return respond_failure(request, NULL, status, &telling->err);
    const Value *workflow = value_get(&job, TEXT("workflow"));
    if (!workflow || workflow->kind != VALUE_LINK ||
        cid_from_bytes(workflow->link, &telling->cid, NULL) != STATUS_OK)
        return respond_problem(request, 500, "corrupt",
                               "the job does not say of which workflow it is");
    return at_desk_ask(request, &telling->at_desk, perform_job,
                       respond_receipts);
}

/* --- By a CID ------------------------------------------------------------ */

static void perform_cid(struct desk_work *work, const struct loader *loader)
{
    struct telling *telling = (struct telling *)at_desk_of(work);
    struct request *request = telling->request;
    struct seal_report sealed;
    (void)loader;
    Status status = receipts_seal_pending(
        request->store, node_key(request->node), &sealed, &telling->err);
    if (status == STATUS_OK)
        status = receipts_of_cid(request->store, &telling->cid, take_row,
                                 telling, &telling->err);
    if (status == STATUS_OK && telling->count == 0 &&
        telling->status == STATUS_OK)
        status = STATUS_NOT_FOUND;
    if (status != STATUS_OK)
        telling->status = status;
}

RequestStep receipts_get(struct request *request)
{
    struct telling *telling = telling_new(request);
    telling->is_long = true;
    if (!request_cid(request, 0, &telling->cid))
        return REQUEST_DONE;
    return at_desk_ask(request, &telling->at_desk, perform_cid,
                       respond_receipts);
}

/* --- The log ------------------------------------------------------------- */

RequestStep receipts_log(struct request *request)
{
    struct log_state state;
    struct error err = {0};
    struct value_entry entries[4];
    size_t count = 0;
    Hash issuer;
    Cid head;
    const Did *did = node_did(request->node);
    receipt_issuer(text_of(did->text), &issuer);
    const Status status = log_state(request->store, &issuer, &state, &err);
    if (status != STATUS_OK)
        return respond_failure(request, NULL, status, &err);
    entries[count++] =
        (struct value_entry){TEXT("issuer"), value_text(text_of(did->text))};
    entries[count++] =
        (struct value_entry){TEXT("size"), value_uint(state.edge.size)};
    entries[count++] = (struct value_entry){
        TEXT("pending"), value_bool(receipts_are_pending(request->store))};
    if (state.has_head) {
        cid_from_hash(CODEC_DAG_CBOR, &state.head, &head);
        entries[count++] =
            (struct value_entry){TEXT("head"), value_link(&head)};
    }
    const Value value = value_map(&request->arena, entries, count);
    return respond_value(request, 200, &value);
}
