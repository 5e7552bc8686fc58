/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens that come again: remembered, expired or revoked since, taken once, and
 * many at once. */
#include "unit/node/authority.h"

#include <pthread.h>
#include <stdatomic.h>

#include "node/gate_parts.h"

/* --- What is remembered -------------------------------------------------- */

static void revocation_counts_for_what_was_let_in_before(void **state)
{
    struct authority *world = authority_new();
    const struct asking asking = {.by = &world->ben, .cmd = "/job/read"};
    (void)state;
    struct token *proof =
        delegate(world, &world->node, &world->ben, "/job/read", "[]");
    const Text text = bearer(world, asking, &proof, 1);
    for (unsigned round = 0; round < 3; round++)
        assert_string_equal(authority_enter(world, MAY_READ_JOB, text,
                                            &world->job, NULL, NULL),
                            "OK");
    authority_revoke(world, &world->node, &proof->cid);
    for (unsigned round = 0; round < 2; round++)
        assert_string_equal(authority_enter(world, MAY_READ_JOB, text,
                                            &world->job, NULL, NULL),
                            "Revoked");
    token_free(proof);

    // The same of one that stands by itself.
    struct token *own =
        invoke(world, (struct asking){.by = &world->ann, .cmd = "/job/read"},
               NULL, 0);
    const Text mine = pack(world, CONTAINER_BASE64URL, &own, 1);
    assert_string_equal(
        authority_enter(world, MAY_READ_JOB, mine, &world->job, NULL, NULL),
        "OK own");
    authority_revoke(world, &world->ann, &own->cid);
    assert_string_equal(
        authority_enter(world, MAY_READ_JOB, mine, &world->job, NULL, NULL),
        "Revoked");
    token_free(own);
    authority_free(world);
}

static void what_was_let_in_for_ones_own_is_not_for_others(void **state)
{
    struct authority *world = authority_new();
    (void)state;
    Hash other;
    memset(&other, 8, sizeof other);
    const Text text =
        bearer(world, (struct asking){.by = &world->ann, .cmd = "/job/read"},
               NULL, 0);
    assert_string_equal(
        authority_enter(world, MAY_READ_JOB, text, &world->job, NULL, NULL),
        "OK own");
    assert_string_equal(
        authority_enter(world, MAY_READ_JOB, text, &other, NULL, NULL),
        "InvalidClaim");
    assert_string_equal(
        authority_enter(world, MAY_READ_CONTENT, text, NULL, NULL, NULL),
        "InvalidCommand");
    // With a proof it is for others, too, whichever was asked for first.
    struct token *proof =
        delegate(world, &world->node, &world->ann, "/job/read", "[]");
    const Text wide =
        bearer(world, (struct asking){.by = &world->ann, .cmd = "/job/read"},
               &proof, 1);
    assert_string_equal(
        authority_enter(world, MAY_READ_JOB, wide, &world->job, NULL, NULL),
        "OK own");
    assert_string_equal(
        authority_enter(world, MAY_READ_JOB, wide, &other, NULL, NULL), "OK");
    token_free(proof);
    authority_free(world);
}

static void a_replay_is_seen_by_the_next_process_too(void **state)
{
    struct authority *world = authority_new();
    (void)state;
    const struct asking asking = {
        .by = &world->node, .cmd = "/job/control", .args = "{\"job\":@J}"};
    const Text text = bearer(world, asking, NULL, 0);
    assert_string_equal(
        authority_enter(world, MAY_CONTROL_JOB, text, &world->job, NULL, NULL),
        "OK");
    authority_reopen(world);
    assert_string_equal(
        authority_enter(world, MAY_CONTROL_JOB, text, &world->job, NULL, NULL),
        "Replayed");
    authority_free(world);
}

static void one_revoked_before_it_came_is_not_let_in(void **state)
{
    struct authority *world = authority_new();
    (void)state;
    struct token *own =
        invoke(world, (struct asking){.by = &world->ann, .cmd = "/job/read"},
               NULL, 0);
    authority_revoke(world, &world->ann, &own->cid);
    assert_string_equal(authority_enter(world, MAY_READ_JOB,
                                        pack(world, CONTAINER_RAW, &own, 1),
                                        &world->job, NULL, NULL),
                        "Revoked");
    token_free(own);
    authority_free(world);
}

/* What one signs with is all that says whose job it is. */
static void nobody_speaks_for_another(void **state)
{
    struct authority *world = authority_new();
    (void)state;
    struct token *own =
        invoke(world, (struct asking){.by = &world->ann, .cmd = "/job/read"},
               NULL, 0);
    uint8_t *bytes = malloc(own->bytes.len);
    assert_non_null(bytes);
    memcpy(bytes, own->bytes.data, own->bytes.len);
    // The signature is the 64 bytes behind three of its head.
    for (size_t at = 3; at < 3 + SIGNATURE_LEN; at++) {
        struct token *forged;
        bytes[at] ^= 1;
        assert_int_equal(
            token_read(bytes_of(bytes, own->bytes.len), NULL, &forged, NULL),
            STATUS_OK);
        assert_string_equal(
            authority_enter(world, MAY_READ_JOB,
                            pack(world, CONTAINER_RAW, &forged, 1),
                            &world->job, NULL, NULL),
            "InvalidSignature");
        token_free(forged);
        bytes[at] ^= 1;
    }
    free(bytes);
    token_free(own);
    authority_free(world);
}

