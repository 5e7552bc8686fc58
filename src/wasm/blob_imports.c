/* SPDX-License-Identifier: Apache-2.0 */
/* blob_imports.c - ipvm:content as core modules import it: by the canonical
 * ABI (types@1.0.0, kind 2) or into buffers of the guest's own (core@1.0.0).
 * docs/formats/content-import.md has each function. */
#include "ipld/dag_cbor.h"
#include "wasm/guest.h"
#include "wasm/imports.h"

static const char out_of_bounds[] = "ipvm:content: pointer out of bounds";

#define CONTENT(name)                                                         \
    static EngineVerdict name(                                                \
        void *context, [[maybe_unused]] struct engine_instance *caller,       \
        const EngineNumber *params, [[maybe_unused]] EngineNumber *results)

/* Why nothing can be asked now, or NULL. */
static const char *why_not(const struct guest *guest)
{
    if (!guest->may_import)
        return "an import was called while lowering or after returning";
    if (!guest->instance)
        return "ipvm:content was called by the start function";
    return NULL;
}

static Status check_now(const struct guest *guest, struct error *err)
{
    const char *why = why_not(guest);
    return why ? fail(err, STATUS_INVALID, "%s", why) : STATUS_OK;
}

/* The blob of the first parameter. */
static Status this_blob(struct guest *guest, const EngineNumber *params,
                        uint32_t *blob, struct error *err)
{
    TRY(check_now(guest, err));
    return blob_handle_blob(guest->content, (uint32_t)params[0], blob, err);
}

static Status guest_bytes(struct engine_instance *caller,
                          const EngineNumber *pointer, Bytes *out,
                          struct error *err)
{
    uint32_t len = (uint32_t)pointer[1];
    const uint8_t *bytes = import_memory(caller, (uint32_t)pointer[0], len);
    *out = bytes_of(bytes, len);
    return bytes ? STATUS_OK : fail(err, STATUS_INVALID, "%s", out_of_bounds);
}

static Status guest_name(struct engine_instance *caller,
                         const EngineNumber *pointer, Text *out,
                         struct error *err)
{
    Bytes bytes;
    TRY(guest_bytes(caller, pointer, &bytes, err));
    *out = bytes_text(bytes);
    if (utf8_is_valid(*out, NULL))
        return STATUS_OK;
    return fail(err, STATUS_INVALID, "ipvm:content: a name is not UTF-8");
}

/* --- The same in both ---------------------------------------------------- */

static Status open_link(struct guest *guest, struct engine_instance *caller,
                        const EngineNumber *params, EngineNumber *results,
                        struct error *err)
{
    Bytes link;
    uint32_t blob;
    TRY(check_now(guest, err));
    TRY(guest_bytes(caller, params, &link, err));
    TRY(blob_open(guest->content, link, &blob, err));
    results[0] = blob_handle_new(guest->content, blob, false);
    return STATUS_OK;
}

CONTENT(content_open_import)
{
    struct error err = {.message = ""};
    return guest_verdict(
        context, open_link(context, caller, params, results, &err), &err);
}

static Status kind_of(struct guest *guest, const EngineNumber *params,
                      EngineNumber *results, struct error *err)
{
    uint32_t blob;
    BlobKind kind;
    TRY(this_blob(guest, params, &blob, err));
    TRY(blob_kind(guest->content, blob, &kind, err));
    results[0] = kind;
    return STATUS_OK;
}

CONTENT(content_kind_import)
{
    struct error err = {.message = ""};
    return guest_verdict(context, kind_of(context, params, results, &err),
                         &err);
}

static Status size_of(struct guest *guest, const EngineNumber *params,
                      EngineNumber *results, struct error *err)
{
    uint32_t blob;
    TRY(this_blob(guest, params, &blob, err));
    return blob_size(guest->content, blob, &results[0], err);
}

CONTENT(content_size_import)
{
    struct error err = {.message = ""};
    return guest_verdict(context, size_of(context, params, results, &err),
                         &err);
}

