/* SPDX-License-Identifier: Apache-2.0 */
/* sandbox.h - gives up, for good, everything a worker does not need. What is
 * allowed and why: docs/decisions/0003-workers.md. Thread: the only one. */
#ifndef IPVM_WORKER_SANDBOX_H
#define IPVM_WORKER_SANDBOX_H

#include "base/status.h"

/* First thing: dies with the process that started it, leaves no core, cannot
 * be looked into, gains no privileges. */
Status sandbox_prepare(struct error *err);

/* Last thing before work: closes every file but WORKER_FILE_*, resource
 * limits, no file system (Landlock, where the kernel has it), and the few
 * system calls that are left (seccomp). */
Status sandbox_enter(struct error *err);

#endif
