/* SPDX-License-Identifier: Apache-2.0 */
/* repair.c - finding what is wrong. */
#include "run/repair.h"

#include <stdio.h>
#include <stdlib.h>

#include "run/repair_internal.h"
#include "task/computation.h"
#include "task/reserved.h"

enum { TELL_EVERY = 1024 };

const char *finding_kind_name(FindingKind kind)
{
    static const char *const names[] = {
        [FINDING_DAMAGED] = "damaged",
        [FINDING_MISSING] = "missing",
        [FINDING_MALFORMED] = "malformed",
        [FINDING_RESULT] = "result",
        [FINDING_ROW] = "row",
    };
    return names[kind];
}

bool repair_tell(struct repairing *repairing, const char *phase, uint64_t done,
                 uint64_t total)
{
    const struct repair_options *options = repairing->options;
    return !options->progress ||
           options->progress(options->context, phase, done, total);
}

/* --- Findings ------------------------------------------------------------ */

static struct finding *add_finding(struct repair *repair, FindingKind kind)
{
    repair->findings = heap_resize(repair->findings, repair->count + 1,
                                   sizeof *repair->findings);
    struct finding *finding = &repair->findings[repair->count++];
    *finding = (struct finding){.kind = kind};
    return finding;
}

/* The one about this block, new or known; valid until the next. */
static struct finding *find_block(struct repairing *repairing, const Cid *cid,
                                  FindingKind kind)
{
    struct repair *repair = repairing->repair;
    const Bytes name = cid_multihash(cid);
    const uint64_t *known = map_get(&repairing->by_block, name);
    if (known)
        return &repair->findings[*known - 1];
    struct finding *finding = add_finding(repair, kind);
    finding->cid = *cid;
    *map_set(&repairing->by_block, arena_copy_bytes(&repair->arena, name),
             NULL) = repair->count;
    return finding;
}

static void add_dependent(struct repairing *repairing, struct finding *finding)
{
    const Text dependent = repairing->dependent;
    const uint64_t shown = finding->dependent_count < DEPENDENTS_SHOWN
                               ? finding->dependent_count
                               : DEPENDENTS_SHOWN;
    for (size_t index = 0; index < shown; index++)
        if (text_equal(finding->dependents[index], dependent))
            return;
    if (shown < DEPENDENTS_SHOWN)
        finding->dependents[shown] =
            arena_copy_text(&repairing->repair->arena, dependent);
    finding->dependent_count++;
    finding->is_rooted = finding->is_rooted || repairing->is_root;
}

static void find_lack(void *context, const struct lack *lack)
{
    static const FindingKind kinds[] = {
        [LACK_MISSING] = FINDING_MISSING,
        [LACK_DAMAGED] = FINDING_DAMAGED,
        [LACK_MALFORMED] = FINDING_MALFORMED,
    };
    struct repairing *repairing = context;
    struct finding *finding =
        find_block(repairing, &lack->cid, kinds[lack->kind]);
    finding->cid = lack->cid; // Now its codec is known.
    add_dependent(repairing, finding);
}

static void find_damaged(void *context, Bytes multihash)
{
    struct repairing *repairing = context;
    Cid cid = {.len = (uint8_t)(multihash.len + 2), .bytes = {1, CODEC_RAW}};
    if (multihash.len > CID_BYTES_MAX - 2)
        return;
    memcpy(cid.bytes + 2, multihash.data, multihash.len);
    if (cid_check_bytes(cid_bytes(&cid), NULL) != STATUS_OK)
        return;
    seen_add(&repairing->damaged, multihash);
    find_block(repairing, &cid, FINDING_DAMAGED);
}

static void find_row(void *context, const struct fsck_row *row)
{
    struct repairing *repairing = context;
    struct repair *repair = repairing->repair;
    struct finding *finding = add_finding(repair, FINDING_ROW);
    finding->table = row->table_name;
    finding->table_number = row->table;
    finding->key = arena_copy_bytes(&repair->arena, row->key);
    finding->words = text_of(row->what);
}

