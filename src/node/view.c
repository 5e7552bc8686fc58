/* SPDX-License-Identifier: Apache-2.0 */
/* view.c - a job as others see it: the same map from memory and from the store
 * (docs/formats/jobs.md). */
#include <stdlib.h>

#include "node/state.h"

/* --- Where the facts are ------------------------------------------------- */

static void copy_texts(struct job_facts *facts, struct arena *arena)
{
    Did *subject = ARENA_NEW(arena, Did);
    *subject = *facts->subject;
    facts->subject = facts->share = subject;
    facts->name = arena_copy_text(arena, facts->name);
    facts->quota = arena_copy_text(arena, facts->quota);
    facts->message = arena_copy_text(arena, facts->message);
    facts->trace = arena_copy_text(arena, facts->trace);
}

/* One that is not durable yet is not there. */
static bool facts_in_memory(struct node *node, const Hash *id,
                            struct arena *arena, struct job_facts *out)
{
    bool found = false;
    pthread_mutex_lock(&node->lock);
    const struct job *job = jobs_find(node, id);
    if (job && job->is_durable) {
        *out = job->facts;
        copy_texts(out, arena);
        if (out->last_seq > job->hidden_after)
            out->last_seq = job->hidden_after;
        found = true;
    }
    pthread_mutex_unlock(&node->lock);
    return found;
}

static Status facts_in_store(struct node *node, const Hash *id,
                             struct arena *arena, struct job_facts *out,
                             struct error *err)
{
    struct job_row row;
    TRY(job_get(node->store, id, arena, &row, err));
    return row_read(&row, arena, out, err);
}

Status view_facts(struct node *node, const Hash *id, struct arena *arena,
                  struct job_facts *out, struct error *err)
{
    if (facts_in_memory(node, id, arena, out))
        return STATUS_OK;
    return facts_in_store(node, id, arena, out, err);
}

Status node_job_subject(struct node *node, const Hash *job, Did *out,
                        struct error *err)
{
    struct arena arena = {0};
    struct job_facts facts;
    const Status status = view_facts(node, job, &arena, &facts, err);
    if (status == STATUS_OK)
        *out = *facts.subject;
    arena_deinit(&arena);
    return status;
}

/* --- The map ------------------------------------------------------------- */

static void put_link(struct event_draft *draft, struct arena *arena, Text key,
                     const Hash *hash)
{
    Cid *cid = ARENA_NEW(arena, Cid);
    cid_from_hash(CODEC_DAG_CBOR, hash, cid);
    event_put(draft, key, value_link(cid));
}

static void put_time(struct event_draft *draft, Text key, int64_t ms)
{
    if (ms != 0)
        event_put(draft, key, value_int(ms));
}

static void put_text(struct event_draft *draft, Text key, Text text)
{
    if (text.len > 0)
        event_put(draft, key, value_text(text));
}

static Value counts_value(const struct schedule_counts *counts,
                          struct arena *arena)
{
    const struct value_entry entries[] = {
        {TEXT("total"), value_uint(counts->total)},
        {TEXT("wanted"), value_uint(counts->wanted)},
        {TEXT("waiting"), value_uint(counts->waiting)},
        {TEXT("ready"), value_uint(counts->ready)},
        {TEXT("running"), value_uint(counts->running)},
        {TEXT("done"), value_uint(counts->done)},
        {TEXT("hits"), value_uint(counts->hits)},
        {TEXT("failed"), value_uint(counts->failed)},
    };
    return value_map(arena, entries, sizeof entries / sizeof *entries);
}

static Value cost_value(const struct job_cost *cost, struct arena *arena)
{
    const struct value_entry entries[] = {
        {TEXT("run_ns"), value_uint(cost->run_ns)},
        {TEXT("cpu_ns"), value_uint(cost->cpu_ns)},
        {TEXT("fuel"), value_uint(cost->fuel)},
        {TEXT("memory"), value_uint(cost->memory)},
        {TEXT("stored"), value_uint(cost->stored)},
        {TEXT("saved_ns"), value_uint(cost->saved_ns)},
    };
    return value_map(arena, entries, sizeof entries / sizeof *entries);
}

static Value facts_value(const struct job_facts *facts, const Value *outputs,
                         struct arena *arena)
{
    struct event_draft draft = {.count = 0};
    put_link(&draft, arena, TEXT("job"), &facts->id);
    put_link(&draft, arena, TEXT("workflow"), &facts->workflow);
    event_put(&draft, TEXT("state"), value_text(job_state_name(facts->state)));
    event_put(&draft, TEXT("subject"),
              value_text(text_of(facts->subject->text)));
    put_text(&draft, TEXT("name"), facts->name);
    put_text(&draft, TEXT("quota"), facts->quota);
    put_text(&draft, TEXT("message"), facts->message);
    event_put(&draft, TEXT("submitted"), value_int(facts->submitted_ms));
    put_time(&draft, TEXT("started"), facts->started_ms);
    put_time(&draft, TEXT("ended"), facts->ended_ms);
    put_time(&draft, TEXT("not_before"), facts->not_before_ms);
    put_time(&draft, TEXT("deadline"), facts->deadline_ms);
    put_time(&draft, TEXT("wake"), facts->wake_ms);
    if (facts->priority)
        event_put(&draft, TEXT("priority"), value_int(facts->priority));
    event_put(&draft, TEXT("attempt"), value_uint(facts->attempt));
    event_put(&draft, TEXT("events"), value_uint(facts->last_seq));
    event_put(&draft, TEXT("counts"), counts_value(&facts->counts, arena));
    event_put(&draft, TEXT("cost"), cost_value(&facts->cost, arena));
    if (outputs)
        event_put(&draft, TEXT("outputs"), *outputs);
    return value_map(arena, draft.entries, draft.count);
}

