/* SPDX-License-Identifier: Apache-2.0 */
/* path_text.h - the text of a path taken apart (docs/formats/paths.md): where
 * it begins, and what is left to go down. Thread: any. */
#ifndef IPVM_CONTENT_PATH_TEXT_H
#define IPVM_CONTENT_PATH_TEXT_H

#include "store/store.h"

enum { PATH_TEXT_MAX = 16 << 20 };

struct path_text {
    Cid root;
    bool plain; /* behind /ipld/ */
    Text path;  /* without what stood in front, escapes resolved; borrowed from
                   what was read or in the arena */
    size_t root_len; /* bytes of it that name the root */
};

/* STATUS_INVALID: not a path. STATUS_LIMIT: longer than PATH_TEXT_MAX.
 * STATUS_NOT_FOUND: a name that is not set. */
Status path_text_read(struct store *store, Text text, struct arena *arena,
                      struct path_text *out, struct error *err);

/* For messages: `text` without its middle if it is longer than `max` bytes. */
Text path_shortened(struct arena *arena, Text text, size_t max);

#endif
