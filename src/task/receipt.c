/* SPDX-License-Identifier: Apache-2.0 */
/* receipt.c - assertions, and the Task CIDs in them. */
#include "task/receipt.h"

#include <stdlib.h>

#include "task/reserved.h"

static Cid cid_of_hash(const Hash *hash)
{
    Cid cid;
    cid_from_hash(CODEC_DAG_CBOR, hash, &cid);
    return cid;
}

static void add_link(struct buffer *out, const Hash *hash)
{
    const Cid cid = cid_of_hash(hash);
    cbor_add_link(out, cid_bytes(&cid));
}

/* --- Writing ------------------------------------------------------------- */

/* Keys by length, then bytes: end inp out ran res comp. */
void assertion_encode(const struct assertion_claims *claims,
                      struct buffer *out, Hash *id)
{
    const size_t start = out->len;
    const bool is_end = claims->end.len > 0;
    ASSERT(is_end == (claims->result.len == 0));
    cbor_add_map(out, (is_end ? 3 : 4) + (size_t)(claims->comp != NULL));
    if (is_end) {
        cbor_add_text(out, TEXT("end"));
        cbor_add_map(out, 1);
        cbor_add_text(out, TEXT("name"));
        cbor_add_text(out, claims->end);
    }
    cbor_add_text(out, TEXT("inp"));
    cbor_add_list(out, claims->input_count);
    for (size_t index = 0; index < claims->input_count; index++)
        add_link(out, &claims->inputs[index]);
    if (!is_end) {
        cbor_add_text(out, TEXT("out"));
        buffer_add_bytes(out, claims->result); // A value is its one encoding.
    }
    cbor_add_text(out, TEXT("ran"));
    add_link(out, &claims->ran);
    if (!is_end) {
        Hash res;
        hash_sha256(claims->result, &res);
        cbor_add_text(out, TEXT("res"));
        add_link(out, &res);
    }
    if (claims->comp) {
        cbor_add_text(out, TEXT("comp"));
        add_link(out, claims->comp);
    }
    hash_sha256(bytes_from(buffer_bytes(out), start), id);
}

/* --- Reading ------------------------------------------------------------- */

static Status read_link(const Value *map, const char *key, Hash *out,
                        struct error *err)
{
    const Value *link = value_get(map, text_of(key));
    Cid cid;
    if (!link || link->kind != VALUE_LINK ||
        cid_from_bytes(link->link, &cid, NULL) != STATUS_OK ||
        !cid_sha256(&cid, CODEC_DAG_CBOR, out))
        return fail(err, STATUS_INVALID,
                    "receipt: .%s is not a link to a dag-cbor block of "
                    "sha2-256",
                    key);
    return STATUS_OK;
}

static Status read_inputs(const Value *map, struct arena *arena,
                          struct assertion *out, struct error *err)
{
    const Value *list = value_get(map, TEXT("inp"));
    if (!list || list->kind != VALUE_LIST ||
        list->list.count > ASSERTION_INPUTS_MAX)
        return fail(err, STATUS_INVALID,
                    "receipt: .inp is not a list of at most %d links",
                    ASSERTION_INPUTS_MAX);
    Hash *inputs = arena_array(arena, list->list.count, sizeof *inputs);
    for (size_t index = 0; index < list->list.count; index++) {
        const Value *item = &list->list.items[index];
        Cid cid;
        if (item->kind != VALUE_LINK ||
            cid_from_bytes(item->link, &cid, NULL) != STATUS_OK ||
            !cid_sha256(&cid, CODEC_DAG_CBOR, &inputs[index]))
            return fail(err, STATUS_INVALID,
                        "receipt: .inp[%zu] is not a link to a receipt",
                        index);
        if (index > 0 &&
            memcmp(&inputs[index - 1], &inputs[index], sizeof *inputs) >= 0)
            return fail(err, STATUS_INVALID,
                        "receipt: .inp[%zu] is out of order or twice there",
                        index);
    }
    out->inputs = inputs;
    out->input_count = list->list.count;
    return STATUS_OK;
}

static bool is_end_name(Text name)
{
    if (name.len == 0 || name.len > END_NAME_MAX)
        return false;
    for (size_t index = 0; index < name.len; index++)
        if ((name.data[index] < 'a' || name.data[index] > 'z') &&
            name.data[index] != '/' && name.data[index] != '-')
            return false;
    return true;
}

static Status read_end(const Value *end, struct assertion *out,
                       struct error *err)
{
    const Value *name = value_get(end, TEXT("name"));
    if (!name || name->kind != VALUE_TEXT || end->map.count != 1 ||
        !is_end_name(name->text))
        return fail(err, STATUS_INVALID,
                    "receipt: .end is not a map of a name");
    out->end = name->text;
    return STATUS_OK;
}

