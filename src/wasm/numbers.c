/* SPDX-License-Identifier: Apache-2.0 */
/* numbers.c - guests of kind 4: numbers in, at most one number out. */
#include "wasm/guest.h"

GuestOutcome numbers_call(struct guest *guest,
                          const struct wit_value *arguments)
{
    const struct wasm_function *callee = guest->function;
    uint32_t count = callee->params->count;
    EngineNumber result = 0;
    EngineNumber *params = arena_array(guest->arena, count, sizeof *params);
    for (uint32_t index = 0; index < count; index++) {
        bool wide = callee->params->members[index].type->size == 8;
        params[index] =
            wide ? arguments[index].bits : (uint32_t)arguments[index].bits;
    }
    GuestOutcome outcome = guest_start(guest);
    if (outcome != GUEST_RETURNED)
        return outcome;
    struct engine_function *function = guest_find(guest, callee->name);
    if (!function)
        return GUEST_ENDED;
    outcome = guest_call(guest, function, params, count, &result,
                         callee->result ? 1 : 0);
    if (outcome != GUEST_RETURNED)
        return outcome;
    struct lifting lifting = {.out = guest->output};
    return guest_lifted(guest, &lifting,
                        lift_result(&lifting, callee->result,
                                    place_flat(&result),
                                    guest->call->homestar));
}
