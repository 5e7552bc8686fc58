/* SPDX-License-Identifier: Apache-2.0 */
/* revocation.c - what was revoked, by whom.
 *
 *     00 ‖ digest of a token ‖ DID      time (8) ‖ the revocation, a token
 *     01 ‖ digest of a payload ‖ DID    digest of the token that was named
 *
 * Everybody may revoke anything, and rows of strangers are kept; whether one
 * counts is known when a chain is there: its DID has to be the issuer of the
 * token or of one above it.
 *
 * A row 00 gets its row 01 as soon as the token that it names is met: in the
 * store when it is revoked, or in a chain later. That leaves tokens of which
 * only a twin is met: the same payload under the other signature that P-256
 * allows. There are two such signatures, so the twin's CID is asked for too. */
#include "ucan/revocation.h"

#include "base/clock.h"
#include "store/ledger.h"

enum {
    KIND_TOKEN = 0,
    KIND_PAYLOAD = 1,
    SUBJECT_LEN = 1 + SHA256_LEN, /* kind and digest */
    TIME_LEN = 8,
    SIGNATURE_AT = 3, /* in an envelope: 82 58 40 */
};

struct key {
    size_t len;
    uint8_t bytes[SUBJECT_LEN + DID_TEXT_MAX];
};

static struct key key_of(uint8_t kind, const Hash *digest, const Did *by)
{
    struct key key = {.len = SUBJECT_LEN, .bytes = {kind}};
    memcpy(key.bytes + 1, digest->bytes, SHA256_LEN);
    if (by) {
        const size_t len = strlen(by->text);
        memcpy(key.bytes + SUBJECT_LEN, by->text, len);
        key.len += len;
    }
    return key;
}

static Bytes key_view(const struct key *key)
{
    return bytes_of(key->bytes, key->len);
}

static Hash digest_of(const Cid *cid)
{
    Hash digest;
    ASSERT(cid_sha256(cid, CODEC_DAG_CBOR, &digest));
    return digest;
}

/* --- Adding -------------------------------------------------------------- */

struct adding {
    struct key token, payload; /* .len 0: we do not have the token */
    Hash named;
    Bytes value;
};

/* The first of its kind stays. */
static Status put_new(struct ledger_view *view, const struct key *key,
                      Bytes value, struct error *err)
{
    bool has;
    TRY(ledger_has(view, key_view(key), &has, err));
    return has ? STATUS_OK : ledger_put(view, key_view(key), value, err);
}

static Status add_rows(void *context, struct ledger_view *view,
                       struct error *err)
{
    const struct adding *adding = context;
    if (adding->token.len > 0)
        TRY(put_new(view, &adding->token, adding->value, err));
    if (adding->payload.len == 0)
        return STATUS_OK;
    return put_new(view, &adding->payload,
                   bytes_of(adding->named.bytes, SHA256_LEN), err);
}

/* What the arguments say is revoked. */
static Status read_revoked(const struct token *revocation, Hash *out,
                           struct error *err)
{
    const Value *args = revocation->args;
    const Value *link = value_get(args, TEXT("rev"));
    Cid cid;
    if (!link)
        link = value_get(args, TEXT("revoke"));
    if (!text_equal(revocation->cmd, TEXT("/ucan/revoke")))
        return fail(err, STATUS_INVALID,
                    "revocation: .cmd is %.*s, not /ucan/revoke",
                    TEXT_ARG(revocation->cmd));
    if (!link || link->kind != VALUE_LINK || args->map.count != 1)
        return fail(err, STATUS_INVALID,
                    "revocation: .args is not {\"rev\": link}");
    if (cid_from_bytes(link->link, &cid, NULL) != STATUS_OK ||
        !cid_sha256(&cid, CODEC_DAG_CBOR, out))
        return fail(err, STATUS_INVALID,
                    "revocation: .args.rev is no token's CID: dag-cbor, "
                    "sha2-256");
    return STATUS_OK;
}

