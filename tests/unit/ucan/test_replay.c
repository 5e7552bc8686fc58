/* SPDX-License-Identifier: Apache-2.0 */
/* Invocations seen before and revocations, over several processes and over
 * their deaths. */
#include "unit/ucan/actors.h"

#include <lmdb.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/store.h"
#include "ucan/revocation.h"

enum { TIME = 1767225600, PROCESSES = 4, INVOCATIONS = 24 };

struct place {
    char directory[64];
    struct actor alice;
};

static int open_place(void **state)
{
    struct place *place = malloc(sizeof *place);
    snprintf(place->directory, sizeof place->directory,
             "/tmp/ipvm-replay-XXXXXX");
    assert_non_null(mkdtemp(place->directory));
    place->alice = actor_new(KEY_ED25519, 1);
    *state = place;
    return 0;
}

static int close_place(void **state)
{
    struct place *place = *state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", place->directory);
    secret_key_free(place->alice.key);
    assert_int_equal(system(command), 0);
    free(place);
    return 0;
}

static struct store *open_store(const struct place *place)
{
    struct store *store;
    struct error err = {0};
    if (store_open(place->directory, NULL, &store, &err) != STATUS_OK)
        fail_msg("%s", err.message);
    return store;
}

/* The same payload each time for the same number. */
static bool take(const struct place *place, struct store *store,
                 uint32_t nonce)
{
    bool is_new = false;
    struct token *token =
        mint(&place->alice,
             (struct token_claims){.kind = TOKEN_INVOCATION,
                                   .sub = &place->alice.did,
                                   .cmd = TEXT("/a"),
                                   .nonce = bytes_of(&nonce, sizeof nonce),
                                   .has_exp = true,
                                   .exp = TIME + 60});
    assert_int_equal(replay_take(store, token, TIME, &is_new, NULL),
                     STATUS_OK);
    token_free(token);
    return is_new;
}

/* A child takes all and writes down which of them were new. */
static void take_all(const struct place *place, int start, int report)
{
    struct store *store = open_store(place);
    char go;
    // All begin at once: when the pipe is closed.
    assert_int_equal(read(start, &go, 1), 0);
    for (uint32_t nonce = 0; nonce < INVOCATIONS; nonce++)
        if (take(place, store, nonce))
            assert_int_equal(write(report, &nonce, sizeof nonce),
                             sizeof nonce);
    store_close(store);
    _exit(0);
}

static void exactly_one_process_takes_an_invocation(void **state)
{
    const struct place *place = *state;
    int start[2], report[2], taken[INVOCATIONS] = {0};
    pid_t children[PROCESSES];
    uint32_t nonce;
    assert_int_equal(pipe(start), 0);
    assert_int_equal(pipe(report), 0);
    for (size_t index = 0; index < PROCESSES; index++) {
        children[index] = fork();
        assert_true(children[index] >= 0);
        if (children[index] == 0) {
            close(start[1]);
            close(report[0]);
            take_all(place, start[0], report[1]);
        }
    }
    close(start[0]);
    close(start[1]);
    close(report[1]);
    while (read(report[0], &nonce, sizeof nonce) == (ssize_t)sizeof nonce)
        taken[nonce]++;
    close(report[0]);
    for (size_t index = 0; index < PROCESSES; index++) {
        int how = -1;
        assert_int_equal(waitpid(children[index], &how, 0), children[index]);
        assert_int_equal(how, 0);
    }
    for (size_t index = 0; index < INVOCATIONS; index++)
        assert_int_equal(taken[index], 1);
}

/* Takes one after the other until it is killed. */
static void take_for_ever(const struct place *place, int report)
{
    struct store *store = open_store(place);
    for (uint32_t nonce = 0;; nonce++)
        if (take(place, store, nonce) &&
            write(report, &nonce, sizeof nonce) != (ssize_t)sizeof nonce)
            _exit(1);
}

