/* SPDX-License-Identifier: Apache-2.0 */
/* gc_memo.c - which memo results are roots.
 *
 * By age: made or hit since `keep_s`. Within a budget: those that cost most to
 * compute for each byte they take go last, and the longer nobody asked for one
 * the less it is worth: cpu_ns / (bytes * days since the last hit). The order
 * is the same for the same entries. What was made or hit within the grace is
 * always kept: somebody may be at it.
 *
 * An entry whose result is let go stays until its age is over too, so that a
 * miss can be explained; then its row goes.
 */
#include <stdlib.h>

#include "store/gc_private.h"

enum { IN_ONE_READ = 4096, ROWS_BYTES = 512, DAY_S = 24 * 3600 };

struct candidate {
    Hash concrete;
    Cid result;
    uint64_t bytes;
    double worth;
    bool is_safe;         /* within the grace */
    bool has_computation; /* its block is here */
};

struct choice {
    struct collector *collector;
    struct transaction *transaction;
    struct place place;
    size_t in_read;
    bool is_done;
    int64_t since_s, grace_since_s;
    struct candidate *items; /* owned; young enough to be kept */
    size_t count, capacity;
    Hash *expired; /* owned; entries to be forgotten */
    size_t expired_count, expired_capacity;
};

static void doom(struct collector *collector, const Cid *result)
{
    if (collector->doomed_count == collector->doomed_capacity) {
        collector->doomed_capacity = collector->doomed_capacity * 2 + 64;
        collector->doomed =
            heap_resize(collector->doomed, collector->doomed_capacity,
                        sizeof *collector->doomed);
    }
    collector->doomed[collector->doomed_count++] = *result;
}

static void forget(struct choice *choice, Bytes concrete)
{
    if (choice->expired_count == choice->expired_capacity) {
        choice->expired_capacity = choice->expired_capacity * 2 + 64;
        choice->expired =
            heap_resize(choice->expired, choice->expired_capacity,
                        sizeof *choice->expired);
    }
    memcpy(choice->expired[choice->expired_count++].bytes, concrete.data,
           SHA256_LEN);
}

static bool has_block(struct choice *choice, const Cid *cid)
{
    Bytes bytes;
    return cid_hash_code(cid) == HASH_IDENTITY ||
           transaction_get(choice->transaction, TABLE_BLOCKS,
                           cid_multihash(cid), &bytes, NULL) == STATUS_OK;
}

static double worth_of(const struct memo_entry *entry, int64_t age_s)
{
    const double days = age_s > 0 ? (double)age_s / DAY_S : 0;
    const double bytes = (double)entry->stored_bytes + ROWS_BYTES;
    return (double)entry->cpu_ns / (bytes * (days + 1));
}

static void consider(struct choice *choice, Bytes key,
                     const struct memo_entry *entry)
{
    const struct collector *collector = choice->collector;
    const int64_t last_s =
        entry->hit_s > entry->made_s ? entry->hit_s : entry->made_s;
    const bool is_safe =
        collector->grace_s > 0 && last_s >= choice->grace_since_s;
    const bool is_there = has_block(choice, &entry->result);
    if (!is_safe &&
        (collector->options->keep_none || last_s < choice->since_s)) {
        if (is_there)
            doom(choice->collector, &entry->result);
        else
            forget(choice, key);
        return;
    }
    if (!is_there && !is_safe)
        return; // Let go for its worth before its time was over.
    if (choice->count == choice->capacity) {
        choice->capacity = choice->capacity * 2 + 64;
        choice->items = heap_resize(choice->items, choice->capacity,
                                    sizeof *choice->items);
    }
    struct candidate *candidate = &choice->items[choice->count++];
    *candidate = (struct candidate){
        .result = entry->result,
        .bytes = entry->stored_bytes + ROWS_BYTES,
        .worth = worth_of(entry, collector->now_s - last_s),
        .is_safe = is_safe,
    };
    memcpy(candidate->concrete.bytes, key.data, SHA256_LEN);
    Cid cid;
    cid_from_hash(CODEC_DAG_CBOR, &candidate->concrete, &cid);
    candidate->has_computation = has_block(choice, &cid);
}

static bool visit_entry(void *context, Bytes key, Bytes value)
{
    struct choice *choice = context;
    struct memo_entry entry;
    if (choice->in_read++ == IN_ONE_READ)
        return false;
    place_set(&choice->place, key);
    if (key.len != SHA256_LEN)
        return true;
    if (table_value_of_row(TABLE_MEMO, key, &value) &&
        memo_entry_read(value, &entry))
        consider(choice, key, &entry);
    return true;
}

static Status visit_entries(struct choice *choice, struct error *err)
{
    uint64_t visited = 0;
    do {
        struct transaction transaction;
        TRY(tables_read(choice->collector->store->tables, &transaction, err));
        choice->in_read = 0;
        choice->transaction = &transaction;
        Status status = transaction_walk_from(&transaction, TABLE_MEMO,
                                              place_bytes(&choice->place),
                                              visit_entry, choice, err);
        transaction_end(&transaction);
        TRY(status);
        visited += choice->in_read;
        TRY(collector_tell(choice->collector, "reading the memo", visited, 0,
                           err));
    } while (choice->in_read > IN_ONE_READ);
    return STATUS_OK;
}

/* Most worth first; what is safe before all. */
static int compare_candidates(const void *a, const void *b)
{
    const struct candidate *first = a, *second = b;
    if (first->is_safe != second->is_safe)
        return first->is_safe ? -1 : 1;
    if (first->worth > second->worth)
        return -1;
    if (first->worth < second->worth)
        return 1;
    return memcmp(&first->concrete, &second->concrete, sizeof(Hash));
}

/* The result and all below it, and the block of the computation alone: what
 * that links is kept by other roots or can be found again. */
static void retain(struct collector *collector, const struct candidate *entry)
{
    Cid cid;
    mark_add(collector, cid_bytes(&entry->result));
    cid_from_hash(CODEC_DAG_CBOR, &entry->concrete, &cid);
    if (entry->has_computation)
        seen_add(&collector->kept, cid_multihash(&cid));
    collector->report->memo_kept++;
}

static void retain_within(struct collector *collector, struct choice *choice)
{
    const uint64_t budget = collector->options->memo_bytes;
    uint64_t taken = 0;
    if (choice->count > 0)
        qsort(choice->items, choice->count, sizeof *choice->items,
              compare_candidates);
    for (size_t index = 0; index < choice->count; index++) {
        const struct candidate *entry = &choice->items[index];
        taken += entry->bytes;
        if (budget == 0 || entry->is_safe || taken <= budget)
            retain(collector, entry);
        else
            doom(collector, &entry->result);
    }
}

Status memo_choose(struct collector *collector, struct error *err)
{
    static const uint64_t keep_default_s = (uint64_t)30 * DAY_S;
    const uint64_t keep_s = collector->options->keep_s
                                ? collector->options->keep_s
                                : keep_default_s;
    struct choice choice = {
        .collector = collector,
        .since_s = keep_s > (uint64_t)collector->now_s
                       ? 0
                       : collector->now_s - (int64_t)keep_s,
        .grace_since_s = collector->now_s - collector->grace_s,
    };
    Status status = visit_entries(&choice, err);
    if (status == STATUS_OK) {
        retain_within(collector, &choice);
        collector->expired = choice.expired;
        collector->expired_count = choice.expired_count;
        choice.expired = NULL;
    }
    free(choice.items);
    free(choice.expired);
    return status;
}