/* The payload of the token of that name, if it is in the store. */
static bool find_payload(struct store *store, const Hash *named, Hash *out)
{
    const struct token_options options = {.rc1_too = true};
    struct block *block;
    struct token *token;
    Cid cid;
    cid_from_hash(CODEC_DAG_CBOR, named, &cid);
    if (store_get(store, &cid, &block, NULL) != STATUS_OK)
        return false;
    Status status = token_read(block_bytes(block), &options, &token, NULL);
    block_unref(block);
    if (status != STATUS_OK)
        return false;
    *out = digest_of(&token->payload);
    token_free(token);
    return true;
}

Status revocation_add(struct store *store, const struct authorised *revocation,
                      struct error *err)
{
    const struct token *token = authorised_invocation(revocation);
    struct adding adding = {0};
    struct arena arena = {0};
    Hash payload;
    TRY(read_revoked(token, &adding.named, err));
    if (token->bytes.len > REVOCATION_BYTES_MAX)
        return fail(err, STATUS_LIMIT,
                    "revocation: %zu bytes are more than %d", token->bytes.len,
                    REVOCATION_BYTES_MAX);
    adding.token = key_of(KIND_TOKEN, &adding.named, &token->sub);
    if (find_payload(store, &adding.named, &payload))
        adding.payload = key_of(KIND_PAYLOAD, &payload, &token->sub);
    const uint64_t at_s = (uint64_t)clock_wall_s();
    uint8_t *value = arena_alloc(&arena, TIME_LEN + token->bytes.len);
    for (unsigned index = 0; index < TIME_LEN; index++)
        value[index] = (uint8_t)(at_s >> 8 * index);
    memcpy(value + TIME_LEN, token->bytes.data, token->bytes.len);
    adding.value = bytes_of(value, TIME_LEN + token->bytes.len);
    Status status =
        ledger_write(store, LEDGER_REVOCATIONS, add_rows, &adding, err);
    arena_deinit(&arena);
    return status;
}

/* --- Checking ------------------------------------------------------------ */

struct checking {
    const struct token *const *chain;
    size_t count;
    size_t which;       /* `count`: none is revoked */
    struct adding twin; /* a row 01 that is still to be made */
};

static bool note_any(void *context, Bytes key, Bytes value)
{
    (void)key;
    (void)value;
    *(bool *)context = true;
    return false;
}

/* Is the name revoked by an issuer in chain[0 … index]? One look where nobody
 * did. */
static Status find_revoker(const struct checking *checking,
                           struct ledger_view *view, uint8_t kind,
                           const Hash *digest, size_t index, const Did **out,
                           struct error *err)
{
    const struct key any = key_of(kind, digest, NULL);
    bool found = false;
    *out = NULL;
    TRY(ledger_walk(view, key_view(&any), note_any, &found, err));
    for (size_t above = 0; found && above <= index; above++) {
        const Did *by = &checking->chain[above]->iss;
        const struct key key = key_of(kind, digest, by);
        bool has;
        TRY(ledger_has(view, key_view(&key), &has, err));
        if (has) {
            *out = by;
            return STATUS_OK;
        }
    }
    return STATUS_OK;
}

/* The CID's digest of the same token with the other signature: n - s. */
static void twin_digest(const struct token *token, Hash *out)
{
    static const uint8_t order[32] = {
        0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff,
        0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17,
        0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51};
    struct arena arena = {0};
    uint8_t *twin = arena_alloc(&arena, token->bytes.len);
    uint8_t *s = twin + SIGNATURE_AT + SIGNATURE_LEN / 2;
    int borrow = 0;
    memcpy(twin, token->bytes.data, token->bytes.len);
    for (size_t index = sizeof order; index-- > 0;) {
        const int digit = order[index] - s[index] - borrow;
        borrow = digit < 0;
        s[index] = (uint8_t)(digit & 0xff);
    }
    hash_sha256(bytes_of(twin, token->bytes.len), out);
    arena_deinit(&arena);
}