static void time_counts_for_what_was_let_in_before(void **state)
{
    struct authority *world = authority_new();
    (void)state;
    struct token *proof =
        mint(&world->node, (struct token_claims){.kind = TOKEN_DELEGATION,
                                                 .aud = &world->ben.did,
                                                 .sub = &world->node.did,
                                                 .cmd = TEXT("/job/read"),
                                                 .has_exp = true,
                                                 .exp = world->now_s + 100,
                                                 .has_nbf = true,
                                                 .nbf = world->now_s - 100});
    const Text text =
        bearer(world,
               (struct asking){
                   .by = &world->ben, .cmd = "/job/read", .exp_in_s = 200},
               &proof, 1);
    const struct row_of_time {
        int64_t after_s;
        const char *expected;
    } rows[] = {{1, "OK"},  {100, "OK"},  {101, "Expired"},  {201, "Expired"},
                {50, "OK"}, {-100, "OK"}, {-101, "TooEarly"}};
    for (size_t index = 0; index < sizeof rows / sizeof *rows; index++) {
        world->gate->now_s = world->now_s + rows[index].after_s;
        assert_string_equal(authority_enter(world, MAY_READ_JOB, text,
                                            &world->job, NULL, NULL),
                            rows[index].expected);
    }
    token_free(proof);
    authority_free(world);
}

static void remembers_no_more_than_it_may(void **state)
{
    struct authority *world = authority_new();
    struct visits *visits = visits_new(2);
    (void)state;
    Hash hashes[3] = {{{1}}, {{2}}, {{3}}};
    for (size_t index = 0; index < 4; index++) {
        const struct visit visit = {
            .own = invoke(world, (struct asking){0}, NULL, 0)};
        visit_unref(visits_add(visits, &hashes[index % 3], visit));
        assert_true(visits_count(visits) <= 2);
        // The first is used each time, so another one goes.
        if (index < 2)
            visit_unref(visits_get(visits, &hashes[0]));
    }
    assert_int_equal(visits_count(visits), 2);
    assert_null(visits_get(visits, &hashes[1]));
    visits_free(visits);
    authority_free(world);
}

/* More than are remembered: the oldest are forgotten, none is refused. */
static void forgets_the_bearers_that_come_least(void **state)
{
    enum { MANY = 4200 };
    struct authority *world = authority_new();
    Text first = {NULL, 0};
    (void)state;
    for (unsigned index = 0; index < MANY; index++) {
        const Text text = bearer(
            world, (struct asking){.by = &world->node, .cmd = "/node/read"},
            NULL, 0);
        if (index == 0)
            first = text;
        assert_string_equal(
            authority_enter(world, MAY_READ_NODE, text, NULL, NULL, NULL),
            "OK");
    }
    assert_string_equal(
        authority_enter(world, MAY_READ_NODE, first, NULL, NULL, NULL), "OK");
    authority_free(world);
}

/* --- Several at once ----------------------------------------------------- */

enum { THREADS = 4, BEARERS = 6, ROUNDS = 40 };
struct crowd {
    struct authority *world;
    Text bearers[BEARERS], once;
    atomic_uint let_in, let_in_once;
};

static void *ask_many(void *context)
{
    struct crowd *crowd = context;
    struct authority *world = crowd->world;
    char invitation[SECRET_TEXT_MAX], cookie[SECRET_TEXT_MAX];
    for (unsigned round = 0; round < ROUNDS; round++) {
        const Text text = crowd->bearers[round % BEARERS];
        if (strcmp(authority_enter(world, MAY_READ_JOB, text, &world->job,
                                   NULL, NULL),
                   "OK") == 0)
            crowd->let_in++;
        gate_invite(world->gate, invitation);
        if (gate_begin_session(world->gate, text_of(invitation), cookie,
                               NULL) == STATUS_OK)
            gate_end_session(world->gate, text_of(cookie));
    }
    if (strcmp(authority_enter(world, MAY_CONTROL_JOB, crowd->once,
                               &world->job, NULL, NULL),
               "OK") == 0)
        crowd->let_in_once++;
    return NULL;
}

static void many_ask_at_once_and_one_token_is_taken_once(void **state)
{
    struct crowd crowd = {.world = authority_new()};
    struct authority *world = crowd.world;
    pthread_t threads[THREADS];
    (void)state;
    visits_free(world->gate->visits);
    world->gate->visits = visits_new(2); // Forgotten while they are used.
    struct token *proof =
        delegate(world, &world->node, &world->ben, "/job", "[]");
    for (size_t index = 0; index < BEARERS; index++)
        crowd.bearers[index] = bearer(
            world, (struct asking){.by = &world->ben, .cmd = "/job/read"},
            &proof, 1);
    crowd.once = bearer(world,
                        (struct asking){.by = &world->ben,
                                        .cmd = "/job/control",
                                        .args = "{\"job\":@J}"},
                        &proof, 1);
    for (size_t index = 0; index < THREADS; index++)
        assert_int_equal(
            pthread_create(&threads[index], NULL, ask_many, &crowd), 0);
    for (size_t index = 0; index < THREADS; index++)
        pthread_join(threads[index], NULL);
    assert_int_equal(crowd.let_in, THREADS * ROUNDS);
    assert_int_equal(crowd.let_in_once, 1);
    token_free(proof);
    authority_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(revocation_counts_for_what_was_let_in_before),
        cmocka_unit_test(what_was_let_in_for_ones_own_is_not_for_others),
        cmocka_unit_test(a_replay_is_seen_by_the_next_process_too),
        cmocka_unit_test(one_revoked_before_it_came_is_not_let_in),
        cmocka_unit_test(nobody_speaks_for_another),
        cmocka_unit_test(time_counts_for_what_was_let_in_before),
        cmocka_unit_test(remembers_no_more_than_it_may),
        cmocka_unit_test(forgets_the_bearers_that_come_least),
        cmocka_unit_test(many_ask_at_once_and_one_token_is_taken_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
