/* SPDX-License-Identifier: Apache-2.0 */
/* row.c - a job's row in the store: what was last written of it, as one map
 * (docs/formats/jobs.md). */
#include "ipld/dag_cbor.h"
#include "node/state.h"

/* --- Writing ------------------------------------------------------------- */

struct writing {
    struct arena *arena;
    struct value_entry entries[40];
    size_t count;
};

static void put(struct writing *writing, Text key, Value value)
{
    writing->entries[writing->count++] = (struct value_entry){key, value};
}

static void put_time(struct writing *writing, Text key, int64_t ms)
{
    if (ms != 0)
        put(writing, key, value_int(ms));
}

static void put_count(struct writing *writing, Text key, uint64_t number)
{
    if (number != 0)
        put(writing, key, value_uint(number));
}

static void put_text(struct writing *writing, Text key, Text text)
{
    if (text.len > 0)
        put(writing, key, value_text(text));
}

static void put_link(struct writing *writing, Text key, uint64_t codec,
                     const Hash *hash)
{
    Cid *cid = ARENA_NEW(writing->arena, Cid);
    cid_from_hash(codec, hash, cid);
    put(writing, key, value_link(cid));
}

static void put_numbers(struct writing *writing, Text key,
                        const uint64_t *numbers, size_t count)
{
    uint64_t sum = 0;
    Value *items = arena_array(writing->arena, count, sizeof *items);
    for (size_t index = 0; index < count; index++) {
        items[index] = value_uint(numbers[index]);
        sum |= numbers[index];
    }
    if (sum != 0)
        put(writing, key, value_list(items, count));
}

static void put_terms(struct writing *writing, const struct job_facts *facts)
{
    const struct limits *limits = &facts->limits;
    const struct retry *retry = &facts->retry;
    put_time(writing, TEXT("not_before"), facts->not_before_ms);
    put_time(writing, TEXT("deadline"), facts->deadline_ms);
    if (facts->priority)
        put(writing, TEXT("priority"), value_int(facts->priority));
    put_text(writing, TEXT("quota"), facts->quota);
    put_numbers(writing, TEXT("limits"),
                (uint64_t[]){limits->fuel, limits->memory, limits->time_ms},
                3);
    put_numbers(writing, TEXT("retry"),
                (uint64_t[]){retry->count, retry->first_ms, retry->max_ms}, 3);
    if (facts->has_from)
        put(writing, TEXT("from"), value_bool(true));
}

static void put_progress(struct writing *writing,
                         const struct job_facts *facts)
{
    const struct schedule_counts *counts = &facts->counts;
    const struct job_cost *cost = &facts->cost;
    put_numbers(writing, TEXT("counts"),
                (uint64_t[]){counts->total, counts->wanted, counts->waiting,
                             counts->ready, counts->running, counts->done,
                             counts->hits, counts->failed},
                8);
    put_numbers(writing, TEXT("cost"),
                (uint64_t[]){cost->run_ns, cost->cpu_ns, cost->fuel,
                             cost->memory, cost->stored, cost->saved_ns},
                6);
    put_count(writing, TEXT("seq"), facts->last_seq);
    put_count(writing, TEXT("segment_last"), facts->segment_last);
    put_count(writing, TEXT("ran"), facts->ran_ms);
    put_count(writing, TEXT("attempt"), facts->attempt);
    put_count(writing, TEXT("retries"), facts->retries);
    if (facts->has_segment)
        put_link(writing, TEXT("segment"), CODEC_DAG_CBOR, &facts->segment);
    if (facts->has_outcome)
        put_link(writing, TEXT("outcome"), CODEC_DAG_CBOR, &facts->outcome);
}

void row_write(const struct job_facts *facts, struct arena *arena,
               struct buffer *out)
{
    struct writing writing = {.arena = arena};
    put(&writing, TEXT("state"), value_text(job_state_name(facts->state)));
    put(&writing, TEXT("subject"), value_text(text_of(facts->subject->text)));
    if (!did_equal(facts->share, facts->subject))
        put(&writing, TEXT("share"), value_text(text_of(facts->share->text)));
    put_link(&writing, TEXT("workflow"), CODEC_DAG_CBOR, &facts->workflow);
    put_link(&writing, TEXT("container"), CODEC_RAW, &facts->container);
    put_text(&writing, TEXT("name"), facts->name);
    put_text(&writing, TEXT("message"), facts->message);
    put_text(&writing, TEXT("trace"), facts->trace);
    put_time(&writing, TEXT("started"), facts->started_ms);
    put_time(&writing, TEXT("ended"), facts->ended_ms);
    put_time(&writing, TEXT("wake"), facts->wake_ms);
    put_terms(&writing, facts);
    put_progress(&writing, facts);
    const Value map = value_map(arena, writing.entries, writing.count);
    dag_cbor_encode(&map, out);
}

void row_roots(const struct job_facts *facts, struct job_row *row)
{
    cid_from_hash(CODEC_DAG_CBOR, &facts->workflow,
                  &row->roots[row->root_count++]);
    cid_from_hash(CODEC_RAW, &facts->container,
                  &row->roots[row->root_count++]);
    if (facts->has_segment)
        cid_from_hash(CODEC_DAG_CBOR, &facts->segment,
                      &row->roots[row->root_count++]);
    if (facts->has_outcome)
        cid_from_hash(CODEC_DAG_CBOR, &facts->outcome,
                      &row->roots[row->root_count++]);
}

