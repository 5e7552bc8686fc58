/* SPDX-License-Identifier: Apache-2.0 */
#include "http/span.h"

#include "ipvm.h"

enum { ATTRIBUTES_MAX = 12, STATUS_IS_OK = 1, STATUS_IS_ERROR = 2 };

/* --- Fields of events ---------------------------------------------------- */

static Text text_in(const Value *event, Text key)
{
    const Value *value = value_get(event, key);
    return value && value->kind == VALUE_TEXT ? value->text : (Text){"", 0};
}

static int64_t number_in(const Value *event, Text key)
{
    const Value *value = value_get(event, key);
    int64_t number = 0;
    if (value && value->kind == VALUE_INT && value_to_int64(value, &number))
        return number;
    return 0;
}

/* --- Names --------------------------------------------------------------- */

static Value hex(struct arena *arena, const uint8_t *bytes, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    char *text = arena_alloc(arena, 2 * len);
    for (size_t index = 0; index < len; index++) {
        text[2 * index] = digits[bytes[index] >> 4];
        text[2 * index + 1] = digits[bytes[index] & 15];
    }
    return value_text((Text){text, 2 * len});
}

static Value trace_id(struct arena *arena, const struct span_job *job)
{
    if (job->has_parent)
        return value_text(arena_copy_text(arena, text_of(job->parent.trace)));
    return hex(arena, job->id.bytes, 16);
}

/* The same after a restart: a span that is told twice is one. */
static Value task_span_id(struct arena *arena, const struct span_job *job,
                          int64_t seq)
{
    uint8_t named[sizeof(Hash) + sizeof seq];
    Hash hash;
    memcpy(named, &job->id, sizeof job->id);
    memcpy(named + sizeof job->id, &seq, sizeof seq);
    hash_sha256(bytes_of(named, sizeof named), &hash);
    return hex(arena, hash.bytes, 8);
}

/* --- Attributes ---------------------------------------------------------- */

struct attributes {
    struct arena *arena;
    Value items[ATTRIBUTES_MAX];
    size_t count;
};

static Value attribute(struct arena *arena, Text key, Text kind, Value value)
{
    const struct value_entry entries[] = {
        {TEXT("key"), value_text(key)},
        {TEXT("value"), value_map1(arena, kind, value)},
    };
    return value_map(arena, entries, 2);
}

static void add_text(struct attributes *attributes, Text key, Text text)
{
    if (text.len == 0)
        return;
    ASSERT(attributes->count < ATTRIBUTES_MAX);
    attributes->items[attributes->count++] =
        attribute(attributes->arena, key, TEXT("stringValue"),
                  value_text(arena_copy_text(attributes->arena, text)));
}

/* JSON has integers of 64 bits as texts. */
static Value number_text(struct arena *arena, int64_t number)
{
    return value_text(arena_format(arena, "%lld", (long long)number));
}

static void add_number(struct attributes *attributes, Text key, int64_t number)
{
    if (number == 0)
        return;
    ASSERT(attributes->count < ATTRIBUTES_MAX);
    attributes->items[attributes->count++] =
        attribute(attributes->arena, key, TEXT("intValue"),
                  number_text(attributes->arena, number));
}

static void add_link(struct attributes *attributes, Text key,
                     const Value *value)
{
    if (value && value->kind == VALUE_LINK)
        add_text(attributes, key,
                 cid_bytes_to_text(value->link, attributes->arena));
}

/* --- A span -------------------------------------------------------------- */

struct span {
    Value id, parent;
    bool has_parent;
    Text name;
    int kind; /* SpanKind: 1 internal, 2 server */
    int64_t start_ns, end_ns;
    bool is_ok;
    Text message;
};

static Value status_value(struct arena *arena, const struct span *span)
{
    const struct value_entry entries[] = {
        {TEXT("code"),
         value_int(span->is_ok ? STATUS_IS_OK : STATUS_IS_ERROR)},
        {TEXT("message"), value_text(arena_copy_text(arena, span->message))},
    };
    return value_map(arena, entries, span->message.len > 0 ? 2 : 1);
}

static Value span_value(struct arena *arena, const struct span_job *job,
                        const struct span *span,
                        const struct attributes *attributes)
{
    Value *items = arena_array(arena, attributes->count, sizeof *items);
    memcpy(items, attributes->items, attributes->count * sizeof *items);
    const struct value_entry entries[] = {
        {TEXT("traceId"), trace_id(arena, job)},
        {TEXT("spanId"), span->id},
        {TEXT("name"), value_text(arena_copy_text(arena, span->name))},
        {TEXT("kind"), value_int(span->kind)},
        {TEXT("startTimeUnixNano"), number_text(arena, span->start_ns)},
        {TEXT("endTimeUnixNano"), number_text(arena, span->end_ns)},
        {TEXT("status"), status_value(arena, span)},
        {TEXT("attributes"), value_list(items, attributes->count)},
        {TEXT("parentSpanId"), span->parent},
    };
    return value_map(arena, entries, span->has_parent ? 9 : 8);
}

