/* SPDX-License-Identifier: Apache-2.0 */
#include "task/receipt_proofs.h"

#define VERSION_KEY "ipvm/receipts@1.0.0"

/* --- Writing ------------------------------------------------------------- */

static void add_link(struct buffer *out, const Hash *hash)
{
    Cid cid;
    cid_from_hash(CODEC_DAG_CBOR, hash, &cid);
    cbor_add_link(out, cid_bytes(&cid));
}

static void name_it(const struct buffer *out, size_t start, Hash *id)
{
    hash_sha256(bytes_from(buffer_bytes(out), start), id);
}

void proof_page_encode(const struct proof_page *page, struct buffer *out,
                       Hash *id)
{
    const size_t start = out->len;
    cbor_add_map(out, 1);
    cbor_add_text(out, TEXT(VERSION_KEY));
    cbor_add_map(out, 2);
    cbor_add_text(out, TEXT("token"));
    add_link(out, &page->token);
    cbor_add_text(out, TEXT("receipts"));
    cbor_add_list(out, page->count);
    for (size_t index = 0; index < page->count; index++) {
        cbor_add_map(out, 3);
        cbor_add_text(out, TEXT("rec"));
        add_link(out, &page->proofs[index].id);
        cbor_add_text(out, TEXT("path"));
        cbor_add_bytes(out, page->proofs[index].path);
        cbor_add_text(out, TEXT("index"));
        cbor_add_uint(out, page->proofs[index].index);
    }
    name_it(out, start, id);
}

void proof_head_encode(const struct proof_head *head, struct buffer *out,
                       Hash *id)
{
    const size_t start = out->len;
    cbor_add_map(out, 1);
    cbor_add_text(out, TEXT(VERSION_KEY));
    cbor_add_map(out, head->growth_count > 0 ? 2 : 1);
    if (head->growth_count > 0) {
        cbor_add_text(out, TEXT("grew"));
        cbor_add_list(out, head->growth_count);
    }
    for (size_t index = 0; index < head->growth_count; index++) {
        cbor_add_map(out, 3);
        cbor_add_text(out, TEXT("to"));
        add_link(out, &head->growths[index].to);
        cbor_add_text(out, TEXT("from"));
        add_link(out, &head->growths[index].from);
        cbor_add_text(out, TEXT("path"));
        cbor_add_bytes(out, head->growths[index].path);
    }
    cbor_add_text(out, TEXT("pages"));
    cbor_add_list(out, head->page_count);
    for (size_t index = 0; index < head->page_count; index++)
        add_link(out, &head->pages[index]);
    name_it(out, start, id);
}

/* --- Reading ------------------------------------------------------------- */

bool proofs_is_block(Bytes block)
{
    static const uint8_t head[] = "\xa1\x73" VERSION_KEY;
    return block.len > sizeof head - 1 &&
           memcmp(block.data, head, sizeof head - 1) == 0;
}

static Status decode_body(Bytes block, struct arena *arena, Value *out,
                          struct error *err)
{
    struct error inner = {0};
    Value value;
    if (dag_cbor_decode(block, arena, &value, &inner) != STATUS_OK)
        return fail_at(err, STATUS_INVALID, inner.offset, "proofs: %.150s",
                       inner.message);
    const Value *body = value_get(&value, TEXT(VERSION_KEY));
    if (!body || value.map.count != 1 || body->kind != VALUE_MAP)
        return fail(err, STATUS_INVALID,
                    "proofs: not a block of " VERSION_KEY);
    *out = *body;
    return STATUS_OK;
}

static Status read_link(const Value *link, const char *what, Hash *out,
                        struct error *err)
{
    Cid cid;
    if (!link || link->kind != VALUE_LINK ||
        cid_from_bytes(link->link, &cid, NULL) != STATUS_OK ||
        !cid_sha256(&cid, CODEC_DAG_CBOR, out))
        return fail(err, STATUS_INVALID,
                    "proofs: .%s is not a link to a dag-cbor block of "
                    "sha2-256",
                    what);
    return STATUS_OK;
}

static Status read_list(const Value *body, const char *key, size_t min,
                        size_t max, const Value **out, struct error *err)
{
    const Value *list = value_get(body, text_of(key));
    if (!list || list->kind != VALUE_LIST || list->list.count < min ||
        list->list.count > max)
        return fail(err, STATUS_INVALID,
                    "proofs: .%s is not a list of %zu to %zu", key, min, max);
    *out = list;
    return STATUS_OK;
}

