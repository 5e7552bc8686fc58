/* SPDX-License-Identifier: Apache-2.0 */
/* journal.c - what happened to a job, in order.
 *
 *     pages in memory ─▶ rows in the store ─▶ segments, linked blocks
 *      until durable       the last 64 KiB       all before
 *
 * Whoever reads takes segments first, then rows, then pages, and leaves out
 * what he has had: an event may be in two of them for a while, never in none
 * (read.c). */
#include <stdlib.h>

#include "base/clock.h"
#include "ipld/dag_cbor.h"
#include "node/read.h"
#include "node/state.h"

/* --- Telling ------------------------------------------------------------- */

static void add_number(struct buffer *out, uint64_t number, unsigned len)
{
    for (unsigned index = 0; index < len; index++)
        buffer_add_byte(out, (uint8_t)(number >> 8 * index));
}

static struct event_page *page_with_room(struct job *job, size_t len)
{
    struct event_page *page = job->last_page;
    if (page && page->batch == 0 && page->bytes.len + len <= EVENT_PAGE_BYTES)
        return page;
    page = HEAP_NEW(struct event_page);
    page->first = job->facts.last_seq;
    buffer_init(&page->bytes, JOURNAL_ROW_MAX);
    if (job->last_page)
        job->last_page->next = page;
    else
        job->pages = page;
    job->last_page = page;
    return page;
}

Text event_text(Text text)
{
    size_t bad = 0;
    if (text.len > EVENT_TEXT_MAX)
        text.len = EVENT_TEXT_MAX;
    if (!utf8_is_valid(text, &bad))
        text.len = bad;
    return text;
}

void event_by(struct event_draft *draft, const Did *by)
{
    if (by && by->text[0])
        event_put(draft, TEXT("by"), value_text(text_of(by->text)));
}

void event_tell(struct node *node, struct job *job, Text kind,
                struct event_draft *draft)
{
    const uint64_t seq = job->facts.last_seq + 1;
    event_put(draft, TEXT("seq"), value_uint(seq));
    event_put(draft, TEXT("at"), value_int(clock_wall_ms()));
    event_put(draft, TEXT("kind"), value_text(kind));
    arena_reset(&node->scratch);
    const Value map = value_map(&node->scratch, draft->entries, draft->count);
    buffer_clear(&node->bytes);
    dag_cbor_encode(&map, &node->bytes);
    ASSERT(node->bytes.status == STATUS_OK);

    pthread_mutex_lock(&node->lock);
    job->facts.last_seq = seq;
    struct event_page *page =
        page_with_room(job, EVENT_HEAD + node->bytes.len);
    add_number(&page->bytes, node->bytes.len, 4);
    add_number(&page->bytes, seq, 8);
    buffer_add_bytes(&page->bytes, buffer_bytes(&node->bytes));
    ASSERT(page->bytes.status == STATUS_OK);
    pthread_mutex_unlock(&node->lock);
    watch_dirty(node, job);
}

/* --- On its way ---------------------------------------------------------- */

bool journal_is_waiting(struct node *node, const struct job *job,
                        size_t *bytes)
{
    *bytes = 0;
    pthread_mutex_lock(&node->lock);
    for (const struct event_page *page = job->pages; page; page = page->next)
        if (page->batch == 0)
            *bytes += page->bytes.len;
    pthread_mutex_unlock(&node->lock);
    return *bytes > 0;
}

/* Whatever is in a page goes into this batch. */
static void add_pages(struct node *node, struct job *job,
                      struct store_batch *batch)
{
    pthread_mutex_lock(&node->lock);
    for (struct event_page *page = job->pages; page; page = page->next) {
        if (page->batch != 0)
            continue;
        page->batch = job->batches_sent;
        store_batch_journal(batch, &job->facts.id, job->facts.submitted_ms,
                            page->first, buffer_bytes(&page->bytes));
        job->tail += (uint32_t)page->bytes.len;
    }
    pthread_mutex_unlock(&node->lock);
}

/* A block goes in a batch of its own, so that it can be read as soon as it is
 * named; and with the row that names it, so that it is there if that is. */
static void put_segment(struct node *node, struct job *job,
                        const struct buffer *block, uint64_t last,
                        struct store_batch *with_row)
{
    struct store_batch *batch = store_batch_new(node->store);
    Cid cid;
    Hash hash;
    cid_of(CODEC_DAG_CBOR, buffer_bytes(block), &cid);
    bool known = cid_sha256(&cid, CODEC_DAG_CBOR, &hash);
    ASSERT(known);
    store_batch_block(batch, &cid, buffer_bytes(block));
    store_batch_block(with_row, &cid, buffer_bytes(block));
    store_commit_async(batch, NULL, NULL);
    pthread_mutex_lock(&node->lock);
    job->facts.segment = hash;
    job->facts.has_segment = true;
    job->facts.segment_last = last;
    pthread_mutex_unlock(&node->lock);
}

/* What stands behind the last segment becomes new ones; its rows go. */
static void compact(struct node *node, struct job *job,
                    struct store_batch *batch)
{
    struct event_tail tail;
    struct buffer block;
    size_t at = 0;
    uint64_t last;
    // Trouble with the store: later, perhaps.
    if (read_tail(node, &job->facts.id, job->facts.segment_last, &tail,
                  NULL) != STATUS_OK)
        return;
    buffer_init(&block, BLOCK_MADE_MAX);
    while (at < tail.bytes.len) {
        const Hash prev = job->facts.segment;
        segment_write(buffer_bytes(&tail.bytes), &at,
                      job->facts.has_segment ? &prev : NULL, &block, &last);
        if (block.status != STATUS_OK)
            break;
        put_segment(node, job, &block, last, batch);
    }
    job->tail = 0;
    store_batch_journal_remove(batch, &job->facts.id, job->facts.submitted_ms,
                               job->facts.segment_last + 1);
    buffer_deinit(&block);
    buffer_deinit(&tail.bytes);
}

static void add_row(struct node *node, struct job *job,
                    struct store_batch *batch)
{
    struct job_facts facts = job->facts;
    facts.state = job->state;
    struct job_row row = {
        .id = facts.id,
        .is_open = !job_state_is_over(job->state),
        .submitted_ms = facts.submitted_ms,
    };
    arena_reset(&node->scratch);
    buffer_clear(&node->bytes);
    row_write(&facts, &node->scratch, &node->bytes);
    row_roots(&facts, &row);
    row.value = buffer_bytes(&node->bytes);
    store_batch_job(batch, &row);
}

void journal_send(struct node *node, struct job *job,
                  struct store_batch *batch)
{
    add_pages(node, job, batch);
    // What is not public yet stays in rows.
    if (job->tail > SEGMENT_BYTES && job->hidden_after == UINT64_MAX)
        compact(node, job, batch);
    add_row(node, job, batch);
}

void journal_sent(struct job *job)
{
    struct event_page *page;
    while ((page = job->pages) && page->batch != 0 &&
           (int32_t)(page->batch - job->batches_done) <= 0) {
        job->pages = page->next;
        if (!job->pages)
            job->last_page = NULL;
        buffer_deinit(&page->bytes);
        free(page);
    }
}

void journal_free(struct node *node, struct job *job)
{
    struct event_page *next;
    pthread_mutex_lock(&node->lock);
    for (struct event_page *page = job->pages; page; page = next) {
        next = page->next;
        buffer_deinit(&page->bytes);
        free(page);
    }
    job->pages = job->last_page = NULL;
    pthread_mutex_unlock(&node->lock);
}
