/* SPDX-License-Identifier: Apache-2.0 */
/* jobs_result.c - what a job came to: its outputs, or the bytes of one. */
#include "http/jobs.h"
#include "task/computation.h"
#include "task/reserved.h"

/* Of a job without outputs: it is not over, or it stopped before there could be
 * any, and says why. */
static const Value *no_outputs(struct request *request, const Value *job)
{
    const Value *state = value_get(job, TEXT("state"));
    const Value *message = value_get(job, TEXT("message"));
    Value *none = ARENA_NEW(&request->arena, Value);
    Text output;
    if (!state || !job_state_is_over(job_state_from_name(state->text))) {
        respond_problem(request, 409, "job-not-over",
                        "it has no outputs before it is over; ?wait= of the "
                        "job waits for that");
        return NULL;
    }
    if (request_query(request, "output", &output)) {
        respond_problem(request, 409, "no-result", "the job %.*s%s%.*s",
                        TEXT_ARG(state->text), message ? ": " : "",
                        message ? (int)message->text.len : 0,
                        message ? message->text.data : "");
        return NULL;
    }
    *none = value_map(&request->arena, NULL, 0);
    return none;
}

/* The job's outputs; NULL: it has answered. */
static const Value *read_outputs(struct request *request)
{
    struct error err = {0};
    Value *job = ARENA_NEW(&request->arena, Value);
    Hash id;
    if (!request_job(request, &id))
        return NULL;
    const Status status =
        node_job(request->node, &id, &request->arena, job, &err);
    if (status == STATUS_NOT_FOUND) {
        respond_problem(request, 404, "job-not-found",
                        "this node has no such job");
        return NULL;
    }
    if (status != STATUS_OK) {
        respond_failure(request, NULL, status, &err);
        return NULL;
    }
    const Value *outputs = value_get(job, TEXT("outputs"));
    if (!outputs || outputs->kind != VALUE_MAP)
        return no_outputs(request, job);
    return outputs;
}

/* The block of an output's result, decoded into the arena. */
static Status read_result(struct request *request, const Value *output,
                          struct result *out, struct error *err)
{
    const Value *link = value_get(output, TEXT("result"));
    struct block *block;
    Cid cid;
    if (!link || link->kind != VALUE_LINK)
        return fail(err, STATUS_NOT_FOUND, "it has no result");
    TRY(cid_from_bytes(link->link, &cid, err));
    const Status status = store_get(request->store, &cid, &block, err);
    if (status == STATUS_NOT_FOUND)
        return fail(err, status, "its result is not in the store any more");
    TRY(status);
    const Bytes bytes = arena_copy_bytes(&request->arena, block_bytes(block));
    block_unref(block);
    return result_decode(bytes, &request->arena, out, err);
}

static const Value *result_value(const struct result *result)
{
    return &result->value.map.entries[0].value;
}

/* --- All ----------------------------------------------------------------- */

/* Of one answer: many outputs may all be the same long block. Who misses one
 * asks for it by its label. */
enum { VALUES_BYTES_MAX = 2 << 20 };

/* False if it has more bytes than are left, or cannot be read. */
static bool has_room(struct request *request, const Value *output,
                     uint64_t *left)
{
    const Value *link = value_get(output, TEXT("result"));
    uint64_t size = 0;
    Cid cid;
    if (!link || link->kind != VALUE_LINK ||
        cid_from_bytes(link->link, &cid, NULL) != STATUS_OK ||
        store_length(request->store, &cid, &size, NULL) != STATUS_OK ||
        size > *left)
        return false;
    *left -= size;
    return true;
}

/* An output as the job has it, and with its value. */
static Value with_value(struct request *request, const Value *output,
                        uint64_t *left)
{
    struct result result;
    struct arena *arena = &request->arena;
    if (output->kind != VALUE_MAP || !has_room(request, output, left) ||
        read_result(request, output, &result, NULL) != STATUS_OK)
        return *output;
    const size_t count = output->map.count;
    struct value_entry *entries =
        arena_array(arena, count + 1, sizeof *entries);
    memcpy(entries, output->map.entries, count * sizeof *entries);
    entries[count] =
        (struct value_entry){TEXT("value"), *result_value(&result)};
    return value_map(arena, entries, count + 1);
}

static RequestStep respond_all(struct request *request, const Value *outputs)
{
    struct arena *arena = &request->arena;
    const size_t count = outputs->map.count;
    uint64_t left = VALUES_BYTES_MAX;
    struct value_entry *entries = arena_array(arena, count, sizeof *entries);
    for (size_t index = 0; index < count; index++)
        entries[index] = (struct value_entry){
            outputs->map.entries[index].key,
            with_value(request, &outputs->map.entries[index].value, &left)};
    const Value all = value_map(arena, entries, count);
    return respond_value(request, 200, &all);
}

/* --- One ----------------------------------------------------------------- */

/* Long bytes and text stand in by a link, too. */
static bool is_content(const Value *value, Cid *cid)
{
    const Reserved reserved = value_reserved(value);
    if (reserved == RESERVED_BYTES || reserved == RESERVED_TEXT)
        value = &value->map.entries[0].value;
    if (value->kind != VALUE_LINK ||
        cid_from_bytes(value->link, cid, NULL) != STATUS_OK)
        return false;
    const uint64_t codec = cid_codec(cid);
    return codec == CODEC_RAW || codec == CODEC_DAG_PB;
}

static RequestStep respond_one(struct request *request, const Value *output,
                               Text label)
{
    struct result result;
    struct error err = {0};
    Cid cid;
    const Status status = read_result(request, output, &result, &err);
    if (status == STATUS_NOT_FOUND) {
        const Value *message = value_get(output, TEXT("message"));
        const Value *end = value_get(output, TEXT("end"));
        const Text none = TEXT("");
        const Text why = end ? end->text : none;
        const Text words = message ? message->text : none;
        return respond_problem(request, 409, "no-result", "%s%s%.*s%s%.*s",
                               err.message, why.len ? ": " : "", TEXT_ARG(why),
                               words.len ? ": " : "", TEXT_ARG(words));
    }
    if (status != STATUS_OK)
        return respond_failure(request, NULL, status, &err);
    const Value *value = result_value(&result);
    respond_header(request, "IPVM-Result",
                   result.is_ok ? TEXT("ok") : TEXT("error"));
    if (is_content(value, &cid))
        return respond_content(request, &cid, NULL, label);
    if (value->kind == VALUE_BYTES)
        return respond_bytes(request, 200, "application/octet-stream",
                             value->bytes);
    return respond_value(request, 200, value);
}

RequestStep jobs_result(struct request *request)
{
    const Value *outputs = read_outputs(request);
    Text label;
    if (!outputs)
        return REQUEST_DONE;
    if (!request_query(request, "output", &label))
        return respond_all(request, outputs);
    const Value *output = value_get(outputs, label);
    if (!output)
        return respond_problem(request, 404, "output-not-found",
                               "the job has no output of that label");
    return respond_one(request, output, label);
}