static Status read_out(const Value *map, struct arena *arena,
                       struct assertion *out, struct error *err)
{
    const Value *value = value_get(map, TEXT("out"));
    struct error inner = {0};
    Cid cid;
    if (!value)
        return fail(err, STATUS_INVALID,
                    "receipt: there is neither .out nor .end");
    const Bytes block = dag_cbor_block(value, arena, &cid);
    if (result_decode(block, arena, &out->result, &inner) != STATUS_OK)
        return fail(err, STATUS_INVALID, "receipt: .out: %.150s",
                    inner.message);
    out->has_result = true;
    return read_link(map, "res", &out->res, err);
}

Status assertion_decode(Bytes block, struct arena *arena,
                        struct assertion *out, struct error *err)
{
    struct error inner = {0};
    Value map;
    *out = (struct assertion){0};
    if (block.len > BLOCK_MADE_MAX)
        return fail(err, STATUS_INVALID,
                    "receipt: %zu bytes are more than a block holds",
                    block.len);
    if (dag_cbor_decode(block, arena, &map, &inner) != STATUS_OK)
        return fail_at(err, STATUS_INVALID, inner.offset, "receipt: %.150s",
                       inner.message);
    if (map.kind != VALUE_MAP)
        return fail(err, STATUS_INVALID, "receipt: it is %s, not a map",
                    value_kind_name(map.kind));
    const Value *end = value_get(&map, TEXT("end"));
    TRY(read_link(&map, "ran", &out->ran, err));
    TRY(read_inputs(&map, arena, out, err));
    TRY(end ? read_end(end, out, err) : read_out(&map, arena, out, err));
    out->has_comp = value_get(&map, TEXT("comp")) != NULL;
    if (out->has_comp)
        TRY(read_link(&map, "comp", &out->comp, err));
    if (map.map.count != (end ? 3U : 4U) + out->has_comp)
        return fail(err, STATUS_INVALID,
                    "receipt: it has other fields than .ran, .inp, .comp and "
                    "%s",
                    end ? ".end" : ".out with .res");
    return STATUS_OK;
}

Status assertion_check_result(const struct assertion *assertion,
                              struct error *err)
{
    const Cid stated = cid_of_hash(&assertion->res);
    if (!assertion->has_result || cid_equal(&stated, &assertion->result.cid))
        return STATUS_OK;
    return fail(err, STATUS_DENIED, "receipt: .res is not the CID of .out");
}

/* --- Task CIDs ----------------------------------------------------------- */

void task_hash(Text cmd, Text sub, Bytes args, Bytes nonce,
               struct buffer *scratch, Hash *out)
{
    buffer_clear(scratch);
    cbor_add_map(scratch, 4);
    cbor_add_text(scratch, TEXT("cmd"));
    cbor_add_text(scratch, cmd);
    cbor_add_text(scratch, TEXT("sub"));
    cbor_add_text(scratch, sub);
    cbor_add_text(scratch, TEXT("args"));
    buffer_add_bytes(scratch, args);
    cbor_add_text(scratch, TEXT("nonce"));
    cbor_add_bytes(scratch, nonce);
    ASSERT(scratch->status == STATUS_OK);
    hash_sha256(buffer_bytes(scratch), out);
}

struct translation {
    TaskOfComputation *each;
    void *context;
    Bytes from;
    uint8_t *to;
};

/* A link of ours has its digest at its end, and keeps its length. */
static void translate_link(const struct translation *translation, Bytes link)
{
    Cid cid;
    Hash symbolic, task;
    if (cid_from_bytes(link, &cid, NULL) != STATUS_OK ||
        !cid_sha256(&cid, CODEC_DAG_CBOR, &symbolic) ||
        !translation->each(translation->context, &symbolic, &task))
        return;
    const size_t at = (size_t)(link.data - translation->from.data);
    memcpy(translation->to + at + link.len - SHA256_LEN, task.bytes,
           SHA256_LEN);
}

/* Bounded by the decoder's depth. */
static void translate(const struct translation *translation,
                      const Value *value)
{
    if (value->kind == VALUE_LIST)
        for (size_t index = 0; index < value->list.count; index++)
            translate(translation, &value->list.items[index]);
    if (value->kind != VALUE_MAP)
        return;
    if (value_reserved(value) == RESERVED_PROMISE) {
        const Value *target = promise_target(value);
        if (target->kind == VALUE_LINK)
            translate_link(translation, target->link);
        return;
    }
    for (size_t index = 0; index < value->map.count; index++)
        translate(translation, &value->map.entries[index].value);
}

