/* SPDX-License-Identifier: Apache-2.0 */
/* replay.c - invocations seen before.
 *
 *     00 ‖ digest of the payload                       seen
 *     01 ‖ expiry (8, big-endian) ‖ digest             when to forget it
 *
 * A row of the first kind alone decides; those of the second are there to find,
 * in their order, what no clock takes any more. Each invocation that is taken
 * forgets up to FORGOTTEN_AT_ONCE others, so the table keeps up by itself. */
#include "store/ledger.h"
#include "ucan/revocation.h"

enum {
    KIND_SEEN = 0,
    KIND_EXPIRY = 1,
    SEEN_LEN = 1 + SHA256_LEN,
    EXPIRY_LEN = 1 + 8 + SHA256_LEN,
    FORGOTTEN_AT_ONCE = 16,
};

struct taking {
    const struct token *invocation;
    int64_t now_s;
    bool is_new;
};

static void seen_key(const uint8_t digest[SHA256_LEN], uint8_t out[SEEN_LEN])
{
    out[0] = KIND_SEEN;
    memcpy(out + 1, digest, SHA256_LEN);
}

/* Times before 1970 are as good as 1970. */
static void expiry_key(int64_t exp, const uint8_t digest[SHA256_LEN],
                       uint8_t out[EXPIRY_LEN])
{
    const uint64_t time = exp < 0 ? 0 : (uint64_t)exp;
    out[0] = KIND_EXPIRY;
    for (unsigned index = 0; index < 8; index++)
        out[1 + index] = (uint8_t)(time >> 8 * (7 - index));
    memcpy(out + 1 + 8, digest, SHA256_LEN);
}

/* --- Forgetting ---------------------------------------------------------- */

struct old {
    int64_t before; /* an expiry below this is forgotten */
    size_t count;
    uint8_t keys[FORGOTTEN_AT_ONCE][EXPIRY_LEN];
};

static bool add_old(void *context, Bytes key, Bytes value)
{
    struct old *old = context;
    uint64_t time = 0;
    (void)value;
    if (key.len != EXPIRY_LEN)
        return true;
    for (unsigned index = 0; index < 8; index++)
        time = time << 8 | key.data[1 + index];
    if (old->before <= 0 || time >= (uint64_t)old->before)
        return false;
    memcpy(old->keys[old->count++], key.data, EXPIRY_LEN);
    return old->count < FORGOTTEN_AT_ONCE;
}

static Status forget_old(struct ledger_view *view, int64_t now_s,
                         struct error *err)
{
    static const uint8_t prefix[] = {KIND_EXPIRY};
    struct old old = {.before = now_s - REPLAY_KEEP_S};
    TRY(ledger_walk(view, bytes_of(prefix, 1), add_old, &old, err));
    for (size_t index = 0; index < old.count; index++) {
        uint8_t seen[SEEN_LEN];
        seen_key(old.keys[index] + 1 + 8, seen);
        TRY(ledger_remove(view, bytes_of(seen, SEEN_LEN), err));
        TRY(ledger_remove(view, bytes_of(old.keys[index], EXPIRY_LEN), err));
    }
    return STATUS_OK;
}

/* --- Taking -------------------------------------------------------------- */

static Status take(void *context, struct ledger_view *view, struct error *err)
{
    struct taking *taking = context;
    const struct token *invocation = taking->invocation;
    uint8_t seen[SEEN_LEN], expiry[EXPIRY_LEN];
    bool has;
    Hash digest;
    ASSERT(cid_sha256(&invocation->payload, CODEC_DAG_CBOR, &digest));
    seen_key(digest.bytes, seen);
    TRY(ledger_has(view, bytes_of(seen, SEEN_LEN), &has, err));
    taking->is_new = !has;
    if (has)
        return STATUS_OK;
    TRY(forget_old(view, taking->now_s, err));
    TRY(ledger_put(view, bytes_of(seen, SEEN_LEN), (Bytes){NULL, 0}, err));
    if (!invocation->has_exp)
        return STATUS_OK;
    expiry_key(invocation->exp, digest.bytes, expiry);
    return ledger_put(view, bytes_of(expiry, EXPIRY_LEN), (Bytes){NULL, 0},
                      err);
}

Status replay_take(struct store *store, const struct token *invocation,
                   int64_t now_s, bool *is_new, struct error *err)
{
    struct taking taking = {.invocation = invocation, .now_s = now_s};
    ASSERT(invocation->kind == TOKEN_INVOCATION);
    Status status = ledger_write(store, LEDGER_REPLAYS, take, &taking, err);
    *is_new = status == STATUS_OK && taking.is_new;
    return status;
}
