/* SPDX-License-Identifier: Apache-2.0 */
/* terms.c - the arguments of /workflow/run (FORMATS section 7). One table says
 * which there are; limits and retry are written as in a workflow. */
#include "ipld/value.h"
#include "node/job.h"
#include "store/jobs.h"
#include "task/workflow.h"

/* 2^53 - 1 milliseconds: times of tokens stay exact in JSON. */
static const int64_t time_max_ms = ((int64_t)1 << 53) - 1;

struct reading {
    struct arena *arena;
    struct job_terms *terms;
};

/* --- Fields -------------------------------------------------------------- */

static Status read_cid(const Value *value, const char *what, Cid *out,
                       struct error *err)
{
    if (value->kind != VALUE_LINK)
        return fail(err, STATUS_INVALID, "'%s' must be a link", what);
    TRY(cid_from_bytes(value->link, out, err));
    Hash hash;
    if (!cid_sha256(out, CODEC_DAG_CBOR, &hash))
        return fail(err, STATUS_INVALID,
                    "'%s' must be the CID of a dag-cbor block, by sha2-256",
                    what);
    return STATUS_OK;
}

static Status read_positive(const Value *value, const char *what,
                            uint64_t *out, struct error *err)
{
    if (!value_to_uint64(value, out) || *out == 0 || *out > INT64_MAX)
        return fail(err, STATUS_INVALID,
                    "'%s' must be an integer above zero, below 2^63", what);
    return STATUS_OK;
}

static Status read_time(const Value *value, const char *what, int64_t *out,
                        struct error *err)
{
    if (!value_to_int64(value, out) || *out < 1 || *out > time_max_ms)
        return fail(err, STATUS_INVALID,
                    "'%s' must be milliseconds since 1970, above zero, below "
                    "2^53",
                    what);
    return STATUS_OK;
}

static Status read_workflow(const Value *value, struct reading *reading,
                            struct error *err)
{
    return read_cid(value, "workflow", &reading->terms->workflow, err);
}

static Status read_limits(const Value *value, struct reading *reading,
                          struct error *err)
{
    struct limits *out = &reading->terms->limits;
    if (value->kind != VALUE_MAP || value->map.count == 0)
        return fail(err, STATUS_INVALID, "'limits' must be a map, not empty");
    for (size_t index = 0; index < value->map.count; index++) {
        const struct value_entry *entry = &value->map.entries[index];
        if (text_equal(entry->key, TEXT("fuel")))
            TRY(read_positive(&entry->value, "limits.fuel", &out->fuel, err));
        else if (text_equal(entry->key, TEXT("time")))
            TRY(read_positive(&entry->value, "limits.time", &out->time_ms,
                              err));
        else if (text_equal(entry->key, TEXT("memory")))
            TRY(read_positive(&entry->value, "limits.memory", &out->memory,
                              err));
        else
            return fail(err, STATUS_INVALID,
                        "'limits' has the unknown field '%.*s'",
                        entry->key.len > 64 ? 64 : (int)entry->key.len,
                        entry->key.data);
    }
    return STATUS_OK;
}

static Status read_not_before(const Value *value, struct reading *reading,
                              struct error *err)
{
    return read_time(value, "not_before", &reading->terms->not_before_ms, err);
}

static Status read_deadline(const Value *value, struct reading *reading,
                            struct error *err)
{
    return read_time(value, "deadline", &reading->terms->deadline_ms, err);
}

static Status read_priority(const Value *value, struct reading *reading,
                            struct error *err)
{
    int64_t number;
    if (!value_to_int64(value, &number) || number < -JOB_PRIORITY_MAX ||
        number > JOB_PRIORITY_MAX)
        return fail(err, STATUS_INVALID,
                    "'priority' must be an integer from -%d to %d",
                    JOB_PRIORITY_MAX, JOB_PRIORITY_MAX);
    reading->terms->priority = (int32_t)number;
    return STATUS_OK;
}

