/* SPDX-License-Identifier: Apache-2.0 */
#include "node/read.h"

#include <stdlib.h>

#include "ipld/dag_cbor.h"

enum {
    TAIL_MAX = 64 << 20,
    SEGMENT_EVENTS_MAX = 256 << 10, /* bytes */
    TRIES = 100,
};

/* --- Pages and rows ------------------------------------------------------ */

static uint64_t get_number(const uint8_t *bytes, unsigned len)
{
    uint64_t number = 0;
    for (unsigned index = 0; index < len; index++)
        number |= (uint64_t)bytes[index] << 8 * index;
    return number;
}

bool event_next(Bytes page, size_t *at, uint64_t *seq, Bytes *event)
{
    if (page.len - *at < EVENT_HEAD)
        return false;
    const uint8_t *head = page.data + *at;
    const size_t len = (size_t)get_number(head, 4);
    if (page.len - *at - EVENT_HEAD < len)
        return false;
    *seq = get_number(head + 4, 8);
    *event = bytes_of(head + EVENT_HEAD, len);
    *at += EVENT_HEAD + len;
    return true;
}

/* Copies those with a number above `*after`, which moves. */
static void copy_events(Bytes page, uint64_t *after, uint64_t up_to,
                        struct buffer *out)
{
    size_t at = 0, start = 0;
    uint64_t seq;
    Bytes event;
    while (event_next(page, &at, &seq, &event)) {
        if (seq > *after && seq <= up_to) {
            buffer_add(out, page.data + start, at - start);
            *after = seq;
        }
        start = at;
    }
}

struct collecting {
    struct buffer *out;
    uint64_t after;
};

static bool collect(void *context, uint64_t first, Bytes events)
{
    struct collecting *collecting = context;
    (void)first;
    copy_events(events, &collecting->after, UINT64_MAX, collecting->out);
    return collecting->out->status == STATUS_OK;
}

/* What is in memory of the job, if it is. */
static bool look_at_job(struct node *node, const Hash *id, uint64_t after,
                        struct event_tail *out, struct buffer *pages)
{
    pthread_mutex_lock(&node->lock);
    const struct job *job = jobs_find(node, id);
    if (job) {
        const struct job_facts *facts = &job->facts;
        out->has_segment = facts->has_segment;
        out->segment = facts->segment;
        out->segment_last = facts->segment_last;
        out->is_over = job_state_is_over(facts->state);
        for (const struct event_page *page = job->pages; page;
             page = page->next)
            copy_events(buffer_bytes(&page->bytes), &after, job->hidden_after,
                        pages);
    }
    pthread_mutex_unlock(&node->lock);
    return job != NULL;
}

static Status look_at_row(struct node *node, const Hash *id,
                          struct event_tail *out, struct error *err)
{
    struct arena arena = {0};
    struct job_row row;
    struct job_facts facts;
    Status status = job_get(node->store, id, &arena, &row, err);
    if (status == STATUS_OK)
        status = row_read(&row, &arena, &facts, err);
    if (status == STATUS_OK) {
        out->has_segment = facts.has_segment;
        out->segment = facts.segment;
        out->segment_last = facts.segment_last;
        out->is_over = job_state_is_over(facts.state);
    }
    arena_deinit(&arena);
    return status;
}

/* One look; `*moved`: events became a segment meanwhile, look again. */
static Status look(struct node *node, const Hash *id, uint64_t after,
                   struct event_tail *out, bool *moved, struct error *err)
{
    struct buffer pages;
    struct event_tail again = {0};
    buffer_init(&pages, TAIL_MAX);
    Status status = STATUS_OK;
    if (!look_at_job(node, id, after, out, &pages))
        status = look_at_row(node, id, out, err);
    struct collecting collecting = {
        &out->bytes, after > out->segment_last ? after : out->segment_last};
    if (status == STATUS_OK)
        status = journal_each(node->store, id, collecting.after + 1, collect,
                              &collecting, err);
    if (status == STATUS_OK)
        copy_events(buffer_bytes(&pages), &collecting.after, UINT64_MAX,
                    &out->bytes);
    buffer_clear(&pages);
    if (status == STATUS_OK &&
        !look_at_job(node, id, UINT64_MAX, &again, &pages))
        status = look_at_row(node, id, &again, err);
    *moved = again.segment_last != out->segment_last;
    buffer_deinit(&pages);
    return status;
}

Status read_tail(struct node *node, const Hash *id, uint64_t after,
                 struct event_tail *out, struct error *err)
{
    bool moved = true;
    Status status = STATUS_OK;
    *out = (struct event_tail){0};
    buffer_init(&out->bytes, TAIL_MAX);
    for (unsigned try = 0; moved && try < TRIES && status == STATUS_OK;
         try++) {
        buffer_clear(&out->bytes);
        out->segment_last = 0;
        status = look(node, id, after, out, &moved, err);
    }
    if (status == STATUS_OK)
        status = buffer_status(&out->bytes, "the events of a job", err);
    if (status != STATUS_OK)
        buffer_deinit(&out->bytes);
    return status;
}

/* --- Segments ------------------------------------------------------------ */

static void add_link(struct buffer *out, const Hash *hash)
{
    Cid cid;
    cid_from_hash(CODEC_DAG_CBOR, hash, &cid);
    cbor_add_link(out, cid_bytes(&cid));
}

