/* SPDX-License-Identifier: Apache-2.0 */
/* computation.h - the pure description of one piece of work, whose CID is the
 * memo key (FORMATS section 2). Thread: any. */
#ifndef IPVM_TASK_COMPUTATION_H
#define IPVM_TASK_COMPUTATION_H

#include "ipld/dag_cbor.h"
#include "ipld/value.h"
#include "store/store.h"
#include "task/end.h"
#include "task/workflow.h"

enum { LONG_VALUE = 32768 }; /* bytes; more is replaced by a link */

/* The block {"args", "cmd", "nonce"} and its hash. */
Bytes computation_encode(Text cmd, const Value *args, Bytes nonce,
                         struct arena *arena, Hash *hash);

/* The hash alone, from arguments that are encoded already. `scratch` is used
 * and left as it comes. */
void computation_hash(Text cmd, Bytes args, Bytes nonce,
                      struct buffer *scratch, Hash *hash);

/* A decoded computation; views borrow from the block. */
struct computation {
    Text cmd;
    Value args;
    Bytes nonce;
};
Status computation_decode(Bytes block, struct arena *arena,
                          struct computation *out, struct error *err);

/* The parts of /wasm/run's args. */
struct wasm_call {
    Cid det;
    Cid module;
    Text function;
    const Value *args; /* VALUE_LIST */
    bool homestar;     /* "map": "homestar/0.2" */
};
/* STATUS_INVALID: fields missing, wrong or too many (`refused/argument`,
 * `refused/profile` when only `det` is unknown: STATUS_UNSUPPORTED). */
Status wasm_call_read(const Value *args, struct wasm_call *out,
                      struct error *err);
/* The same for args with promises in them: a promise may stand for 'mod' and
 * inside the list 'args'. Does not ask if the profile is known. */
Status wasm_call_check_symbolic(const Value *args, struct error *err);
/* Builds args of /wasm/run with the profile's CID. `module` is a link or a
 * promise. */
Value wasm_call_args(struct arena *arena, const Value *module, Text function,
                     const Value *args, bool homestar);

/* The CID of the profile's block,
 * bafyreifcqqic4u5xrkqdibsgtylpdlyq5zuz7swjfmf4ksvkrfv3drd6g4. */
const Cid *profile_cid(void);
Bytes profile_block(void);

/* What an awaited computation came out as. */
struct awaited {
    bool is_ok;
    bool is_upstream;
    const Value *result; /* the whole result map {"ok": …} or {"error": …} */
};

/* Blocks made by normalising go here, already named. */
struct block_sink {
    void *context;
    Status (*put)(void *context, const Cid *cid, Bytes block,
                  struct error *err);
};

/* Puts values in place of promises, one pass, then normalises: the concrete
 * computation's block and hash. `awaited[i]` belongs to task->awaits[i].
 * STATUS_OK; STATUS_NOT_FOUND: a branch mismatched, the result is `upstream`;
 * STATUS_LIMIT: too deep or too big: refused/argument. */
Status computation_resolve(const struct task *task,
                           const struct awaited *awaited,
                           const struct block_sink *sink, struct arena *arena,
                           Bytes *block, Hash *hash, struct error *err);

/* Normalises a value: long bytes, text, lists and maps become links. */
Status value_normalise(const Value *value, const struct block_sink *sink,
                       struct arena *arena, Value *out, struct error *err);

/* Checks and normalises a result as a performer gave it: reserved maps,
 * NaN (cannot be: decoded), depth, integer range → `unrepresentable`.
 * Gives the block, its CID and whether it is {"ok": …}. STATUS_LIMIT:
 * limit/result. STATUS_INVALID: not a result at all: host. */
struct result {
    Bytes block;
    Cid cid;
    bool is_ok;
    Value value; /* the whole map */
};
Status result_normalise(Bytes output, const struct block_sink *sink,
                        struct arena *arena, struct result *out,
                        struct error *err);
/* {"error": {"ipvm/error": name}}: "upstream", "trap", "unrepresentable". */
void result_error(Text name, struct arena *arena, struct result *out);
/* Reads a stored result block, strictly. */
Status result_decode(Bytes block, struct arena *arena, struct result *out,
                     struct error *err);

#endif
