/* SPDX-License-Identifier: Apache-2.0 */
#include "run/answers_trust.h"

#include <stdio.h>

#include "base/clock.h"
#include "run/admit.h"
#include "run/answers.h"

enum { BATCH_ENTRIES = 4096 };

struct trusting {
    struct store *store;
    struct store_batch *batch;
    size_t in_batch;
    struct arena arena; /* of one answer */
    struct answers_report *out;
};

/* --- Entering ------------------------------------------------------------ */

static Status send_batch(struct trusting *trusting, struct error *err)
{
    trusting->in_batch = 0;
    return store_commit(trusting->batch, err);
}

/* The store keeps the first result and raises the alarm over another. */
static Status enter(struct trusting *trusting, const struct answer *answer,
                    bool is_ok, struct error *err)
{
    struct memo_entry old, entry = {
                               .is_ok = is_ok,
                               .provenance = MEMO_RECEIPT,
                               .made_s = clock_wall_s(),
                           };
    cid_from_hash(CODEC_DAG_CBOR, &answer->result, &entry.result);
    Status status =
        memo_get(trusting->store, &answer->computation, &old, NULL);
    if (status == STATUS_OK && cid_equal(&old.result, &entry.result)) {
        trusting->out->known++;
        return STATUS_OK;
    }
    if (status == STATUS_OK)
        trusting->out->alarms++;
    else
        trusting->out->entered++;
    store_batch_memo(trusting->batch, &answer->computation, &entry);
    if (status != STATUS_OK)
        store_batch_producer(trusting->batch, &entry.result,
                             &answer->computation);
    if (++trusting->in_batch < BATCH_ENTRIES)
        return STATUS_OK;
    return send_batch(trusting, err);
}

static Status take_answer(void *context, const struct answer *answer,
                          struct error *err)
{
    struct trusting *trusting = context;
    struct error why = {0};
    bool is_ok = false;
    arena_reset(&trusting->arena);
    struct admitted admitted;
    Status status = admit_computation(trusting->store, &answer->computation,
                                      &trusting->arena, &admitted, &why);
    if (status == STATUS_OK)
        status = admit_result(trusting->store, &answer->result,
                              &trusting->arena, &is_ok, &why);
    if (status == STATUS_OK)
        return enter(trusting, answer, is_ok, err);
    if (trusting->out->refused++ == 0)
        snprintf(trusting->out->why, sizeof trusting->out->why, "%s",
                 why.message);
    return STATUS_OK;
}

Status answers_trust(struct store *store, const Cid *head,
                     struct answers_report *out, struct error *err)
{
    struct trusting trusting = {
        .store = store, .batch = store_batch_new(store), .out = out};
    *out = (struct answers_report){0};
    Status status = answers_load(store, head, take_answer, &trusting, err);
    if (status == STATUS_OK)
        status = send_batch(&trusting, err);
    store_batch_free(trusting.batch);
    arena_deinit(&trusting.arena);
    return status;
}
