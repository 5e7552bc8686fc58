/* SPDX-License-Identifier: Apache-2.0 */
/* gateway_forms.c - content that is not a CAR: blocks, files, listings, values
 * in another codec. */
#include "content/content.h"
#include "http/gateway_way.h"
#include "ipld/codec.h"
#include "ipld/dag_json.h"

enum {
    CODEC_CBOR = 0x51,
    CODEC_JSON = 0x0200,
    VALUE_BYTES_MAX = 16 << 20, /* of a value in another codec */
    LISTING_BYTES_MAX = 8 << 20
};

static const char *etag_of(struct gateway *gateway, const char *form)
{
    char name[CID_TEXT_MAX];
    cid_to_text(&gateway->cid, name);
    return arena_format(&gateway->request->arena, "\"%s%s%s\"", name,
                        *form ? "." : "", form)
        .data;
}

static Text file_name(struct gateway *gateway, const char *ending)
{
    char name[CID_TEXT_MAX];
    cid_to_text(&gateway->cid, name);
    return arena_format(&gateway->request->arena, "%s%s", name, ending);
}

/* --- Blocks as they are --------------------------------------------------- */

/* The bytes of a block are a raw block under the same hash: with ranges. */
static RequestStep give_block(struct gateway *gateway, const char *type)
{
    Cid raw = {0};
    const Bytes multihash = cid_multihash(&gateway->cid);
    raw.len = (uint8_t)(2 + multihash.len);
    raw.bytes[0] = 1, raw.bytes[1] = CODEC_RAW;
    memcpy(raw.bytes + 2, multihash.data, multihash.len);
    return respond_content(gateway->request, &raw, type, TEXT(""));
}

RequestStep gateway_block(struct gateway *gateway)
{
    if (!gateway_is_here(gateway))
        return REQUEST_DONE;
    gateway_disposition(gateway, file_name(gateway, ".bin"));
    if (gateway_is_known(gateway, etag_of(gateway, "raw")))
        return REQUEST_DONE;
    return give_block(gateway, "application/vnd.ipld.raw");
}

/* --- Values in another codec ---------------------------------------------- */

static bool is_same_codec(uint64_t codec, ContentForm form)
{
    return (form == FORM_DAG_JSON && codec == CODEC_DAG_JSON) ||
           (form == FORM_DAG_CBOR && codec == CODEC_DAG_CBOR) ||
           (form == FORM_JSON &&
            (codec == CODEC_DAG_JSON || codec == CODEC_JSON)) ||
           (form == FORM_CBOR &&
            (codec == CODEC_DAG_CBOR || codec == CODEC_CBOR));
}

static bool is_json(ContentForm form)
{
    return form == FORM_DAG_JSON || form == FORM_JSON;
}

static Status convert(struct gateway *gateway, struct buffer *out,
                      struct error *err)
{
    struct request *request = gateway->request;
    struct block *block;
    Value value;
    TRY(store_get(request->store, &gateway->cid, &block, err));
    Status status = codec_decode(cid_codec(&gateway->cid), block_bytes(block),
                                 &request->arena, &value, err);
    if (status == STATUS_OK)
        status = codec_encode(is_json(gateway->ask.form) ? CODEC_DAG_JSON
                                                         : CODEC_DAG_CBOR,
                              &value, out, err);
    block_unref(block);
    return status;
}

RequestStep gateway_value(struct gateway *gateway)
{
    struct request *request = gateway->request;
    const ContentForm form = gateway->ask.form;
    const char *type = content_form_type(form).data;
    const char *etag = etag_of(gateway, content_form_name(form).data);
    struct buffer out;
    struct error err = {0};
    if (!gateway_is_here(gateway))
        return REQUEST_DONE;
    if (is_same_codec(cid_codec(&gateway->cid), form)) {
        gateway_disposition(
            gateway, file_name(gateway, is_json(form) ? ".json" : ".cbor"));
        return gateway_is_known(gateway, etag) ? REQUEST_DONE
                                               : give_block(gateway, type);
    }
    buffer_init(&out, VALUE_BYTES_MAX);
    const Status status = convert(gateway, &out, &err);
    if (status != STATUS_OK) {
        buffer_deinit(&out);
        if (status == STATUS_CORRUPT || status == STATUS_IO)
            return respond_failure(request, NULL, status, &err);
        return respond_problem(request, 406, "not-in-that-form",
                               "block cannot be said as %s: %s",
                               content_form_name(form).data, err.message);
    }
    gateway_disposition(gateway,
                        file_name(gateway, is_json(form) ? ".json" : ".cbor"));
    if (gateway_is_known(gateway, etag)) {
        buffer_deinit(&out);
        return REQUEST_DONE;
    }
    return respond_buffer(request, 200, type, &out);
}

/* --- Directories ---------------------------------------------------------- */

struct listing {
    struct buffer json;
    struct arena arena; /* of one entry */
};

/* A UnixfsEach. */
static Status list_entry(void *context, const struct unixfs_entry *entry,
                         struct error *err)
{
    struct listing *listing = context;
    const struct value_entry entries[] = {
        {TEXT("name"), value_text(entry->name)},
        {TEXT("cid"), (Value){.kind = VALUE_LINK, .link = entry->cid}},
        {TEXT("size"), value_uint(entry->tsize)},
    };
    const Value value = value_map(&listing->arena, entries, 3);
    if (listing->json.data[listing->json.len - 1] != '[')
        buffer_add_byte(&listing->json, ',');
    const Status status = dag_json_encode(&value, &listing->json, err);
    arena_reset(&listing->arena);
    return status;
}

