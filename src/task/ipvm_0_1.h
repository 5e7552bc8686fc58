/* SPDX-License-Identifier: Apache-2.0 */
/* ipvm_0_1.h - reads the envelope of the IPVM Workflow Specification 0.1.0, in
 * JSON or DAG-CBOR (docs/formats/ipvm-0.1.md has the mapping). Thread: any. */
#ifndef IPVM_TASK_IPVM_0_1_H
#define IPVM_TASK_IPVM_0_1_H

#include "task/manifest.h"

/* The CID of the envelope as received: dag-json or dag-cbor, sha2-256. */
void ipvm_0_1_cid(Bytes bytes, Cid *out);

/* The workflow; functions are found through `host`. Signature and proofs are
 * not looked at. */
Status ipvm_0_1_read(Bytes bytes, const struct manifest_host *host,
                     struct store *memo, struct workflow **out,
                     struct error *err);

#endif
