/* SPDX-License-Identifier: Apache-2.0 */
/* upload.h - blocks out of a request's body into the store.
 *
 *     body ─▶ blocks ─▶ batch ─full─▶ the store's writer ─last one─▶ answer
 *
 * Nothing is acknowledged before all of it is durable. What came before a
 * client went away has no name and no root, and goes with the next collection
 * but one; what came whole is kept for its grace (store/gc.h). Some 10 MiB
 * of memory each, whatever the size. Thread: the request's. */
#ifndef IPVM_HTTP_UPLOAD_H
#define IPVM_HTTP_UPLOAD_H

#include "http/request.h"
#include "ipld/unixfs_writer.h"

/* At once; and of one who asks, so that the others have theirs. */
enum { UPLOADS_MAX = 128, UPLOADS_OF_ONE_MAX = 48 };

struct upload;
/* Becomes the request's state; it goes with the request. NULL: too many, which
 * is the answer. */
struct upload *upload_begin(struct request *request);

/* Adds a block whose bytes hash to `cid`. Waits for the store when it is slow.
 * Fails as the store does, also for a block that came earlier. */
Status upload_block(struct upload *upload, const Cid *cid, Bytes bytes,
                    struct error *err);
struct unixfs_block_sink upload_sink(struct upload *upload);

/* After the last block: to be asked, once and then whenever the request is
 * woken, until it is true: all is durable, or the first failure. */
bool upload_is_over(struct upload *upload, Status *status, struct error *err);

#endif
