/* SPDX-License-Identifier: Apache-2.0 */
/* sources.h - which sources of blocks belong to a store: a list in its
 * directory (docs/formats/sources.md), which every process that opens the
 * store goes by. Thread: any; two may change the list at once. */
#ifndef IPVM_CONTENT_SOURCES_H
#define IPVM_CONTENT_SOURCES_H

#include "content/content.h"

enum { SOURCES_MAX = 256 };

struct sources_options {
    bool read_only; /* write no indices */
};

/* Gives a store that was just opened the sources of its list; opens none of
 * them. STATUS_CORRUPT, STATUS_IO, STATUS_DENIED: the list cannot be read.
 * `options` may be NULL. */
Status sources_open(struct store *store, const struct sources_options *options,
                    struct error *err);

/* Puts a CAR or a folder of them on the list, and indexes it; `*out`, which
 * belongs to the store, is it. One that is on the list is indexed if it has
 * changed. STATUS_NOT_FOUND, STATUS_DENIED, STATUS_IO: its path;
 * STATUS_INVALID: neither file nor folder, or not a CAR; STATUS_LIMIT: too
 * many; STATUS_CANCELLED: `progress` said so, and it is not on the list. */
Status sources_add(struct store *store, const char *path,
                   ContentProgress *progress, void *context,
                   struct block_source **out, struct error *err);

/* Takes it off the list; this process goes on using it. STATUS_NOT_FOUND: it
 * is not on it. */
Status sources_remove(struct store *store, const char *path,
                      struct error *err);

/* The paths of the list, in the order they are asked, until `each` returns
 * false. */
typedef bool SourcesEach(void *context, const char *path);
Status sources_list(struct store *store, SourcesEach *each, void *context,
                    struct error *err);

#endif