/* --- Memo ---------------------------------------------------------------- */

/* The links of stand-ins: what normalisation split off. */
static Status stand_ins(const Value *value, CodecLink *each, void *context,
                        struct error *err)
{
    if (value->kind == VALUE_LIST)
        for (size_t index = 0; index < value->list.count; index++)
            TRY(stand_ins(&value->list.items[index], each, context, err));
    if (value->kind != VALUE_MAP)
        return STATUS_OK;
    if (reserved_is_stand_in(value_reserved(value)))
        return each(context, value->map.entries[0].value.link, err);
    for (size_t index = 0; index < value->map.count; index++)
        TRY(stand_ins(&value->map.entries[index].value, each, context, err));
    return STATUS_OK;
}

static Status result_links(uint64_t codec, Bytes block, CodecLink *each,
                           void *context, struct error *err)
{
    struct arena arena = {0};
    Value value;
    if (codec != CODEC_DAG_CBOR)
        return codec_links(codec, block, each, context, err);
    Status status = dag_cbor_decode(block, &arena, &value, err);
    if (status == STATUS_OK)
        status = stand_ins(&value, each, context, err);
    arena_deinit(&arena);
    return status;
}

struct complete *repair_results_new(struct repairing *repairing)
{
    const struct complete_options options = {
        .skip_leaves = true,
        .damaged = &repairing->damaged,
        .links = result_links,
    };
    return complete_new(repairing->store, &options);
}

struct part_check {
    struct repairing *repairing;
    struct complete *complete;
    LackEach *each;
    bool is_complete;
};

static Status check_part(void *context, Bytes link, struct error *err)
{
    struct part_check *check = context;
    bool is_complete;
    Cid cid;
    TRY(cid_from_bytes(link, &cid, err));
    TRY(complete_check(check->complete, &cid, check->each, check->repairing,
                       &is_complete, err));
    check->is_complete = check->is_complete && is_complete;
    return STATUS_OK;
}

Status repair_check_result(struct repairing *repairing,
                           struct complete *complete,
                           const struct memo_entry *entry, LackEach *each,
                           bool *is_complete, struct error *err)
{
    struct part_check check = {repairing, complete, each, true};
    struct arena arena = {0};
    struct block *block;
    struct result result;
    TRY(store_get(repairing->store, &entry->result, &block, err));
    Status status = result_decode(block_bytes(block), &arena, &result, err);
    if (status == STATUS_OK && result.is_ok != entry->is_ok)
        status = fail(err, STATUS_INVALID,
                      "its entry says '%s', and its result is the other",
                      entry->is_ok ? "ok" : "error");
    else if (status != STATUS_OK)
        status = fail_in(err, STATUS_INVALID, "its result");
    else
        status = stand_ins(&result.value, check_part, &check, err);
    *is_complete = check.is_complete;
    block_unref(block);
    arena_deinit(&arena);
    return status;
}

static void keep_lie(struct repairing *repairing, const Hash *concrete)
{
    repairing->lies = heap_resize(repairing->lies, repairing->lie_count + 1,
                                  sizeof *repairing->lies);
    repairing->lies[repairing->lie_count++] = *concrete;
}