static Value job_span(const struct span_job *job, const Value *event,
                      struct arena *arena)
{
    char text[CID_TEXT_MAX];
    Cid cid;
    const Text kind = text_in(event, TEXT("kind"));
    struct attributes attributes = {.arena = arena};
    struct span span = {
        .id = hex(arena, job->id.bytes, 8),
        .name = *job->name ? text_of(job->name) : TEXT("job"),
        .kind = 2,
        .start_ns = job->submitted_ms * 1000000,
        .end_ns = number_in(event, TEXT("at")) * 1000000,
        .is_ok = text_equal(kind, TEXT("succeeded")),
        .message = text_in(event, TEXT("message")),
        .has_parent = job->has_parent,
    };
    if (job->has_parent)
        span.parent =
            value_text(arena_copy_text(arena, text_of(job->parent.span)));
    cid_from_hash(CODEC_DAG_CBOR, &job->id, &cid);
    cid_to_text(&cid, text);
    add_text(&attributes, TEXT("ipvm.job"), text_of(text));
    add_text(&attributes, TEXT("ipvm.state"), kind);
    return span_value(arena, job, &span, &attributes);
}

static Value task_span(const struct span_job *job, const Value *event,
                       struct arena *arena)
{
    const Value *ok = value_get(event, TEXT("ok"));
    const int64_t end_ns = number_in(event, TEXT("at")) * 1000000;
    struct attributes attributes = {.arena = arena};
    const struct span span = {
        .id = task_span_id(arena, job, number_in(event, TEXT("seq"))),
        .parent = hex(arena, job->id.bytes, 8),
        .has_parent = true,
        .name = text_in(event, TEXT("task")),
        .kind = 1,
        .start_ns = end_ns - number_in(event, TEXT("run_ns")),
        .end_ns = end_ns,
        .is_ok = ok && ok->kind == VALUE_BOOL && ok->boolean,
        .message = text_in(event, TEXT("message")),
    };
    add_text(&attributes, TEXT("ipvm.by"), text_in(event, TEXT("by")));
    add_text(&attributes, TEXT("ipvm.end"), text_in(event, TEXT("end")));
    add_link(&attributes, TEXT("ipvm.result"),
             value_get(event, TEXT("result")));
    add_link(&attributes, TEXT("ipvm.computation"),
             value_get(event, TEXT("comp")));
    add_number(&attributes, TEXT("ipvm.queued_ns"),
               number_in(event, TEXT("queued_ns")));
    add_number(&attributes, TEXT("ipvm.cpu_ns"),
               number_in(event, TEXT("cpu_ns")));
    add_number(&attributes, TEXT("ipvm.memory"),
               number_in(event, TEXT("memory")));
    add_number(&attributes, TEXT("ipvm.fuel"), number_in(event, TEXT("fuel")));
    add_number(&attributes, TEXT("ipvm.worker"),
               number_in(event, TEXT("worker")));
    return span_value(arena, job, &span, &attributes);
}

/* --- Events -------------------------------------------------------------- */

static void take_submitted(struct span_job *job, const Value *event)
{
    job->submitted_ms = number_in(event, TEXT("at"));
    job->has_parent =
        trace_parent_read(text_in(event, TEXT("trace")), &job->parent);
}

bool span_of_event(struct span_job *job, const Value *event,
                   struct arena *arena, Value *out)
{
    const Text kind = text_in(event, TEXT("kind"));
    if (text_equal(kind, TEXT("submitted"))) {
        take_submitted(job, event);
        return false;
    }
    if (text_equal(kind, TEXT("task/finished"))) {
        *out = task_span(job, event, arena);
        return true;
    }
    if (text_equal(kind, TEXT("succeeded")) ||
        text_equal(kind, TEXT("failed")) ||
        text_equal(kind, TEXT("cancelled"))) {
        *out = job_span(job, event, arena);
        return true;
    }
    return false;
}

bool span_is_wanted(const struct span_job *job)
{
    return !job->has_parent || job->parent.is_sampled;
}

/* --- An export ----------------------------------------------------------- */

static Value one_item(struct arena *arena, Value value)
{
    Value *item = ARENA_NEW(arena, Value);
    *item = value;
    return value_list(item, 1);
}

Value span_export(struct arena *arena, Text did, const Value *spans,
                  size_t count)
{
    Value *about = arena_array(arena, 3, sizeof *about);
    about[0] = attribute(arena, TEXT("service.name"), TEXT("stringValue"),
                         value_text(TEXT("ipvm")));
    about[1] = attribute(arena, TEXT("service.version"), TEXT("stringValue"),
                         value_text(TEXT(IPVM_VERSION)));
    about[2] = attribute(arena, TEXT("service.instance.id"),
                         TEXT("stringValue"), value_text(did));
    const struct value_entry scope[] = {
        {TEXT("scope"),
         value_map1(arena, TEXT("name"), value_text(TEXT("ipvm")))},
        {TEXT("spans"), value_list(spans, count)},
    };
    const struct value_entry resource[] = {
        {TEXT("resource"),
         value_map1(arena, TEXT("attributes"), value_list(about, 3))},
        {TEXT("scopeSpans"), one_item(arena, value_map(arena, scope, 2))},
    };
    return value_map1(arena, TEXT("resourceSpans"),
                      one_item(arena, value_map(arena, resource, 2)));
}
