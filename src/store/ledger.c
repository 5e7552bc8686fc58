/* SPDX-License-Identifier: Apache-2.0 */
/* ledger.c - transactions on one table for a layer above. They do not go
 * through the queue: the answer is part of the transaction. */
#include "store/ledger.h"

#include "store/store_private.h"

struct ledger_view {
    struct transaction transaction;
    enum table table;
};

static enum table table_of(enum ledger ledger)
{
    return ledger == LEDGER_REVOCATIONS ? TABLE_REVOCATIONS : TABLE_REPLAYS;
}

Status ledger_read(struct store *store, enum ledger ledger, LedgerUse *use,
                   void *context, struct error *err)
{
    struct ledger_view view = {.table = table_of(ledger)};
    TRY(tables_read(store->tables, &view.transaction, err));
    Status status = use(context, &view, err);
    transaction_end(&view.transaction);
    return status;
}

static Status write_once(struct store *store, enum ledger ledger,
                         LedgerUse *use, void *context, struct error *err)
{
    struct ledger_view view = {.table = table_of(ledger)};
    TRY(tables_write(store->tables, &view.transaction, err));
    Status status = use(context, &view, err);
    if (status == STATUS_OK)
        return transaction_commit(&view.transaction, err);
    transaction_end(&view.transaction);
    return status;
}

Status ledger_write(struct store *store, enum ledger ledger, LedgerUse *use,
                    void *context, struct error *err)
{
    Status status = write_once(store, ledger, use, context, err);
    // The map is full: until it is large enough.
    while (status == STATUS_LIMIT) {
        TRY(tables_grow(store->tables, err));
        status = write_once(store, ledger, use, context, err);
    }
    return status;
}

struct finding {
    size_t key_len;
    bool found;
};

/* The first key that begins with the one that is looked for. */
static bool is_it(void *context, Bytes key, Bytes value)
{
    struct finding *finding = context;
    (void)value;
    finding->found = key.len == finding->key_len;
    return false;
}

Status ledger_has(struct ledger_view *view, Bytes key, bool *has,
                  struct error *err)
{
    struct finding finding = {.key_len = key.len};
    TRY(transaction_walk(&view->transaction, view->table, key, is_it, &finding,
                         err));
    *has = finding.found;
    return STATUS_OK;
}

Status ledger_put(struct ledger_view *view, Bytes key, Bytes value,
                  struct error *err)
{
    ASSERT(key.len > 0 && key.len <= LEDGER_KEY_MAX);
    ASSERT(value.len <= LEDGER_VALUE_MAX);
    return transaction_put(&view->transaction, view->table, key, value, err);
}

Status ledger_remove(struct ledger_view *view, Bytes key, struct error *err)
{
    return transaction_remove(&view->transaction, view->table, key, err);
}

struct walking {
    enum table table;
    LedgerEach *each;
    void *context;
};

static bool walk_row(void *context, Bytes key, Bytes value)
{
    const struct walking *walking = context;
    if (!table_value_of_row(walking->table, key, &value))
        value = (Bytes){NULL, 0};
    return walking->each(walking->context, key, value);
}

Status ledger_walk(struct ledger_view *view, Bytes prefix, LedgerEach *each,
                   void *context, struct error *err)
{
    struct walking walking = {view->table, each, context};
    return transaction_walk(&view->transaction, view->table, prefix, walk_row,
                            &walking, err);
}
