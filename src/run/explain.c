/* SPDX-License-Identifier: Apache-2.0 */
#include "run/explain.h"

#include <stdio.h>
#include <stdlib.h>

#include "ipld/dag_json.h"
#include "run/trust.h"

struct explainer {
    struct store *store;
    const struct workflow *workflow;
    struct trust *trust;
    Text name;
    struct explanation *explanation;
    struct arena arena; /* of one task */
};

/* --- Differences --------------------------------------------------------- */

enum { SHOWN_MAX = 60 };

static void show_value(const Value *value, char out[SHOWN_MAX + 4])
{
    struct buffer json;
    buffer_init(&json, 1 << 20);
    if (dag_json_encode(value, &json, NULL) != STATUS_OK)
        snprintf(out, SHOWN_MAX, "a %s", value_kind_name(value->kind));
    else if (json.len <= SHOWN_MAX)
        snprintf(out, SHOWN_MAX + 4, "%.*s", (int)json.len, json.data);
    else
        snprintf(out, SHOWN_MAX + 4, "%.*s...", SHOWN_MAX - 3, json.data);
    buffer_deinit(&json);
}

struct path {
    char text[160];
    size_t len;
};

[[gnu::format(printf, 2, 3)]] static void path_add(struct path *path,
                                                   const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(path->text + path->len, sizeof path->text - path->len,
                        format, arguments);
    va_end(arguments);
    if (len > 0)
        path->len += (size_t)len < sizeof path->text - path->len
                         ? (size_t)len
                         : sizeof path->text - path->len - 1;
}

/* Descends to the first difference: at most as deep as values are. */
static void descend(const Value **now, const Value **before, struct path *path)
{
    for (;;) {
        const Value *a = *now, *b = *before;
        if (a->kind != b->kind)
            return;
        if (a->kind == VALUE_LIST && a->list.count == b->list.count) {
            size_t index = 0;
            while (value_equal(&a->list.items[index], &b->list.items[index]))
                index++;
            path_add(path, "[%zu]", index);
            *now = &a->list.items[index];
            *before = &b->list.items[index];
        } else if (a->kind == VALUE_MAP && a->map.count == b->map.count) {
            size_t index = 0;
            while (text_equal(a->map.entries[index].key,
                              b->map.entries[index].key) &&
                   value_equal(&a->map.entries[index].value,
                               &b->map.entries[index].value))
                index++;
            if (!text_equal(a->map.entries[index].key,
                            b->map.entries[index].key))
                return;
            path_add(path, "%s%.*s", path->len ? "." : "",
                     TEXT_ARG(a->map.entries[index].key));
            *now = &a->map.entries[index].value;
            *before = &b->map.entries[index].value;
        } else {
            return;
        }
    }
}

bool explain_difference(const Value *now, const Value *before, char *out,
                        size_t room)
{
    struct path path = {.len = 0};
    char is[SHOWN_MAX + 4], was[SHOWN_MAX + 4];
    if (value_equal(now, before))
        return false;
    descend(&now, &before, &path);
    show_value(now, is);
    show_value(before, was);
    if (strcmp(path.text, "mod") == 0)
        snprintf(out, room, "the module is another: %s, was %s", is, was);
    else
        snprintf(out, room, "%s is %s, was %s",
                 path.len ? path.text : "the whole", is, was);
    return true;
}

/* --- Why a task is not in the memo --------------------------------------- */

static Status load_block(struct explainer *explainer, const Hash *hash,
                         Bytes *out)
{
    struct block *block;
    Cid cid;
    cid_from_hash(CODEC_DAG_CBOR, hash, &cid);
    TRY(store_get(explainer->store, &cid, &block, NULL));
    *out = arena_copy_bytes(&explainer->arena, block_bytes(block));
    block_unref(block);
    return STATUS_OK;
}

/* The last run's note of this task: its concrete computation and its end. */
static bool last_run(struct explainer *explainer, const struct task *task,
                     Hash *concrete, Text *end)
{
    uint8_t key[512];
    Bytes note;
    Value value;
    size_t len = explainer->name.len + 1 + task->label.len;
    if (explainer->name.len == 0 || len > sizeof key)
        return false;
    memcpy(key, explainer->name.data, explainer->name.len);
    key[explainer->name.len] = 0;
    memcpy(key + explainer->name.len + 1, task->label.data, task->label.len);
    if (note_get(explainer->store, NOTE_LAST_RUN, bytes_of(key, len),
                 &explainer->arena, &note, NULL) != STATUS_OK ||
        dag_cbor_decode(note, &explainer->arena, &value, NULL) != STATUS_OK)
        return false;
    const Value *hash = value_get(&value, TEXT("concrete"));
    const Value *name = value_get(&value, TEXT("end"));
    if (!hash || hash->kind != VALUE_BYTES ||
        hash->bytes.len != sizeof *concrete || !name ||
        name->kind != VALUE_TEXT)
        return false;
    memcpy(concrete, hash->bytes.data, sizeof *concrete);
    *end = name->text;
    return true;
}

