/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/lib/fixture.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Made by wat2wasm from
 *     (module
 *       (func (export "add") (param i32 i32) (result i32)
 *         (i32.add (local.get 0) (local.get 1)))
 *       (func (export "spin") (result i32) (loop $again (br $again))
 *         (unreachable))) */
static const uint8_t guest[] = {
    0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00, 0x01, 0x0b, 0x02,
    0x60, 0x02, 0x7f, 0x7f, 0x01, 0x7f, 0x60, 0x00, 0x01, 0x7f, 0x03,
    0x03, 0x02, 0x00, 0x01, 0x07, 0x0e, 0x02, 0x03, 0x61, 0x64, 0x64,
    0x00, 0x00, 0x04, 0x73, 0x70, 0x69, 0x6e, 0x00, 0x01, 0x0a, 0x12,
    0x02, 0x07, 0x00, 0x20, 0x00, 0x20, 0x01, 0x6a, 0x0b, 0x08, 0x00,
    0x03, 0x40, 0x0c, 0x00, 0x0b, 0x00, 0x0b,
};

const char *path_of(const struct fixture *fixture, const char *name)
{
    static char path[2 * PATH_LEN];
    snprintf(path, sizeof path, "%s/%s", fixture->directory, name);
    return path;
}

void write_file(const char *path, const void *data, size_t size)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

ipvm *open_vm(const char *store)
{
    const ipvm_options options = {.store = store, .workers = 2};
    ipvm *vm;
    ipvm_error error;
    if (ipvm_open(&options, &vm, &error) != IPVM_OK)
        fail_msg("%s", error.message);
    return vm;
}

int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    const char *base = getenv("TMPDIR");
    if (!fixture)
        return -1;
    snprintf(fixture->directory, PATH_LEN, "%s/ipvm-lib-XXXXXX",
             base ? base : "/tmp");
    if (!mkdtemp(fixture->directory))
        return -1;
    write_file(path_of(fixture, "guest.wasm"), guest, sizeof guest);
    fixture->vm = open_vm(path_of(fixture, "store"));
    *state = fixture;
    return 0;
}

static int remove_one(const char *path, const struct stat *found, int kind,
                      struct FTW *where)
{
    (void)found;
    (void)kind;
    (void)where;
    return remove(path);
}

int teardown(void **state)
{
    struct fixture *fixture = *state;
    ipvm_close(fixture->vm);
    nftw(fixture->directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(fixture);
    return 0;
}