static Status list(struct gateway *gateway, struct listing *listing,
                   struct error *err)
{
    const struct unixfs_source source =
        content_source(gateway->request->store);
    char name[CID_TEXT_MAX];
    cid_to_text(&gateway->cid, name);
    buffer_format(&listing->json, "{\"cid\":{\"/\":\"%s\"},\"entries\":[",
                  name);
    TRY(unixfs_each(&source, cid_bytes(&gateway->cid), list_entry, listing,
                    err));
    buffer_add_text(&listing->json, TEXT("]}\n"));
    return buffer_status(&listing->json, "a listing", err);
}

/* Names, CIDs and sizes as their directory claims them; index.html is a file
 * like any other. */
static RequestStep give_listing(struct gateway *gateway)
{
    struct request *request = gateway->request;
    struct listing listing = {.arena = {0}};
    struct error err = {0};
    buffer_init(&listing.json, LISTING_BYTES_MAX);
    const Status status = list(gateway, &listing, &err);
    arena_deinit(&listing.arena);
    if (status == STATUS_OK &&
        !gateway_is_known(gateway, etag_of(gateway, "listing")))
        return respond_buffer(request, 200, "application/json", &listing.json);
    buffer_deinit(&listing.json);
    if (status == STATUS_NOT_FOUND)
        return gateway_missing(gateway, err.message);
    if (status == STATUS_LIMIT)
        return respond_problem(request, 406, "directory-too-large",
                               "its listing is longer than %d bytes; ask for "
                               "?format=car&dag-scope=entity",
                               LISTING_BYTES_MAX);
    return status == STATUS_OK ? REQUEST_DONE
                               : respond_failure(request, NULL, status, &err);
}

/* --- Files ---------------------------------------------------------------- */

/* What the path calls it, or ?filename=. */
static Text name_of(struct gateway *gateway)
{
    Text name = gateway->path;
    if (request_query(gateway->request, "filename", &name) && name.len > 0)
        return name;
    name = gateway->path;
    for (size_t at = name.len; at > 0; at--)
        if (name.data[at - 1] == '/')
            return (Text){name.data + at, name.len - at};
    return name;
}

static Status no_piece(void *context, Bytes piece, struct error *err)
{
    (void)context, (void)piece, (void)err;
    return STATUS_OK;
}

static RequestStep give_file(struct gateway *gateway)
{
    struct request *request = gateway->request;
    struct error err = {0};
    // Nothing may fail once the headers promise that it never changes.
    const Status status = content_read_range(request->store, &gateway->cid, 0,
                                             1, no_piece, NULL, &err);
    if (status == STATUS_NOT_FOUND)
        return gateway_missing(gateway, err.message);
    if (status != STATUS_OK)
        return respond_failure(request, NULL, status, &err);
    gateway_disposition(gateway, TEXT(""));
    if (gateway_is_known(gateway, etag_of(gateway, "")))
        return REQUEST_DONE;
    return respond_content(request, &gateway->cid, NULL, name_of(gateway));
}

/* Its target, as it stands: never followed. */
static RequestStep give_symlink(struct gateway *gateway)
{
    struct request *request = gateway->request;
    const struct unixfs_source source = content_source(request->store);
    struct error err = {0};
    Text target;
    const Status status = unixfs_symlink(&source, cid_bytes(&gateway->cid),
                                         &request->arena, &target, &err);
    if (status != STATUS_OK)
        return respond_failure(request, NULL, status, &err);
    if (gateway_is_known(gateway, etag_of(gateway, "")))
        return REQUEST_DONE;
    return respond_bytes(request, 200, "inode/symlink", text_bytes(target));
}

static RequestStep give_unixfs(struct gateway *gateway)
{
    struct request *request = gateway->request;
    const struct unixfs_source source = content_source(request->store);
    struct unixfs_info info;
    struct error err = {0};
    const Status status =
        unixfs_open(&source, cid_bytes(&gateway->cid), &info, &err);
    if (status == STATUS_INVALID)
        return respond_problem(request, 406, "not-in-that-form",
                               "neither file nor directory; ask for "
                               "?format=raw, dag-json or car");
    if (status != STATUS_OK)
        return respond_failure(request, NULL, status, &err);
    if (info.kind == UNIXFS_DIRECTORY && gateway->ask.form == FORM_CBOR)
        return respond_problem(request, 406, "not-in-that-form",
                               "a directory is listed as JSON only; or ask "
                               "for ?format=dag-cbor");
    if (info.kind == UNIXFS_DIRECTORY)
        return give_listing(gateway);
    return info.kind == UNIXFS_FILE ? give_file(gateway)
                                    : give_symlink(gateway);
}

RequestStep gateway_plain(struct gateway *gateway)
{
    struct content_ask *ask = &gateway->ask;
    const uint64_t codec = cid_codec(&gateway->cid);
    if (!gateway_is_here(gateway))
        return REQUEST_DONE;
    if (codec == CODEC_RAW || codec == CODEC_DAG_PB)
        return give_unixfs(gateway);
    if (ask->form != FORM_PLAIN)
        return gateway_value(gateway);
    if (codec != CODEC_DAG_JSON && codec != CODEC_DAG_CBOR &&
        codec != CODEC_JSON && codec != CODEC_CBOR)
        return gateway_block(gateway);
    ask->form = codec == CODEC_DAG_JSON   ? FORM_DAG_JSON
                : codec == CODEC_DAG_CBOR ? FORM_DAG_CBOR
                : codec == CODEC_JSON     ? FORM_JSON
                                          : FORM_CBOR;
    return gateway_value(gateway);
}
