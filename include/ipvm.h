/* SPDX-License-Identifier: Apache-2.0 */
/* ipvm.h - libipvm: content-addressed WebAssembly workflows in a program.
 *
 *     ipvm *vm;
 *     ipvm_workflow *workflow;
 *     ipvm_run *run;
 *     ipvm_open(NULL, &vm, &error);
 *     ipvm_workflow_load(vm, "photo.yaml", &workflow, &error);
 *     ipvm_run_workflow(vm, workflow, NULL, &run, &error);
 *     … ipvm_run_output(run, 0, &output) … ipvm_save(vm, output.cid, …)
 *
 * Every function that can fail returns an ipvm_status and fills *error (which
 * may be NULL) with words for a person. Handles are opaque; what a function
 * gives you says how to release it. Strings are UTF-8, ended by NUL.
 *
 * Thread: one thread at a time per `ipvm` and what was made from it, but
 * ipvm_interrupt(), which any thread and any signal handler may call, and
 * what is said of jobs, which any thread may. A
 * process may have several `ipvm` open, on different stores.
 */
#ifndef IPVM_H
#define IPVM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define IPVM_API __attribute__((visibility("default")))
#else
#define IPVM_API
#endif

#define IPVM_VERSION "0.1.0"

/* Version of the library in use, "0.1.0". */
IPVM_API const char *ipvm_version(void);

typedef enum ipvm_status {
    IPVM_OK = 0,
    IPVM_NOT_FOUND,   /* an answer: it is not here */
    IPVM_INVALID,     /* the input breaks a rule; change the input */
    IPVM_UNSUPPORTED, /* well-formed, but nothing here can do it */
    IPVM_LIMIT,       /* a stated bound was passed; the message names it */
    IPVM_CORRUPT,     /* stored bytes are not what they claim */
    IPVM_IO,          /* the operating system refused or failed */
    IPVM_FULL,        /* no space left */
    IPVM_BUSY,        /* held by somebody else; try again later */
    IPVM_DENIED,      /* no permission */
    IPVM_CANCELLED,   /* ipvm_interrupt() */
    IPVM_HOST         /* a helper process or library broke */
} ipvm_status;

typedef struct ipvm_error {
    ipvm_status status;
    char message[200]; /* one line, lower case, no full stop */
} ipvm_error;

/* Text of a CID and its NUL always fit. */
#define IPVM_CID_MAX 272

typedef struct ipvm ipvm;
typedef struct ipvm_workflow ipvm_workflow;
typedef struct ipvm_run ipvm_run;

/* ------------------------------------------------------------------ store */

typedef enum ipvm_engine {
    IPVM_WASMTIME = 0, /* compiles: fast */
    IPVM_WASMI = 1     /* interprets: a second opinion */
} ipvm_engine;

/* A zeroed struct means the defaults. */
typedef struct ipvm_options {
    const char *store;     /* directory; NULL: $IPVM_STORE, else
                              $XDG_DATA_HOME/ipvm, else ~/.local/share/ipvm */
    const char *worker;    /* path of ipvm-worker; NULL: found */
    unsigned workers;      /* at once; 0: one per core */
    uint64_t memory_total; /* bytes all running guests may have together;
                              0: three quarters of the machine's */
    ipvm_engine engine;
    bool in_process; /* run guests on threads of this process instead of in
                        worker processes: less isolation, no helper needed */
    bool read_only;  /* never write to the store */
    bool rehash;     /* read every input file again, though its inode, size
                        and times say that it did not change */
} ipvm_options;

/* Opens or makes the store; starts nothing else. Close with ipvm_close(). */
IPVM_API ipvm_status ipvm_open(const ipvm_options *options, ipvm **out,
                               ipvm_error *error);
/* Everything made from `vm` must be freed before. NULL is allowed. */
IPVM_API void ipvm_close(ipvm *vm);

/* Stops what runs, soon; it ends as cancelled, what was finished is kept.
 * Thread: any; safe in a signal handler. */
IPVM_API void ipvm_interrupt(ipvm *vm);
/* True once ipvm_interrupt() was called. */
IPVM_API bool ipvm_interrupted(const ipvm *vm);

/* ---------------------------------------------------------------- content */

/* Told now and then how far an import is; false stops it. `total` is 0 where
 * it is not known. */
typedef bool ipvm_progress(void *context, uint64_t done, uint64_t total);

