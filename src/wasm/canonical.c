/* SPDX-License-Identifier: Apache-2.0 */
/* canonical.c - guests of kinds 1 and 2 by our own canonical ABI on linear
 * memory: bulk bytes are a memcpy. What the guest can see is exactly what the
 * component made of it would show it. */
#include "wasm/guest.h"

static bool allocate(void *context, uint32_t align, uint32_t size,
                     uint32_t *address)
{
    struct guest_allocator *allocator = context;
    struct guest *guest = allocator->guest;
    const EngineNumber params[4] = {0, 0, align, size};
    EngineNumber result = 0;
    if (!allocator->function) {
        allocator->outcome = guest_end(
            guest, END_REFUSED_MODULE,
            "the module has no cabi_realloc, but a value needs memory");
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
    struct guest_allocator *allocator = context;
    return engine_memory_of(allocator->guest->instance);
}

static uint32_t handle_of(void *context, uint32_t blob, bool is_borrow)
{
    struct guest_allocator *allocator = context;
    return blob_handle_new(allocator->guest->content, blob, is_borrow);
}

struct guest_memory guest_memory_of(struct guest_allocator *allocator)
{
    return (struct guest_memory){.context = allocator,
                                 .allocate = allocate,
                                 .memory = memory_of,
                                 .handle = handle_of};
}

GuestOutcome guest_lowered(struct guest_allocator *allocator,
                           const struct lowering *lowering)
{
    if (lowering->outcome == LOWER_OVER)
        return allocator->outcome;
    if (lowering->outcome == LOWER_BROKEN)
        return guest_trap(allocator->guest, "%s", lowering->why);
    return GUEST_RETURNED;
}

static GuestOutcome lower(struct guest *guest,
                          const struct wit_value *arguments,
                          EngineNumber params[WIT_FLAT_PARAMS_MAX],
                          size_t *count)
{
    const struct wasm_function *callee = guest->function;
    struct guest_allocator allocator = {.guest = guest};
    if (callee->core_realloc.len > 0) {
        allocator.function = guest_find(guest, callee->core_realloc);
        if (!allocator.function)
            return GUEST_ENDED;
    }
    const struct guest_memory memory = guest_memory_of(&allocator);
    struct lowering lowering = {.guest = &memory};
    // What came of it is in lowering->outcome.
    (void)lower_arguments(&lowering, callee->params, arguments, params, count);
    return guest_lowered(&allocator, &lowering);
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
    if (guest->content->borrows > 0)
        return guest_trap(guest, "a blob that was borrowed was not given "
                                 "back before returning");
    // The result is read before post-return gives its memory back.
    GuestOutcome lifted = lift(guest, &result);
    if (lifted != GUEST_RETURNED && lifted != GUEST_UNREPRESENTABLE)
        return lifted;
    outcome = post_return(guest, &result, results);
    return outcome == GUEST_RETURNED ? lifted : outcome;
}
