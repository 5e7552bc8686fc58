/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/run/world_receipts.h"

/* --- Somebody who signs -------------------------------------------------- */

struct signer signer_of(uint8_t seed)
{
    const uint8_t bytes[KEY_SECRET_LEN] = {seed};
    struct signer signer;
    assert_ok(secret_key_from_bytes(KEY_ED25519, bytes_of(bytes, sizeof bytes),
                                    &signer.key, NULL));
    did_of(secret_key_public(signer.key), &signer.did);
    receipt_issuer(text_of(signer.did.text), &signer.issuer);
    return signer;
}

struct seal_report world_seal(struct world *world, const struct signer *signer)
{
    struct seal_report report;
    struct error err = {0};
    if (receipts_seal_pending(world->store, signer->key, &report, &err) !=
        STATUS_OK)
        fail_msg("%s", err.message);
    return report;
}

static bool count_pending(void *context, [[maybe_unused]] uint64_t number,
                          Bytes row)
{
    struct pending_row head;
    struct pending_task task;
    uint64_t *count = context;
    assert_true(pending_read(&row, &head));
    assert_true(head.engine.len > 0);
    while (pending_next(&row, &task))
        *count += 1;
    assert_int_equal(row.len, 0);
    return true;
}

uint64_t pending_tasks(struct world *world)
{
    uint64_t count = 0;
    assert_ok(pending_each(world->store, count_pending, &count, NULL));
    return count;
}

uint64_t log_size(struct world *world, const struct signer *signer)
{
    struct log_state state;
    assert_ok(log_state(world->store, &signer->issuer, &state, NULL));
    return state.edge.size;
}

/* --- Receipts found ------------------------------------------------------ */

bool found_take(void *context, const struct receipt_row *row)
{
    struct found *found = context;
    struct receipt_row copy = *row;
    copy.assertion = arena_copy_bytes(&found->arena, row->assertion);
    copy.issuer = arena_copy_text(&found->arena, row->issuer);
    copy.path = arena_copy_bytes(&found->arena, row->path);
    copy.meta = arena_copy_bytes(&found->arena, row->meta);
    if (found->count++ == 0)
        found->first = copy;
    found->last = copy;
    return true;
}

size_t count_by(struct world *world, ReceiptsBy by, const Hash *about)
{
    struct found found = {0};
    assert_ok(
        receipts_each(world->store, by, about, found_take, &found, NULL));
    arena_deinit(&found.arena);
    return found.count;
}

size_t count_all(struct world *world)
{
    struct found found = {0};
    assert_ok(receipts_all(world->store, found_take, &found, NULL));
    arena_deinit(&found.arena);
    return found.count;
}

Hash task_cid(struct world *world, const struct signer *signer,
              const char *label)
{
    struct task_hashes *hashes = task_hashes_new(
        world->workflow, text_of(signer->did.text), NULL, NULL);
    const Hash ran = *task_hashes_get(
        hashes, workflow_find(world->workflow, text_of(label)));
    task_hashes_free(hashes);
    return ran;
}

void open_only(struct world *world, const struct signer *signer,
               const char *label, struct receipt_view *out)
{
    struct found found = {0};
    struct error err = {0};
    const Hash ran = task_cid(world, signer, label);
    assert_ok(receipts_each(world->store, RECEIPTS_BY_TASK, &ran, found_take,
                            &found, NULL));
    assert_int_equal(found.count, 1);
    if (receipt_view_open(world->store, &found.first, out, &err) != STATUS_OK)
        fail_msg("%s: %s", label, err.message);
    arena_deinit(&found.arena);
}

void assert_holds(const struct receipt_verdict *verdict)
{
    if (!verdict->holds)
        fail_msg("%s: %s", receipt_check_name(verdict->first_failed),
                 verdict->words[verdict->first_failed]);
    for (int check = 0; check < RECEIPT_CHECKS; check++)
        assert_int_equal((int)verdict->checks[check], (int)STATUS_OK);
}
