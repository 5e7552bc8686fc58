/* SPDX-License-Identifier: Apache-2.0 */
#include "run/answers.h"

#include <stdlib.h>

#include "ipld/dag_cbor.h"

static const Text version = TEXT_INIT("ipvm/answers@1.0.0");

/* --- Writing ------------------------------------------------------------- */

static int by_computation(const void *a, const void *b)
{
    const struct answer *first = a, *second = b;
    return memcmp(&first->computation, &second->computation, sizeof(Hash));
}

static size_t drop_doubles(struct answer *answers, size_t count)
{
    size_t kept = 0;
    for (size_t index = 0; index < count; index++)
        if (kept == 0 || !hash_equal(&answers[kept - 1].computation,
                                     &answers[index].computation))
            answers[kept++] = answers[index];
    return kept;
}

static void add_link(struct buffer *out, const Hash *hash)
{
    Cid cid;
    cid_from_hash(CODEC_DAG_CBOR, hash, &cid);
    cbor_add_link(out, cid_bytes(&cid));
}

/* The head of both forms: a list of `count` follows. */
static void begin_block(struct buffer *out, Text field, size_t count)
{
    buffer_clear(out);
    cbor_add_map(out, 1);
    cbor_add_text(out, version);
    cbor_add_map(out, 1);
    cbor_add_text(out, field);
    cbor_add_list(out, count);
}

static Status end_block(struct buffer *out, AnswersPut *put, void *context,
                        Cid *cid, struct error *err)
{
    TRY(buffer_status(out, "a page of answers", err));
    cid_of(CODEC_DAG_CBOR, buffer_bytes(out), cid);
    return put(context, cid, buffer_bytes(out), err);
}

static Status encode_page(const struct answer *answers, size_t count,
                          struct buffer *out, AnswersPut *put, void *context,
                          Cid *cid)
{
    begin_block(out, TEXT("answers"), count);
    for (size_t index = 0; index < count; index++) {
        cbor_add_map(out, 2);
        cbor_add_text(out, TEXT("res"));
        add_link(out, &answers[index].result);
        cbor_add_text(out, TEXT("comp"));
        add_link(out, &answers[index].computation);
    }
    return end_block(out, put, context, cid, NULL);
}

static Status encode_pages(const struct answer *answers, size_t count,
                           struct buffer *out, AnswersPut *put, void *context,
                           Cid *head)
{
    const size_t pages = (count + ANSWERS_PAGE - 1) / ANSWERS_PAGE;
    Cid *cids = heap_array(pages, sizeof *cids);
    Status status = STATUS_OK;
    for (size_t page = 0; page < pages && status == STATUS_OK; page++) {
        const size_t first = page * ANSWERS_PAGE;
        const size_t left = count - first;
        status = encode_page(answers + first,
                             left < ANSWERS_PAGE ? left : ANSWERS_PAGE, out,
                             put, context, &cids[page]);
    }
    begin_block(out, TEXT("pages"), pages);
    for (size_t page = 0; page < pages; page++)
        cbor_add_link(out, cid_bytes(&cids[page]));
    if (status == STATUS_OK)
        status = end_block(out, put, context, head, NULL);
    free(cids);
    return status;
}

Status answers_encode(struct answer *answers, size_t *count, AnswersPut *put,
                      void *context, Cid *head, struct error *err)
{
    struct buffer out;
    if (*count > (size_t)ANSWERS_PAGE * ANSWERS_PAGES_MAX)
        return fail(err, STATUS_LIMIT, "%zu answers are more than %d", *count,
                    ANSWERS_PAGE * ANSWERS_PAGES_MAX);
    if (*count > 0)
        qsort(answers, *count, sizeof *answers, by_computation);
    *count = drop_doubles(answers, *count);
    buffer_init(&out, BLOCK_MADE_MAX);
    Status status =
        *count <= ANSWERS_PAGE
            ? encode_page(answers, *count, &out, put, context, head)
            : encode_pages(answers, *count, &out, put, context, head);
    buffer_deinit(&out);
    return status == STATUS_OK
               ? status
               : fail(err, status, "the answers cannot be written");
}

/* --- Reading ------------------------------------------------------------- */

struct reading {
    struct store *store;
    AnswersEach *each;
    void *context;
    Hash last; /* the computation before */
    bool has_last;
};

bool answers_is_head(Bytes block)
{
    uint8_t begin[32];
    struct buffer out;
    buffer_init(&out, sizeof begin);
    cbor_add_map(&out, 1);
    cbor_add_text(&out, version);
    const bool is =
        block.len > out.len && memcmp(block.data, out.data, out.len) == 0;
    buffer_deinit(&out);
    return is;
}