/* The memo has an entry, and is a miss all the same. */
static bool why_no_hit(struct explainer *explainer, const Hash *concrete,
                       struct explained *out)
{
    struct memo_entry entry;
    struct block *block = NULL;
    if (memo_peek(explainer->store, concrete, &entry, NULL) != STATUS_OK)
        return false;
    Status status = store_get(explainer->store, &entry.result, &block, NULL);
    block_unref(block);
    if (status == STATUS_NOT_FOUND)
        snprintf(out->why, sizeof out->why, "its result was collected");
    else if (status == STATUS_CORRUPT)
        snprintf(out->why, sizeof out->why, "its result block is damaged");
    return status == STATUS_NOT_FOUND || status == STATUS_CORRUPT;
}

static void why_would_run(struct explainer *explainer, const struct task *task,
                          Bytes block, struct explained *out)
{
    struct computation now, before;
    Hash old;
    Text end;
    Bytes old_block;

    if (why_no_hit(explainer, &out->concrete, out))
        return;
    if (!last_run(explainer, task, &old, &end)) {
        snprintf(out->why, sizeof out->why, "never run here");
        return;
    }
    if (hash_equal(&old, &out->concrete)) {
        if (end.len > 0)
            snprintf(out->why, sizeof out->why,
                     "the last run ended without a result: %.*s",
                     TEXT_ARG(end));
        else
            snprintf(out->why, sizeof out->why,
                     "it was run before, but its result is not here any more");
        return;
    }
    if (load_block(explainer, &old, &old_block) != STATUS_OK ||
        computation_decode(old_block, &explainer->arena, &before, NULL) !=
            STATUS_OK ||
        computation_decode(block, &explainer->arena, &now, NULL) != STATUS_OK)
        snprintf(out->why, sizeof out->why,
                 "its inputs are not those of the "
                 "last run");
    else if (!explain_difference(&now.args, &before.args, out->why,
                                 sizeof out->why))
        snprintf(out->why, sizeof out->why, "its command or nonce is another");
}

/* --- One task ------------------------------------------------------------ */

/* What a run would ask when the memo has nothing; without rules it asks
 * nobody. */
static bool take_belief(struct explainer *explainer, const Hash *concrete,
                        Bytes block, struct explained *out)
{
    struct trust_answer answer;
    trust_ask(explainer->trust, concrete, block, &answer);
    if (answer.receipts > 0)
        snprintf(out->trust, sizeof out->trust, "%s", answer.judgement.why);
    if (!answer.is_usable || trust_rules_of(explainer->trust)->count == 0)
        return false;
    out->cost =
        (struct memo_entry){.provenance = MEMO_RECEIPT, .is_ok = answer.is_ok};
    cid_from_hash(CODEC_DAG_CBOR, &answer.result, &out->cost.result);
    out->is_believed = true;
    return true;
}

/* `block`: the computation's, or empty. */
static bool take_hit(struct explainer *explainer, const Hash *concrete,
                     Bytes block, struct explained *out)
{
    if (memo_get(explainer->store, concrete, &out->cost, NULL) != STATUS_OK &&
        !take_belief(explainer, concrete, block, out))
        return false;
    if (!cid_sha256(&out->cost.result, CODEC_DAG_CBOR, &out->result))
        return false;
    out->concrete = *concrete;
    out->has_concrete = true;
    out->is_ok = out->cost.is_ok;
    return true;
}

static void say_hit(struct explained *out, ExplainVerdict verdict,
                    const char *why)
{
    out->verdict = verdict;
    if (out->is_believed)
        snprintf(out->why, sizeof out->why, "known by a receipt");
    else
        snprintf(out->why, sizeof out->why, "%s", why);
}

static bool take_upstream(struct explainer *explainer, struct explained *out)
{
    struct result result;
    result_error(TEXT("upstream"), &explainer->arena, &result);
    out->verdict = EXPLAIN_UPSTREAM;
    snprintf(out->why, sizeof out->why,
             "a branch that it awaits is not the one that came");
    return cid_sha256(&result.cid, CODEC_DAG_CBOR, &out->result);
}