Status node_job(struct node *node, const Hash *job, struct arena *arena,
                Value *out, struct error *err)
{
    struct job_facts facts;
    Value outputs;
    TRY(view_facts(node, job, arena, &facts, err));
    const bool has_outputs =
        job_state_is_over(facts.state) && facts.has_outcome;
    if (has_outputs)
        TRY(outcome_read(node->store, &facts.outcome, arena, &outputs, err));
    *out = facts_value(&facts, has_outputs ? &outputs : NULL, arena);
    return STATUS_OK;
}

/* --- Lists --------------------------------------------------------------- */

struct listing {
    struct node *node;
    const struct node_filter *filter;
    NodeEach *each;
    void *context;
    uint32_t left, looks;
    struct arena arena;
};

static bool name_has(Text name, Text part)
{
    return part.len == 0 || (name.len >= part.len &&
                             memmem(name.data, name.len, part.data, part.len));
}

static bool is_listed(const struct listing *listing,
                      const struct job_facts *facts)
{
    const struct node_filter *filter = listing->filter;
    return (filter->states == 0 || filter->states >> facts->state & 1) &&
           (!filter->subject || did_equal(filter->subject, facts->subject)) &&
           name_has(facts->name, filter->name);
}

static bool list_facts(struct listing *listing, const struct job_facts *facts)
{
    const struct job_place place = {facts->submitted_ms, facts->id};
    if (!is_listed(listing, facts))
        return true;
    const Value value = facts_value(facts, NULL, &listing->arena);
    listing->left--;
    return listing->each(listing->context, &value, &place) &&
           listing->left > 0;
}

static bool list_row(void *context, const struct job_row *row)
{
    struct listing *listing = context;
    struct job_facts facts;
    arena_reset(&listing->arena);
    const bool is_there =
        facts_in_memory(listing->node, &row->id, &listing->arena, &facts) ||
        row_read(row, &listing->arena, &facts, NULL) == STATUS_OK;
    if (is_there && !list_facts(listing, &facts))
        return false;
    const struct job_place place = {row->submitted_ms, row->id};
    return ++listing->looks != listing->filter->looks_max ||
           listing->each(listing->context, NULL, &place);
}

/* --- Open ones only: without a look at those that are over. -------------- */

static int compare_places(const void *a, const void *b)
{
    const struct job_place *left = a, *right = b;
    if (left->submitted_ms != right->submitted_ms)
        return left->submitted_ms > right->submitted_ms ? -1 : 1;
    return memcmp(&left->id, &right->id, sizeof left->id);
}

static struct job_place *open_places(struct node *node,
                                     const struct node_filter *filter,
                                     size_t *count)
{
    const struct map_entry *entry;
    size_t cursor = 0;
    *count = 0;
    pthread_mutex_lock(&node->lock);
    struct job_place *places =
        heap_array(node->jobs.count + 1, sizeof *places);
    while ((entry = map_next(&node->jobs, &cursor))) {
        const struct job *job = (const void *)(uintptr_t)entry->value;
        const struct job_place place = {job->facts.submitted_ms,
                                        job->facts.id};
        if (filter->states >> job->facts.state & 1 &&
            (!filter->subject ||
             did_equal(filter->subject, job->facts.subject)) &&
            (!filter->after || compare_places(filter->after, &place) < 0))
            places[(*count)++] = place;
    }
    pthread_mutex_unlock(&node->lock);
    qsort(places, *count, sizeof *places, compare_places);
    return places;
}

static void list_open(struct listing *listing)
{
    size_t count;
    struct job_place *places =
        open_places(listing->node, listing->filter, &count);
    for (size_t index = 0; index < count; index++) {
        struct job_facts facts;
        arena_reset(&listing->arena);
        if (facts_in_memory(listing->node, &places[index].id, &listing->arena,
                            &facts) &&
            !list_facts(listing, &facts))
            break;
    }
    free(places);
}

Status node_jobs(struct node *node, const struct node_filter *filter,
                 NodeEach *each, void *context, struct error *err)
{
    enum { COUNT_DEFAULT = 100, COUNT_MAX = 1000 };
    static const uint32_t open_states =
        1 << JOB_QUEUED | 1 << JOB_RUNNING | 1 << JOB_SUSPENDED;
    struct listing listing = {.node = node,
                              .filter = filter,
                              .each = each,
                              .context = context,
                              .left = filter->count_max};
    Status status = STATUS_OK;
    if (listing.left == 0)
        listing.left = COUNT_DEFAULT;
    if (listing.left > COUNT_MAX)
        listing.left = COUNT_MAX;
    if (filter->states != 0 && (filter->states & ~open_states) == 0)
        list_open(&listing);
    else
        status = job_each(node->store, filter->after, list_row, &listing, err);
    arena_deinit(&listing.arena);
    return status;
}
