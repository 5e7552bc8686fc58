/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/content/place.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void open_store(struct place *place)
{
    const struct store_options fast = {.no_sync = true};
    struct error err = {0};
    if (store_open(place_path(place, "store"), &fast, &place->store, &err) !=
        STATUS_OK)
        fail_msg("%s", err.message);
}

int place_open(void **state)
{
    struct place *place = HEAP_NEW(struct place);
    snprintf(place->directory, sizeof place->directory,
             "/tmp/ipvm-test-content-XXXXXX");
    assert_non_null(mkdtemp(place->directory));
    open_store(place);
    *state = place;
    return 0;
}

static int remove_one(const char *path, const struct stat *stat, int type,
                      struct FTW *ftw)
{
    (void)stat, (void)type, (void)ftw;
    return remove(path);
}

int place_close(void **state)
{
    struct place *place = *state;
    store_close(place->store);
    nftw(place->directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(place);
    return 0;
}

void place_reopen(struct place *place)
{
    store_close(place->store);
    open_store(place);
}

const char *place_path(const struct place *place, const char *name)
{
    static char path[2 * PLACE_PATH];
    snprintf(path, sizeof path, "%s/%s", place->directory, name);
    return path;
}

void place_write(const struct place *place, const char *name, Bytes bytes)
{
    int file = open(place_path(place, name),
                    O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    assert_true(file >= 0);
    assert_int_equal(write(file, bytes.data, bytes.len), (ssize_t)bytes.len);
    close(file);
}
