/* SPDX-License-Identifier: Apache-2.0 */
/* channel.h - the memory and the files that runner and one worker process
 * share.
 *
 *     page 0     struct channel_shared: ring positions, bells, mailbox
 *     4 MiB      data of the jobs ring      runner -> worker
 *     4 MiB      data of the results ring   worker -> runner
 *     8 x 2 MiB  landing places for blocks  runner -> worker
 *
 * One memfd that can neither shrink nor grow; its pages exist once touched.
 * A socket carries open files to the worker, an eventfd wakes the runner, a
 * futex wakes the worker. Thread: the side's own.
 */
#ifndef IPVM_WORKER_CHANNEL_H
#define IPVM_WORKER_CHANNEL_H

#include "base/status.h"
#include "task/runner.h"
#include "worker/ring.h"

enum {
    CHANNEL_RING_LEN = 4 << 20,
    CHANNEL_BLOCK_MAX = 2 << 20,
    CHANNEL_SLOTS = 8,
    /* Of all that is laid out here and in worker/message.h: raise it with
     * every change. */
    CHANNEL_VERSION = 4,
};

/* The numbers the worker process finds its files under. */
enum {
    WORKER_FILE_MEMORY = 3,
    WORKER_FILE_SOCKET = 4,
    WORKER_FILE_EVENT = 5,
    WORKER_FILE_COUNT = 6
};

/* What the runner wants to be woken for. While it naps it looks again within
 * a millisecond by itself, so results of tiny jobs come to it in batches. */
enum runner_sleep {
    RUNNER_AWAKE,
    RUNNER_SLEEPS, /* for anything */
    RUNNER_NAPS    /* for what the worker waits for */
};

/* How one asking for a block came out; the block is in its landing place. */
struct block_answer {
    uint32_t status;
    uint32_t reserved;
    uint64_t len;
    char message[ERROR_MESSAGE_MAX];
};

struct channel_shared {
    struct ring_shared jobs;
    struct ring_shared results;
    _Alignas(64) _Atomic uint32_t worker_sleeps; /* futex; 1: wake me */
    _Atomic uint32_t runner_sleeps;              /* enum runner_sleep */
    _Atomic uint32_t spin_ns; /* how long the worker may spin */
    uint32_t version;         /* CHANNEL_VERSION */
    int32_t runner;           /* process id */
    /* The mailbox: `answers` counts answers to BLOCK, given in the order of
     * asking; `mail` has the last one to each landing place. */
    _Alignas(64) _Atomic uint32_t answers;
    struct block_answer mail[CHANNEL_SLOTS];
};

struct channel {
    struct channel_shared *shared;
    struct ring jobs;
    struct ring results;
    uint8_t *slots;
    int memory; /* -1 once it is no longer needed */
    int socket;
    int event;
};

/* Makes the memory, its map and the eventfd; `*worker_socket` is the other
 * end of the socket. All files are above the standard ones and closed on
 * exec. */
Status channel_make(struct channel *channel, int *worker_socket,
                    struct error *err);
/* In the worker process: maps what came as WORKER_FILE_*. */
Status channel_adopt(struct channel *channel, struct error *err);
void channel_close(struct channel *channel);

static inline uint8_t *channel_slot(const struct channel *channel,
                                    uint32_t slot)
{
    return channel->slots + (size_t)slot * CHANNEL_BLOCK_MAX;
}

/* Each wakes the other side if it says that it sleeps; called behind what
 * the other side is to see. True if it did sleep. */
bool channel_wake_worker(struct channel *channel);
/* `is_urgent`: the worker cannot go on without the runner. */
void channel_wake_runner(struct channel *channel, bool is_urgent);

/* Sends an open file; false while the socket is full. */
bool channel_send_file(struct channel *channel, int file);
/* Waits for a file; -1 if the runner is gone. */
int channel_receive_file(struct channel *channel);
/* True if the other end of the socket is closed. */
bool channel_is_deserted(const struct channel *channel);

/* A sealed file of `parts`, one behind the other, for reading only. */
Status channel_file_of(const Bytes *parts, size_t count, int *out,
                       struct error *err);

#endif
