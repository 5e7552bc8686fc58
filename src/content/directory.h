/* SPDX-License-Identifier: Apache-2.0 */
/* directory.h - a directory of files as an argument of a task: what
 * tree_add() does with `plain`. Thread: any. */
#ifndef IPVM_CONTENT_DIRECTORY_H
#define IPVM_CONTENT_DIRECTORY_H

#include "content/content.h"

/* Imports the files below `path`, hidden ones included. STATUS_INVALID: a
 * symlink or special file is among them, or a name is not UTF-8; says which.
 * STATUS_LIMIT: nested deeper than UNIXFS_DEPTH_MAX. */
Status directory_add(struct store *store, const char *path,
                     const struct content_add_options *options, Cid *out,
                     struct error *err);

#endif
