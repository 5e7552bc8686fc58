/* SPDX-License-Identifier: Apache-2.0 */
/* car_folder.h - what CARs lie at a path, and an up-to-date index of them.
 * Inside src/content only. Thread: any; one at a time a folder. */
#ifndef IPVM_CONTENT_CAR_FOLDER_H
#define IPVM_CONTENT_CAR_FOLDER_H

#include "content/car_index.h"

/* What is there now. */
struct car_folder {
    int descriptor; /* of the folder, or the one a single file is in; owned */
    struct car_file *files; /* ascending by name; in the arena */
    size_t count;
    bool is_file; /* the path is that of the one file */
    struct arena arena;
};

/* STATUS_NOT_FOUND, STATUS_DENIED, STATUS_IO: says what it cannot read.
 * STATUS_INVALID: neither a file nor a folder. STATUS_LIMIT: too many. */
Status car_folder_read(const char *path, struct car_folder *out,
                       struct error *err);
/* Allowed when reading failed. */
void car_folder_deinit(struct car_folder *folder);
/* True if the index was made from just these files. */
bool car_folder_matches(const struct car_folder *folder,
                        const struct car_index *index);

struct car_keep {
    const char *path; /* of the file that is the index; NULL: in memory */
    bool read_only;   /* use what is there, write nothing */
    ContentProgress *progress; /* may be NULL */
    void *context;
};

/* The index of what is in the folder: the file that is kept if it matches,
 * else a new one that takes its place, or stays in memory where it cannot.
 * Waits while another process makes the same one. */
Status car_folder_index(struct car_folder *folder, const struct car_keep *keep,
                        struct car_index **out, struct error *err);

#endif
