/* SPDX-License-Identifier: Apache-2.0 */
/* homestar.c - Homestar 0.2 workflows.
 *
 * A workflow there is {"tasks": [{cause, meta, prf, run: {input: {args, func},
 * nnc, op, rsc}}]}. Its CIDs are over the value as Homestar itself would write
 * it: unknown keys dropped, what is absent filled in. */
#include "task/homestar.h"

#include <stdio.h>

#include "ipld/dag_cbor.h"
#include "task/computation.h"
#include "task/foreign.h"
#include "task/reserved.h"
#include "task/workflow_parts.h"

/* One task as it stands in the file. */
struct homestar_task {
    Value cause, meta, prf, resource, op, args, function, nonce;
    Text module; /* a CID's text, out of `rsc` */
};

struct homestar {
    struct arena *arena;
    struct homestar_task *tasks;
    size_t count;
    Text name;
};

void homestar_cid(const Value *value, struct arena *arena, Cid *out)
{
    uint8_t digest[HASH_DIGEST_MAX];
    size_t len = 0;
    Cid plain;

    Bytes block = dag_cbor_block(value, arena, &plain);
    Status status = hash_digest(HASH_SHA3_256, block, digest, &len, NULL);
    ASSERT(status == STATUS_OK && len == 32);
    out->len = CID_OURS_LEN;
    memcpy(out->bytes, (uint8_t[]){0x01, CODEC_DAG_CBOR, HASH_SHA3_256, 32},
           4);
    memcpy(out->bytes + 4, digest, 32);
}

/* --- Reading ------------------------------------------------------------- */

static Value get_or(const Value *map, Text key, Value otherwise)
{
    const Value *value = value_get(map, key);

    return value ? *value : otherwise;
}

static Status need(const Value *map, const char *where, Text key,
                   ValueKind kind, Value *out, struct error *err)
{
    const Value *value = value_get(map, key);

    if (!value || value->kind != kind)
        return fail(err, STATUS_INVALID, "%s'%.*s' must be %s, got %s", where,
                    TEXT_ARG(key), value_kind_name(kind),
                    value ? value_kind_name(value->kind) : "nothing");
    *out = *value;
    return STATUS_OK;
}

/* `rsc` is "ipfs://CID", or a link that stands for it. */
static Status read_resource(const Value *run, struct arena *arena,
                            struct homestar_task *task, struct error *err)
{
    const Value *resource = value_get(run, TEXT("rsc"));

    if (resource && resource->kind == VALUE_LINK) {
        task->module = cid_bytes_to_text(resource->link, arena);
        task->resource = value_text(
            arena_format(arena, "ipfs://%.*s", TEXT_ARG(task->module)));
        return STATUS_OK;
    }
    if (!resource || resource->kind != VALUE_TEXT ||
        !text_starts_with(resource->text, TEXT("ipfs://")))
        return fail(err, STATUS_INVALID,
                    "run.'rsc' must be \"ipfs://CID\" or a link");
    task->resource = *resource;
    task->module = (Text){resource->text.data + 7, resource->text.len - 7};
    return STATUS_OK;
}

static Status read_task(const Value *value, struct arena *arena,
                        struct homestar_task *task, struct error *err)
{
    Value run, input;

    task->cause = get_or(value, TEXT("cause"), value_null());
    task->prf = get_or(value, TEXT("prf"), value_list(NULL, 0));
    TRY(need(value, "", TEXT("meta"), VALUE_MAP, &task->meta, err));
    TRY(need(value, "", TEXT("run"), VALUE_MAP, &run, err));
    TRY(read_resource(&run, arena, task, err));
    TRY(need(&run, "run.", TEXT("op"), VALUE_TEXT, &task->op, err));
    TRY(need(&run, "run.", TEXT("input"), VALUE_MAP, &input, err));
    TRY(need(&input, "run.input.", TEXT("func"), VALUE_TEXT, &task->function,
             err));
    TRY(need(&input, "run.input.", TEXT("args"), VALUE_LIST, &task->args,
             err));
    task->nonce = get_or(&run, TEXT("nnc"), value_text(TEXT("")));
    return STATUS_OK;
}

static Status read_file(Bytes bytes, struct arena *arena, struct homestar *out,
                        struct error *err)
{
    Value file, tasks;

    TRY(foreign_decode(bytes, arena, &file, err));
    // The request to run one is {"name": Text, "workflow": {"tasks": …}}.
    Value name = get_or(&file, TEXT("name"), value_null());
    file = get_or(&file, TEXT("workflow"), file);
    TRY(need(&file, "", TEXT("tasks"), VALUE_LIST, &tasks, err));
    *out = (struct homestar){.arena = arena, .count = tasks.list.count};
    if (name.kind == VALUE_TEXT)
        out->name = name.text;
    out->tasks = arena_array(arena, out->count, sizeof *out->tasks);
    for (size_t i = 0; i < out->count; i++) {
        Status status =
            read_task(&tasks.list.items[i], arena, &out->tasks[i], err);
        if (status != STATUS_OK)
            return fail_in(err, status, "tasks[%zu]", i);
    }
    return STATUS_OK;
}

