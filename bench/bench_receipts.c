/* SPDX-License-Identifier: Apache-2.0 */
/* bench_receipts.c - what receipts cost: leaves appended to the log in the
 * store, proofs out of a log of a million, and sealing all that a run left. */
#include <stdlib.h>

#include "base/clock.h"
#include "bench.h"
#include "run/receipts.h"
#include "task/computation.h"

enum {
    APPENDED = 100000,
    APPENDED_AT_ONCE = 1000, /* one transaction, one head */
    LEAVES = 1 << 20,
    LEAVES_AT_ONCE = 1 << 17,
    PROOFS = 2000,
    SEALED = 20000,
    TASKS_OF_A_ROW = 200,
};

static struct secret_key *key;
static Did did;
static Hash issuer;

/* --- The log ------------------------------------------------------------- */

static Hash leaf_of(uint64_t number)
{
    Hash id, leaf;
    hash_sha256(bytes_of(&number, sizeof number), &id);
    receipt_leaf(&id, &leaf);
    return leaf;
}

/* With a signed head, as a sealing does it, but for the receipts' rows. */
static void append(struct store *store, size_t count)
{
    struct arena arena = {0};
    struct error err = {0};
    struct log_state before;
    struct log_growth growth;
    struct log_head head = {.issuer = issuer};
    struct receipts_kept kept;
    struct token *token;
    bench_check(log_state(store, &issuer, &before, &err), &err);
    Hash *leaves = arena_array(&arena, count, sizeof *leaves);
    for (size_t index = 0; index < count; index++)
        leaves[index] = leaf_of(before.edge.size + index);
    log_grow(&before.edge, leaves, count, &arena, &growth);
    head.size = growth.edge.size;
    tree_root(&growth.edge, &head.root);
    bench_check(
        receipt_mint_head(&head.root, head.size, NULL, key, &token, &err),
        &err);
    cid_sha256(&token->cid, CODEC_DAG_CBOR, &head.token);
    const struct receipts_sealing sealing = {
        .before = &before,
        .growth = &growth,
        .head = &head,
        .head_token = token->bytes,
    };
    bench_check(receipts_seal(store, &sealing, &kept, &err), &err);
    token_free(token);
    arena_deinit(&arena);
}

static void bench_append(struct store *store)
{
    const uint64_t start_ns = clock_monotonic_ns();
    for (size_t done = 0; done < APPENDED; done += APPENDED_AT_ONCE)
        append(store, APPENDED_AT_ONCE);
    const uint64_t ns = clock_monotonic_ns() - start_ns;
    bar_print(&(struct bar){.name = "log_append_durable",
                            .unit = "us",
                            .value = (double)ns / 1e3 / APPENDED,
                            .target = 5});
}

static void bench_proofs(struct store *store)
{
    struct samples samples = {0};
    struct tree_proof proof;
    struct error err = {0};
    Hash root;
    for (size_t done = APPENDED; done < LEAVES;) {
        const size_t left = LEAVES - done;
        const size_t now = left < LEAVES_AT_ONCE ? left : LEAVES_AT_ONCE;
        append(store, now);
        done += now;
    }
    bench_check(log_root(store, &issuer, LEAVES, &root, &err), &err);
    for (uint64_t index = 0; index < PROOFS; index++) {
        const uint64_t number = index * 7919 * 131 % LEAVES;
        const Hash leaf = leaf_of(number);
        const uint64_t start_ns = clock_monotonic_ns();
        bench_check(
            log_inclusion(store, &issuer, number, LEAVES, &proof, &err), &err);
        samples_add(&samples, clock_monotonic_ns() - start_ns);
        bench_check(
            tree_verify_inclusion(&leaf, number, LEAVES, &proof, &root, &err),
            &err);
    }
    bar_print_samples(
        (struct bar){.name = "log_inclusion_1M", .unit = "us", .target = 50},
        &samples);
}

/* --- Sealing ------------------------------------------------------------- */

static Hash put_block(struct store_batch *batch, Bytes block)
{
    Cid cid;
    Hash hash;
    cid_of(CODEC_DAG_CBOR, block, &cid);
    hash_sha256(block, &hash);
    store_batch_block(batch, &cid, block);
    return hash;
}

/* A task that came to something of its own. */
static void add_task(struct store_batch *batch, struct buffer *row,
                     uint64_t number)
{
    struct arena arena = {0};
    Hash ignored;
    Cid module;
    cid_of(CODEC_RAW, bytes_of("module", 6), &module);
    const Value link = value_link(&module), value = value_uint(number);
    const Value list = value_list(&value, 1);
    const Value args =
        wasm_call_args(&arena, &link, TEXT("run"), &list, false);
    const Value ok = value_map1(&arena, TEXT("ok"), value);
    Cid cid;
    struct pending_task task = {
        .has_comp = true,
        .has_res = true,
        .cost = {.wall_ns = 1000, .cpu_ns = 900, .memory_peak = 65536},
    };
    task.comp =
        put_block(batch, computation_encode(TEXT("/wasm/run"), &args,
                                            (Bytes){0}, &arena, &ignored));
    task.res = put_block(batch, dag_cbor_block(&ok, &arena, &cid));
    pending_add(row, &task);
    arena_deinit(&arena);
}

static void leave_pending(struct store *store)
{
    struct error err = {0};
    struct buffer row;
    struct store_batch *batch = store_batch_new(store);
    const struct pending_row head = {.at_s = 1800000000,
                                     .engine = TEXT("bench")};
    buffer_init(&row, 1 << 20);
    for (uint64_t number = 0; number < SEALED;) {
        buffer_clear(&row);
        pending_begin(&row, &head);
        for (size_t task = 0; task < TASKS_OF_A_ROW; task++)
            add_task(batch, &row, number++);
        store_batch_pending(batch, buffer_bytes(&row));
        bench_check(store_commit(batch, &err), &err);
    }
    store_batch_free(batch);
    buffer_deinit(&row);
}

/* With the log of a million that is there. */
static void bench_sealing(struct store *store)
{
    struct seal_report report;
    struct error err = {0};
    leave_pending(store);
    const uint64_t start_ns = clock_monotonic_ns();
    bench_check(receipts_seal_pending(store, key, &report, &err), &err);
    const uint64_t ns = clock_monotonic_ns() - start_ns;
    if (report.results != SEALED)
        exit(1);
    bar_print(&(struct bar){.name = "seal_a_receipt",
                            .unit = "us",
                            .value = (double)ns / 1e3 / SEALED});
}

int main(void)
{
    struct store *store;
    struct error err = {0};
    key = secret_key_new(KEY_ED25519);
    did_of(secret_key_public(key), &did);
    receipt_issuer(text_of(did.text), &issuer);
    bench_check(store_open(bench_fresh_directory(), NULL, &store, &err), &err);
    bench_append(store);
    bench_proofs(store);
    bench_sealing(store);
    store_close(store);
    secret_key_free(key);
    return 0;
}