static Status check_entry(void *context, const Hash *concrete,
                          const struct memo_entry *entry, struct error *err)
{
    struct repairing *repairing = context;
    struct repair *repair = repairing->repair;
    char text[CID_TEXT_MAX], words[CID_TEXT_MAX + 20];
    struct error why = {0};
    bool is_complete = true;
    Cid cid;

    if (repair->memo++ % TELL_EVERY == 0 &&
        !repair_tell(repairing, "memo", repair->memo, 0))
        return fail(err, STATUS_CANCELLED, "interrupted");
    cid_from_hash(CODEC_DAG_CBOR, concrete, &cid);
    cid_to_text(&cid, text);
    snprintf(words, sizeof words, "computation %s", text);
    repairing->dependent = text_of(words);
    repairing->is_root = false;
    Status status = repair_check_result(repairing, repairing->results, entry,
                                        find_lack, &is_complete, &why);
    if (status == STATUS_NOT_FOUND) {
        repair->collected++;
    } else if (status == STATUS_CORRUPT) {
        find_damaged(repairing, cid_multihash(&entry->result));
        const struct lack lack = {.kind = LACK_DAMAGED, .cid = entry->result};
        find_lack(repairing, &lack);
        is_complete = false;
    } else if (status == STATUS_INVALID) {
        struct finding *finding = add_finding(repair, FINDING_RESULT);
        finding->cid = cid;
        finding->words = arena_copy_text(&repair->arena, text_of(why.message));
    } else if (status != STATUS_OK) {
        *err = why;
        return status;
    }
    if (!is_complete)
        keep_lie(repairing, concrete);
    return STATUS_OK;
}

/* --- Pins and names ------------------------------------------------------ */

struct root_check {
    struct repairing *repairing;
    Status status;
    struct error *err;
};

static bool check_root(struct root_check *check, const Cid *cid)
{
    struct repairing *repairing = check->repairing;
    bool is_complete;
    repairing->is_root = true;
    check->status = complete_check(repairing->roots, cid, find_lack, repairing,
                                   &is_complete, check->err);
    if (check->status == STATUS_OK && !repair_tell(repairing, "pins", 0, 0))
        check->status = fail(check->err, STATUS_CANCELLED, "interrupted");
    return check->status == STATUS_OK;
}

static bool check_pin(void *context, const Cid *cid, Text name)
{
    struct root_check *check = context;
    struct repairing *repairing = check->repairing;
    char text[CID_TEXT_MAX];
    cid_to_text(cid, text);
    repairing->repair->pins++;
    repairing->dependent =
        name.len > 0 ? arena_format(&repairing->repair->arena, "pin %s (%.*s)",
                                    text, TEXT_ARG(name))
                     : arena_format(&repairing->repair->arena, "pin %s", text);
    return check_root(check, cid);
}

static bool check_name(void *context, Text name, unsigned age, const Cid *cid,
                       [[maybe_unused]] int64_t set_s)
{
    struct root_check *check = context;
    struct repairing *repairing = check->repairing;
    repairing->repair->names += age == 0;
    repairing->dependent =
        age > 0 ? arena_format(&repairing->repair->arena,
                               "name %.*s (%u before)", TEXT_ARG(name), age)
                : arena_format(&repairing->repair->arena, "name %.*s",
                               TEXT_ARG(name));
    return check_root(check, cid);
}

static Status check_roots(struct repairing *repairing, struct error *err)
{
    const struct complete_options options = {
        .skip_leaves = true,
        .damaged = &repairing->damaged,
    };
    struct root_check check = {repairing, STATUS_OK, err};
    repairing->roots = complete_new(repairing->store, &options);
    TRY(pin_each(repairing->store, check_pin, &check, err));
    TRY(check.status);
    TRY(name_each(repairing->store, TEXT(""), true, check_name, &check, err));
    return check.status;
}

/* --- Files --------------------------------------------------------------- */

struct file_check {
    struct repairing *repairing;
    struct complete *complete;
    struct indexed_file file;
};

static void note_file(void *context, const struct lack *lack)
{
    struct file_check *check = context;
    struct repair *repair = check->repairing->repair;
    const uint64_t *known =
        map_get(&check->repairing->by_block, cid_multihash(&lack->cid));
    // What else a file lacks was collected.
    if (!known)
        return;
    struct finding *finding = &repair->findings[*known - 1];
    finding->file = check->file;
    finding->file.path = arena_copy_text(&repair->arena, check->file.path);
}

static Status check_file(void *context, [[maybe_unused]] Bytes key, Bytes note,
                         struct error *err)
{
    struct file_check *check = context;
    bool is_complete;
    if (!file_index_read(note, &check->file))
        return STATUS_OK;
    return complete_check(check->complete, &check->file.cid, note_file, check,
                          &is_complete, err);
}

