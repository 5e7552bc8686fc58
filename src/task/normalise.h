/* SPDX-License-Identifier: Apache-2.0 */
/* normalise.h - the pieces of normalisation that computations and results
 * share; see value_normalise() in computation.h. Thread: any. */
#ifndef IPVM_TASK_NORMALISE_H
#define IPVM_TASK_NORMALISE_H

#include "task/computation.h"
#include "task/reserved.h"

/* Normalises the members of a list or map, and never the whole. */
Status members_normalise(const Value *value, const struct block_sink *sink,
                         struct arena *arena, Value *out, struct error *err);

/* The link to the UnixFS file of `bytes`, whose blocks go to `sink`. */
Status bytes_to_file(Bytes bytes, const struct block_sink *sink,
                     struct arena *arena, Value *link, struct error *err);

/* Checks the values in the args of a command, each on its own. */
Status args_check(Text cmd, const Value *args, ValueFrom from,
                  struct error *err);

#endif
