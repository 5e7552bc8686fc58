/* SPDX-License-Identifier: Apache-2.0 */
#include "http/node_page.h"

#include "base/clock.h"
#include "http/server.h"
#include "http/url.h"
#include "ipvm.h"
#include "run/receipts.h"
#include "web/web.h"

RequestStep node_health(struct request *request)
{
    const struct value_entry entries[] = {
        {TEXT("status"), value_text(TEXT("ok"))},
        {TEXT("did"), value_text(text_of(node_did(request->node)->text))},
        {TEXT("version"), value_text(TEXT(IPVM_VERSION))},
    };
    const Value value = value_map(&request->arena, entries, 3);
    return respond_value(request, 200, &value);
}

/* --- What it is ---------------------------------------------------------- */

struct number {
    Text name;
    uint64_t number;
};

static Value numbers_map(struct arena *arena, const struct number *numbers,
                         size_t count)
{
    struct value_entry *entries = arena_array(arena, count, sizeof *entries);
    for (size_t index = 0; index < count; index++)
        entries[index] = (struct value_entry){
            numbers[index].name, value_uint(numbers[index].number)};
    return value_map(arena, entries, count);
}
#define NUMBERS_MAP(arena, numbers)                                           \
    numbers_map(arena, numbers, sizeof(numbers) / sizeof *(numbers))

static Value config_value(struct request *request)
{
    const struct node_config *config = node_config(request->node);
    const struct number numbers[] = {
        {TEXT("port"), config->port},
        {TEXT("workers"), config->workers},
        {TEXT("memory_total"), config->memory_total},
        {TEXT("task_memory_max"), config->task_memory_max},
        {TEXT("task_time_ms_max"), config->task_time_ms_max},
        {TEXT("queue_max"), config->queue_max},
        {TEXT("active_max"), config->active_max},
        {TEXT("body_max"), config->body_max},
        {TEXT("connections_max"), config->connections_max},
        {TEXT("requests_per_second"), config->requests_per_second},
        {TEXT("keep_jobs_s"), config->keep_jobs_s},
        {TEXT("keep_jobs_max"), config->keep_jobs_max},
        {TEXT("gc_every_s"), config->gc_every_s},
        {TEXT("public_gateway"), config->public_gateway},
    };
    return NUMBERS_MAP(&request->arena, numbers);
}

static Value jobs_value(struct arena *arena, const struct node_stats *stats)
{
    struct number numbers[JOB_STATES];
    for (int state = 0; state < JOB_STATES; state++)
        numbers[state] = (struct number){job_state_name((JobState)state),
                                         stats->jobs[state]};
    return NUMBERS_MAP(arena, numbers);
}

static Value stats_value(struct request *request,
                         const struct node_stats *stats)
{
    struct arena *arena = &request->arena;
    const struct number numbers[] = {
        {TEXT("started_ms"), stats->started_ms},
        {TEXT("jobs_refused"), stats->jobs_refused},
        {TEXT("sleepers"), stats->sleepers},
        {TEXT("tasks_queued"), stats->tasks_queued},
        {TEXT("tasks_running"), stats->tasks_running},
        {TEXT("tasks_run"), stats->tasks_run},
        {TEXT("tasks_hit"), stats->tasks_hit},
        {TEXT("tasks_merged"), stats->tasks_merged},
        {TEXT("tasks_failed"), stats->tasks_failed},
        {TEXT("fuel"), stats->fuel},
        {TEXT("cpu_ns"), stats->cpu_ns},
        {TEXT("run_ns"), stats->run_ns},
        {TEXT("saved_ns"), stats->saved_ns},
        {TEXT("stored_bytes"), stats->stored_bytes},
        {TEXT("memory_used"), stats->memory_used},
        {TEXT("memory_total"), stats->memory_total},
        {TEXT("workers"), stats->workers},
        {TEXT("workers_busy"), stats->workers_busy},
        {TEXT("workers_started"), stats->workers_started},
        {TEXT("workers_killed"), stats->workers_killed},
        {TEXT("lanes"), stats->lanes},
        {TEXT("alarms"), stats->alarms},
    };
    const Value all = NUMBERS_MAP(arena, numbers);
    struct value_entry *entries =
        arena_array(arena, all.map.count + 1, sizeof *entries);
    memcpy(entries, all.map.entries, all.map.count * sizeof *entries);
    entries[all.map.count] =
        (struct value_entry){TEXT("jobs"), jobs_value(arena, stats)};
    return value_map(arena, entries, all.map.count + 1);
}