static Status drop(struct guest *guest, const EngineNumber *params,
                   struct error *err)
{
    TRY(check_now(guest, err));
    return blob_handle_drop(guest->content, (uint32_t)params[0], err);
}

CONTENT(content_drop_import)
{
    struct error err = {.message = ""};
    return guest_verdict(context, drop(context, params, &err), &err);
}

/* --- By the canonical ABI ------------------------------------------------ */

/* Where results go that need memory: the realloc that wit-component takes. */
struct lowered {
    struct guest_allocator allocator;
    struct guest_memory memory;
    struct lowering lowering;
};

static void begin(struct lowered *lowered, struct guest *guest)
{
    static const char *const names[] = {"cabi_import_realloc", "cabi_realloc"};
    *lowered = (struct lowered){.allocator = {.guest = guest}};
    for (int index = 0; index < 2 && !lowered->allocator.function; index++)
        lowered->allocator.function =
            engine_find(guest->instance, text_of(names[index]));
    lowered->memory = guest_memory_of(&lowered->allocator);
    lowered->lowering.guest = &lowered->memory;
}

static EngineVerdict end(struct lowered *lowered)
{
    switch (guest_lowered(&lowered->allocator, &lowered->lowering)) {
    case GUEST_RETURNED:
        return ENGINE_GO_ON;
    case GUEST_TRAPPED:
    case GUEST_UNREPRESENTABLE:
        return ENGINE_TRAP;
    case GUEST_ENDED:
        break;
    }
    return ENGINE_STOP;
}

static const struct wit_type wit_u8 = {.kind = WIT_U8, .size = 1, .align = 1};
static const struct wit_member of_u8[] = {{.type = &wit_u8}};
static const struct wit_type wit_bytes = {
    .kind = WIT_LIST, .size = 8, .align = 4, .count = 1, .members = of_u8};
static const struct wit_type wit_name = {
    .kind = WIT_STRING, .size = 8, .align = 4};
static const struct wit_member of_entry[] = {
    {.name = {"name", 4}, .type = &wit_name},
    {.name = {"link", 4}, .type = &wit_bytes, .offset = 8}};
static const struct wit_type wit_entry = {.kind = WIT_RECORD,
                                          .size = 16,
                                          .align = 4,
                                          .count = 2,
                                          .members = of_entry};
static const struct wit_member of_entries[] = {{.type = &wit_entry}};
static const struct wit_type wit_entries = {.kind = WIT_LIST,
                                            .size = 8,
                                            .align = 4,
                                            .count = 1,
                                            .members = of_entries};
static const struct wit_member of_found[] = {{.type = NULL},
                                             {.type = &wit_bytes}};
static const struct wit_type wit_found = {.kind = WIT_OPTION,
                                          .size = 12,
                                          .align = 4,
                                          .tag_size = 1,
                                          .payload_offset = 4,
                                          .count = 2,
                                          .members = of_found};

/* read(self, offset, len, result): straight into what cabi_realloc gave. */
CONTENT(types_read)
{
    struct guest *guest = context;
    struct error err = {.message = ""};
    uint32_t blob, len, address, result = (uint32_t)params[3];
    Status status = this_blob(guest, params, &blob, &err);
    if (status == STATUS_OK)
        status = blob_range(guest->content, blob, params[1],
                            (uint32_t)params[2], &len, &err);
    if (status != STATUS_OK)
        return guest_verdict(guest, status, &err);
    struct lowered lowered;
    begin(&lowered, guest);
    uint8_t *room = lower_room(&lowered.lowering, len, &address);
    if (lowered.lowering.outcome != LOWERED)
        return end(&lowered);
    status = blob_read(guest->content, blob, params[1], room, len, &err);
    if (status != STATUS_OK)
        return guest_verdict(guest, status, &err);
    if (result % 4 != 0 || !import_memory(caller, result, 8) ||
        !import_store(caller, result, address, 4) ||
        !import_store(caller, (uint64_t)result + 4, len, 4))
        return import_trap(guest, out_of_bounds);
    return ENGINE_GO_ON;
}

