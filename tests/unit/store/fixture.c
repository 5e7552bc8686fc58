/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"

static int remove_one(const char *path,
                      [[maybe_unused]] const struct stat *found,
                      [[maybe_unused]] int kind,
                      [[maybe_unused]] struct FTW *where)
{
    return remove(path);
}

void remove_tree(const char *path)
{
    nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

int setup_directory(void **state)
{
    struct fixture *fixture = HEAP_NEW(struct fixture);
    const char *base = getenv("TMPDIR");
    snprintf(fixture->directory, PATH_LEN, "%s/ipvm-store-XXXXXX",
             base ? base : "/tmp");
    if (!mkdtemp(fixture->directory))
        return -1;
    *state = fixture;
    return 0;
}

int setup_lmdb(void **state)
{
    if (setup_directory(state) != 0)
        return -1;
    struct fixture *fixture = *state;
    struct error err = {0};
    if (store_open(fixture->directory, NULL, &fixture->store, &err) ==
        STATUS_OK)
        return 0;
    fprintf(stderr, "%s\n", err.message);
    return -1;
}

int setup_memory(void **state)
{
    struct fixture *fixture = HEAP_NEW(struct fixture);
    fixture->in_memory = true;
    fixture->store = store_open_memory();
    *state = fixture;
    return 0;
}

int teardown(void **state)
{
    struct fixture *fixture = *state;
    store_close(fixture->store);
    if (!fixture->in_memory)
        remove_tree(fixture->directory);
    free(fixture);
    return 0;
}

void reopen(struct fixture *fixture)
{
    if (fixture->in_memory)
        return;
    store_close(fixture->store);
    fixture->store = NULL;
    assert_ok(store_open(fixture->directory, NULL, &fixture->store, NULL));
}

Bytes text_block(const char *text)
{
    return text_bytes(text_of(text));
}

Cid cid_of_text(const char *text)
{
    Cid cid;
    cid_of(CODEC_RAW, text_block(text), &cid);
    return cid;
}

Hash hash_of_text(const char *text)
{
    Hash hash;
    hash_sha256(text_block(text), &hash);
    return hash;
}

struct memo_entry entry_of(const char *text)
{
    return (struct memo_entry){
        .result = cid_of_text(text),
        .is_ok = true,
        .run_ns = 1,
        .cpu_ns = 2,
        .memory_peak = 3,
        .fuel = UINT64_MAX,
        .stored_bytes = 5,
        .made_s = -6,
        .engine = "wasmtime 48.0.8",
    };
}

void put_text(struct store *store, const char *text)
{
    struct store_batch *batch = store_batch_new(store);
    const Cid cid = cid_of_text(text);
    store_batch_block(batch, &cid, text_block(text));
    assert_ok(store_commit(batch, NULL));
    store_batch_free(batch);
}

void put_memo(struct store *store, const char *concrete, const char *result)
{
    struct store_batch *batch = store_batch_new(store);
    const Hash key = hash_of_text(concrete);
    const struct memo_entry entry = entry_of(result);
    store_batch_block(batch, &entry.result, text_block(result));
    store_batch_memo(batch, &key, &entry);
    assert_ok(store_commit(batch, NULL));
    store_batch_free(batch);
}

void assert_gets(struct store *store, const char *text)
{
    struct block *block = NULL;
    const Cid cid = cid_of_text(text);
    assert_ok(store_get(store, &cid, &block, NULL));
    assert_true(bytes_equal(block_bytes(block), text_block(text)));
    assert_true(cid_equal(block_cid(block), &cid));
    block_unref(block);
}
