/* SPDX-License-Identifier: Apache-2.0 */
/* module.h - what this process knows of the modules it runs: their
 * descriptions (noted in the store) and their artifacts (cached in files).
 *
 *   UNKNOWN ─▶ described? note or RUN_DESCRIBE ─▶ compiled? cache or
 *   RUN_COMPILE ─▶ READY, or REFUSED with an end and its words
 *
 * Many tasks may want one module at once: the work is done once and all are
 * told. Thread: the executor's.
 */
#ifndef IPVM_RUN_MODULE_H
#define IPVM_RUN_MODULE_H

#include "run/executor.h"

struct modules;
struct module;

/* `executor` is borrowed; its jobs borrow from here, so it is closed before
 * modules_free(). */
struct modules *modules_new(struct executor *executor);
void modules_free(struct modules *modules);

/* What a task that wants a module is told. */
struct module_ready {
    End end;             /* END_NONE: it can be called */
    const char *message; /* why not */
    Bytes description;   /* valid while `modules` is */
    struct run_artifact artifact;
};
typedef void ModuleReady(void *context, const struct module_ready *ready);

struct module_form {
    RunEngine engine;
    bool metered;
    struct lane *lane; /* whose turn compiling takes; NULL: the owner's */
};

/* Calls `told` once, at once (true) or from executor_poll() (false). The lane
 * lives until then, or until modules_forget(). */
bool modules_want(struct modules *modules, const Cid *cid,
                  const struct module_form *form, ModuleReady *told,
                  void *context);

/* Takes back every want with this context: it will not be told. What nobody
 * wants is not compiled any further. Not to be called while somebody is being
 * told. */
void modules_forget(struct modules *modules, const Cid *cid, void *context);

/* The description alone, waiting for it. The bytes live as long as `modules`.
 * STATUS_NOT_FOUND: the module is not in the store. Refused modules have a
 * description too: see description.h. */
Status modules_describe(struct modules *modules, const Cid *cid, Bytes *out,
                        struct error *err);

#endif
