/* SPDX-License-Identifier: Apache-2.0 */
/* homestar.h - reads workflows of Homestar 0.2, in JSON or DAG-CBOR, and gives
 * them the CIDs that Homestar would (FORMATS section 4). Thread: any. */
#ifndef IPVM_TASK_HOMESTAR_H
#define IPVM_TASK_HOMESTAR_H

#include "task/manifest.h"

/* Their names there: dag-cbor with sha3-256. */
struct homestar_names {
    Cid workflow;
    size_t count;
    struct homestar_task_name {
        Text function;
        Cid instruction; /* of `run`; what promises link to */
        Cid invocation;  /* of {"task": …}; what a receipt names as `ran` */
    } * tasks;           /* in the order of the file */
};

/* The CID Homestar gives to a value. */
void homestar_cid(const Value *value, struct arena *arena, Cid *out);

/* Only names; needs neither files nor modules. */
Status homestar_name(Bytes bytes, struct arena *arena,
                     struct homestar_names *out, struct error *err);

/* The workflow. Labels are "1-crop", "2-rotate90", … with as many digits as
 * the last one needs, so that tasks keep the order of the file. Functions are
 * found through host->function with `homestar` true. */
Status homestar_read(Bytes bytes, const struct manifest_host *host,
                     struct store *memo, struct workflow **out,
                     struct error *err);

#endif