static Status read_retry(const Value *value, struct reading *reading,
                         struct error *err)
{
    const Value *count = value_get(value, TEXT("count"));
    const Value *first = value_get(value, TEXT("first_ms"));
    const Value *max = value_get(value, TEXT("max_ms"));
    int64_t numbers[3];
    if (!count || !first || !max || value->map.count != 3 ||
        !value_to_int64(count, &numbers[0]) || numbers[0] < 1 ||
        numbers[0] > UINT32_MAX || !value_to_int64(first, &numbers[1]) ||
        numbers[1] < 0 || numbers[1] > time_max_ms ||
        !value_to_int64(max, &numbers[2]) || numbers[2] < 0 ||
        numbers[2] > time_max_ms)
        return fail(err, STATUS_INVALID,
                    "'retry' must hold the integers 'count', above zero, "
                    "'first_ms' and 'max_ms', and nothing else");
    reading->terms->retry = (struct retry){
        (uint32_t)numbers[0], (uint64_t)numbers[1], (uint64_t)numbers[2]};
    return STATUS_OK;
}

static Status read_quota(const Value *value, struct reading *reading,
                         struct error *err)
{
    if (value->kind != VALUE_TEXT || value->text.len == 0 ||
        value->text.len > QUOTA_ID_MAX)
        return fail(err, STATUS_INVALID,
                    "'quota' must be a text of 1 to %d bytes", QUOTA_ID_MAX);
    reading->terms->quota = value->text;
    return STATUS_OK;
}

static Status read_from_tasks(const Value *value, struct reading *reading,
                              struct error *err)
{
    if (value->kind != VALUE_LIST || value->list.count == 0 ||
        value->list.count > JOB_FROM_TASKS_MAX)
        return fail(err, STATUS_INVALID,
                    "'from.tasks' must be a list of 1 to %d labels",
                    JOB_FROM_TASKS_MAX);
    const size_t count = value->list.count;
    Text *labels = arena_array(reading->arena, count, sizeof *labels);
    for (size_t index = 0; index < count; index++) {
        const Value *label = &value->list.items[index];
        if (label->kind != VALUE_TEXT || label->text.len == 0 ||
            label->text.len > LABEL_MAX)
            return fail(err, STATUS_INVALID,
                        "'from.tasks[%zu]' must be a task's label", index);
        labels[index] = label->text;
    }
    reading->terms->from_tasks = labels;
    reading->terms->from_task_count = (uint32_t)count;
    return STATUS_OK;
}

static Status read_from(const Value *value, struct reading *reading,
                        struct error *err)
{
    const Value *job = value_get(value, TEXT("job"));
    const Value *tasks = value_get(value, TEXT("tasks"));
    Cid cid;
    if (!job || !tasks || value->map.count != 2)
        return fail(err, STATUS_INVALID,
                    "'from' must hold 'job' and 'tasks', and nothing else");
    TRY(read_cid(job, "from.job", &cid, err));
    reading->terms->has_from = job_id_of_cid(&cid, &reading->terms->from_job);
    return read_from_tasks(tasks, reading, err);
}

/* --- All of them --------------------------------------------------------- */

static const struct field {
    Text name;
    Status (*read)(const Value *value, struct reading *reading,
                   struct error *err);
} fields[] = {
    {TEXT_INIT("workflow"), read_workflow},
    {TEXT_INIT("limits"), read_limits},
    {TEXT_INIT("not_before"), read_not_before},
    {TEXT_INIT("deadline"), read_deadline},
    {TEXT_INIT("priority"), read_priority},
    {TEXT_INIT("retry"), read_retry},
    {TEXT_INIT("quota"), read_quota},
    {TEXT_INIT("from"), read_from},
};
enum { FIELDS = sizeof fields / sizeof *fields };