static Value store_value(struct request *request)
{
    struct store_stat stat = {0};
    // Numbers that cannot be read are 0: the page shows the rest.
    IGNORE(store_stat(request->store, &stat, NULL));
    const struct number numbers[] = {
        {TEXT("blocks"), stat.blocks},
        {TEXT("block_bytes"), stat.block_bytes},
        {TEXT("memo"), stat.memo},
        {TEXT("symbolic"), stat.symbolic},
        {TEXT("pins"), stat.pins},
        {TEXT("names"), stat.names},
        {TEXT("file_bytes"), stat.used_bytes},
        {TEXT("free_bytes"), stat.free_bytes},
    };
    return NUMBERS_MAP(&request->arena, numbers);
}

static Value http_value(struct request *request)
{
    struct server_counts counts;
    server_count(request->http, &counts);
    const struct number numbers[] = {
        {TEXT("requests"), counts.requests},
        {TEXT("rate_limited"), counts.rate_limited},
        {TEXT("connections"), counts.connections},
        {TEXT("watchers"), counts.watchers},
    };
    return NUMBERS_MAP(&request->arena, numbers);
}

static Value log_value(struct request *request)
{
    struct log_state state = {0};
    Hash issuer;
    Cid head;
    receipt_issuer(text_of(node_did(request->node)->text), &issuer);
    IGNORE(log_state(request->store, &issuer, &state, NULL)); // As above.
    struct value_entry entries[2] = {
        {TEXT("size"), value_uint(state.edge.size)},
    };
    if (state.has_head) {
        Cid *kept = ARENA_NEW(&request->arena, Cid);
        cid_from_hash(CODEC_DAG_CBOR, &state.head, &head);
        *kept = head;
        entries[1] = (struct value_entry){TEXT("head"), value_link(kept)};
    }
    return value_map(&request->arena, entries, state.has_head ? 2 : 1);
}

RequestStep node_page(struct request *request)
{
    struct node_stats stats;
    node_stats(request->node, &stats);
    const struct value_entry entries[] = {
        {TEXT("did"), value_text(text_of(node_did(request->node)->text))},
        {TEXT("version"), value_text(TEXT(IPVM_VERSION))},
        {TEXT("now_ms"), value_int(clock_wall_s() * 1000)},
        {TEXT("config"), config_value(request)},
        {TEXT("stats"), stats_value(request, &stats)},
        {TEXT("store"), store_value(request)},
        {TEXT("log"), log_value(request)},
        {TEXT("http"), http_value(request)},
    };
    const Value value =
        value_map(&request->arena, entries, sizeof entries / sizeof *entries);
    return respond_value(request, 200, &value);
}

/* --- The dashboard ------------------------------------------------------- */

RequestStep dashboard_get(struct request *request)
{
    const Text path = request->path;
    char zero_ended[256];
    if (path.len >= sizeof zero_ended)
        return respond_problem(request, 404, "no-such-path",
                               "there is nothing here");
    memcpy(zero_ended, path.data, path.len);
    zero_ended[path.len] = 0;
    const struct web_file *file = web_find(zero_ended);
    if (!file)
        return respond_problem(request, 404, "no-such-path",
                               "there is nothing here");
    respond_header(request, "ETag", text_of(file->etag));
    respond_header(request, "Cache-Control", TEXT("no-cache"));
    if (etag_matches(request_header(request, "If-None-Match"),
                     text_of(file->etag)))
        return respond_empty(request, 304);
    return respond_bytes(request, 200, file->type,
                         bytes_of(file->data, file->len));
}
