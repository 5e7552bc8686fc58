/* SPDX-License-Identifier: Apache-2.0 */
/* notice.h - what a client of the reference implementation is told of a task:
 *
 *     {"metadata": {"name", "replayed", "workflow"},
 *      "receipt": {"iss": null, "meta": {"op"}, "out": ["ok" | "error", value],
 *                  "prf": [], "ran"},
 *      "receipt_cid"}
 *
 * in DAG-JSON, its CIDs those that the reference would give. Thread: any. */
#ifndef IPVM_HOMESTAR_NOTICE_H
#define IPVM_HOMESTAR_NOTICE_H

#include "base/buffer.h"
#include "ipld/value.h"
#include "store/store.h"

enum {
    NOTICE_FILE_MAX = 8 << 20,   /* of files in a result, all together */
    NOTICE_BYTES_MAX = 24 << 20, /* of a notice */
};

struct notice {
    Text name; /* of the workflow, as whoever asked for it called it */
    const Cid *workflow;
    bool is_replayed;
    Text function;
    const Cid *invocation; /* "ran" */
    /* A result's block, {"ok": …} or {"error": …}; NULL: it has none, and
     * `message` says why. */
    const Cid *result;
    Text message;
};

/* Appends it. Values that became files because they were long are bytes again,
 * as they are in the reference, up to the bound above; beyond it they stay
 * links. STATUS_NOT_FOUND, STATUS_CORRUPT: the result. */
Status notice_write(struct store *store, const struct notice *notice,
                    struct buffer *out, struct error *err);

#endif
