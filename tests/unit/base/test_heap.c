/* SPDX-License-Identifier: Apache-2.0 */
/* test_heap.c - the priority queue against a plain array. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/heap.h"

enum { THINGS = 500, STEPS = 20000 };

struct thing {
    struct heap_item item;
    unsigned key;
};

static bool before(const struct heap_item *one, const struct heap_item *other)
{
    return ((const struct thing *)(const void *)one)->key <
           ((const struct thing *)(const void *)other)->key;
}

static bool fits(void *context, struct heap_item *item)
{
    const unsigned *divisor = context;
    return ((const struct thing *)(void *)item)->key % *divisor == 0;
}

static const struct thing *smallest(const struct thing *things)
{
    const struct thing *found = NULL;
    for (unsigned index = 0; index < THINGS; index++)
        if (things[index].item.place > 0 &&
            (!found || things[index].key < found->key))
            found = &things[index];
    return found;
}

static void the_first_is_the_smallest_whatever_is_done(void **state)
{
    (void)state;
    static struct thing things[THINGS];
    struct heap heap;
    uint32_t random = 1;
    heap_init(&heap, before);
    for (unsigned step = 0; step < STEPS; step++) {
        random = random * 1664525 + 1013904223;
        struct thing *thing = &things[(random >> 8) % THINGS];
        unsigned key = random >> 20;
        if (!thing->item.place) {
            thing->key = key;
            heap_add(&heap, &thing->item);
        } else if (random & 1) {
            thing->key = key;
            heap_move(&heap, &thing->item);
        } else {
            heap_remove(&heap, &thing->item);
            assert_int_equal(thing->item.place, 0);
        }
        const struct thing *best = smallest(things);
        const struct thing *first = (const void *)heap_first(&heap);
        assert_int_equal(best == NULL, first == NULL);
        if (best)
            assert_int_equal(first->key, best->key);
    }
    heap_deinit(&heap);
}

static void finds_the_first_that_fits_among_the_next_few(void **state)
{
    (void)state;
    static struct thing things[THINGS];
    struct heap heap;
    unsigned divisor = 7;
    heap_init(&heap, before);
    assert_null(heap_find(&heap, fits, &divisor));
    for (unsigned index = 0; index < THINGS; index++) {
        things[index] = (struct thing){.key = 1 + (index * 17) % THINGS};
        heap_add(&heap, &things[index].item);
    }
    const struct thing *found = (void *)heap_find(&heap, fits, &divisor);
    assert_int_equal(found->key, 7);
    divisor = HEAP_LOOKS_MAX;
    found = (void *)heap_find(&heap, fits, &divisor);
    assert_int_equal(found->key, HEAP_LOOKS_MAX);
    // The one behind is not looked at.
    divisor = HEAP_LOOKS_MAX + 1;
    assert_null(heap_find(&heap, fits, &divisor));
    heap_deinit(&heap);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_is_the_smallest_whatever_is_done),
        cmocka_unit_test(finds_the_first_that_fits_among_the_next_few),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
