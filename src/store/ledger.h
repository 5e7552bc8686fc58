/* SPDX-License-Identifier: Apache-2.0 */
/* ledger.h - tables whose rows mean something to a layer above, which decides
 * on them inside one transaction.
 *
 * A key that is there is there, whatever became of its value: who asks only
 * whether something happened is never told "no" because of a damaged byte.
 * Thread: any; a view belongs to the thread that was given it. */
#ifndef IPVM_STORE_LEDGER_H
#define IPVM_STORE_LEDGER_H

#include "store/store.h"

/* docs/formats/store.md says what is in them. */
enum ledger { LEDGER_REVOCATIONS, LEDGER_REPLAYS };

enum { LEDGER_KEY_MAX = 400, LEDGER_VALUE_MAX = 1 << 20 };

struct ledger_view;

/* What is done in the transaction. May be called again from the start. It does
 * not use the store in any other way, and has no STATUS_LIMIT of its own. */
typedef Status LedgerUse(void *context, struct ledger_view *view,
                         struct error *err);
Status ledger_read(struct store *store, enum ledger ledger, LedgerUse *use,
                   void *context, struct error *err);
/* One writer at a time, over all processes. Durable when it returns STATUS_OK;
 * nothing is kept if `use` fails. */
Status ledger_write(struct store *store, enum ledger ledger, LedgerUse *use,
                    void *context, struct error *err);

/* False only if there is no such key. */
Status ledger_has(struct ledger_view *view, Bytes key, bool *has,
                  struct error *err);
Status ledger_put(struct ledger_view *view, Bytes key, Bytes value,
                  struct error *err);
Status ledger_remove(struct ledger_view *view, Bytes key, struct error *err);
/* Keys that begin with `prefix`, ascending, until `each` is false; it must not
 * write. `value.data` is NULL where it is damaged. */
typedef bool LedgerEach(void *context, Bytes key, Bytes value);
Status ledger_walk(struct ledger_view *view, Bytes prefix, LedgerEach *each,
                   void *context, struct error *err);

#endif