/* A zeroed struct means the defaults. */
typedef struct ipvm_add_options {
    uint64_t chunk_size; /* bytes; 0: 1 MiB. 256 KiB gives the CIDs of
                                  older Kubo with raw leaves */
    bool only_hash;      /* give the CID, store nothing */
    bool hidden;         /* of a directory, also what begins with a dot */
    ipvm_progress *on_progress;
    void *context;
} ipvm_add_options;

/* Imports a file, or a directory with all below it (UnixFS, as Kubo makes it),
 * and gives its CID; "-" is standard input. Symlinks in a directory are kept
 * as such; a device, socket or pipe is refused. `options` may be NULL. */
IPVM_API ipvm_status ipvm_add_path(ipvm *vm, const char *path,
                                   const ipvm_add_options *options,
                                   char cid[IPVM_CID_MAX], ipvm_error *error);
IPVM_API ipvm_status ipvm_add(ipvm *vm, const void *data, size_t size,
                              char cid[IPVM_CID_MAX], ipvm_error *error);

/* Takes pieces of content in order; false stops with IPVM_CANCELLED. */
typedef bool ipvm_sink(void *context, const void *data, size_t size);

/* Reads a file's or raw block's bytes, verified, in constant memory. `cid` may
 * go on as a path down directories, "CID/a/b", and begin with /ipfs/. */
IPVM_API ipvm_status ipvm_read(ipvm *vm, const char *cid, ipvm_sink *sink,
                               void *context, ipvm_error *error);
/* The same into a file, which appears whole (by rename) or not at all; a
 * directory becomes one, which must not be there yet, or be empty. */
IPVM_API ipvm_status ipvm_save(ipvm *vm, const char *cid, const char *path,
                               ipvm_error *error);

/* Moves content as CAR files. A zeroed struct means the defaults. */
typedef struct ipvm_car_options {
    bool no_pin;   /* import: do not pin the roots */
    bool dag_only; /* export: what the CIDs link, without what the memo knows
                      of workflows and results among them */
    ipvm_progress *on_progress;
    void *context;
} ipvm_car_options;

/* Writes all that `cids` lead to as a CARv1, which appears by rename. Of a
 * workflow, computation or result that is modules, inputs and results, and
 * what the memo knows. IPVM_NOT_FOUND: a block is missing, named. */
IPVM_API ipvm_status ipvm_export(ipvm *vm, const char *const *cids,
                                 size_t count, const char *path,
                                 const ipvm_car_options *options,
                                 ipvm_error *error);
/* Takes a CAR (version 1 or 2) in: every block is verified, and of a file with
 * a bad one nothing is kept. `cid` is its first root, or "". What it says of
 * results is content, not memo. */
IPVM_API ipvm_status ipvm_import(ipvm *vm, const char *path,
                                 const ipvm_car_options *options,
                                 char cid[IPVM_CID_MAX], ipvm_error *error);

/* ------------------------------------------------------------------- roots */

/* Keeps `cid` and all below it from ipvm_gc(); `name` is words for people, or
 * NULL. All of it must be here. */
IPVM_API ipvm_status ipvm_pin(ipvm *vm, const char *cid, const char *name,
                              ipvm_error *error);
IPVM_API ipvm_status ipvm_unpin(ipvm *vm, const char *cid, ipvm_error *error);

/* Local names for CIDs, "photo/latest": what they were before is kept, too.
 * Where a CID is asked for, "name:photo/latest" will do. */
IPVM_API ipvm_status ipvm_name_set(ipvm *vm, const char *name, const char *cid,
                                   ipvm_error *error);
/* IPVM_NOT_FOUND: there is no such name. */
IPVM_API ipvm_status ipvm_name_get(ipvm *vm, const char *name,
                                   char cid[IPVM_CID_MAX], ipvm_error *error);

/* A zeroed struct means the defaults. */
typedef struct ipvm_gc_options {
    uint64_t keep_s;     /* keep results hit or made in these seconds; 0: 30
                            days */
    uint64_t memo_bytes; /* and at most so much of them; 0: no bound */
    bool dry_run;        /* count only */
} ipvm_gc_options;

typedef struct ipvm_gc_report {
    uint64_t blocks_kept, bytes_kept;
    uint64_t blocks_removed, bytes_removed;
    uint64_t results_kept, results_removed;
} ipvm_gc_report;

/* Removes what no pin, no name, no retained result and no running process
 * needs; others may go on working. `options` and `report` may be NULL.
 * IPVM_BUSY: another process collects. IPVM_CORRUPT: something needed is
 * damaged; nothing was removed. */
IPVM_API ipvm_status ipvm_gc(ipvm *vm, const ipvm_gc_options *options,
                             ipvm_gc_report *report, ipvm_error *error);