/* entries(self, start, count, result) */
CONTENT(types_entries)
{
    struct guest *guest = context;
    struct error err = {.message = ""};
    struct unixfs_entries entries;
    uint32_t blob;
    Status status = this_blob(guest, params, &blob, &err);
    if (status == STATUS_OK)
        status = blob_entries(guest->content, blob, params[1],
                              (uint32_t)params[2], &entries, &err);
    for (size_t i = 0; status == STATUS_OK && i < entries.count; i++)
        status = blob_give(guest->content, entries.items[i].cid, &err);
    if (status != STATUS_OK)
        return guest_verdict(guest, status, &err);
    struct arena arena = {0};
    struct wit_value *rows = arena_array(&arena, entries.count, sizeof *rows);
    struct wit_value *cells =
        arena_array(&arena, 2 * entries.count, sizeof *cells);
    for (size_t i = 0; i < entries.count; i++) {
        const struct unixfs_entry *entry = &entries.items[i];
        struct wit_value *pair = &cells[2 * i];
        pair[0].data = text_bytes(entry->name).data;
        pair[0].count = entry->name.len;
        pair[1].data = entry->cid.data;
        pair[1].count = entry->cid.len;
        rows[i] = (struct wit_value){.count = 2, .items = pair};
    }
    const struct wit_value list = {.count = entries.count, .items = rows};
    struct lowered lowered;
    begin(&lowered, guest);
    // What came of it is in lowering.outcome.
    (void)lower_at(&lowered.lowering, &wit_entries, &list,
                   (uint32_t)params[3]);
    arena_deinit(&arena);
    return end(&lowered);
}

/* find(self, name, result) */
CONTENT(types_find)
{
    struct guest *guest = context;
    struct error err = {.message = ""};
    uint32_t blob;
    Text name;
    Bytes found;
    Status status = this_blob(guest, params, &blob, &err);
    if (status == STATUS_OK)
        status = guest_name(caller, &params[1], &name, &err);
    if (status == STATUS_OK)
        status = blob_find(guest->content, blob, name, &found, &err);
    if (status != STATUS_OK)
        return guest_verdict(guest, status, &err);
    const struct wit_value link = {.count = found.len, .data = found.data};
    const struct wit_value option = {
        .bits = found.len > 0, .count = 1, .items = &link};
    struct lowered lowered;
    begin(&lowered, guest);
    (void)lower_at(&lowered.lowering, &wit_found, &option,
                   (uint32_t)params[3]);
    return end(&lowered);
}

/* --- Into the guest's own buffers ---------------------------------------- */

/* read(blob, offset, buffer, len) -> bytes read */
static Status read_into(struct guest *guest, struct engine_instance *caller,
                        const EngineNumber *params, EngineNumber *results,
                        struct error *err)
{
    uint32_t blob, len;
    TRY(this_blob(guest, params, &blob, err));
    TRY(blob_range(guest->content, blob, params[1], (uint32_t)params[3], &len,
                   err));
    uint8_t *buffer =
        import_memory(caller, (uint32_t)params[2], (uint32_t)params[3]);
    if (!buffer)
        return fail(err, STATUS_INVALID, "%s", out_of_bounds);
    results[0] = len;
    return blob_read(guest->content, blob, params[1], buffer, len, err);
}

CONTENT(core_read)
{
    struct error err = {.message = ""};
    return guest_verdict(
        context, read_into(context, caller, params, results, &err), &err);
}

static size_t head_len(size_t count)
{
    return count < 24 ? 1 : count < 256 ? 2 : 3;
}

static size_t entry_len(const struct unixfs_entry *entry)
{
    Value pair[] = {value_text(entry->name),
                    {.kind = VALUE_LINK, .link = entry->cid}};
    Value list = value_list(pair, 2);
    return dag_cbor_length(&list);
}

/* How many of `entries` fit into `room`, and the bytes they take; one takes
 * what it takes even if it does not fit. */
static size_t fitting(const struct unixfs_entries *entries, uint32_t room,
                      size_t *len)
{
    size_t count = 0, sum = 0;
    for (; count < entries->count; count++) {
        size_t more = sum + entry_len(&entries->items[count]);
        if (count > 0 && head_len(count + 1) + more > room)
            break;
        sum = more;
    }
    *len = head_len(count) + sum;
    return count;
}