static bool read_hash(const Value *value, Hash *out)
{
    Cid cid;
    return value && value->kind == VALUE_LINK &&
           value->link.len == CID_OURS_LEN &&
           cid_from_bytes(value->link, &cid, NULL) == STATUS_OK &&
           cid_sha256(&cid, CODEC_DAG_CBOR, out);
}

static Status read_answer(struct reading *reading, const Value *value,
                          struct error *err)
{
    struct answer answer;
    if (value->kind != VALUE_MAP || value->map.count != 2 ||
        !read_hash(value_get(value, TEXT("comp")), &answer.computation) ||
        !read_hash(value_get(value, TEXT("res")), &answer.result))
        return fail(err, STATUS_INVALID,
                    "an answer must be a map of the dag-cbor links 'comp' and "
                    "'res'");
    if (reading->has_last &&
        memcmp(&reading->last, &answer.computation, sizeof(Hash)) >= 0)
        return fail(err, STATUS_INVALID,
                    "answers must ascend by their computation");
    reading->last = answer.computation;
    reading->has_last = true;
    return reading->each(reading->context, &answer, err);
}

/* The list in a block of either form; which, says `*are_pages`. */
static Status read_list(Bytes block, struct arena *arena, const Value **out,
                        bool *are_pages, struct error *err)
{
    Value *value = ARENA_NEW(arena, Value);
    TRY(dag_cbor_decode(block, arena, value, err));
    const Value *inner = value_get(value, version);
    const Value *answers = inner ? value_get(inner, TEXT("answers")) : NULL;
    const Value *pages = inner ? value_get(inner, TEXT("pages")) : NULL;
    *are_pages = pages != NULL;
    *out = pages ? pages : answers;
    if (!*out || (*out)->kind != VALUE_LIST || value->map.count != 1 ||
        inner->map.count != 1)
        return fail(err, STATUS_INVALID,
                    "not a block of answers: expected {\"%.*s\": "
                    "{\"answers\" or \"pages\": a list}} alone",
                    TEXT_ARG(version));
    return STATUS_OK;
}

static Status get_list(struct reading *reading, const Cid *cid,
                       struct arena *arena, const Value **out, bool *are_pages,
                       struct error *err)
{
    struct block *block;
    Status status = store_get(reading->store, cid, &block, err);
    if (status == STATUS_NOT_FOUND)
        return fail(err, status, "a page of the answers is not in the store");
    TRY(status);
    const Bytes bytes = arena_copy_bytes(arena, block_bytes(block));
    block_unref(block);
    return read_list(bytes, arena, out, are_pages, err);
}

static Status read_answers(struct reading *reading, const Value *list,
                           struct error *err)
{
    if (list->list.count > ANSWERS_PAGE)
        return fail(err, STATUS_INVALID, "a page holds at most %d answers",
                    ANSWERS_PAGE);
    for (size_t index = 0; index < list->list.count; index++)
        TRY(read_answer(reading, &list->list.items[index], err));
    return STATUS_OK;
}

static Status read_page(struct reading *reading, const Value *link,
                        bool is_last, struct error *err)
{
    struct arena arena = {0};
    const Value *list = NULL;
    bool are_pages = false;
    Cid cid;
    Hash hash;
    if (!read_hash(link, &hash))
        return fail(err, STATUS_INVALID, "a page must be a dag-cbor link");
    cid_from_hash(CODEC_DAG_CBOR, &hash, &cid);
    Status status = get_list(reading, &cid, &arena, &list, &are_pages, err);
    if (status == STATUS_OK &&
        (are_pages || !list || list->list.count == 0 ||
         (!is_last && list->list.count != ANSWERS_PAGE)))
        status = fail(err, STATUS_INVALID,
                      "pages of answers must be full, but for the last");
    if (status == STATUS_OK)
        status = read_answers(reading, list, err);
    arena_deinit(&arena);
    return status;
}

static Status read_pages(struct reading *reading, const Value *pages,
                         struct error *err)
{
    const size_t count = pages->list.count;
    if (count < 2 || count > ANSWERS_PAGES_MAX)
        return fail(err, STATUS_INVALID,
                    "%zu pages of answers: 2 to %d there can be", count,
                    ANSWERS_PAGES_MAX);
    for (size_t page = 0; page < count; page++)
        TRY(read_page(reading, &pages->list.items[page], page + 1 == count,
                      err));
    return STATUS_OK;
}

Status answers_load(struct store *store, const Cid *head, AnswersEach *each,
                    void *context, struct error *err)
{
    struct reading reading = {
        .store = store, .each = each, .context = context};
    struct arena arena = {0};
    const Value *list = NULL;
    bool are_pages = false;
    Status status = get_list(&reading, head, &arena, &list, &are_pages, err);
    if (status == STATUS_OK)
        status = are_pages ? read_pages(&reading, list, err)
                           : read_answers(&reading, list, err);
    arena_deinit(&arena);
    return status;
}