/* -------------------------------------------------------------- workflows */

/* Loads a workflow: a manifest (YAML, JSON), a Homestar 0.2 or an IPVM 0.1
 * workflow by path, or a workflow by CID. Files it names are imported.
 * Errors say file, line and column. Free with ipvm_workflow_free(). */
IPVM_API ipvm_status ipvm_workflow_load(ipvm *vm, const char *path_or_cid,
                                        ipvm_workflow **out,
                                        ipvm_error *error);
/* The same from memory; paths in it are relative to `directory`. */
IPVM_API ipvm_status ipvm_workflow_parse(ipvm *vm, const void *data,
                                         size_t size, const char *directory,
                                         ipvm_workflow **out,
                                         ipvm_error *error);
/* A zeroed struct means the defaults. */
typedef struct ipvm_call_options {
    uint64_t time_ms; /* limits; 0: none asked for */
    uint64_t memory;  /* bytes */
    uint64_t fuel;
    bool all_text; /* every word is text */
} ipvm_call_options;

/* A workflow of one task, "call": a function of a module (path or CID) on
 * words as a command line has them. @FILE and - (standard input) are links to
 * content; the function's types decide what is text and what a number. */
IPVM_API ipvm_status ipvm_workflow_call(ipvm *vm, const char *module,
                                        const char *function,
                                        const char *const *words, size_t count,
                                        const ipvm_call_options *options,
                                        ipvm_workflow **out,
                                        ipvm_error *error);
IPVM_API void ipvm_workflow_free(ipvm_workflow *workflow);

/* CID of the workflow block; valid as long as `workflow`. */
IPVM_API const char *ipvm_workflow_cid(const ipvm_workflow *workflow);
IPVM_API uint32_t ipvm_workflow_task_count(const ipvm_workflow *workflow);
/* Label of task `index`, "" beyond the last; valid as long as `workflow`. */
IPVM_API const char *ipvm_workflow_label(ipvm_workflow *workflow,
                                         uint32_t index);

/* ---------------------------------------------------------------- running */

typedef enum ipvm_event_kind {
    IPVM_TASK_STARTED,
    IPVM_TASK_FINISHED,
    IPVM_TASK_LOG, /* a guest's line: `text` */
    IPVM_ALARM,    /* `text`: two results of one pure computation */
    IPVM_TICK      /* nothing new: some 10 times a second, to redraw clocks */
} ipvm_event_kind;

typedef struct ipvm_event {
    ipvm_event_kind kind;
    uint32_t task;
    const char *label;
    bool is_hit;      /* FINISHED: the memo had it */
    bool ran;         /* FINISHED: a guest ran for it */
    bool is_ok;       /* FINISHED: its result is {"ok": …} */
    const char *end;  /* FINISHED: "" or how it stopped: "limit/time", … */
    const char *text; /* LOG, ALARM; FINISHED: words about a trap or an end */
    uint64_t run_ns;  /* FINISHED: wall time of its run, this or an earlier */
    uint32_t done, total; /* tasks over, tasks wanted so far */
} ipvm_event;

/* Called from inside ipvm_run_workflow(); the event lives for the call. */
typedef void ipvm_on_event(void *context, const ipvm_event *event);

/* A zeroed struct means the defaults. */
typedef struct ipvm_run_options {
    ipvm_on_event *on_event;
    void *context;
    bool no_memo;     /* run everything again; results are still memoised */
    bool metered;     /* report fuel */
    bool cross_check; /* run everything on both engines and compare */
} ipvm_run_options;

/* Runs a workflow to its end. IPVM_OK means that it was run, not that it
 * succeeded: ask ipvm_run_succeeded(). What it reports is durable. Free with
 * ipvm_run_free(). */
IPVM_API ipvm_status ipvm_run_workflow(ipvm *vm, ipvm_workflow *workflow,
                                       const ipvm_run_options *options,
                                       ipvm_run **out, ipvm_error *error);
IPVM_API void ipvm_run_free(ipvm_run *run);

/* Every wanted task has `ok`. */
IPVM_API bool ipvm_run_succeeded(const ipvm_run *run);

/* One output; what it points to is valid as long as `run`. */
typedef struct ipvm_output {
    const char *label;
    const char *end;     /* "" or how it stopped without a result */
    bool is_ok;          /* {"ok": …} rather than {"error": …} */
    bool is_bytes;       /* bytes, a link to a file, or long text */
    const char *cid;     /* content to read with ipvm_read() if is_bytes, else
                         the result block's; "" without a result */
    const char *json;    /* the value as DAG-JSON; "" without a result */
    const char *message; /* words about a trap or an end, or "" */
} ipvm_output;

