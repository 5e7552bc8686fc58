/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

enum { LARGE = 1 << 20 }; /* more than a pipe holds */

static void *drain(void *context)
{
    static uint8_t piece[1000];
    size_t *count = context;
    const int from = (int)count[1];
    for (ssize_t len; (len = read(from, piece, sizeof piece)) > 0;)
        count[0] += (size_t)len;
    return NULL;
}

static void all_is_written_to_a_pipe_that_holds_less(void **state)
{
    int ends[2];
    pthread_t reader;
    uint8_t *bytes = calloc(1, LARGE);
    (void)state;
    assert_non_null(bytes);
    assert_int_equal(pipe(ends), 0);
    size_t count[2] = {0, (size_t)ends[0]};
    assert_int_equal(pthread_create(&reader, NULL, drain, count), 0);
    assert_true(file_write_all(ends[1], bytes_of(bytes, LARGE)));
    close(ends[1]);
    pthread_join(reader, NULL);
    assert_int_equal(count[0], LARGE);
    close(ends[0]);
    free(bytes);
}

static void what_cannot_be_written_is_told_by_errno(void **state)
{
    (void)state;
    const int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    assert_true(full >= 0);
    assert_false(file_write_all(full, bytes_of("a", 1)));
    assert_int_equal(errno, ENOSPC);
    assert_true(file_write_all(full, bytes_of(NULL, 0)));
    close(full);
    assert_false(file_write_all(-1, bytes_of("a", 1)));
    assert_int_equal(errno, EBADF);
}

static void files_and_their_parents_are_synced(void **state)
{
    char directory[] = "/tmp/ipvm-test-file-XXXXXX";
    (void)state;
    assert_non_null(mkdtemp(directory));
    assert_true(file_sync_path(directory));
    assert_true(file_sync_parent(directory));
    assert_true(file_sync_parent("here"));
    assert_int_equal(rmdir(directory), 0);
    assert_false(file_sync_path(directory));
    assert_int_equal(errno, ENOENT);
    assert_false(file_sync_parent("/nowhere/at/all"));
    assert_int_equal(errno, ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_is_written_to_a_pipe_that_holds_less),
        cmocka_unit_test(what_cannot_be_written_is_told_by_errno),
        cmocka_unit_test(files_and_their_parents_are_synced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
