/* SPDX-License-Identifier: Apache-2.0 */
#include "wasm/module_cache.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"

static char directory[64];
static const struct module_cache_key key = {{"engine 1", 8},
                                            {(const uint8_t *)"cid", 3}};

static int set_up(void **state)
{
    struct module_cache *cache = NULL;

    snprintf(directory, sizeof directory, "/tmp/ipvm-modules-XXXXXX");
    assert_non_null(mkdtemp(directory));
    assert_int_equal(module_cache_open(directory, 10000, &cache, NULL),
                     STATUS_OK);
    *state = cache;
    return 0;
}

/* The directory's entry that ends in `suffix`, as a path. */
static bool find_file(const char *suffix, char out[256])
{
    DIR *stream = opendir(directory);
    bool is_found = false;

    assert_non_null(stream);
    for (struct dirent *entry; (entry = readdir(stream)) != NULL;) {
        if (text_ends_with(text_of(entry->d_name), text_of(suffix))) {
            snprintf(out, 256, "%s/%.120s", directory, entry->d_name);
            is_found = true;
        }
    }
    closedir(stream);
    return is_found;
}

static int tear_down(void **state)
{
    char path[256];

    module_cache_close(*state);
    while (find_file(".head", path) || find_file(".code", path) ||
           find_file(".temp", path))
        unlink(path);
    rmdir(directory);
    return 0;
}

static Status put(struct module_cache *cache, const char *identity, size_t len)
{
    const struct module_cache_key other = {text_of(identity), key.module};
    uint8_t *bytes = heap_alloc(len);

    memset(bytes, identity[0], len);
    const Status status =
        module_cache_put(cache, &other, bytes_of(bytes, len), NULL);
    free(bytes);
    return status;
}

/* STATUS_OK also means that every byte is right. */
static Status get(struct module_cache *cache, const char *identity)
{
    const struct module_cache_key other = {text_of(identity), key.module};
    uint8_t bytes[20000];
    int file = -1;
    size_t len = 0;
    const Status status = module_cache_get(cache, &other, &file, &len, NULL);

    if (status != STATUS_OK)
        return status;
    assert_int_equal(read(file, bytes, sizeof bytes), len);
    close(file);
    for (size_t i = 0; i < len; i++)
        assert_int_equal(bytes[i], identity[0]);
    return STATUS_OK;
}

static void gives_back_a_file_of_exactly_what_was_put(void **state)
{
    assert_int_equal(get(*state, "a"), STATUS_NOT_FOUND);
    assert_int_equal(put(*state, "a", 1234), STATUS_OK);
    assert_int_equal(get(*state, "a"), STATUS_OK);
}

static void keeps_engines_and_modules_apart(void **state)
{
    const struct module_cache_key other = {key.identity,
                                           {(const uint8_t *)"cie", 3}};
    int file;
    size_t len;

    assert_int_equal(put(*state, "engine 1", 10), STATUS_OK);
    assert_int_equal(get(*state, "engine 2"), STATUS_NOT_FOUND);
    assert_int_equal(module_cache_get(*state, &other, &file, &len, NULL),
                     STATUS_NOT_FOUND);
    assert_int_equal(get(*state, "engine 1"), STATUS_OK);
}

static void flip_byte(const char *path, off_t at)
{
    uint8_t byte;
    const int file = open(path, O_RDWR);

    assert_int_equal(pread(file, &byte, 1, at), 1);
    byte ^= 0x10;
    assert_int_equal(pwrite(file, &byte, 1, at), 1);
    close(file);
}

static void refuses_and_removes_code_that_changed_on_disk(void **state)
{
    char path[256];

    for (off_t at = 0; at < 64; at += 7) {
        assert_int_equal(put(*state, "a", 64), STATUS_OK);
        assert_true(find_file(".code", path));
        flip_byte(path, at);
        assert_int_equal(get(*state, "a"), STATUS_NOT_FOUND);
        assert_false(find_file(".code", path));
        assert_false(find_file(".head", path));
    }
}

static void refuses_a_header_with_any_byte_changed(void **state)
{
    char path[256];

    for (off_t at = 0; at < 80; at++) {
        assert_int_equal(put(*state, "a", 64), STATUS_OK);
        assert_true(find_file(".head", path));
        flip_byte(path, at);
        assert_int_equal(get(*state, "a"), STATUS_NOT_FOUND);
    }
}

static void refuses_every_truncation(void **state)
{
    static const char *const suffixes[] = {".head", ".code"};
    char path[256];

    for (size_t i = 0; i < 2; i++) {
        for (off_t len = 0; len < 64; len++) {
            assert_int_equal(put(*state, "a", 64), STATUS_OK);
            assert_true(find_file(suffixes[i], path));
            assert_int_equal(truncate(path, len), 0);
            assert_int_equal(get(*state, "a"), STATUS_NOT_FOUND);
        }
    }
}

