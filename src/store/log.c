/* SPDX-License-Identifier: Apache-2.0 */
/* log.c - the rows of a log (docs/formats/store.md).
 *
 *     issuer                         state: size (8) | roots | head's digest
 *     issuer | level | chunk (8)     hashes of full subtrees, LOG_CHUNK a row
 *
 * Nodes have no checksum: a proof that they are wrong in does not verify. The
 * state has: what is appended to it would be wrong for ever. */
#include "store/log.h"

#include "store/store_private.h"

enum {
    NUMBER_LEN = 8,
    NODE_KEY = SHA256_LEN + 1 + NUMBER_LEN,
    HEAD_KEY = SHA256_LEN + NUMBER_LEN + SHA256_LEN,
    CHUNK_BYTES = LOG_CHUNK * SHA256_LEN,
    STATE_MAX = NUMBER_LEN + LOG_LEVELS * SHA256_LEN + 2 * SHA256_LEN,
};

static void put_number(uint64_t number, uint8_t *out)
{
    for (unsigned index = 0; index < NUMBER_LEN; index++)
        out[index] = (uint8_t)(number >> 8 * (NUMBER_LEN - 1 - index));
}

static uint64_t get_number(const uint8_t *bytes)
{
    uint64_t number = 0;
    for (unsigned index = 0; index < NUMBER_LEN; index++)
        number = number << 8 | bytes[index];
    return number;
}

/* --- State --------------------------------------------------------------- */

static Status damaged(struct error *err)
{
    return fail(err, STATUS_CORRUPT,
                "the log of receipts is damaged; restore the store from a "
                "backup");
}

/* size | roots, one for each bit of it | head | sha2-256 of all before */
static bool state_read(Bytes row, struct log_state *out)
{
    Hash sum;
    *out = (struct log_state){0};
    if (row.len < NUMBER_LEN + 2 * SHA256_LEN)
        return false;
    out->edge.size = get_number(row.data);
    const size_t roots =
        (size_t)__builtin_popcountll(out->edge.size) * SHA256_LEN;
    if (row.len != NUMBER_LEN + roots + (size_t)2 * SHA256_LEN)
        return false;
    hash_sha256(bytes_of(row.data, row.len - SHA256_LEN), &sum);
    memcpy(out->edge.roots, row.data + NUMBER_LEN, roots);
    memcpy(out->head.bytes, row.data + NUMBER_LEN + roots, SHA256_LEN);
    out->has_head = true;
    return memcmp(sum.bytes, row.data + row.len - SHA256_LEN, SHA256_LEN) == 0;
}

Status log_read_state(struct transaction *transaction, const Hash *issuer,
                      struct log_state *out, struct error *err)
{
    Bytes row;
    *out = (struct log_state){0};
    Status status =
        transaction_get(transaction, TABLE_LOG, hash_view(issuer), &row, err);
    if (status == STATUS_NOT_FOUND)
        return STATUS_OK;
    TRY(status);
    return state_read(row, out) ? STATUS_OK : damaged(err);
}

Status log_state(struct store *store, const Hash *issuer,
                 struct log_state *out, struct error *err)
{
    struct transaction transaction;
    TRY(tables_read(store->tables, &transaction, err));
    Status status = log_read_state(&transaction, issuer, out, err);
    transaction_end(&transaction);
    return status;
}

static Status put_state(struct transaction *transaction, const Hash *issuer,
                        const struct tree_edge *edge, const Hash *head,
                        struct error *err)
{
    uint8_t row[STATE_MAX];
    const size_t roots = (size_t)__builtin_popcountll(edge->size) * SHA256_LEN;
    size_t len = NUMBER_LEN;
    Hash sum;
    put_number(edge->size, row);
    memcpy(row + len, edge->roots, roots);
    len += roots;
    memcpy(row + len, head->bytes, SHA256_LEN);
    len += SHA256_LEN;
    hash_sha256(bytes_of(row, len), &sum);
    memcpy(row + len, sum.bytes, SHA256_LEN);
    return transaction_put(transaction, TABLE_LOG, hash_view(issuer),
                           bytes_of(row, len + SHA256_LEN), err);
}

/* --- Nodes --------------------------------------------------------------- */

