/* SPDX-License-Identifier: Apache-2.0 */
/* Modules: described once and noted, compiled once and cached; refused ones
 * and missing ones are told to all who wait. */
#include "unit/run/world.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "wasm/description.h"

enum { WAITERS = 5 };

/* What one waiter was told. */
struct told {
    int times;
    End end;
    size_t artifact;
    char message[RUN_MESSAGE_MAX];
};

static void on_told(void *context, const struct module_ready *ready)
{
    struct told *told = context;
    told->times++;
    told->end = ready->end;
    told->artifact = ready->artifact.len;
    snprintf(told->message, sizeof told->message, "%s", ready->message);
}

static const struct module_form compiled = {.engine = RUN_ENGINE_WASMTIME};
static const struct module_form interpreted = {.engine = RUN_ENGINE_WASMI};

static Cid add(struct world *world, Bytes bytes)
{
    Cid cid;
    assert_ok(content_add_bytes(world->store, bytes, &cid, NULL));
    return cid;
}

static void want(struct world *world, const Cid *cid,
                 const struct module_form *form, struct told *told)
{
    *told = (struct told){.times = 0};
    modules_want(world->modules, cid, form, on_told, told);
    for (int tries = 0; told->times == 0 && tries < 1000; tries++)
        executor_poll(world->executor, 10);
    assert_int_equal(told->times, 1);
}

static int files_in_cache(const struct world *world, const char *ending,
                          void (*each)(const char *path))
{
    char path[2 * WORLD_PATH + 300];
    int count = 0;
    DIR *stream = opendir(world_path(world, "store/modules"));
    if (!stream)
        return 0;
    for (struct dirent *found; (found = readdir(stream));) {
        const char *dot = strrchr(found->d_name, '.');
        if (!dot || strcmp(dot, ending) != 0)
            continue;
        snprintf(path, sizeof path, "%s/%s",
                 world_path(world, "store/modules"), found->d_name);
        if (each)
            each(path);
        count++;
    }
    closedir(stream);
    return count;
}

static void all_who_wait_are_told_once(void **state)
{
    struct world *world = *state;
    const Cid cid = add(world, guest_numbers());
    struct told told[WAITERS] = {0};
    for (int index = 0; index < WAITERS; index++)
        assert_false(modules_want(world->modules, &cid,
                                  index & 1 ? &interpreted : &compiled,
                                  on_told, &told[index]));
    for (int tries = 0; tries < 1000; tries++) {
        int left = 0;
        for (int index = 0; index < WAITERS; index++)
            left += told[index].times == 0;
        if (left == 0)
            break;
        executor_poll(world->executor, 10);
    }
    for (int index = 0; index < WAITERS; index++) {
        assert_int_equal(told[index].times, 1);
        assert_int_equal(told[index].end, END_NONE);
        assert_true(told[index].artifact > 0);
    }
    // From now on at once.
    assert_true(
        modules_want(world->modules, &cid, &compiled, on_told, &told[0]));
    assert_int_equal(told[0].times, 2);
}

static void who_takes_it_back_is_not_told(void **state)
{
    struct world *world = *state;
    const Cid cid = add(world, guest_numbers());
    struct told first = {0}, second = {0};
    modules_want(world->modules, &cid, &compiled, on_told, &first);
    modules_want(world->modules, &cid, &compiled, on_told, &second);
    modules_forget(world->modules, &cid, &first);
    for (int tries = 0; second.times == 0 && tries < 1000; tries++)
        executor_poll(world->executor, 10);
    assert_int_equal(first.times, 0);
    assert_int_equal(second.times, 1);
}

static void a_description_is_noted(void **state)
{
    struct world *world = *state;
    const Cid cid = add(world, guest_numbers());
    struct arena arena = {0};
    struct description description;
    Bytes block, note;
    struct error err = {0};
    assert_ok(modules_describe(world->modules, &cid, &block, &err));
    assert_ok(description_decode(block, &arena, &description, &err));
    assert_int_equal(description.kind, GUEST_CORE);
    assert_int_equal(description.function_count, 5);
    assert_ok(note_get(world->store, NOTE_MODULE, cid_bytes(&cid), &arena,
                       &note, NULL));
    assert_true(bytes_equal(note, block));
    // One that cannot be read is made again.
    struct store_batch *batch = store_batch_new(world->store);
    store_batch_note(batch, NOTE_MODULE, cid_bytes(&cid), bytes_of("x", 1));
    assert_ok(store_commit(batch, NULL));
    store_batch_free(batch);
    world_reopen(world);
    assert_ok(modules_describe(world->modules, &cid, &block, &err));
    assert_true(block.len > 1);
    arena_deinit(&arena);
}