static void what_was_taken_before_a_kill_is_remembered(void **state)
{
    const struct place *place = *state;
    uint32_t nonce, last = 0;
    int report[2], how;
    assert_int_equal(pipe(report), 0);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(report[0]);
        take_for_ever(place, report[1]);
    }
    close(report[1]);
    while (last < 20 &&
           read(report[0], &nonce, sizeof nonce) == (ssize_t)sizeof nonce)
        last = nonce;
    kill(child, SIGKILL);
    while (read(report[0], &nonce, sizeof nonce) == (ssize_t)sizeof nonce)
        last = nonce;
    close(report[0]);
    assert_int_equal(waitpid(child, &how, 0), child);
    struct store *store = open_store(place);
    for (nonce = 0; nonce <= last; nonce++)
        assert_false(take(place, store, nonce));
    // One more may have been taken and not told; after it all are new.
    assert_true(take(place, store, last + 2));
    store_close(store);
}

static void a_store_that_cannot_be_written_takes_nothing(void **state)
{
    const struct place *place = *state;
    const struct store_options options = {.read_only = true};
    struct store *store = open_store(place);
    struct error err = {0};
    bool is_new = true;
    store_close(store);
    assert_int_equal(store_open(place->directory, &options, &store, &err),
                     STATUS_OK);
    struct token *token =
        mint(&place->alice, (struct token_claims){.kind = TOKEN_INVOCATION,
                                                  .sub = &place->alice.did,
                                                  .cmd = TEXT("/a")});
    const struct chain_options checking = {.now_s = TIME, .store = store};
    struct authorised *authorised;
    assert_int_not_equal(replay_take(store, token, TIME, &is_new, &err),
                         STATUS_OK);
    assert_false(is_new);
    assert_int_not_equal(
        chain_authorise(token, &checking, &authorised, NULL, &err), STATUS_OK);
    token_free(token);
    store_close(store);
}

/* As a store that was made before there was such a table. */
static void drop_table(const struct place *place, const char *name)
{
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi table;
    assert_int_equal(mdb_env_create(&env), 0);
    assert_int_equal(mdb_env_set_maxdbs(env, 64), 0);
    assert_int_equal(mdb_env_open(env, place->directory, 0, 0600), 0);
    assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
    assert_int_equal(mdb_dbi_open(txn, name, 0, &table), 0);
    assert_int_equal(mdb_drop(txn, table, 1), 0);
    assert_int_equal(mdb_txn_commit(txn), 0);
    mdb_env_close(env);
}

static void a_store_from_before_there_were_revocations_can_be_read(
    void **state)
{
    const struct place *place = *state;
    const struct store_options options = {.read_only = true};
    struct store *store = open_store(place);
    struct store_stat stat;
    size_t which;
    store_close(store);
    drop_table(place, "revocations");
    drop_table(place, "replays");
    assert_int_equal(store_open(place->directory, &options, &store, NULL),
                     STATUS_OK);
    struct token *token =
        mint(&place->alice, (struct token_claims){.kind = TOKEN_INVOCATION,
                                                  .sub = &place->alice.did,
                                                  .cmd = TEXT("/a")});
    const struct token *chain[] = {token};
    assert_int_equal(revocation_check(store, chain, 1, &which, NULL),
                     STATUS_OK);
    assert_int_equal(store_stat(store, &stat, NULL), STATUS_OK);
    store_close(store);
    // Whoever may write makes them.
    store = open_store(place);
    assert_true(take(place, store, 1));
    assert_false(take(place, store, 1));
    store_close(store);
    token_free(token);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            exactly_one_process_takes_an_invocation, open_place, close_place),
        cmocka_unit_test_setup_teardown(
            what_was_taken_before_a_kill_is_remembered, open_place,
            close_place),
        cmocka_unit_test_setup_teardown(
            a_store_that_cannot_be_written_takes_nothing, open_place,
            close_place),
        cmocka_unit_test_setup_teardown(
            a_store_from_before_there_were_revocations_can_be_read, open_place,
            close_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
