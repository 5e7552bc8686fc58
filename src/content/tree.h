/* SPDX-License-Identifier: Apache-2.0 */
/* tree.h - trees of files into a store and out of it, as UnixFS directories.
 * Thread: any. */
#ifndef IPVM_CONTENT_TREE_H
#define IPVM_CONTENT_TREE_H

#include "content/content.h"

enum { TREE_DEPTH_MAX = 256 }; /* directories inside each other */

/* --- In ------------------------------------------------------------------ */

/* A zeroed struct means the defaults. */
struct tree_options {
    struct content_add_options add;
    bool hidden; /* also what begins with a dot. The root may always */
    /* What an argument of a task may be: hidden files too, no symlinks, at
     * most UNIXFS_DEPTH_MAX deep. */
    bool plain;
    const char *pin; /* pin the root, under this name; NULL: do not */
};

struct tree_added {
    Cid cid;
    uint64_t tsize;           /* bytes of all blocks, as directories say it */
    uint64_t files, bytes;    /* met, and read */
    uint64_t hidden_left_out; /* files and directories */
};

/* Imports the file or directory at `path`, with all cores, in memory that
 * grows only with the names in the directories on the way. Nothing is
 * acknowledged before all of it is durable. `path` itself may be a symlink;
 * those below are kept as such and never followed, whatever is done to the
 * tree meanwhile.
 *
 * All name the file: STATUS_NOT_FOUND: it is not there. STATUS_INVALID: a
 * device, socket or pipe, or a name that is not UTF-8. STATUS_BUSY: changed,
 * or gone, while it was read. STATUS_LIMIT: nested too deep. */
Status tree_add(struct store *store, const char *path,
                const struct tree_options *options, struct tree_added *out,
                struct error *err);

/* One directory around what was added: names and what they are. */
struct tree_part {
    Text name;
    Cid cid;
    uint64_t tsize;
};
Status tree_wrap(struct store *store, const struct tree_part *parts,
                 size_t count, const struct tree_options *options,
                 struct tree_added *out, struct error *err);

/* --- Out ----------------------------------------------------------------- */

enum tree_unsafe { TREE_REFUSE, TREE_SKIP };

/* A zeroed struct means the defaults. */
struct tree_save_options {
    /* Symlinks that are absolute or could lead out of the tree. */
    enum tree_unsafe unsafe_links;
    uint64_t max_bytes; /* each name counts as 4 KiB; 0: no bound */
    ContentProgress *progress;
    void *context;
};

struct tree_saved {
    uint64_t files, bytes;
    uint64_t links_skipped;
};

/* Writes the directory `cid` to `path`, which appears whole or not at all: it
 * is made beside it and renamed. Modes (never setuid, setgid or sticky) and
 * times are set where they were kept. Nothing is written outside.
 *
 * STATUS_DENIED: `path` is there and not an empty directory. STATUS_INVALID: a
 * symlink that could lead out; two names that are one to this file system.
 * STATUS_LIMIT: more than max_bytes, or nested deeper than TREE_DEPTH_MAX.
 * STATUS_NOT_FOUND: a block is missing. */
Status tree_save(struct store *store, const Cid *cid, const char *path,
                 const struct tree_save_options *options,
                 struct tree_saved *out, struct error *err);

#endif