static Bytes node_key(const Hash *issuer, unsigned level, uint64_t chunk,
                      uint8_t out[NODE_KEY])
{
    memcpy(out, issuer->bytes, SHA256_LEN);
    out[SHA256_LEN] = (uint8_t)level;
    put_number(chunk, out + SHA256_LEN + 1);
    return bytes_of(out, NODE_KEY);
}

struct reading {
    struct transaction *transaction;
    const Hash *issuer;
};

static Status read_node(void *context, unsigned level, uint64_t index,
                        Hash *out, struct error *err)
{
    const struct reading *reading = context;
    const size_t at = index % LOG_CHUNK * SHA256_LEN;
    uint8_t key[NODE_KEY];
    Bytes row;
    Status status = transaction_get(
        reading->transaction, TABLE_LOG,
        node_key(reading->issuer, level, index / LOG_CHUNK, key), &row, err);
    if (status == STATUS_NOT_FOUND ||
        (status == STATUS_OK && row.len < at + SHA256_LEN))
        return damaged(err);
    TRY(status);
    memcpy(out->bytes, row.data + at, SHA256_LEN);
    return STATUS_OK;
}

/* Hashes [first, first + count) of one level, behind those that are there. */
static Status write_level(struct transaction *transaction, const Hash *issuer,
                          unsigned level, uint64_t first, const Hash *hashes,
                          size_t count, struct error *err)
{
    uint8_t row[CHUNK_BYTES], key[NODE_KEY];
    while (count > 0) {
        const size_t before = first % LOG_CHUNK;
        const size_t room = LOG_CHUNK - before;
        const size_t now = count < room ? count : room;
        const Bytes name = node_key(issuer, level, first / LOG_CHUNK, key);
        Bytes old;
        if (before > 0) {
            Status status =
                transaction_get(transaction, TABLE_LOG, name, &old, err);
            if (status == STATUS_NOT_FOUND ||
                (status == STATUS_OK && old.len < before * SHA256_LEN))
                return damaged(err);
            TRY(status);
            memcpy(row, old.data, before * SHA256_LEN);
        }
        memcpy(row + before * SHA256_LEN, hashes, now * SHA256_LEN);
        TRY(transaction_put(transaction, TABLE_LOG, name,
                            bytes_of(row, (before + now) * SHA256_LEN), err));
        hashes += now;
        first += now;
        count -= now;
    }
    return STATUS_OK;
}

Status log_write(struct transaction *transaction, const Hash *issuer,
                 const struct log_growth *growth, const Hash *head,
                 struct error *err)
{
    for (unsigned level = 0; level < LOG_LEVELS; level++)
        TRY(write_level(
            transaction, issuer, level, growth->levels[level].first,
            growth->levels[level].hashes, growth->levels[level].count, err));
    return put_state(transaction, issuer, &growth->edge, head, err);
}

/* --- Growing ------------------------------------------------------------- */

/* The root of the subtree of 2^level leaves on the edge; there is one for each
 * bit of the size, largest first. */
static const Hash *edge_root(const struct tree_edge *edge, unsigned level)
{
    return &edge->roots[__builtin_popcountll(edge->size >> level) - 1];
}

void log_grow(const struct tree_edge *edge, const Hash *leaves, size_t count,
              struct arena *arena, struct log_growth *out)
{
    const uint64_t size = edge->size + count;
    *out = (struct log_growth){.edge = {.size = size}};
    out->levels[0].first = edge->size;
    out->levels[0].count = count;
    out->levels[0].hashes = leaves;
    for (unsigned level = 0; level + 1 < LOG_LEVELS; level++) {
        const uint64_t first = out->levels[level].first;
        const size_t had = out->levels[level].count;
        const Hash *hashes = out->levels[level].hashes;
        const size_t odd = had > 0 && (first & 1); // Its left one is older.
        const size_t next = (had + odd) / 2;
        if (next == 0)
            break;
        Hash *above = arena_alloc(arena, next * sizeof *above);
        for (size_t index = 0; index < next; index++) {
            const size_t left = 2 * index;
            tree_node(left < odd ? edge_root(edge, level)
                                 : &hashes[left - odd],
                      &hashes[left + 1 - odd], &above[index]);
        }
        out->levels[level + 1].first = first >> 1;
        out->levels[level + 1].count = next;
        out->levels[level + 1].hashes = above;
    }
    // The last of each level that has no right sibling yet is on the edge.
    for (unsigned level = 0; level < LOG_LEVELS; level++)
        if (size >> level & 1) {
            const size_t made = out->levels[level].count;
            Hash *root =
                &out->edge.roots[__builtin_popcountll(size >> level) - 1];
            *root = made > 0 ? out->levels[level].hashes[made - 1]
                             : *edge_root(edge, level);
        }
}

