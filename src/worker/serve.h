/* SPDX-License-Identifier: Apache-2.0 */
/* serve.h - what a worker process does: performs the jobs of the runner that
 * started it, one at a time. Thread: the only one. */
#ifndef IPVM_WORKER_SERVE_H
#define IPVM_WORKER_SERVE_H

#include "task/runner.h"

/* To be called once `performer` is set up (engine made, signal handlers
 * installed): locks the process in, then serves until the runner kills it or
 * is gone. From then on `performer` has no files but its artifacts, cannot
 * start threads, and is killed for trying worse. Returns an exit code; what
 * went wrong is on standard error.
 *
 * The process is started by a pool (worker/pool.h) and finds its channel under
 * fixed file numbers. Its last argument is "guest" or "compiler": a compiler
 * gets DESCRIBE and COMPILE only, a guest CALL only. */
int worker_serve(const struct performer *performer);

#endif
