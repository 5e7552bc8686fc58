/* SPDX-License-Identifier: Apache-2.0 */
/* runner.h - what performs computations, seen from whoever wants them
 * performed: an interface and no code.
 *
 *     perform()  does one job and returns: runs where the work is (in a worker
 *                process, or on a thread of the in-process runner)
 *     runner     hands jobs to where they are performed and reports outcomes
 *
 * wasm implements perform(); worker implements a runner over processes, each
 * of which calls a perform(); run has the in-process runner.
 */
#ifndef IPVM_TASK_RUNNER_H
#define IPVM_TASK_RUNNER_H

#include "base/buffer.h"
#include "base/bytes.h"
#include "base/status.h"
#include "crypto/hash.h"
#include "ipld/cid.h"
#include "task/end.h"
#include "task/limits.h"

typedef enum {
    RUN_CALL,     /* perform a concrete computation */
    RUN_DESCRIBE, /* say what a module is */
    RUN_COMPILE   /* make an artifact of a module */
} RunVerb;

typedef enum { RUN_ENGINE_WASMTIME, RUN_ENGINE_WASMI } RunEngine;

/* A compiled module: an open file of `len` bytes (mapped by the performer),
 * and the same bytes where they are in memory already (else data NULL).
 * `id` names it for the performer's own cache of loaded modules. */
struct run_artifact {
    Hash id;
    int file; /* -1: only `bytes` */
    size_t len;
    Bytes bytes;
};

struct run_request {
    uint64_t ticket; /* the caller's name for it; unique among the open ones */
    RunVerb verb;
    RunEngine engine;
    bool metered;         /* count fuel, though there may be no fuel limit */
    Hash isolation;       /* a worker serves one isolation key in its life */
    struct limits limits; /* final: no zero means "host's default" any more,
                             but for fuel, where 0 is "none" */
    Bytes input;          /* CALL: the block of the concrete computation;
                    DESCRIBE and COMPILE: the module's bytes */
    Bytes description;    /* CALL and COMPILE: the module's description */
    struct run_artifact artifact; /* CALL */
    uint64_t memory_need;         /* for admission; bytes */
};

enum { RUN_MESSAGE_MAX = 512, RUN_NO_INDEX = -1 };

struct run_cost {
    uint64_t wall_ns;
    uint64_t cpu_ns;
    uint64_t memory_peak; /* bytes */
    uint64_t fuel;        /* 0: not metered */
    uint64_t bytes_in;    /* arguments as the guest got them */
    uint64_t bytes_out;
};

/* How a job came out. `output` is valid during the callback only.
 * CALL, END_NONE: DAG-CBOR of {"ok": v} or {"error": v}, not normalised and,
 *   coming from a worker, not to be believed to be strict: decode it.
 * DESCRIBE: the description. COMPILE: the artifact. */
struct run_outcome {
    uint64_t ticket;
    End end;
    int argument_index; /* END_REFUSED_ARGUMENT, or RUN_NO_INDEX */
    Bytes output;
    char message[RUN_MESSAGE_MAX]; /* for people: which trap and where, what
                                      was refused and what to use instead */
    struct run_cost cost;
    /* What the runner saw itself, or 0: how long the job kept its worker from
     * others; and the caller's thread, with its output, logs and blocks. */
    uint64_t worker_ns, host_ns;
    uint32_t worker; /* the number of the one that did it, from 1; 0: none */
};

/* A block lent by the host: give it back with release_block(). */
struct run_block {
    Bytes bytes;
    void *owner;
};

typedef enum {
    LOG_TRACE,
    LOG_DEBUG,
    LOG_INFO,
    LOG_WARN,
    LOG_ERROR,
    LOG_CRITICAL
} LogLevel;

/* What a performer may ask of the host. */
struct run_host {
    void *context;
    /* STATUS_NOT_FOUND: not here; the task ends as unavailable. */
    Status (*block)(void *context, Bytes cid, struct run_block *out,
                    struct error *err);
    void (*release_block)(void *context, struct run_block *block);
    /* A guest's line; the host bounds, counts and drops. */
    void (*log)(void *context, uint64_t ticket, LogLevel level, Text line);
    /* A hint, or NULL: these blocks will be asked for soon, in this order, and
     * none that were expected before but these. */
    void (*expect)(void *context, const Bytes *cids, size_t count);
};

/* Does one job. `output` (empty, bounded by LIMIT_RESULT_BYTES) takes the
 * bytes that outcome->output will show; `state` is the performer's own (loaded
 * modules, engine). Never fails otherwise: every trouble is an outcome. */
struct performer {
    void *state;
    void (*perform)(void *state, const struct run_request *request,
                    const struct run_host *host, struct buffer *output,
                    struct run_outcome *outcome);
};

/* Told about a job that is over; on the thread that calls poll(). */
typedef void RunDone(void *context, const struct run_outcome *outcome);

struct runner;

/* A runner's verbs. Thread: the one that opened it. */
struct runner_verbs {
    /* Takes a job; copies nothing of `request` but the struct: input,
     * description and artifact stay alive until its outcome. */
    void (*submit)(struct runner *runner, const struct run_request *request);
    /* Stops a job within 50 ms; its outcome is END_CANCELLED, or what it came
     * to just before. `end` may be END_LIMIT_TIME instead. */
    void (*cancel)(struct runner *runner, uint64_t ticket, End end);
    /* Reports what is over, serves blocks and logs; waits at most
     * `timeout_ms` (-1: for ever) for something to do. */
    void (*poll)(struct runner *runner, int timeout_ms);
    /* An epoll-able file that is readable when poll() has something to do, or
     * -1. */
    int (*file)(struct runner *runner);
    /* Jobs it can have in its hands and make progress on. */
    unsigned (*capacity)(struct runner *runner);
    void (*close)(struct runner *runner);
    /* Makes poll() return soon, now or when it is called next. Thread: any. */
    void (*wake)(struct runner *runner);

    /* The rest is NULL where a job cannot be held. For how long a job has been
     * performed, pauses not counted; 0: it waits. */
    uint64_t (*elapsed_ns)(struct runner *runner, uint64_t ticket);
    /* Holds a job that is being performed: it takes no processor, and its time
     * stands still. False: it is not, or cannot be. */
    bool (*pause)(struct runner *runner, uint64_t ticket);
    void (*resume)(struct runner *runner, uint64_t ticket);
    /* Forgets a job that was not begun, without an outcome; else false. */
    bool (*take_back)(struct runner *runner, uint64_t ticket);
};

struct runner {
    const struct runner_verbs *verbs;
    RunDone *done;
    void *done_context;
    struct run_host host;
};

#endif