/* --- Naming -------------------------------------------------------------- */

static Value instruction_value(const struct homestar_task *task,
                               struct arena *arena)
{
    const struct value_entry input[] = {{TEXT("args"), task->args},
                                        {TEXT("func"), task->function}};
    const struct value_entry run[] = {
        {TEXT("op"), task->op},
        {TEXT("nnc"), task->nonce},
        {TEXT("rsc"), task->resource},
        {TEXT("input"), value_map(arena, input, 2)},
    };

    return value_map(arena, run, 4);
}

static Value task_map(const struct homestar_task *task, struct arena *arena)
{
    const struct value_entry entries[] = {
        {TEXT("prf"), task->prf},
        {TEXT("run"), instruction_value(task, arena)},
        {TEXT("meta"), task->meta},
        {TEXT("cause"), task->cause},
    };

    return value_map(arena, entries, 4);
}

static void name_all(const struct homestar *file, struct homestar_names *out)
{
    struct arena *arena = file->arena;
    Value *tasks = arena_array(arena, file->count, sizeof *tasks);

    out->count = file->count;
    out->tasks = arena_array(arena, file->count, sizeof *out->tasks);
    for (size_t i = 0; i < file->count; i++) {
        Value run = instruction_value(&file->tasks[i], arena);
        tasks[i] = task_map(&file->tasks[i], arena);
        out->tasks[i].function = file->tasks[i].function.text;
        homestar_cid(&run, arena, &out->tasks[i].instruction);
        Value invocation = value_map1(arena, TEXT("task"), tasks[i]);
        homestar_cid(&invocation, arena, &out->tasks[i].invocation);
    }
    Value all =
        value_map1(arena, TEXT("tasks"), value_list(tasks, file->count));
    homestar_cid(&all, arena, &out->workflow);
}

Status homestar_name(Bytes bytes, struct arena *arena,
                     struct homestar_names *out, struct error *err)
{
    struct homestar file;

    TRY(read_file(bytes, arena, &file, err));
    name_all(&file, out);
    return STATUS_OK;
}

/* --- To a workflow ------------------------------------------------------- */

struct converter {
    const struct homestar *file;
    const struct manifest_host *host;
    struct arena *arena;
    struct homestar_names names;
    struct map index; /* instruction CID → its task */
    Text *labels;
};

/* "07-crop": the number keeps the order, the name is for people. */
static Text make_label(const struct converter *converter, size_t index)
{
    int digits = snprintf(NULL, 0, "%zu", converter->file->count);
    Text function = converter->names.tasks[index].function;
    int len = function.len > 48 ? 48 : (int)function.len;
    char name[49];

    for (int i = 0; i < len; i++) {
        Text one = {function.data + i, 1};
        name[i] = label_is_legal(one) ? function.data[i] : '-';
    }
    return arena_format(converter->arena, "%0*zu-%.*s", digits, index + 1, len,
                        name);
}

static Status rewrite_promise(void *context, const Value *map, Value *out,
                              struct error *err)
{
    struct converter *converter = context;

    if (value_reserved(map) != RESERVED_PROMISE)
        return STATUS_NOT_FOUND;
    const Value *target = promise_target(map);
    const uint64_t *found = target->kind == VALUE_LINK
                                ? map_get(&converter->index, target->link)
                                : NULL;
    if (!found) {
        Text text = target->kind == VALUE_LINK
                        ? cid_bytes_to_text(target->link, converter->arena)
                        : target->text;
        return fail(err, STATUS_INVALID,
                    "awaits the instruction %.*s, which is not in this "
                    "workflow",
                    LABEL_ARG(text));
    }
    *out = promise_make(converter->arena, promise_branch(map),
                        value_text(converter->labels[*found]));
    return STATUS_OK;
}

/* Base32hex in lower case, no padding, as RFC 4648 has it. */
static bool decode_base32hex(Text text, uint8_t *out, size_t *len)
{
    unsigned bits = 0, have = 0;

    *len = 0;
    for (size_t i = 0; i < text.len; i++) {
        char at = text.data[i];
        if (!((at >= '0' && at <= '9') || (at >= 'a' && at <= 'v')))
            return false;
        unsigned digit = (unsigned)(at <= '9' ? at - '0' : at - 'a' + 10);
        bits = (bits << 5 | digit) & 0xfff;
        have += 5;
        if (have >= 8) {
            have -= 8;
            out[(*len)++] = (uint8_t)(bits >> have);
        }
    }
    // The last bits stand for nothing and must be zero.
    return (bits & ((1U << have) - 1)) == 0;
}

