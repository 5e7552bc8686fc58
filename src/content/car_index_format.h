/* SPDX-License-Identifier: Apache-2.0 */
/* car_index_format.h - the fixed parts of an index of CARs, in the machine's
 * own byte order: the file stays on it. Inside src/content only. */
#ifndef IPVM_CONTENT_CAR_INDEX_FORMAT_H
#define IPVM_CONTENT_CAR_INDEX_FORMAT_H

#include "content/car_index.h"

enum { CAR_CHECKSUM_LEN = 8 };

static const uint8_t car_index_magic[8] = {'i', 'p', 'v', 'm',
                                           'c', 'a', 'r', 1};

struct car_index_header {
    uint8_t magic[8];
    uint8_t checksum[CAR_CHECKSUM_LEN]; /* of what follows, before entries */
    uint64_t entries_at;                /* a multiple of an entry's size */
    uint64_t entry_count;
    uint64_t file_count;
};

/* Then its name and its trouble, each ended by NUL. */
struct car_index_file {
    struct car_facts facts;
    uint64_t blocks, block_bytes;
};

/* Of the header and the files. */
void car_index_checksum(Bytes head, uint8_t out[CAR_CHECKSUM_LEN]);

#endif
