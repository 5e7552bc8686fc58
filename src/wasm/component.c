/* SPDX-License-Identifier: Apache-2.0 */
/* component.c - components of more than one core instance: through the
 * engine's component API, in the typed encoding. */
#include <stdlib.h>

#include "ipld/dag_cbor.h"
#include "wasm/guest.h"
#include "wasm/typed.h"

static void log_line(void *context, Text level, Text context_name, Text line)
{
    static const char *const levels[] = {
        [LOG_TRACE] = "trace", [LOG_DEBUG] = "debug",
        [LOG_INFO] = "info",   [LOG_WARN] = "warn",
        [LOG_ERROR] = "error", [LOG_CRITICAL] = "critical",
    };
    int found = LOG_INFO;
    for (int index = LOG_TRACE; index <= LOG_CRITICAL; index++) {
        if (text_equal(level, text_of(levels[index])))
            found = index;
    }
    guest_log(context, (LogLevel)found, context_name, line);
}

/* --- ipvm:content -------------------------------------------------------- */

static uint8_t *scratch(struct blobs *content, size_t len)
{
    if (len > content->scratch_room) {
        content->scratch = heap_resize(content->scratch, len, 1);
        content->scratch_room = len;
    }
    return content->scratch;
}

static Status read_blob(struct blobs *content,
                        struct engine_content_call *call, struct error *err)
{
    uint32_t len;
    TRY(blob_range(content, call->blob, call->offset, call->count, &len, err));
    uint8_t *out = scratch(content, (size_t)len + 1);
    call->out = bytes_of(out, len);
    return blob_read(content, call->blob, call->offset, out, len, err);
}

static Status list_blob(struct blobs *content,
                        struct engine_content_call *call, struct error *err)
{
    struct unixfs_entries entries;
    struct buffer out;
    TRY(blob_entries(content, call->blob, call->offset, call->count, &entries,
                     err));
    for (size_t index = 0; index < entries.count; index++)
        TRY(blob_give(content, entries.items[index].cid, err));
    buffer_init(&out, (size_t)8 << 30);
    cbor_add_list(&out, entries.count);
    for (size_t index = 0; index < entries.count; index++) {
        const struct unixfs_entry *entry = &entries.items[index];
        cbor_add_list(&out, 2);
        cbor_add_text(&out, entry->name);
        cbor_add_bytes(&out, entry->cid);
    }
    uint8_t *kept = scratch(content, out.len);
    memcpy(kept, out.data, out.len);
    call->out = bytes_of(kept, out.len);
    buffer_deinit(&out);
    return STATUS_OK;
}

static Status call_content(struct blobs *content,
                           struct engine_content_call *call, struct error *err)
{
    uint32_t blob = 0;
    BlobKind kind = BLOB_FILE;
    switch ((enum engine_content)call->verb) {
    case ENGINE_CONTENT_OPEN:
        TRY(blob_open(content, call->bytes, &blob, err));
        call->number = blob;
        break;
    case ENGINE_CONTENT_KIND:
        TRY(blob_kind(content, call->blob, &kind, err));
        call->number = kind;
        break;
    case ENGINE_CONTENT_SIZE:
        return blob_size(content, call->blob, &call->number, err);
    case ENGINE_CONTENT_READ:
        return read_blob(content, call, err);
    case ENGINE_CONTENT_ENTRIES:
        return list_blob(content, call, err);
    case ENGINE_CONTENT_FIND:
        TRY(blob_find(content, call->blob, bytes_text(call->bytes), &call->out,
                      err));
        call->number = call->out.len > 0;
        break;
    case ENGINE_CONTENT_DROP:
        blob_drop(content, call->blob);
        break;
    }
    return STATUS_OK;
}

static EngineVerdict answer(void *context, struct engine_content_call *call)
{
    struct guest *guest = context;
    struct error err = {.message = ""};
    return guest_verdict(guest, call_content(guest->content, call, &err),
                         &err);
}

/* --- The call ------------------------------------------------------------ */

static GuestOutcome lift(struct guest *guest, Bytes result)
{
    const struct wit_type *type = guest->function->result;
    struct lifting lifting = {.source = {.bytes = result},
                              .out = guest->output};
    LiftOutcome outcome =
        lift_result(&lifting, type, place_typed(0), guest->call->homestar);
    // What is broken here was written by our own engine code.
    if (outcome == LIFT_BROKEN)
        return guest_end(guest, END_HOST, "%s", lifting.source.why);
    return guest_lifted(guest, &lifting, outcome);
}

GuestOutcome component_call(struct guest *guest,
                            const struct wit_value *arguments)
{
    struct engine_fault fault = {.message = ""};
    struct engine_limits limits = {.memory_max = guest->request->limits.memory,
                                   .fuel_max = guest->request->limits.fuel};
    const struct engine_component_host host = {
        .context = guest, .log = log_line, .content = answer};
    struct buffer encoded, result;
    // Twice what a guest can hold: each value has a head.
    buffer_init(&encoded, (size_t)8 << 30);
    buffer_init(&result, guest->output->max);
    typed_encode_arguments(guest->function->params, arguments, &encoded);
    EngineOutcome ran = engine_component_call(
        guest->module, guest->function->name, buffer_bytes(&encoded), &result,
        &limits, &host, &fault);
    GuestOutcome outcome = guest_outcome(guest, ran, &fault);
    if (result.status == STATUS_LIMIT)
        outcome = guest_end(guest, END_LIMIT_RESULT,
                            "the result is longer than %zu bytes", result.max);
    else if (outcome == GUEST_RETURNED)
        outcome = lift(guest, buffer_bytes(&result));
    buffer_deinit(&encoded);
    buffer_deinit(&result);
    return outcome;
}