static Status read_path(const Value *map, Bytes *out, struct error *err)
{
    const Value *path = value_get(map, TEXT("path"));
    if (!path || path->kind != VALUE_BYTES ||
        path->bytes.len % SHA256_LEN != 0 ||
        path->bytes.len > (size_t)TREE_PROOF_MAX * SHA256_LEN)
        return fail(err, STATUS_INVALID,
                    "proofs: .path is not at most %d hashes", TREE_PROOF_MAX);
    *out = path->bytes;
    return STATUS_OK;
}

static Status read_proof(const Value *map, struct receipt_proof *out,
                         struct error *err)
{
    TRY(read_link(value_get(map, TEXT("rec")), "rec", &out->id, err));
    TRY(read_path(map, &out->path, err));
    const Value *index = value_get(map, TEXT("index"));
    if (!index || !value_to_uint64(index, &out->index) ||
        out->index > INT64_MAX || map->map.count != 3)
        return fail(err, STATUS_INVALID,
                    "proofs: a receipt has .rec, .path and a number .index, "
                    "nothing else");
    return STATUS_OK;
}

Status proof_page_decode(Bytes block, struct arena *arena,
                         struct proof_page *out, struct error *err)
{
    const Value *list;
    Value body;
    TRY(decode_body(block, arena, &body, err));
    TRY(read_link(value_get(&body, TEXT("token")), "token", &out->token, err));
    TRY(read_list(&body, "receipts", 1, PROOFS_PAGE, &list, err));
    if (body.map.count != 2)
        return fail(err, STATUS_INVALID,
                    "proofs: a page has .token and .receipts, nothing else");
    struct receipt_proof *proofs =
        arena_array(arena, list->list.count, sizeof *proofs);
    for (size_t index = 0; index < list->list.count; index++) {
        TRY(read_proof(&list->list.items[index], &proofs[index], err));
        if (index > 0 && proofs[index].index <= proofs[index - 1].index)
            return fail(err, STATUS_INVALID,
                        "proofs: .receipts[%zu] is out of order", index);
    }
    out->proofs = proofs;
    out->count = list->list.count;
    return STATUS_OK;
}

static Status read_growth(const Value *map, struct proof_growth *out,
                          struct error *err)
{
    TRY(read_link(value_get(map, TEXT("to")), "to", &out->to, err));
    TRY(read_link(value_get(map, TEXT("from")), "from", &out->from, err));
    TRY(read_path(map, &out->path, err));
    if (map->map.count != 3)
        return fail(err, STATUS_INVALID,
                    "proofs: a growth has .from, .to and .path, nothing else");
    return STATUS_OK;
}

static Status read_growths(const Value *body, struct arena *arena,
                           struct proof_head *out, struct error *err)
{
    const Value *list;
    out->growths = NULL;
    out->growth_count = 0;
    if (!value_get(body, TEXT("grew")))
        return STATUS_OK;
    TRY(read_list(body, "grew", 1, PROOFS_GROWTHS_MAX, &list, err));
    struct proof_growth *growths =
        arena_array(arena, list->list.count, sizeof *growths);
    for (size_t index = 0; index < list->list.count; index++)
        TRY(read_growth(&list->list.items[index], &growths[index], err));
    out->growths = growths;
    out->growth_count = list->list.count;
    return STATUS_OK;
}

Status proof_head_decode(Bytes block, struct arena *arena,
                         struct proof_head *out, struct error *err)
{
    const Value *list;
    Value body;
    TRY(decode_body(block, arena, &body, err));
    TRY(read_growths(&body, arena, out, err));
    TRY(read_list(&body, "pages", 1, PROOFS_PAGES_MAX, &list, err));
    if (body.map.count != 1 + (size_t)(out->growth_count > 0))
        return fail(err, STATUS_INVALID,
                    "proofs: a head has .pages and perhaps .grew, nothing "
                    "else");
    Hash *pages = arena_array(arena, list->list.count, sizeof *pages);
    for (size_t index = 0; index < list->list.count; index++)
        TRY(read_link(&list->list.items[index], "pages", &pages[index], err));
    out->pages = pages;
    out->page_count = list->list.count;
    return STATUS_OK;
}
