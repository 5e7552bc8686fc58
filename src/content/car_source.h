/* SPDX-License-Identifier: Apache-2.0 */
/* car_source.h - a CAR, or a folder of them, as a source of blocks: used where
 * it lies, never imported.
 *
 * Of a folder: the regular files in it whose names end in ".car", not those of
 * folders below. Version 1 and 2; the index of a version 2 is not used. The
 * first look-up indexes what is not indexed. Files that change, come or go are
 * noticed within a second, or when a block is read from them; a file that is
 * not a whole CAR is passed over and says why. Thread: any. */
#ifndef IPVM_CONTENT_CAR_SOURCE_H
#define IPVM_CONTENT_CAR_SOURCE_H

#include "content/car_index.h"

struct car_source_options {
    /* The folder where its index is kept. NULL, or one that cannot be written:
     * in memory. */
    const char *index_directory;
    bool read_only; /* write nothing there */
};

/* Makes it; nothing is opened or read before the first look-up, and that it is
 * not there is an empty source. `path` is absolute. */
struct block_source *car_source_new(const char *path,
                                    const struct car_source_options *options);

/* Indexes now what is not indexed. STATUS_NOT_FOUND, STATUS_DENIED, STATUS_IO:
 * there is nothing to read at its path; STATUS_INVALID: neither file nor
 * folder. `progress` may be NULL; false from it is STATUS_CANCELLED. */
Status car_source_refresh(struct block_source *source,
                          ContentProgress *progress, void *context,
                          struct error *err);

/* Its files, with `path` the whole path of each, until `each` returns false. */
typedef bool CarSourceEach(void *context, const char *path,
                           const struct car_file *file);
void car_source_each(struct block_source *source, CarSourceEach *each,
                     void *context);

/* Removes the index of what was at `path`. */
void car_source_forget(const char *path, const char *index_directory);

#endif
