/* SPDX-License-Identifier: Apache-2.0 */
/* in_process.h - a runner on threads of this process, for embedders who want
 * no helper program. Guests share the address space with the caller: memory
 * safety is the engine's, and a time limit is enforced by the engine's epochs.
 */
#ifndef IPVM_RUN_IN_PROCESS_H
#define IPVM_RUN_IN_PROCESS_H

#include "task/runner.h"

/* `threads` at least 1; threads start with the first job. `host->block` is
 * called on those threads; logs and outcomes come through poll(). */
Status in_process_open(unsigned threads, const struct run_host *host,
                       RunDone *done, void *context, struct runner **out,
                       struct error *err);

#endif