static bool by_symbolic(struct explainer *explainer, const struct task *task,
                        struct explained *out)
{
    Hash concrete;
    bool upstream;
    if (task->class != CLASS_PURE ||
        memo_get_symbolic(explainer->store, &task->symbolic, &concrete,
                          &upstream, NULL) != STATUS_OK)
        return false;
    if (upstream)
        return take_upstream(explainer, out);
    if (!take_hit(explainer, &concrete, (Bytes){NULL, 0}, out))
        return false;
    say_hit(out, EXPLAIN_HIT_SYMBOLIC, "known by its recipe");
    return true;
}

static bool has_result(const struct explained *task)
{
    return task->verdict <= EXPLAIN_UPSTREAM;
}

static Status awaited_value(struct explainer *explainer, const Hash *hash,
                            struct awaited *out)
{
    struct result result;
    Bytes block;
    struct arena *arena = &explainer->arena;
    // The upstream result is a constant that nobody had to store.
    result_error(TEXT("upstream"), arena, &result);
    Hash upstream;
    if (!cid_sha256(&result.cid, CODEC_DAG_CBOR, &upstream) ||
        !hash_equal(&upstream, hash)) {
        TRY(load_block(explainer, hash, &block));
        TRY(result_decode(block, arena, &result, NULL));
    }
    Value *whole = ARENA_NEW(arena, Value);
    *whole = result.value;
    *out = (struct awaited){.is_ok = result.is_ok, .result = whole};
    return STATUS_OK;
}

static Status discard(void *context, const Cid *cid, Bytes block,
                      struct error *err)
{
    (void)context;
    (void)cid;
    (void)block;
    (void)err;
    return STATUS_OK;
}

static Status gather(struct explainer *explainer, const struct task *task,
                     struct awaited *awaited)
{
    for (uint32_t index = 0; index < task->await_count; index++) {
        const struct await *await = &task->awaits[index];
        struct explained outside = {0};
        const struct explained *source = &outside;
        if (await->task != TASK_OUTSIDE) {
            source = &explainer->explanation->tasks[await->task];
        } else {
            const struct task stand_in = {.class = CLASS_PURE,
                                          .symbolic = *await->symbolic};
            if (!by_symbolic(explainer, &stand_in, &outside))
                return STATUS_NOT_FOUND;
        }
        TRY(awaited_value(explainer, &source->result, &awaited[index]));
    }
    return STATUS_OK;
}

static void by_inputs(struct explainer *explainer, const struct task *task,
                      struct explained *out)
{
    const struct block_sink sink = {NULL, discard};
    struct error err = {0};
    Bytes block;
    struct awaited *awaited =
        arena_array(&explainer->arena, task->await_count, sizeof *awaited);
    if (gather(explainer, task, awaited) != STATUS_OK) {
        out->verdict = EXPLAIN_WAITS;
        snprintf(out->why, sizeof out->why,
                 "what it awaits is not here any more");
        return;
    }
    Status status = computation_resolve(
        task, awaited, &sink, &explainer->arena, &block, &out->concrete, &err);
    if (status == STATUS_NOT_FOUND) {
        if (!take_upstream(explainer, out))
            out->verdict = EXPLAIN_REFUSED;
    } else if (status != STATUS_OK) {
        out->verdict = EXPLAIN_REFUSED;
        snprintf(out->why, sizeof out->why, "%s", err.message);
    } else if (task->class == CLASS_PURE &&
               take_hit(explainer, &out->concrete, block, out)) {
        say_hit(out, EXPLAIN_HIT_CONCRETE,
                "another recipe with equal inputs was run");
    } else {
        out->has_concrete = true;
        out->verdict = EXPLAIN_WOULD_RUN;
        why_would_run(explainer, task, block, out);
    }
}

static void explain_task(struct explainer *explainer, uint32_t index)
{
    const struct task *task = &explainer->workflow->tasks[index];
    struct explained *out = &explainer->explanation->tasks[index];

    arena_reset(&explainer->arena);
    if (by_symbolic(explainer, task, out))
        return;
    for (uint32_t await = 0; await < task->await_count; await++) {
        uint32_t awaited = task->awaits[await].task;
        if (awaited == TASK_OUTSIDE ||
            has_result(&explainer->explanation->tasks[awaited]))
            continue;
        out->verdict = EXPLAIN_WAITS;
        snprintf(out->why, sizeof out->why,
                 "awaits %.*s, whose result is not known",
                 TEXT_ARG(explainer->workflow->tasks[awaited].label));
        return;
    }
    by_inputs(explainer, task, out);
}