static Status check_one(struct checking *checking, struct ledger_view *view,
                        size_t index, struct error *err)
{
    const struct token *token = checking->chain[index];
    const Hash payload = digest_of(&token->payload);
    Hash named = digest_of(&token->cid);
    const Did *by, *by_payload;
    TRY(find_revoker(checking, view, KIND_PAYLOAD, &payload, index,
                     &by_payload, err));
    if (by_payload) {
        checking->which = index;
        return STATUS_OK;
    }
    TRY(find_revoker(checking, view, KIND_TOKEN, &named, index, &by, err));
    if (!by && token->key.type == KEY_P256) {
        twin_digest(token, &named);
        TRY(find_revoker(checking, view, KIND_TOKEN, &named, index, &by, err));
    }
    if (!by)
        return STATUS_OK;
    checking->which = index;
    checking->twin.named = named;
    checking->twin.payload = key_of(KIND_PAYLOAD, &payload, by);
    return STATUS_OK;
}

static Status check_chain(void *context, struct ledger_view *view,
                          struct error *err)
{
    struct checking *checking = context;
    for (size_t index = 0;
         index < checking->count && checking->which == checking->count;
         index++)
        TRY(check_one(checking, view, index, err));
    return STATUS_OK;
}

Status revocation_check(struct store *store, const struct token *const *chain,
                        size_t count, size_t *which, struct error *err)
{
    struct checking checking = {chain, count, count, {.named = {{0}}}};
    char name[CID_TEXT_MAX];
    TRY(ledger_read(store, LEDGER_REVOCATIONS, check_chain, &checking, err));
    if (checking.which == count)
        return STATUS_OK;
    // From now on under whatever signature. If it cannot be written it is
    // found by its CID again.
    if (checking.twin.payload.len > 0)
        IGNORE(ledger_write(store, LEDGER_REVOCATIONS, add_rows,
                            &checking.twin, NULL));
    *which = checking.which;
    cid_to_text(&chain[*which]->cid, name);
    return fail(err, STATUS_DENIED, "token %.64s was revoked", name);
}

/* --- Listing ------------------------------------------------------------- */

struct row {
    struct row *next;
    Bytes key, value;
};

struct listing {
    struct arena arena;
    struct row *first, **last;
};

static bool copy_row(void *context, Bytes key, Bytes value)
{
    struct listing *listing = context;
    struct row *row = ARENA_NEW(&listing->arena, struct row);
    row->key = arena_copy_bytes(&listing->arena, key);
    row->value = arena_copy_bytes(&listing->arena, value);
    *listing->last = row;
    listing->last = &row->next;
    return true;
}

static Status copy_rows(void *context, struct ledger_view *view,
                        struct error *err)
{
    static const uint8_t prefix[] = {KIND_TOKEN};
    return ledger_walk(view, bytes_of(prefix, 1), copy_row, context, err);
}

static bool tell(const struct row *row, RevocationEach *each, void *context)
{
    Bytes token = {NULL, 0};
    uint64_t at_s = 0;
    Cid revoked;
    Did by = {0};
    Hash digest;
    if (row->key.len <= SUBJECT_LEN ||
        row->key.len >= SUBJECT_LEN + DID_TEXT_MAX)
        return true;
    memcpy(digest.bytes, row->key.data + 1, SHA256_LEN);
    cid_from_hash(CODEC_DAG_CBOR, &digest, &revoked);
    memcpy(by.text, row->key.data + SUBJECT_LEN, row->key.len - SUBJECT_LEN);
    if (row->value.len > TIME_LEN) {
        for (unsigned index = 0; index < TIME_LEN; index++)
            at_s |= (uint64_t)row->value.data[index] << 8 * index;
        token = bytes_from(row->value, TIME_LEN);
    }
    return each(context, &revoked, &by, (int64_t)at_s, token);
}

Status revocation_each(struct store *store, RevocationEach *each,
                       void *context, struct error *err)
{
    struct listing listing = {0};
    listing.last = &listing.first;
    Status status =
        ledger_read(store, LEDGER_REVOCATIONS, copy_rows, &listing, err);
    for (const struct row *row = listing.first; row && status == STATUS_OK;
         row = row->next)
        if (!tell(row, each, context))
            break;
    arena_deinit(&listing.arena);
    return status;
}