static void what_is_no_module_is_refused_and_not_noted(void **state)
{
    struct world *world = *state;
    const Cid cid = add(world, bytes_of("no wasm", 7));
    struct arena arena = {0};
    struct told told;
    Bytes note;
    for (int round = 0; round < 2; round++) {
        want(world, &cid, &compiled, &told);
        assert_int_equal(told.end, END_REFUSED_MODULE);
        assert_true(strlen(told.message) > 0);
    }
    assert_status(note_get(world->store, NOTE_MODULE, cid_bytes(&cid), &arena,
                           &note, NULL),
                  STATUS_NOT_FOUND);
    arena_deinit(&arena);
}

static void a_missing_module_may_come_later(void **state)
{
    struct world *world = *state;
    struct told told;
    struct error err = {0};
    Bytes block;
    Cid cid;
    cid_of(CODEC_RAW, guest_numbers(), &cid);
    want(world, &cid, &compiled, &told);
    assert_int_equal(told.end, END_UNAVAILABLE);
    assert_non_null(strstr(told.message, "ipvm add"));
    assert_status(modules_describe(world->modules, &cid, &block, &err),
                  STATUS_NOT_FOUND);
    add(world, guest_numbers());
    want(world, &cid, &compiled, &told);
    assert_int_equal(told.end, END_NONE);
}

static void damage(const char *path)
{
    assert_int_equal(chmod(path, 0600), 0);
    int file = open(path, O_RDWR | O_CLOEXEC);
    assert_true(file >= 0);
    assert_int_equal(pwrite(file, "damage", 6, 100), 6);
    close(file);
    assert_int_equal(chmod(path, 0400), 0);
}

static void a_damaged_artifact_is_made_again(void **state)
{
    struct world *world = *state;
    const Cid cid = add(world, guest_numbers());
    struct told told;
    want(world, &cid, &compiled, &told);
    assert_int_equal(files_in_cache(world, ".code", NULL), 1);
    // From the cache: no job, so at once.
    world_reopen(world);
    told.times = 0;
    assert_true(modules_want(world->modules, &cid, &compiled, on_told, &told));
    assert_int_equal(told.end, END_NONE);

    assert_int_equal(files_in_cache(world, ".code", damage), 1);
    world_reopen(world);
    want(world, &cid, &compiled, &told);
    assert_int_equal(told.end, END_NONE);
    world_run(world, "tasks:\n"
                     "  a: {run: numbers.wasm#add, args: [1, 2]}\n");
    world_gave(world, "a", "{\"ok\":3}");
}

static void a_cache_that_cannot_be_used_costs_only_time(void **state)
{
    struct world *world = *state;
    // A file where the directory should be.
    world_write(world, "store/modules", bytes_of("", 0));
    world_run(world, "tasks:\n"
                     "  a: {run: numbers.wasm#add, args: [1, 2]}\n");
    world_gave(world, "a", "{\"ok\":3}");
}

/* More modules than files may be open, and each can be called again. */
static void many_modules_keep_few_files_open(void **state)
{
    enum { MANY = 200 };
    struct world *world = *state;
    static Cid cids[MANY];
    struct told told;
    for (int round = 0; round < 2; round++)
        for (unsigned i = 0; i < MANY; i++) {
            // The guest, and a section of its own that says which.
            uint8_t bytes[1024];
            const Bytes guest = guest_numbers();
            const uint8_t section[] = {0, 3, 1, 'n', (uint8_t)i};
            memcpy(bytes, guest.data, guest.len);
            memcpy(bytes + guest.len, section, sizeof section);
            cids[i] = add(world, bytes_of(bytes, guest.len + sizeof section));
            want(world, &cids[i], &interpreted, &told);
            assert_int_equal(told.end, END_NONE);
        }
    int files = 0;
    DIR *stream = opendir("/proc/self/fd");
    while (readdir(stream))
        files++;
    closedir(stream);
    assert_in_range(files, 100, 180);
}

int main(void)
{
#define TEST(name)                                                            \
    cmocka_unit_test_setup_teardown(name, world_in_process, world_close)
    const struct CMUnitTest tests[] = {
        TEST(all_who_wait_are_told_once),
        TEST(who_takes_it_back_is_not_told),
        TEST(a_description_is_noted),
        TEST(what_is_no_module_is_refused_and_not_noted),
        TEST(a_missing_module_may_come_later),
        TEST(a_damaged_artifact_is_made_again),
        TEST(a_cache_that_cannot_be_used_costs_only_time),
        TEST(many_modules_keep_few_files_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