/* --- The workflow -------------------------------------------------------- */

/* Visits tasks after what they await, without recursion. */
static void in_dependency_order(const struct workflow *workflow,
                                void (*visit)(struct explainer *, uint32_t),
                                struct explainer *explainer)
{
    uint32_t *stack = heap_array(workflow->count, sizeof *stack);
    uint32_t *next = heap_array(workflow->count, sizeof *next);
    bool *seen = heap_array(workflow->count, sizeof *seen);
    for (uint32_t root = 0; root < workflow->count; root++) {
        uint32_t depth = 0;
        if (seen[root])
            continue;
        seen[root] = true;
        stack[depth++] = root;
        while (depth > 0) {
            uint32_t task = stack[depth - 1];
            const struct task *what = &workflow->tasks[task];
            if (next[task] == what->await_count) {
                visit(explainer, task);
                depth--;
                continue;
            }
            uint32_t awaited = what->awaits[next[task]++].task;
            if (awaited != TASK_OUTSIDE && !seen[awaited]) {
                seen[awaited] = true;
                stack[depth++] = awaited;
            }
        }
    }
    free(stack);
    free(next);
    free(seen);
}

/* From the outputs down, as far as the memo does not answer. */
static void mark_needed(struct explainer *explainer)
{
    const struct workflow *workflow = explainer->workflow;
    struct explained *tasks = explainer->explanation->tasks;
    uint32_t *stack = heap_array((size_t)workflow->count + 1, sizeof *stack);
    uint32_t depth = 0;
    for (uint32_t index = 0; index < workflow->count; index++)
        if (workflow->tasks[index].class != CLASS_PURE) {
            tasks[index].is_needed = true;
            stack[depth++] = index;
        }
    for (uint32_t index = 0; index < workflow->output_count; index++)
        if (!tasks[workflow->outputs[index]].is_needed) {
            tasks[workflow->outputs[index]].is_needed = true;
            stack[depth++] = workflow->outputs[index];
        }
    while (depth > 0) {
        uint32_t task = stack[--depth];
        if (tasks[task].verdict == EXPLAIN_HIT_SYMBOLIC)
            continue;
        for (uint32_t index = 0; index < workflow->tasks[task].await_count;
             index++) {
            uint32_t awaited = workflow->tasks[task].awaits[index].task;
            if (awaited == TASK_OUTSIDE || tasks[awaited].is_needed)
                continue;
            tasks[awaited].is_needed = true;
            stack[depth++] = awaited;
        }
    }
    free(stack);
}

Status explain_workflow(struct store *store, const struct workflow *workflow,
                        Text remember_as, struct explanation **out,
                        struct error *err)
{
    struct trust *trust;
    TRY(trust_open(store, &trust, err));
    struct explanation *explanation = HEAP_NEW(struct explanation);
    explanation->tasks =
        heap_array(workflow->count, sizeof *explanation->tasks);
    explanation->count = workflow->count;
    struct explainer explainer = {
        .store = store,
        .workflow = workflow,
        .trust = trust,
        .name = remember_as,
        .explanation = explanation,
    };
    in_dependency_order(workflow, explain_task, &explainer);
    mark_needed(&explainer);
    for (uint32_t index = 0; index < workflow->count; index++) {
        const struct explained *task = &explanation->tasks[index];
        bool hit = has_result(task);
        explanation->hits += hit;
        explanation->would_run += !hit && task->is_needed;
        explanation->saved_ns += hit ? task->cost.run_ns : 0;
    }
    arena_deinit(&explainer.arena);
    trust_close(trust);
    *out = explanation;
    return STATUS_OK;
}

void explanation_free(struct explanation *explanation)
{
    if (!explanation)
        return;
    free(explanation->tasks);
    free(explanation);
}

uint32_t explain_awaited_by(const struct workflow *workflow, uint32_t task,
                            struct arena *arena, const uint32_t **out)
{
    uint32_t count = 0;
    uint32_t *found = NULL;
    // Twice: count, then fill.
    for (int pass = 0; pass < 2; pass++) {
        if (pass == 1)
            found = arena_array(arena, count, sizeof *found);
        count = 0;
        for (uint32_t other = 0; other < workflow->count; other++)
            for (uint32_t index = 0;
                 index < workflow->tasks[other].await_count; index++)
                if (workflow->tasks[other].awaits[index].task == task) {
                    if (found)
                        found[count] = other;
                    count++;
                    break;
                }
    }
    *out = found;
    return count;
}
