/* SPDX-License-Identifier: Apache-2.0 */
/* desk.h - one thread for what takes long and needs modules described: reading
 * manifests, making calls. It has an executor of its own, which starts nothing
 * before somebody asks. Paths of files are refused there. Thread: any. */
#ifndef IPVM_HTTP_DESK_H
#define IPVM_HTTP_DESK_H

#include "run/load.h"

struct desk;
struct desk_work;

/* Does the work on the desk's thread. */
typedef void DeskPerform(struct desk_work *work, const struct loader *loader);
/* Tells that it is done; `work` may be gone when this returns. */
typedef void DeskDone(struct desk_work *work);
/* Embedded in what a handler keeps. */
struct desk_work {
    struct desk_work *next;
    DeskPerform *perform;
    DeskDone *done;
};

enum { DESK_WAITING_MAX = 256 };

/* `store` is borrowed. */
struct desk *desk_open(struct store *store);
/* What waits is done first. NULL is allowed. */
void desk_close(struct desk *desk);
/* STATUS_BUSY: too many wait. */
Status desk_ask(struct desk *desk, struct desk_work *work, struct error *err);

#endif