static void write_entries(const struct unixfs_entries *entries, size_t count,
                          struct buffer *out)
{
    cbor_add_list(out, count);
    for (size_t index = 0; index < count; index++) {
        cbor_add_list(out, 2);
        cbor_add_text(out, entries->items[index].name);
        cbor_add_link(out, entries->items[index].cid);
    }
}

/* entries(blob, start, buffer, len) -> bytes of the DAG-CBOR list of [name,
 * link]; more than `len`, and nothing is written, where not one fits */
static Status list_into(struct guest *guest, struct engine_instance *caller,
                        const EngineNumber *params, EngineNumber *results,
                        struct error *err)
{
    uint32_t blob, room = (uint32_t)params[3];
    struct unixfs_entries entries;
    size_t len;
    TRY(this_blob(guest, params, &blob, err));
    TRY(blob_entries(guest->content, blob, params[1], BLOB_ENTRIES_MAX,
                     &entries, err));
    uint8_t *buffer = import_memory(caller, (uint32_t)params[2], room);
    if (!buffer)
        return fail(err, STATUS_INVALID, "%s", out_of_bounds);
    size_t count = fitting(&entries, room, &len);
    results[0] = (uint32_t)len;
    if (len > room)
        return STATUS_OK;
    for (size_t index = 0; index < count; index++)
        TRY(blob_give(guest->content, entries.items[index].cid, err));
    struct buffer out;
    buffer_init(&out, len);
    write_entries(&entries, count, &out);
    ASSERT(out.len == len);
    memcpy(buffer, out.data, len);
    buffer_deinit(&out);
    return STATUS_OK;
}

CONTENT(core_entries)
{
    struct error err = {.message = ""};
    return guest_verdict(
        context, list_into(context, caller, params, results, &err), &err);
}

/* find(blob, name, len, buffer, room) -> bytes of the link, 0 if there is no
 * such name; more than `room`, and nothing is written, where it does not fit
 */
static Status find_into(struct guest *guest, struct engine_instance *caller,
                        const EngineNumber *params, EngineNumber *results,
                        struct error *err)
{
    uint32_t blob, room = (uint32_t)params[4];
    Text name;
    Bytes found;
    TRY(this_blob(guest, params, &blob, err));
    TRY(guest_name(caller, &params[1], &name, err));
    TRY(blob_find(guest->content, blob, name, &found, err));
    uint8_t *buffer = import_memory(caller, (uint32_t)params[3], room);
    if (!buffer)
        return fail(err, STATUS_INVALID, "%s", out_of_bounds);
    results[0] = found.len;
    if (found.len > 0 && found.len <= room)
        memcpy(buffer, found.data, found.len);
    return STATUS_OK;
}

CONTENT(core_find)
{
    struct error err = {.message = ""};
    return guest_verdict(
        context, find_into(context, caller, params, results, &err), &err);
}

#define TYPES "ipvm:content/types@1.0.0"
#define CORE "ipvm:content/core@1.0.0"

const struct import_entry content_imports[] = {
    {TYPES, "open", "ii>i", content_open_import},
    {TYPES, "[method]blob.kind", "i>i", content_kind_import},
    {TYPES, "[method]blob.size", "i>I", content_size_import},
    {TYPES, "[method]blob.read", "iIii", types_read},
    {TYPES, "[method]blob.entries", "iIii", types_entries},
    {TYPES, "[method]blob.find", "iiii", types_find},
    {TYPES, "[resource-drop]blob", "i", content_drop_import},
    {CORE, "open", "ii>i", content_open_import},
    {CORE, "kind", "i>i", content_kind_import},
    {CORE, "size", "i>I", content_size_import},
    {CORE, "read", "iIii>i", core_read},
    {CORE, "entries", "iIii>i", core_entries},
    {CORE, "find", "iiiii>i", core_find},
    {CORE, "close", "i", content_drop_import},
};
const size_t content_import_count =
    sizeof content_imports / sizeof content_imports[0];