/* --- Reading ------------------------------------------------------------- */

static Text get_text(const Value *map, Text key)
{
    const Value *value = value_get(map, key);
    return value && value->kind == VALUE_TEXT ? value->text : (Text){NULL, 0};
}

static uint64_t get_count(const Value *map, Text key)
{
    const Value *value = value_get(map, key);
    uint64_t number;
    return value && value_to_uint64(value, &number) ? number : 0;
}

static int64_t get_int(const Value *map, Text key)
{
    const Value *value = value_get(map, key);
    int64_t number;
    return value && value_to_int64(value, &number) ? number : 0;
}

static bool get_link(const Value *map, Text key, uint64_t codec, Hash *out)
{
    const Value *value = value_get(map, key);
    Cid cid;
    return value && value->kind == VALUE_LINK &&
           cid_from_bytes(value->link, &cid, NULL) == STATUS_OK &&
           cid_sha256(&cid, codec, out);
}

static void get_numbers(const Value *map, Text key, uint64_t *out,
                        size_t count)
{
    const Value *list = value_get(map, key);
    for (size_t index = 0; index < count; index++)
        if (!list || list->kind != VALUE_LIST || list->list.count != count ||
            !value_to_uint64(&list->list.items[index], &out[index]))
            out[index] = 0;
}

static void get_terms(const Value *map, struct job_facts *out)
{
    uint64_t numbers[3];
    const Value *from = value_get(map, TEXT("from"));
    out->not_before_ms = get_int(map, TEXT("not_before"));
    out->deadline_ms = get_int(map, TEXT("deadline"));
    out->priority = (int32_t)get_int(map, TEXT("priority"));
    out->quota = get_text(map, TEXT("quota"));
    get_numbers(map, TEXT("limits"), numbers, 3);
    out->limits = (struct limits){numbers[0], numbers[1], numbers[2]};
    get_numbers(map, TEXT("retry"), numbers, 3);
    out->retry = (struct retry){(uint32_t)numbers[0], numbers[1], numbers[2]};
    out->has_from = from && from->kind == VALUE_BOOL && from->boolean;
}

static void get_progress(const Value *map, struct job_facts *out)
{
    uint64_t counts[8], cost[6];
    get_numbers(map, TEXT("counts"), counts, 8);
    get_numbers(map, TEXT("cost"), cost, 6);
    out->counts = (struct schedule_counts){
        .total = (uint32_t)counts[0],
        .wanted = (uint32_t)counts[1],
        .waiting = (uint32_t)counts[2],
        .ready = (uint32_t)counts[3],
        .running = (uint32_t)counts[4],
        .done = (uint32_t)counts[5],
        .hits = (uint32_t)counts[6],
        .failed = (uint32_t)counts[7],
    };
    out->cost = (struct job_cost){cost[0], cost[1], cost[2],
                                  cost[3], cost[4], cost[5]};
    out->last_seq = get_count(map, TEXT("seq"));
    out->segment_last = get_count(map, TEXT("segment_last"));
    out->ran_ms = get_count(map, TEXT("ran"));
    out->attempt = (uint32_t)get_count(map, TEXT("attempt"));
    out->retries = (uint32_t)get_count(map, TEXT("retries"));
    out->has_segment =
        get_link(map, TEXT("segment"), CODEC_DAG_CBOR, &out->segment);
    out->has_outcome =
        get_link(map, TEXT("outcome"), CODEC_DAG_CBOR, &out->outcome);
}

Status row_read(const struct job_row *row, struct arena *arena,
                struct job_facts *out, struct error *err)
{
    enum { ITEMS_MAX = 128 };
    Value map;
    Did *subject = ARENA_NEW(arena, Did), *share = ARENA_NEW(arena, Did);
    *out = (struct job_facts){
        .id = row->id,
        .submitted_ms = row->submitted_ms,
        .subject = subject,
        .share = subject,
    };
    Status status =
        dag_cbor_decode_few(row->value, ITEMS_MAX, arena, &map, err);
    if (status != STATUS_OK)
        return fail_in(err, STATUS_CORRUPT, "the row of a job");
    out->state = job_state_from_name(get_text(&map, TEXT("state")));
    if ((unsigned)out->state == JOB_STATES ||
        did_read(get_text(&map, TEXT("subject")), subject, NULL, NULL) !=
            STATUS_OK ||
        !get_link(&map, TEXT("workflow"), CODEC_DAG_CBOR, &out->workflow) ||
        !get_link(&map, TEXT("container"), CODEC_RAW, &out->container))
        return fail(err, STATUS_CORRUPT,
                    "the row of a job lacks its state, subject, workflow or "
                    "container");
    if (did_read(get_text(&map, TEXT("share")), share, NULL, NULL) ==
        STATUS_OK)
        out->share = share;
    out->name = get_text(&map, TEXT("name"));
    out->message = get_text(&map, TEXT("message"));
    out->trace = get_text(&map, TEXT("trace"));
    out->started_ms = get_int(&map, TEXT("started"));
    out->ended_ms = get_int(&map, TEXT("ended"));
    out->wake_ms = get_int(&map, TEXT("wake"));
    get_terms(&map, out);
    get_progress(&map, out);
    return STATUS_OK;
}
