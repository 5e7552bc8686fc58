/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_car_index.c - whatever an index of CARs says, with a checksum that is
 * right, searching it ends and stays inside of it. */
#include "content/car_index.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/arena.h"
#include "content/car_index_format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { PLACES = 8 };

static void search(const struct car_index *index, const uint8_t *data,
                   size_t len)
{
    struct car_place places[PLACES];
    uint64_t entry_count;
    size_t file_count;
    const struct car_file *files = car_index_files(index, &file_count);
    const struct car_entry *entries = car_index_entries(index, &entry_count);
    for (size_t number = 0; number < file_count; number++)
        ASSERT(strlen(files[number].name) + strlen(files[number].trouble) <
               len);
    for (uint64_t at = 0; at < entry_count && at < 64; at++) {
        const Bytes key = bytes_of(entries[at].key, CAR_KEY_LEN);
        const size_t count = car_index_find(index, key, places, PLACES);
        for (size_t place = 0; place < count; place++)
            ASSERT(places[place].file < file_count);
    }
    car_index_find(index, bytes_of(data, len < 34 ? len : 34), places, PLACES);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct car_index_header header;
    struct car_index *index;
    if (len < sizeof header || len > 1 << 16)
        return 0;
    uint8_t *copy = heap_alloc(len);
    memcpy(copy, data, len);
    memcpy(&header, copy, sizeof header);
    if (header.entries_at >= sizeof header && header.entries_at <= len)
        car_index_checksum(bytes_of(copy, (size_t)header.entries_at),
                           copy + offsetof(struct car_index_header, checksum));
    const int file = memfd_create("fuzz", MFD_CLOEXEC);
    ASSERT(file >= 0 && write(file, copy, len) == (ssize_t)len);
    if (car_index_open(file, &index, NULL) == STATUS_OK) {
        search(index, data, len);
        car_index_close(index);
    }
    close(file);
    free(copy);
    return 0;
}