static Status read_one(const struct value_entry *entry,
                       struct reading *reading, struct error *err)
{
    for (size_t index = 0; index < FIELDS; index++)
        if (text_equal(entry->key, fields[index].name))
            return fields[index].read(&entry->value, reading, err);
    return fail(err, STATUS_INVALID, "unknown field '%.*s'",
                entry->key.len > 64 ? 64 : (int)entry->key.len,
                entry->key.data);
}

Status job_terms_read(const Value *args, struct arena *arena,
                      struct job_terms *out, struct error *err)
{
    struct reading reading = {arena, out};
    *out = (struct job_terms){0};
    if (args->kind != VALUE_MAP)
        return fail(err, STATUS_INVALID,
                    "the arguments of /workflow/run must be a map");
    for (size_t index = 0; index < args->map.count; index++)
        TRY(read_one(&args->map.entries[index], &reading, err));
    if (out->workflow.len == 0)
        return fail(err, STATUS_INVALID, "'workflow' is missing");
    return STATUS_OK;
}

/* --- Writing ------------------------------------------------------------- */

struct writing {
    struct arena *arena;
    struct value_entry entries[FIELDS];
    size_t count;
};

static void put(struct writing *writing, Text key, Value value)
{
    writing->entries[writing->count++] = (struct value_entry){key, value};
}

static Value limits_value(const struct limits *limits, struct arena *arena)
{
    struct value_entry entries[3];
    size_t count = 0;
    if (limits->fuel)
        entries[count++] =
            (struct value_entry){TEXT("fuel"), value_uint(limits->fuel)};
    if (limits->memory)
        entries[count++] =
            (struct value_entry){TEXT("memory"), value_uint(limits->memory)};
    if (limits->time_ms)
        entries[count++] =
            (struct value_entry){TEXT("time"), value_uint(limits->time_ms)};
    return value_map(arena, entries, count);
}

static Value retry_value(const struct retry *retry, struct arena *arena)
{
    const struct value_entry entries[] = {
        {TEXT("count"), value_uint(retry->count)},
        {TEXT("first_ms"), value_uint(retry->first_ms)},
        {TEXT("max_ms"), value_uint(retry->max_ms)},
    };
    return value_map(arena, entries, 3);
}

static Value from_value(const struct job_terms *terms, struct arena *arena)
{
    const uint32_t count = terms->from_task_count;
    Value *labels = arena_array(arena, count, sizeof *labels);
    Cid *job = ARENA_NEW(arena, Cid);
    job_cid(&terms->from_job, job);
    for (uint32_t index = 0; index < count; index++)
        labels[index] = value_text(terms->from_tasks[index]);
    const struct value_entry entries[] = {
        {TEXT("job"), value_link(job)},
        {TEXT("tasks"), value_list(labels, count)},
    };
    return value_map(arena, entries, 2);
}

Value *job_terms_value(const struct job_terms *terms, struct arena *arena)
{
    struct writing writing = {.arena = arena};
    Cid *workflow = ARENA_NEW(arena, Cid);
    const struct limits *limits = &terms->limits;
    *workflow = terms->workflow;
    put(&writing, TEXT("workflow"), value_link(workflow));
    if (limits->fuel || limits->memory || limits->time_ms)
        put(&writing, TEXT("limits"), limits_value(limits, arena));
    if (terms->not_before_ms)
        put(&writing, TEXT("not_before"), value_int(terms->not_before_ms));
    if (terms->deadline_ms)
        put(&writing, TEXT("deadline"), value_int(terms->deadline_ms));
    if (terms->priority)
        put(&writing, TEXT("priority"), value_int(terms->priority));
    if (terms->retry.count)
        put(&writing, TEXT("retry"), retry_value(&terms->retry, arena));
    if (terms->quota.len)
        put(&writing, TEXT("quota"), value_text(terms->quota));
    if (terms->has_from)
        put(&writing, TEXT("from"), from_value(terms, arena));
    Value *out = ARENA_NEW(arena, Value);
    *out = value_map(arena, writing.entries, writing.count);
    return out;
}