Status task_args_translated(Bytes args, TaskOfComputation *each, void *context,
                            struct arena *arena, Bytes *out, struct error *err)
{
    Value value;
    uint8_t *copy = arena_alloc(arena, args.len);
    memcpy(copy, args.data, args.len);
    const struct translation translation = {each, context, args, copy};
    TRY(dag_cbor_decode(args, arena, &value, err));
    translate(&translation, &value);
    *out = bytes_of(copy, args.len);
    return STATUS_OK;
}

struct task_hashes {
    const struct workflow *workflow;
    Text executor;
    TaskOfComputation *outside;
    void *context;
    Hash *hashes; /* owned */
    bool *known;  /* owned */
    struct buffer scratch;
    struct arena arena;
    uint32_t *stack; /* owned */
    size_t depth, capacity;
};

struct task_hashes *task_hashes_new(const struct workflow *workflow,
                                    Text executor, TaskOfComputation *outside,
                                    void *context)
{
    struct task_hashes *hashes = HEAP_NEW(struct task_hashes);
    const size_t count = (size_t)workflow->count + 1;
    hashes->workflow = workflow;
    hashes->executor = executor;
    hashes->outside = outside;
    hashes->context = context;
    hashes->hashes = heap_array(count, sizeof *hashes->hashes);
    hashes->known = heap_array(count, sizeof *hashes->known);
    buffer_init(&hashes->scratch, 2 * (size_t)BLOCK_TAKEN_MAX);
    return hashes;
}

void task_hashes_free(struct task_hashes *hashes)
{
    if (!hashes)
        return;
    buffer_deinit(&hashes->scratch);
    arena_deinit(&hashes->arena);
    free(hashes->stack);
    free(hashes->hashes);
    free(hashes->known);
    free(hashes);
}

struct asking {
    struct task_hashes *hashes;
    const struct task *task;
};

static bool awaited_hash(void *context, const Hash *symbolic, Hash *out)
{
    const struct asking *asking = context;
    struct task_hashes *hashes = asking->hashes;
    for (uint32_t index = 0; index < asking->task->await_count; index++) {
        const struct await *await = &asking->task->awaits[index];
        if (await->task == TASK_OUTSIDE ||
            !hash_equal(await->symbolic, symbolic))
            continue;
        *out = hashes->hashes[await->task];
        return true;
    }
    return hashes->outside && hashes->outside(hashes->context, symbolic, out);
}

/* All that it awaits is known. */
static void make_hash(struct task_hashes *hashes, uint32_t index)
{
    const struct task *task = &hashes->workflow->tasks[index];
    struct asking asking = {hashes, task};
    Bytes args = task->args;
    arena_reset(&hashes->arena);
    if (task->await_count > 0) {
        Status status = task_args_translated(args, awaited_hash, &asking,
                                             &hashes->arena, &args, NULL);
        ASSERT(status == STATUS_OK); // A workflow's args are canonical.
    }
    task_hash(task->cmd, task->sub.len > 0 ? task->sub : hashes->executor,
              args, task->nonce, &hashes->scratch, &hashes->hashes[index]);
    hashes->known[index] = true;
}

static void push(struct task_hashes *hashes, uint32_t task)
{
    if (hashes->depth == hashes->capacity) {
        hashes->capacity = hashes->capacity ? hashes->capacity * 2 : 64;
        hashes->stack = heap_resize(hashes->stack, hashes->capacity,
                                    sizeof *hashes->stack);
    }
    hashes->stack[hashes->depth++] = task;
}

static uint32_t unknown_await(const struct task_hashes *hashes, uint32_t task)
{
    const struct task *what = &hashes->workflow->tasks[task];
    for (uint32_t index = 0; index < what->await_count; index++)
        if (what->awaits[index].task != TASK_OUTSIDE &&
            !hashes->known[what->awaits[index].task])
            return what->awaits[index].task;
    return TASK_OUTSIDE;
}

const Hash *task_hashes_get(struct task_hashes *hashes, uint32_t task)
{
    ASSERT(task < hashes->workflow->count);
    if (!hashes->known[task])
        push(hashes, task);
    while (hashes->depth > 0) { // The graph has no cycle.
        const uint32_t top = hashes->stack[hashes->depth - 1];
        const uint32_t first = unknown_await(hashes, top);
        if (first != TASK_OUTSIDE) {
            push(hashes, first);
            continue;
        }
        if (!hashes->known[top])
            make_hash(hashes, top);
        hashes->depth--;
    }
    return &hashes->hashes[task];
}
