/* SPDX-License-Identifier: Apache-2.0 */
/* canonical.c - guests of kinds 1 and 2 by our own canonical ABI on linear
 * memory: bulk bytes are a memcpy. What the guest can see is exactly what the
 * component made of it would show it. */
#include "wasm/guest.h"
#include "wasm/lower.h"

struct allocator {
    struct guest *guest;
    struct engine_function *function; /* cabi_realloc, or NULL */
    GuestOutcome outcome;
};

static bool allocate(void *context, uint32_t align, uint32_t size,
                     uint32_t *address)
{
    struct allocator *allocator = context;
    struct guest *guest = allocator->guest;
    const EngineNumber params[4] = {0, 0, align, size};
    EngineNumber result = 0;
    if (!allocator->function) {
        allocator->outcome = guest_end(
            guest, END_REFUSED_MODULE,
            "the module has no cabi_realloc, but an argument needs memory");
        return false;
    }
    guest->may_import = false;
    allocator->outcome =
        guest_call(guest, allocator->function, params, 4, &result, 1);
    guest->may_import = true;
    *address = (uint32_t)result;
    return allocator->outcome == GUEST_RETURNED;
}

static struct engine_memory memory_of(void *context)
{
    struct allocator *allocator = context;
    return engine_memory_of(allocator->guest->instance);
}

static GuestOutcome lower(struct guest *guest,
                          const struct wit_value *arguments,
                          EngineNumber params[WIT_FLAT_PARAMS_MAX],
                          size_t *count)
{
    const struct wasm_function *callee = guest->function;
    struct allocator allocator = {.guest = guest};
    if (callee->core_realloc.len > 0) {
        allocator.function = guest_find(guest, callee->core_realloc);
        if (!allocator.function)
            return GUEST_ENDED;
    }
    const struct guest_memory memory = {
        .context = &allocator, .allocate = allocate, .memory = memory_of};
    struct lowering lowering = {.guest = &memory};
    switch (
        lower_arguments(&lowering, callee->params, arguments, params, count)) {
    case LOWERED:
        return GUEST_RETURNED;
    case LOWER_BROKEN:
        return guest_trap(guest, "%s", lowering.why);
    case LOWER_OVER:
        break;
    }
    return allocator.outcome;
}

static GuestOutcome lift(struct guest *guest, const EngineNumber *result)
{
    const struct wit_type *type = guest->function->result;
    struct engine_memory memory = engine_memory_of(guest->instance);
    struct lifting lifting = {
        .source = {.bytes = bytes_of(memory.data, memory.len)},
        .out = guest->output};
    struct place place = place_flat(result);
    if (type && type->flat > WIT_FLAT_RESULTS_MAX)
        place = place_memory(&lifting.source, type, (uint32_t)*result);
    return guest_lifted(
        guest, &lifting,
        lift_result(&lifting, type, place, guest->call->homestar));
}

/* Guest code once more; a trap in it is the result. */
static GuestOutcome post_return(struct guest *guest,
                                const EngineNumber *result, size_t count)
{
    if (guest->function->core_post.len == 0)
        return GUEST_RETURNED;
    struct engine_function *post =
        guest_find(guest, guest->function->core_post);
    if (!post)
        return GUEST_ENDED;
    guest->may_import = false;
    return guest_call(guest, post, result, count, NULL, 0);
}

GuestOutcome canonical_call(struct guest *guest,
                            const struct wit_value *arguments)
{
    const struct wasm_function *callee = guest->function;
    EngineNumber params[WIT_FLAT_PARAMS_MAX] = {0}, result = 0;
    size_t count = 0;
    size_t results = callee->result && callee->result->flat > 0 ? 1 : 0;
    GuestOutcome outcome = guest_start(guest);
    if (outcome != GUEST_RETURNED)
        return outcome;
    outcome = lower(guest, arguments, params, &count);
    if (outcome != GUEST_RETURNED)
        return outcome;
    struct engine_function *function = guest_find(guest, callee->core_export);
    if (!function)
        return GUEST_ENDED;
    outcome = guest_call(guest, function, params, count, &result, results);
    if (outcome != GUEST_RETURNED)
        return outcome;
    // The result is read before post-return gives its memory back.
    GuestOutcome lifted = lift(guest, &result);
    if (lifted != GUEST_RETURNED && lifted != GUEST_UNREPRESENTABLE)
        return lifted;
    outcome = post_return(guest, &result, results);
    return outcome == GUEST_RETURNED ? lifted : outcome;
}