IPVM_API uint32_t ipvm_run_output_count(const ipvm_run *run);
IPVM_API ipvm_status ipvm_run_output(ipvm_run *run, uint32_t index,
                                     ipvm_output *out, ipvm_error *error);

/* ------------------------------------------------------------------- jobs */

/* A node in this process: durable jobs on the store, without HTTP. A job that
 * was submitted goes on whatever happens, here or in the next process that
 * opens a node on the store. Everything below may be called by any thread. */
typedef struct ipvm_node ipvm_node;

/* A zeroed struct means the defaults. */
typedef struct ipvm_node_options {
    unsigned workers;      /* at once; 0: one per core */
    uint64_t memory_total; /* bytes all running guests may have together */
    unsigned queue_max;    /* open jobs; 0: as a node has by default */
    uint64_t keep_jobs_s;  /* jobs that are over are forgotten after this;
                               0: never */
} ipvm_node_options;

/* Opens a node on the store of `vm` and goes on with its jobs. IPVM_BUSY:
 * another process has one on it. Close before `vm`; what runs then goes on
 * when a node is opened again. */
IPVM_API ipvm_status ipvm_node_open(ipvm *vm, const ipvm_node_options *options,
                                    ipvm_node **out, ipvm_error *error);
IPVM_API void ipvm_node_close(ipvm_node *node);

typedef enum ipvm_job_state {
    IPVM_JOB_QUEUED,
    IPVM_JOB_RUNNING,
    IPVM_JOB_SUSPENDED,
    IPVM_JOB_SUCCEEDED, /* this and what follows: it is over */
    IPVM_JOB_FAILED,
    IPVM_JOB_CANCELLED
} ipvm_job_state;

/* A zeroed struct means the defaults. Times are milliseconds since 1970. */
typedef struct ipvm_job_options {
    const char *once;      /* NULL: a new job. The same words with the same
                              workflow and options: the same job */
    int64_t not_before_ms; /* 0: now */
    int64_t deadline_ms;   /* 0: none */
    int priority;          /* -100 … 100 */
    unsigned retries;      /* when it failed for the host's reasons */
    uint64_t time_ms;      /* limits of the whole; 0: none */
    uint64_t memory;
    uint64_t fuel;
} ipvm_job_options;

/* Submits a workflow by its CID (ipvm_workflow_cid()); its blocks are in the
 * store. When it returns the job is durable. `job` names it. IPVM_BUSY: the
 * queue is full. */
IPVM_API ipvm_status ipvm_job_submit(ipvm_node *node, const char *workflow,
                                     const ipvm_job_options *options,
                                     char job[IPVM_CID_MAX],
                                     ipvm_error *error);
/* Waits until the job is over, or for `timeout_ms` (-1: for ever). IPVM_BUSY:
 * it is not over yet; `*state` is set all the same. */
IPVM_API ipvm_status ipvm_job_wait(ipvm_node *node, const char *job,
                                   int64_t timeout_ms, ipvm_job_state *state,
                                   ipvm_error *error);

typedef enum ipvm_job_verb {
    IPVM_JOB_SUSPEND,     /* start no more tasks */
    IPVM_JOB_SUSPEND_NOW, /* and stop those that run */
    IPVM_JOB_RESUME,
    IPVM_JOB_CANCEL,
    IPVM_JOB_RETRY
} ipvm_job_verb;
/* IPVM_INVALID: not in its state, says which. Durable when it returns. */
IPVM_API ipvm_status ipvm_job_control(ipvm_node *node, const char *job,
                                      ipvm_job_verb verb, ipvm_error *error);

/* Told a DAG-JSON document; false stops. It lives for the call. */
typedef bool ipvm_json(void *context, const char *json);

/* What is known of the job: its state, counts, cost and, once it is over, its
 * outputs (docs/formats/jobs.md). */
IPVM_API ipvm_status ipvm_job_show(ipvm_node *node, const char *job,
                                   ipvm_json *each, void *context,
                                   ipvm_error *error);
/* Its events behind number `after`, in order. */
IPVM_API ipvm_status ipvm_job_events(ipvm_node *node, const char *job,
                                     uint64_t after, ipvm_json *each,
                                     void *context, ipvm_error *error);
/* All jobs, newest first. */
IPVM_API ipvm_status ipvm_jobs(ipvm_node *node, ipvm_json *each, void *context,
                               ipvm_error *error);

#ifdef __cplusplus
}
#endif

#endif