/* Which files the blocks that were found came from. */
static Status look_for_files(struct repairing *repairing, struct error *err)
{
    const struct complete_options options = {
        .skip_leaves = true,
        .damaged = &repairing->damaged,
    };
    struct file_check check = {.repairing = repairing};
    if (repairing->by_block.count == 0)
        return STATUS_OK;
    check.complete = complete_new(repairing->store, &options);
    Status status =
        fsck_notes(repairing->store, NOTE_FILE, check_file, &check, err);
    complete_free(check.complete);
    return status;
}

/* --- What can be done ---------------------------------------------------- */

static void say_what_can_be_done(struct repairing *repairing,
                                 struct finding *finding)
{
    struct repair *repair = repairing->repair;
    char text[CID_TEXT_MAX];
    Hash producer;
    Cid cid;
    finding->can_mend = true;
    if (finding->kind == FINDING_ROW) {
        finding->mend = TEXT("remove it");
    } else if (finding->kind == FINDING_RESULT) {
        finding->mend = TEXT("withdraw the entry");
    } else if (finding->file.path.len > 0) {
        finding->mend = arena_format(&repair->arena, "read %.*s again",
                                     TEXT_ARG(finding->file.path));
    } else if (finding->kind != FINDING_MALFORMED &&
               memo_producer(repairing->store, &finding->cid, &producer,
                             NULL) == STATUS_OK) {
        cid_from_hash(CODEC_DAG_CBOR, &producer, &cid);
        cid_to_text(&cid, text);
        finding->mend =
            arena_format(&repair->arena, "compute it again: %s", text);
    } else if (finding->is_rooted) {
        finding->can_mend = false;
        finding->mend = TEXT("add it again");
    } else if (finding->dependent_count > 0) {
        finding->mend = TEXT("withdraw what leads to it");
    } else {
        finding->mend = TEXT("remove it, nothing leads to it");
    }
}

/* --- All ----------------------------------------------------------------- */

static bool tell_blocks(void *context, uint64_t done, uint64_t total)
{
    return repair_tell(context, "blocks", done, total);
}

static Status look(struct repairing *repairing, struct error *err)
{
    struct repair *repair = repairing->repair;
    const struct fsck_options options = {
        .threads = repairing->options->threads,
        .progress = tell_blocks,
        .context = repairing,
    };
    TRY(fsck_blocks(repairing->store, &options, find_damaged, &repair->counts,
                    err));
    TRY(fsck_rows(repairing->store, &options, find_row, &repair->counts, err));
    repairing->results = repair_results_new(repairing);
    TRY(fsck_memo(repairing->store, check_entry, repairing, err));
    TRY(check_roots(repairing, err));
    return look_for_files(repairing, err);
}

Status repair_store(struct executor *executor, struct modules *modules,
                    const struct repair_options *options, struct repair **out,
                    struct error *err)
{
    struct repairing repairing = {
        .repair = HEAP_NEW(struct repair),
        .options = options,
        .store = executor_store(executor),
        .healer = {.executor = executor, .modules = modules},
    };
    struct repair *repair = *out = repairing.repair;
    Status status = look(&repairing, err);
    for (size_t index = 0; index < repair->count; index++)
        say_what_can_be_done(&repairing, &repair->findings[index]);
    if (status == STATUS_OK && options->repair)
        status = repair_mend(&repairing, err);
    for (size_t index = 0; index < repair->count; index++)
        repair->left += !repair->findings[index].is_mended;
    repair->differed = repairing.healer.differed;
    complete_free(repairing.results);
    complete_free(repairing.roots);
    seen_deinit(&repairing.damaged);
    map_deinit(&repairing.by_block);
    free(repairing.lies);
    return status;
}

void repair_free(struct repair *repair)
{
    if (!repair)
        return;
    arena_deinit(&repair->arena);
    free(repair->findings);
    free(repair);
}
