/* SPDX-License-Identifier: Apache-2.0 */
/* spawn.h - one worker process: started from an installed program (never a
 * copy of this one), killed, reaped. Thread: the one that started it; the
 * process is killed by the system when that thread ends. */
#ifndef IPVM_WORKER_SPAWN_H
#define IPVM_WORKER_SPAWN_H

#include <sys/types.h>

#include "base/status.h"
#include "worker/channel.h"

struct process {
    pid_t pid;
    int pidfd;  /* readable when the process has ended */
    int errors; /* what it writes to standard error, for its last words */
};

enum { LAST_WORDS_MAX = 400 };

/* Starts `argv[0]` with the worker's ends of `channel` and nothing else: no
 * environment, no other file, no input, own session, all signals as by
 * default. `worker_socket` is closed in any case. */
Status process_spawn(struct process *process, char *const *argv,
                     struct channel *channel, int worker_socket,
                     struct error *err);

/* Bytes of private memory it may have (RLIMIT_DATA). */
void process_set_memory_max(const struct process *process, uint64_t bytes);

/* It does no step more until it is told to go on; at the latest a moment after
 * this returned. False: it could not be told. */
bool process_stop(const struct process *process);
void process_go_on(const struct process *process);

/* Returns at once; the process does no step more of its own. */
void process_kill(const struct process *process);

/* True if the process has ended: closes its files and says in `words` how it
 * ended. */
bool process_reap(struct process *process, char words[LAST_WORDS_MAX]);
/* The same, waiting for a process that was killed. */
void process_await(struct process *process);

#endif
