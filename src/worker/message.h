/* SPDX-License-Identifier: Apache-2.0 */
/* message.h - what runner and worker process say to each other.
 *
 *     runner -> worker, the jobs ring     JOB
 *     worker -> runner, the results ring  READY, LOG, BLOCK, RESULT, DONE
 *     runner -> worker, the mailbox       the answers to BLOCK, in order
 *
 * Structs are laid out as the compiler does: both sides are built together.
 * Thread: any.
 */
#ifndef IPVM_WORKER_MESSAGE_H
#define IPVM_WORKER_MESSAGE_H

#include <stdatomic.h>

#include "task/runner.h"

typedef enum {
    MESSAGE_JOB = 1,
    MESSAGE_READY,  /* set up and locked in; no payload */
    MESSAGE_LOG,    /* u32 level, then the line */
    MESSAGE_BLOCK,  /* struct block_message, then the CID */
    MESSAGE_RESULT, /* a piece of the output */
    MESSAGE_DONE    /* struct done_message, then the last of the output */
} MessageKind;

enum {
    LOG_LINE_MAX = 4096,
    /* Of the lines of one job, each counted with its cost: more are dropped. */
    LOG_JOB_MAX = 1 << 20,
    LOG_LINE_COST = 64,
    /* A job's input and description up to this lie in the ring, larger ones
     * in a file of their own. */
    JOB_INLINE_MAX = 1 << 20,
    RESULT_PIECE_MAX = 512 << 10,
    /* Artifacts a worker keeps open. */
    ARTIFACT_SLOTS = 32,
};

/* Who has a job that was handed over: both sides swap JOB_WAITS for theirs,
 * and only one of them can. */
enum { JOB_WAITS, JOB_BEGUN, JOB_TAKEN_BACK };

/* Input and description follow, one behind the other, or lie in a file that
 * comes through the socket (file_follows). An artifact's file comes through
 * the socket too, once (artifact_follows), before the input's, and takes
 * `artifact_slot`; what had that slot before is forgotten. */
struct job_message {
    _Atomic uint32_t claim;
    uint32_t verb;
    uint32_t engine;
    uint8_t metered;
    uint8_t file_follows;
    uint8_t has_artifact;
    uint8_t artifact_follows;
    uint32_t artifact_slot;
    uint32_t reserved;
    uint64_t input_len;
    uint64_t description_len;
    uint64_t artifact_len;
    uint64_t memory_need;
    struct limits limits;
    Hash isolation;
    Hash artifact_id;
};

struct block_message {
    uint32_t slot; /* of the landing place that takes the block */
    uint32_t reserved;
};

struct done_message {
    uint32_t end;
    int32_t argument_index;
    struct run_cost cost;
    uint32_t message_len; /* the message is in front of the output */
    uint32_t reserved;
};

#endif
