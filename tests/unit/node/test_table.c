/* SPDX-License-Identifier: Apache-2.0 */
/* Whose job is started next: a table without a node around it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

// Before cmocka, which has a macro fail().
#include "base/status.h"

#include <cmocka.h>

#include "base/map.h"
#include "node/state.h"

enum { ACTIVE_MAX = 2, OWNERS = 8 };

static struct node *node_of(uint32_t owner_weight)
{
    struct node *node = HEAP_NEW(struct node);
    node->config.active_max = ACTIVE_MAX;
    node->config.owner_weight = owner_weight;
    memcpy(node->did.text, "did:key:owner", sizeof "did:key:owner");
    pthread_mutex_init(&node->lock, NULL);
    ranking_init(&node->waiting);
    ranking_init(&node->wall);
    return node;
}

static void node_end(struct node *node)
{
    jobs_free(node);
    pthread_mutex_destroy(&node->lock);
    free(node);
}

static void queue_one(struct node *node, const Did *who)
{
    static uint8_t number;
    const struct job_facts facts = {
        .id = {.bytes = {++number}},
        .subject = who,
        .share = who,
        .state = JOB_QUEUED,
    };
    job_enqueue(node, jobs_add(node, &facts));
}

/* As active_start() counts. */
static struct job *start_next(struct node *node)
{
    struct job *job = jobs_next(node);
    if (job) {
        job->share->active++;
        node->active++;
    }
    return job;
}

static void end(struct node *node, struct job *job)
{
    job->share->active--;
    node->active--;
}

static void who_has_no_run_gets_one_whoever_is_first(void **state)
{
    struct node *node = node_of(100);
    const Did guest = {.text = "did:key:guest"};
    (void)state;
    queue_one(node, &guest);
    for (unsigned count = 0; count < OWNERS; count++)
        queue_one(node, &node->did);
    // The guest had his turn, and so is behind the owner for long.
    struct job *guests = start_next(node);
    assert_true(did_equal(guests->facts.share, &guest));
    end(node, guests);
    for (unsigned count = 0; count < ACTIVE_MAX; count++)
        assert_true(did_equal(start_next(node)->facts.share, &node->did));
    assert_null(start_next(node));
    queue_one(node, &guest);
    struct job *next = start_next(node);
    assert_non_null(next);
    assert_true(did_equal(next->facts.share, &guest));
    // One, as long as there is no place.
    queue_one(node, &guest);
    assert_null(start_next(node));
    node_end(node);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_has_no_run_gets_one_whoever_is_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