/* "", 12 or 16 bytes, or the text of those. */
static Status read_nonce(const Value *nonce, struct arena *arena, Bytes *out,
                         struct error *err)
{
    uint8_t decoded[20];
    size_t len = 0;

    *out = (Bytes){0};
    if (nonce->kind == VALUE_BYTES) {
        *out = nonce->bytes;
    } else if (nonce->kind == VALUE_TEXT && nonce->text.len == 0) {
        return STATUS_OK;
    } else if (nonce->kind == VALUE_TEXT && nonce->text.len <= 26 &&
               decode_base32hex(nonce->text, decoded, &len)) {
        *out = arena_copy_bytes(arena, bytes_of(decoded, len));
    }
    if (out->len != 12 && out->len != 16)
        return fail(err, STATUS_INVALID,
                    "run.'nnc' must be empty, 12 or 16 bytes, or those in "
                    "base32hex");
    return STATUS_OK;
}

/* Absent, above what int64 holds, or a float: no limit. */
static uint64_t read_limit(const Value *meta, Text key)
{
    const Value *value = value_get(meta, key);
    int64_t number;

    return value && value_to_int64(value, &number) && number > 0
               ? (uint64_t)number
               : 0;
}

static Status find_function(const struct converter *converter, Text module,
                            Text loose, Value *link, Text *exact,
                            struct error *err)
{
    const struct manifest_host *host = converter->host;
    Cid *cid = ARENA_NEW(converter->arena, Cid);

    TRY(cid_from_text(module, cid, err));
    *link = value_link(cid);
    *exact = loose;
    return host->function ? host->function(host->context, cid, loose, true,
                                           converter->arena, exact, err)
                          : STATUS_OK;
}

static Status convert_task(struct converter *converter, size_t index,
                           struct task_draft *draft, struct error *err)
{
    const struct homestar_task *task = &converter->file->tasks[index];
    Value module, args;
    Text function;

    if (!text_equal(task->op.text, TEXT("wasm/run")))
        return fail(err, STATUS_UNSUPPORTED,
                    "run.'op' is '%.*s', only wasm/run is known",
                    LABEL_ARG(task->op.text));
    TRY(find_function(converter, task->module, task->function.text, &module,
                      &function, err));
    TRY(foreign_rewrite(&task->args, rewrite_promise, converter,
                        converter->arena, &args, err));
    TRY(read_nonce(&task->nonce, converter->arena, &draft->nonce, err));
    draft->label = converter->labels[index];
    draft->cmd = TEXT("/wasm/run");
    draft->args =
        wasm_call_args(converter->arena, &module, function, &args, true);
    draft->limits.fuel = read_limit(&task->meta, TEXT("fuel"));
    draft->limits.memory = read_limit(&task->meta, TEXT("memory"));
    draft->limits.time_ms = read_limit(&task->meta, TEXT("time"));
    return STATUS_OK;
}

static Status convert(struct converter *converter, struct store *memo,
                      struct workflow *workflow, struct error *err)
{
    size_t count = converter->file->count;
    struct task_draft *drafts =
        arena_array(converter->arena, count, sizeof *drafts);

    name_all(converter->file, &converter->names);
    converter->labels =
        arena_array(converter->arena, count, sizeof *converter->labels);
    for (size_t i = 0; i < count; i++) {
        bool is_new;
        uint64_t *slot = map_set(
            &converter->index,
            cid_bytes(&converter->names.tasks[i].instruction), &is_new);
        if (is_new)
            *slot = i;
        converter->labels[i] = make_label(converter, i);
    }
    for (size_t i = 0; i < count; i++) {
        Status status = convert_task(converter, i, &drafts[i], err);
        if (status != STATUS_OK)
            return fail_in(err, status, "tasks[%zu]", i);
    }
    workflow->name = converter->file->name;
    return workflow_finish(workflow, drafts, count, NULL, 0, memo, err);
}

Status homestar_read(Bytes bytes, const struct manifest_host *host,
                     struct store *memo, struct workflow **out,
                     struct error *err)
{
    struct workflow *workflow = workflow_new();
    struct homestar file;
    struct converter converter = {
        .file = &file, .host = host, .arena = &workflow->arena};

    // The workflow outlives the caller's bytes.
    Bytes kept = arena_copy_bytes(&workflow->arena, bytes);
    Status status = read_file(kept, &workflow->arena, &file, err);
    if (status == STATUS_OK)
        status = convert(&converter, memo, workflow, err);
    map_deinit(&converter.index);
    if (status != STATUS_OK) {
        workflow_free(workflow);
        return status;
    }
    *out = workflow;
    return STATUS_OK;
}