/* --- Proofs -------------------------------------------------------------- */

static Status check_size(struct transaction *transaction, const Hash *issuer,
                         uint64_t size, struct error *err)
{
    struct log_state state;
    TRY(log_read_state(transaction, issuer, &state, err));
    if (size <= state.edge.size)
        return STATUS_OK;
    return fail(err, STATUS_INVALID,
                "the log has %llu receipts here, not %llu",
                (unsigned long long)state.edge.size, (unsigned long long)size);
}

Status log_inclusion(struct store *store, const Hash *issuer, uint64_t index,
                     uint64_t size, struct tree_proof *out, struct error *err)
{
    struct transaction transaction;
    struct reading reading = {&transaction, issuer};
    TRY(tables_read(store->tables, &transaction, err));
    Status status = check_size(&transaction, issuer, size, err);
    if (status == STATUS_OK)
        status = tree_inclusion(read_node, &reading, index, size, out, err);
    transaction_end(&transaction);
    return status;
}

Status log_consistency(struct store *store, const Hash *issuer,
                       uint64_t old_size, uint64_t size,
                       struct tree_proof *out, struct error *err)
{
    struct transaction transaction;
    struct reading reading = {&transaction, issuer};
    TRY(tables_read(store->tables, &transaction, err));
    Status status = check_size(&transaction, issuer, size, err);
    if (status == STATUS_OK)
        status =
            tree_consistency(read_node, &reading, old_size, size, out, err);
    transaction_end(&transaction);
    return status;
}

/* The edge at an earlier size, from the nodes. */
static Status read_root(struct transaction *transaction, const Hash *issuer,
                        uint64_t size, Hash *out, struct error *err)
{
    struct reading reading = {transaction, issuer};
    struct tree_edge edge = {.size = size};
    size_t count = 0;
    TRY(check_size(transaction, issuer, size, err));
    for (unsigned level = LOG_LEVELS; level-- > 0;)
        if (size >> level & 1)
            TRY(read_node(&reading, level, (size >> level) - 1,
                          &edge.roots[count++], err));
    tree_root(&edge, out);
    return STATUS_OK;
}

Status log_root(struct store *store, const Hash *issuer, uint64_t size,
                Hash *out, struct error *err)
{
    struct transaction transaction;
    TRY(tables_read(store->tables, &transaction, err));
    Status status = read_root(&transaction, issuer, size, out, err);
    transaction_end(&transaction);
    return status;
}

/* --- Heads --------------------------------------------------------------- */

/* issuer | size | digest of the token → root */
static Bytes head_key(const struct log_head *head, uint8_t out[HEAD_KEY])
{
    memcpy(out, head->issuer.bytes, SHA256_LEN);
    put_number(head->size, out + SHA256_LEN);
    memcpy(out + SHA256_LEN + NUMBER_LEN, head->token.bytes, SHA256_LEN);
    return bytes_of(out, HEAD_KEY);
}

static bool head_read(Bytes key, Bytes value, struct log_head *out)
{
    if (key.len != HEAD_KEY || value.len != SHA256_LEN)
        return false;
    memcpy(out->issuer.bytes, key.data, SHA256_LEN);
    out->size = get_number(key.data + SHA256_LEN);
    memcpy(out->token.bytes, key.data + SHA256_LEN + NUMBER_LEN, SHA256_LEN);
    memcpy(out->root.bytes, value.data, SHA256_LEN);
    return true;
}