void segment_write(Bytes events, size_t *at, const Hash *prev,
                   struct buffer *out, uint64_t *last)
{
    struct buffer list;
    size_t count = 0;
    uint64_t seq, first = 0;
    Bytes event;
    buffer_init(&list, SIZE_MAX);
    while (list.len < SEGMENT_EVENTS_MAX &&
           event_next(events, at, &seq, &event)) {
        buffer_add_bytes(&list, event);
        first = count++ == 0 ? seq : first;
        *last = seq;
    }
    buffer_clear(out);
    cbor_add_map(out, prev ? 4 : 3);
    cbor_add_text(out, TEXT("last"));
    cbor_add_uint(out, *last);
    if (prev) {
        cbor_add_text(out, TEXT("prev"));
        add_link(out, prev);
    }
    cbor_add_text(out, TEXT("first"));
    cbor_add_uint(out, first);
    cbor_add_text(out, TEXT("events"));
    cbor_add_list(out, count);
    buffer_add_bytes(out, buffer_bytes(&list));
    buffer_deinit(&list);
}

struct segment {
    struct arena arena;
    struct block *block;
    Value map;
    uint64_t first;
    bool has_prev;
    Hash prev;
};

static void segment_close(struct segment *segment)
{
    arena_deinit(&segment->arena);
    block_unref(segment->block);
}

static Status segment_open(struct node *node, const Hash *hash,
                           struct segment *out, struct error *err)
{
    Cid cid, prev;
    const Value *link, *first;
    *out = (struct segment){0};
    cid_from_hash(CODEC_DAG_CBOR, hash, &cid);
    Status status = store_get(node->store, &cid, &out->block, err);
    if (status == STATUS_NOT_FOUND)
        status = fail(err, STATUS_CORRUPT,
                      "a segment of the journal is not in the store");
    if (status == STATUS_OK)
        status = dag_cbor_decode(block_bytes(out->block), &out->arena,
                                 &out->map, err);
    if (status != STATUS_OK) {
        segment_close(out);
        return status;
    }
    first = value_get(&out->map, TEXT("first"));
    if (!first || !value_to_uint64(first, &out->first))
        out->first = 0;
    link = value_get(&out->map, TEXT("prev"));
    out->has_prev = link && link->kind == VALUE_LINK &&
                    cid_from_bytes(link->link, &prev, NULL) == STATUS_OK &&
                    cid_sha256(&prev, CODEC_DAG_CBOR, &out->prev);
    return STATUS_OK;
}

struct telling {
    NodeEvent *each;
    void *context;
    uint64_t last;
    bool is_stopped;
};

static void tell_segment(const struct segment *segment,
                         struct telling *telling)
{
    const Value *events = value_get(&segment->map, TEXT("events"));
    struct buffer bytes;
    uint64_t seq;
    buffer_init(&bytes, SIZE_MAX);
    for (size_t index = 0; events && events->kind == VALUE_LIST &&
                           index < events->list.count && !telling->is_stopped;
         index++) {
        const Value *event = &events->list.items[index];
        const Value *number = value_get(event, TEXT("seq"));
        if (!number || !value_to_uint64(number, &seq) || seq <= telling->last)
            continue;
        buffer_clear(&bytes);
        dag_cbor_encode(event, &bytes);
        telling->last = seq;
        telling->is_stopped =
            !telling->each(telling->context, seq, buffer_bytes(&bytes));
    }
    buffer_deinit(&bytes);
}

/* Back to the segment where the story begins, then forward. */
static Status tell_segments(struct node *node, const Hash *newest,
                            struct telling *telling, struct error *err)
{
    Hash *stack = NULL;
    size_t count = 0;
    struct segment segment;
    Hash hash = *newest;
    bool goes_on = true;
    Status status = STATUS_OK;
    while (goes_on && status == STATUS_OK) {
        stack = heap_resize(stack, count + 1, sizeof *stack);
        stack[count++] = hash;
        status = segment_open(node, &hash, &segment, err);
        if (status != STATUS_OK)
            break;
        goes_on = segment.has_prev && segment.first > telling->last + 1;
        hash = segment.prev;
        segment_close(&segment);
    }
    while (status == STATUS_OK && count > 0 && !telling->is_stopped) {
        status = segment_open(node, &stack[--count], &segment, err);
        if (status != STATUS_OK)
            break;
        tell_segment(&segment, telling);
        segment_close(&segment);
    }
    free(stack);
    return status;
}

/* --- All of them --------------------------------------------------------- */

Status node_events(struct node *node, const Hash *job, uint64_t after,
                   NodeEvent *each, void *context, uint64_t *last,
                   bool *is_over, struct error *err)
{
    struct event_tail tail;
    struct telling telling = {each, context, after, false};
    size_t at = 0;
    uint64_t seq;
    Bytes event;
    *last = after;
    *is_over = false;
    TRY(read_tail(node, job, after, &tail, err));
    Status status = STATUS_OK;
    if (tail.has_segment && after < tail.segment_last)
        status = tell_segments(node, &tail.segment, &telling, err);
    while (status == STATUS_OK && !telling.is_stopped &&
           event_next(buffer_bytes(&tail.bytes), &at, &seq, &event)) {
        telling.last = seq;
        telling.is_stopped = !each(context, seq, event);
    }
    *last = telling.last;
    *is_over = tail.is_over && !telling.is_stopped && status == STATUS_OK;
    buffer_deinit(&tail.bytes);
    return status;
}
