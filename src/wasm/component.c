/* SPDX-License-Identifier: Apache-2.0 */
/* component.c - components of more than one core instance: through the
 * engine's component API, in the typed encoding. */
#include "wasm/guest.h"
#include "wasm/typed.h"

static void log_line(void *context, Text level, Text context_name, Text line)
{
    static const char *const levels[] = {
        [LOG_TRACE] = "trace", [LOG_DEBUG] = "debug",
        [LOG_INFO] = "info",   [LOG_WARN] = "warn",
        [LOG_ERROR] = "error", [LOG_CRITICAL] = "critical",
    };
    int found = LOG_INFO;
    for (int index = LOG_TRACE; index <= LOG_CRITICAL; index++) {
        if (text_equal(level, text_of(levels[index])))
            found = index;
    }
    guest_log(context, (LogLevel)found, context_name, line);
}

static GuestOutcome lift(struct guest *guest, Bytes result)
{
    const struct wit_type *type = guest->function->result;
    struct lifting lifting = {.source = {.bytes = result},
                              .out = guest->output};
    LiftOutcome outcome =
        lift_result(&lifting, type, place_typed(0), guest->call->homestar);
    // What is broken here was written by our own engine code.
    if (outcome == LIFT_BROKEN)
        return guest_end(guest, END_HOST, "%s", lifting.source.why);
    return guest_lifted(guest, &lifting, outcome);
}

GuestOutcome component_call(struct guest *guest,
                            const struct wit_value *arguments)
{
    struct engine_fault fault = {.message = ""};
    struct engine_limits limits = {.memory_max = guest->request->limits.memory,
                                   .fuel_max = guest->request->limits.fuel};
    const struct engine_component_host host = {.context = guest,
                                               .log = log_line};
    struct buffer encoded, result;
    // Twice what a guest can hold: each value has a head.
    buffer_init(&encoded, (size_t)8 << 30);
    buffer_init(&result, guest->output->max);
    typed_encode_arguments(guest->function->params, arguments, &encoded);
    EngineOutcome ran = engine_component_call(
        guest->module, guest->function->name, buffer_bytes(&encoded), &result,
        &limits, &host, &fault);
    GuestOutcome outcome = guest_outcome(guest, ran, &fault);
    if (result.status == STATUS_LIMIT)
        outcome = guest_end(guest, END_LIMIT_RESULT,
                            "the result is longer than %zu bytes", result.max);
    else if (outcome == GUEST_RETURNED)
        outcome = lift(guest, buffer_bytes(&result));
    buffer_deinit(&encoded);
    buffer_deinit(&result);
    return outcome;
}