static void refuses_files_that_others_may_read_or_write(void **state)
{
    static const mode_t modes[] = {0604, 0602, 0640, 0620, 0601};
    char path[256];

    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(put(*state, "a", 64), STATUS_OK);
        assert_true(find_file(".code", path));
        assert_int_equal(chmod(path, modes[i]), 0);
        assert_int_equal(get(*state, "a"), STATUS_NOT_FOUND);
    }
}

static void refuses_a_link_in_place_of_the_code(void **state)
{
    char path[256], target[300];

    assert_int_equal(put(*state, "a", 64), STATUS_OK);
    assert_true(find_file(".code", path));
    snprintf(target, sizeof target, "%s.moved", path);
    assert_int_equal(rename(path, target), 0);
    assert_int_equal(symlink(target, path), 0);
    assert_int_equal(get(*state, "a"), STATUS_NOT_FOUND);
    unlink(target);
}

static void refuses_a_directory_that_others_may_enter(void **state)
{
    struct module_cache *cache = NULL;
    struct error err;

    (void)state;
    assert_int_equal(chmod(directory, 0755), 0);
    assert_int_equal(module_cache_open(directory, 0, &cache, &err),
                     STATUS_DENIED);
    assert_non_null(strstr(err.message, directory));
    chmod(directory, 0700);
}

static void makes_files_private_whatever_the_umask(void **state)
{
    static const mode_t masks[] = {0, 0777};
    char path[256];
    struct stat info;

    for (size_t i = 0; i < 2; i++) {
        const mode_t before = umask(masks[i]);

        assert_int_equal(put(*state, "a", 64), STATUS_OK);
        umask(before);
        assert_true(find_file(".code", path));
        assert_int_equal(stat(path, &info), 0);
        assert_int_equal(info.st_mode & 07777, 0600);
        assert_int_equal(get(*state, "a"), STATUS_OK);
    }
}

static void drops_the_least_recently_used_beyond_its_size(void **state)
{
    assert_int_equal(put(*state, "a", 4000), STATUS_OK);
    usleep(10000);
    assert_int_equal(put(*state, "b", 4000), STATUS_OK);
    usleep(10000);
    assert_int_equal(get(*state, "a"), STATUS_OK);
    usleep(10000);
    assert_int_equal(put(*state, "c", 4000), STATUS_OK);
    assert_int_equal(get(*state, "b"), STATUS_NOT_FOUND);
    assert_int_equal(get(*state, "a"), STATUS_OK);
    assert_int_equal(get(*state, "c"), STATUS_OK);
}

static void keeps_nothing_larger_than_itself(void **state)
{
    assert_int_equal(put(*state, "a", 10001), STATUS_OK);
    assert_int_equal(get(*state, "a"), STATUS_NOT_FOUND);
}

/* Four processes put, get and damage: a hit is whole or it is a miss. */
static void is_safe_between_processes(void **state)
{
    enum { PROCESSES = 4, ROUNDS = 200 };
    struct module_cache *cache = NULL;

    assert_int_equal(module_cache_open(directory, 3000, &cache, NULL),
                     STATUS_OK);
    for (int i = 0; i < PROCESSES; i++) {
        if (fork() != 0)
            continue;
        for (int round = 0; round < ROUNDS; round++) {
            const char name[2] = {(char)('a' + (round * (i + 1)) % 5), '\0'};

            IGNORE(put(cache, name, 1000)); // checked by what get() sees
            IGNORE(get(cache, name));
        }
        _exit(0);
    }
    for (int i = 0; i < PROCESSES; i++) {
        int how = 0;

        assert_true(wait(&how) > 0);
        assert_int_equal(how, 0);
    }
    module_cache_close(cache);
    assert_int_equal(put(*state, "a", 1000), STATUS_OK);
    assert_int_equal(get(*state, "a"), STATUS_OK);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(gives_back_a_file_of_exactly_what_was_put),
        TEST(keeps_engines_and_modules_apart),
        TEST(refuses_and_removes_code_that_changed_on_disk),
        TEST(refuses_a_header_with_any_byte_changed),
        TEST(refuses_every_truncation),
        TEST(refuses_files_that_others_may_read_or_write),
        TEST(refuses_a_link_in_place_of_the_code),
        TEST(refuses_a_directory_that_others_may_enter),
        TEST(makes_files_private_whatever_the_umask),
        TEST(drops_the_least_recently_used_beyond_its_size),
        TEST(keeps_nothing_larger_than_itself),
        TEST(is_safe_between_processes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
