/* SPDX-License-Identifier: Apache-2.0 */
/* foreign.h - what the readers of other projects' workflows share.
 * Thread: any. */
#ifndef IPVM_TASK_FOREIGN_H
#define IPVM_TASK_FOREIGN_H

#include "ipld/value.h"
#include "task/workflow.h"

/* JSON if it begins like it, else DAG-CBOR. Messages about JSON begin
 * "LINE:COLUMN: ". The tree is in `arena` and borrows from `bytes`. */
Status foreign_decode(Bytes bytes, struct arena *arena, Value *out,
                      struct error *err);

/* Gives what stands for a map, or STATUS_NOT_FOUND to leave it. */
typedef Status ForeignMap(void *context, const Value *map, Value *out,
                          struct error *err);
/* A copy of `value`, each map that `replace` knows replaced. */
Status foreign_rewrite(const Value *value, ForeignMap *replace, void *context,
                       struct arena *arena, Value *out, struct error *err);

#endif
