/* SPDX-License-Identifier: Apache-2.0 */
/* repair_mend.c - mending what was found. Blocks first, so that little has to
 * be withdrawn; each step looks again at what it changes. */
#include <stdlib.h>

#include "run/repair_internal.h"

static void mended(struct repairing *repairing, struct finding *finding,
                   const char *words)
{
    finding->is_mended = true;
    finding->mend = arena_copy_text(&repairing->repair->arena, text_of(words));
}

static bool is_about_block(const struct finding *finding)
{
    return finding->kind == FINDING_DAMAGED ||
           finding->kind == FINDING_MISSING;
}

static bool is_readable(struct repairing *repairing, const Cid *cid)
{
    struct block *block = NULL;
    Status status = store_get(repairing->store, cid, &block, NULL);
    block_unref(block);
    return status == STATUS_OK;
}

/* --- Blocks -------------------------------------------------------------- */

static void told(void *context, const Cid *block, const Hash *concrete)
{
    struct repairing *repairing = context;
    const uint64_t *known =
        map_get(&repairing->by_block, cid_multihash(block));
    char text[CID_TEXT_MAX];
    Cid cid;
    if (!known)
        return;
    cid_from_hash(CODEC_DAG_CBOR, concrete, &cid);
    cid_to_text(&cid, text);
    struct finding *finding = &repairing->repair->findings[*known - 1];
    finding->is_mended = true;
    finding->mend = arena_format(&repairing->repair->arena,
                                 "computed again from %s", text);
}

/* Without "block … is lost, and" in front: that is the finding. */
static Text reason_of(const char *message)
{
    static const char *const fronts[] = {"nothing here", "what made it"};
    for (size_t index = 0; index < sizeof fronts / sizeof *fronts; index++) {
        const char *found = strstr(message, fronts[index]);
        if (found)
            return text_of(found);
    }
    return text_of(message);
}

static Status heal_blocks(struct repairing *repairing, struct error *err)
{
    struct repair *repair = repairing->repair;
    repairing->healer.told = told;
    repairing->healer.context = repairing;
    for (size_t index = 0; index < repair->count; index++) {
        struct finding *finding = &repair->findings[index];
        struct error why = {0};
        if (!is_about_block(finding) || finding->is_mended)
            continue;
        if (!repair_tell(repairing, "healing", index, repair->count))
            return fail(err, STATUS_CANCELLED, "interrupted");
        Status status = heal_block(&repairing->healer, &finding->cid, &why);
        if (status == STATUS_OK && !finding->is_mended)
            mended(repairing, finding, "came again with another");
        else if (status == STATUS_NOT_FOUND)
            finding->mend =
                arena_copy_text(&repair->arena, reason_of(why.message));
        else if (status != STATUS_OK) {
            *err = why;
            return status;
        }
    }
    return STATUS_OK;
}

/* From the files that they came from, if these have not changed. */
static Status read_files(struct repairing *repairing, struct error *err)
{
    struct repair *repair = repairing->repair;
    for (size_t index = 0; index < repair->count; index++) {
        struct finding *finding = &repair->findings[index];
        struct error why = {0};
        if (!is_about_block(finding) || finding->file.path.len == 0)
            continue;
        if (!repair_tell(repairing, "reading", index, repair->count))
            return fail(err, STATUS_CANCELLED, "interrupted");
        if (!is_readable(repairing, &finding->cid)) {
            Status status =
                file_index_import(repairing->store, &finding->file, &why);
            if (status == STATUS_FULL) {
                *err = why;
                return status;
            }
        }
        if (!is_readable(repairing, &finding->cid))
            continue;
        finding->is_mended = true;
        finding->mend = arena_format(&repair->arena, "read again from %.*s",
                                     TEXT_ARG(finding->file.path));
    }
    return STATUS_OK;
}

/* What cannot be had goes: it can be added again then. */
static Status remove_damaged(struct repairing *repairing, struct error *err)
{
    struct repair *repair = repairing->repair;
    for (size_t index = 0; index < repair->count; index++) {
        struct finding *finding = &repair->findings[index];
        bool done;
        if (finding->kind != FINDING_DAMAGED || finding->is_mended)
            continue;
        TRY(fsck_remove_block(repairing->store, cid_multihash(&finding->cid),
                              &done, err));
        if (is_readable(repairing, &finding->cid))
            mended(repairing, finding, "it is here again");
        else if (finding->dependent_count == 0)
            mended(repairing, finding, "removed, nothing leads to it");
    }
    return STATUS_OK;
}

/* --- Entries ------------------------------------------------------------- */

static Status withdraw(struct repairing *repairing, const Hash *concrete,
                       struct error *err)
{
    struct store_batch *batch = store_batch_new(repairing->store);
    store_batch_withdraw(batch, concrete);
    Status status = store_commit(batch, err);
    store_batch_free(batch);
    return status;
}

static void note_nothing([[maybe_unused]] void *context,
                         [[maybe_unused]] const struct lack *lack)
{
}

/* Entries that still lack something are a miss from here on. */
static Status withdraw_lies(struct repairing *repairing, struct error *err)
{
    struct complete *complete = repair_results_new(repairing);
    Status status = STATUS_OK;
    for (size_t index = 0; index < repairing->lie_count && status == STATUS_OK;
         index++) {
        const Hash *concrete = &repairing->lies[index];
        struct memo_entry entry;
        bool is_complete = true;
        if (memo_peek(repairing->store, concrete, &entry, NULL) != STATUS_OK)
            continue;
        Status found = repair_check_result(repairing, complete, &entry,
                                           note_nothing, &is_complete, err);
        if (found != STATUS_OK || !is_complete)
            status = withdraw(repairing, concrete, err);
    }
    complete_free(complete);
    return status;
}

static Status mend_rows(struct repairing *repairing, struct error *err)
{
    struct repair *repair = repairing->repair;
    for (size_t index = 0; index < repair->count; index++) {
        struct finding *finding = &repair->findings[index];
        const struct fsck_row row = {.table = finding->table_number,
                                     .key = finding->key};
        bool done;
        Hash concrete;
        if (finding->kind == FINDING_ROW) {
            const Status status =
                fsck_mend_row(repairing->store, &row, &done, err);
            if (status == STATUS_UNSUPPORTED)
                continue; // It stays among what is wrong.
            TRY(status);
            mended(repairing, finding, done ? "mended" : "it is right now");
        } else if (finding->kind == FINDING_RESULT &&
                   cid_sha256(&finding->cid, CODEC_DAG_CBOR, &concrete)) {
            TRY(withdraw(repairing, &concrete, err));
            mended(repairing, finding, "withdrawn");
        }
    }
    return STATUS_OK;
}

/* Nothing but computations led to these: they are withdrawn. */
static void settle_blocks(struct repairing *repairing)
{
    struct repair *repair = repairing->repair;
    for (size_t index = 0; index < repair->count; index++) {
        struct finding *finding = &repair->findings[index];
        const bool is_block =
            is_about_block(finding) || finding->kind == FINDING_MALFORMED;
        if (is_block && !finding->is_mended && !finding->is_rooted)
            mended(repairing, finding, "what led to it was withdrawn");
    }
}

Status repair_mend(struct repairing *repairing, struct error *err)
{
    TRY(mend_rows(repairing, err));
    TRY(read_files(repairing, err));
    TRY(heal_blocks(repairing, err));
    TRY(remove_damaged(repairing, err));
    // What was damaged is healed or gone: ask the store from here on.
    seen_deinit(&repairing->damaged);
    TRY(withdraw_lies(repairing, err));
    settle_blocks(repairing);
    return STATUS_OK;
}