Status log_put_head(struct transaction *transaction,
                    const struct log_head *head, Bytes token,
                    struct error *err)
{
    uint8_t key[HEAD_KEY];
    TRY(transaction_put(transaction, TABLE_HEADS, head_key(head, key),
                        hash_view(&head->root), err));
    return transaction_put(transaction, TABLE_TOKENS, hash_view(&head->token),
                           token, err);
}

struct heads {
    struct log_head *items; /* owned by the arena */
    size_t count, capacity;
    struct arena *arena;
};

static bool copy_head(void *context, Bytes key, Bytes value)
{
    struct heads *heads = context;
    if (heads->count == heads->capacity) {
        const size_t more = heads->capacity ? heads->capacity * 2 : 16;
        struct log_head *items =
            arena_array(heads->arena, more, sizeof *items);
        if (heads->count > 0)
            memcpy(items, heads->items, heads->count * sizeof *items);
        heads->items = items;
        heads->capacity = more;
    }
    heads->count += head_read(key, value, &heads->items[heads->count]);
    return true;
}

Status log_heads(struct store *store, const Hash *issuer, LogHeadEach *each,
                 void *context, struct error *err)
{
    struct arena arena = {0};
    struct heads heads = {.arena = &arena};
    struct transaction transaction;
    TRY(tables_read(store->tables, &transaction, err));
    Status status = transaction_walk(
        &transaction, TABLE_HEADS,
        issuer ? hash_view(issuer) : (Bytes){NULL, 0}, copy_head, &heads, err);
    transaction_end(&transaction);
    for (size_t index = 0; index < heads.count && status == STATUS_OK; index++)
        if (!each(context, &heads.items[index]))
            break;
    arena_deinit(&arena);
    return status;
}

struct meeting {
    const struct log_head *head;
    struct log_head *other;
    bool is_fork;
};

static bool meet(void *context, Bytes key, Bytes value)
{
    struct meeting *meeting = context;
    struct log_head other;
    if (!head_read(key, value, &other) ||
        hash_equal(&other.root, &meeting->head->root))
        return true;
    meeting->is_fork = true;
    *meeting->other = other;
    return false;
}

/* Heads of the same size, and our own log if it is the issuer's. */
static Status find_fork(struct transaction *transaction,
                        const struct log_head *head, bool *fork,
                        struct log_head *other, struct error *err)
{
    struct meeting meeting = {.head = head, .other = other};
    struct log_state state;
    uint8_t key[HEAD_KEY];
    Hash root;
    head_key(head, key);
    TRY(transaction_walk(transaction, TABLE_HEADS,
                         bytes_of(key, SHA256_LEN + NUMBER_LEN), meet,
                         &meeting, err));
    *fork = meeting.is_fork;
    TRY(log_read_state(transaction, &head->issuer, &state, err));
    if (*fork || state.edge.size == 0)
        return STATUS_OK;
    *other = (struct log_head){
        .issuer = head->issuer, .size = state.edge.size, .token = state.head};
    *fork = head->size > state.edge.size; // Somebody else goes on with it.
    tree_root(&state.edge, &other->root);
    if (*fork || head->size == 0)
        return STATUS_OK;
    TRY(read_root(transaction, &head->issuer, head->size, &root, err));
    *fork = !hash_equal(&root, &head->root);
    return STATUS_OK;
}

static Status keep_head(struct store *store, const struct log_head *head,
                        Bytes token, bool *fork, struct log_head *other,
                        struct error *err)
{
    struct transaction transaction;
    TRY(tables_write(store->tables, &transaction, err));
    Status status = find_fork(&transaction, head, fork, other, err);
    if (status == STATUS_OK)
        status = log_put_head(&transaction, head, token, err);
    if (status == STATUS_OK)
        return transaction_commit(&transaction, err);
    transaction_end(&transaction);
    return status;
}

Status log_keep_head(struct store *store, const struct log_head *head,
                     Bytes token, bool *fork, struct log_head *other,
                     struct error *err)
{
    if (store->read_only)
        return fail(err, STATUS_DENIED, "store %s is open read-only",
                    store->directory);
    Status status = keep_head(store, head, token, fork, other, err);
    while (status == STATUS_LIMIT) {
        TRY(tables_grow(store->tables, err));
        status = keep_head(store, head, token, fork, other, err);
    }
    return status;
}
