/* SPDX-License-Identifier: Apache-2.0 */
/* verify_receipts.c - receipts in a CAR file, each by the checks of
 * docs/formats/receipts.md, and what a log grew from. What their results link
 * is `receipts import`'s to look at. */
#include <stdio.h>

#include "base/map.h"
#include "cli/verify.h"
#include "crypto/tree.h"
#include "ipld/car.h"
#include "task/receipt.h"
#include "task/receipt_proofs.h"

/* Of so many each check is a line; of more, only what does not hold. */
enum { TOLD_WHOLE_MAX = 16 };

struct receipts {
    struct verify *verify;
    struct arena arena;
    struct map
        blocks; /* digest to Bytes: those that are what they are named */
    uint64_t count, failed;
};

static bool get(const struct receipts *receipts, const Hash *hash, Bytes *out)
{
    const uint64_t *place =
        map_get(&receipts->blocks, bytes_of(hash->bytes, sizeof hash->bytes));
    if (place)
        *out = *(const Bytes *)(uintptr_t)*place;
    return place != NULL;
}

/* Notes where each block is; the first root goes to `root`. */
static bool read_blocks(struct receipts *receipts, Bytes file, Hash *root)
{
    struct car_reader *reader = car_reader_over(file);
    struct car_header header;
    struct car_block block;
    bool is_one = car_read_header(reader, &header, NULL) == STATUS_OK &&
                  header.root_count > 0 &&
                  cid_sha256(&header.roots[0], CODEC_DAG_CBOR, root);
    while (is_one && car_read_block(reader, &block, NULL) == STATUS_OK) {
        Hash hash;
        bool is_new;
        if (!cid_sha256(&block.cid, CODEC_DAG_CBOR, &hash) ||
            cid_verify(&block.cid, block.bytes, NULL) != STATUS_OK)
            continue;
        const Bytes key = arena_copy_bytes(
            &receipts->arena, bytes_of(hash.bytes, sizeof hash.bytes));
        Bytes *kept = ARENA_NEW(&receipts->arena, Bytes);
        *kept = block.bytes;
        *map_set(&receipts->blocks, key, &is_new) = (uint64_t)(uintptr_t)kept;
    }
    car_reader_free(reader);
    return is_one;
}

static void note(const struct receipts *receipts, const char *what,
                 const Hash *hash, const char *check, bool is_ok,
                 const char *words)
{
    Cid cid;
    cid_from_hash(CODEC_DAG_CBOR, hash, &cid);
    verify_note(receipts->verify, what, &cid, check, is_ok, "%s", words);
}

static void check_one(struct receipts *receipts,
                      const struct receipt_proof *proof,
                      const struct statement *statement)
{
    struct receipt_verdict verdict;
    struct receipt_shown shown = {
        .id = proof->id,
        .index = proof->index,
        .path = proof->path,
        .now_s = receipts->verify->now_s,
    };
    receipts->count++;
    if (!get(receipts, &proof->id, &shown.assertion)) {
        receipts->failed++;
        note(receipts, "receipt", &proof->id, "assertion", false,
             "it is not in the file");
        return;
    }
    receipt_check(&shown, statement, &verdict);
    receipts->failed += !verdict.holds;
    for (unsigned check = 0; check < RECEIPT_CHECKS; check++) {
        const Status found = verdict.checks[check];
        const bool is_told = receipts->count <= TOLD_WHOLE_MAX;
        if (found == STATUS_CANCELLED || (found == STATUS_OK && !is_told))
            continue;
        note(receipts, "receipt", &proof->id,
             receipt_check_name((ReceiptCheck)check), found == STATUS_OK,
             found == STATUS_OK ? "" : verdict.words[check]);
    }
}

static void check_page(struct receipts *receipts, const Hash *hash)
{
    struct arena arena = {0};
    struct statement statement = {0};
    struct proof_page page;
    struct error err = {0};
    Bytes block, token;
    if (!get(receipts, hash, &block))
        note(receipts, "page", hash, "there", false, "it is not in the file");
    else if (proof_page_decode(block, &arena, &page, &err) != STATUS_OK)
        note(receipts, "page", hash, "well-formed", false, err.message);
    else if (!get(receipts, &page.token, &token))
        note(receipts, "token", &page.token, "there", false,
             "it is not in the file");
    else {
        statement_open(token, &statement);
        for (size_t index = 0; index < page.count; index++)
            check_one(receipts, &page.proofs[index], &statement);
        statement_close(&statement);
    }
    arena_deinit(&arena);
}

/* Whether the larger of two heads has the smaller one in it. */
static Status compare_heads(const struct statement *from,
                            const struct statement *to, Bytes path,
                            struct error *err)
{
    struct tree_proof proof = {.count = path.len / sizeof(Hash)};
    if (from->form != STATUS_OK || from->signature != STATUS_OK ||
        to->form != STATUS_OK || to->signature != STATUS_OK ||
        from->kind != STATEMENT_LOG || to->kind != STATEMENT_LOG)
        return fail(err, STATUS_INVALID, "one of them is no head of a log");
    if (!did_equal(&from->token->iss, &to->token->iss))
        return fail(err, STATUS_INVALID, "they are of two issuers");
    if (proof.count > TREE_PROOF_MAX)
        return fail(err, STATUS_INVALID, "it has too many hashes");
    if (proof.count > 0)
        memcpy(proof.hashes, path.data, proof.count * sizeof(Hash));
    return tree_verify_consistency(from->count, &from->root, to->count,
                                   &to->root, &proof, err);
}

static void check_growth(const struct receipts *receipts,
                         const struct proof_growth *growth)
{
    struct statement from = {0}, to = {0};
    struct error err = {0};
    Bytes older, newer;
    if (!get(receipts, &growth->to, &newer) ||
        !get(receipts, &growth->from, &older)) {
        // Of a head that the reader has, or has not, from elsewhere.
        return;
    }
    statement_open(older, &from);
    statement_open(newer, &to);
    const Status status = compare_heads(&from, &to, growth->path, &err);
    note(receipts, "log", &growth->to, "grew", status == STATUS_OK,
         err.message);
    statement_close(&from);
    statement_close(&to);
}

static Status check_head(struct receipts *receipts, const Hash *root)
{
    struct proof_head head;
    struct error err = {0};
    char words[96];
    Bytes block;
    if (!get(receipts, root, &block) || !proofs_is_block(block))
        return STATUS_NOT_FOUND;
    if (proof_head_decode(block, &receipts->arena, &head, &err) != STATUS_OK) {
        note(receipts, "proofs", root, "well-formed", false, err.message);
        return STATUS_OK;
    }
    for (size_t index = 0; index < head.page_count; index++)
        check_page(receipts, &head.pages[index]);
    for (size_t index = 0; index < head.growth_count; index++)
        check_growth(receipts, &head.growths[index]);
    snprintf(words, sizeof words, "%llu, of them %llu do not hold",
             (unsigned long long)receipts->count,
             (unsigned long long)receipts->failed);
    note(receipts, "proofs", root, "receipts", receipts->failed == 0, words);
    return STATUS_OK;
}

Status verify_receipts(struct verify *verify, Bytes bytes, struct error *err)
{
    struct receipts receipts = {.verify = verify};
    Hash root;
    Status status = read_blocks(&receipts, bytes, &root)
                        ? check_head(&receipts, &root)
                        : STATUS_NOT_FOUND;
    map_deinit(&receipts.blocks);
    arena_deinit(&receipts.arena);
    // All of its blocks, the others too.
    return status == STATUS_OK ? verify_car(verify, bytes, err) : status;
}
