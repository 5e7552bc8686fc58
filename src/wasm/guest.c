/* SPDX-License-Identifier: Apache-2.0 */
#include "wasm/guest.h"

#include <stdio.h>

#include "wasm/imports.h"

enum {
    LOG_LINE_MAX = 4096, /* bytes of one line that are passed on */
    LOG_CONTEXT_MAX = 256,
};

GuestOutcome guest_trap(struct guest *guest, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(guest->message, sizeof guest->message, format, arguments);
    va_end(arguments);
    return GUEST_TRAPPED;
}

GuestOutcome guest_end(struct guest *guest, End end, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(guest->message, sizeof guest->message, format, arguments);
    va_end(arguments);
    guest->end = end;
    return GUEST_ENDED;
}

GuestOutcome guest_outcome(struct guest *guest, EngineOutcome outcome,
                           const struct engine_fault *fault)
{
    static const End ends[] = {
        [ENGINE_LIMIT_MEMORY] = END_LIMIT_MEMORY,
        [ENGINE_LIMIT_FUEL] = END_LIMIT_FUEL,
        [ENGINE_LIMIT_STACK] = END_LIMIT_STACK,
        [ENGINE_LIMIT_TIME] = END_LIMIT_TIME,
        [ENGINE_STOPPED] = END_HOST, // The import that did says why.
        [ENGINE_BROKEN] = END_HOST,
    };
    if (outcome == ENGINE_RAN)
        return GUEST_RETURNED;
    // An import may have said already which rule the guest broke.
    if (outcome == ENGINE_TRAPPED && guest->message[0] != '\0')
        return GUEST_TRAPPED;
    if (outcome == ENGINE_STOPPED && guest->end != END_NONE)
        return GUEST_ENDED;
    if (outcome == ENGINE_TRAPPED)
        return guest_trap(guest, "%s", fault->message);
    ASSERT((size_t)outcome < sizeof ends / sizeof ends[0]);
    return guest_end(guest, ends[outcome], "%s", fault->message);
}

struct engine_function *guest_find(struct guest *guest, Text name)
{
    struct engine_function *function = engine_find(guest->instance, name);
    if (!function)
        guest_end(guest, END_HOST,
                  "the module does not export %.*s, though its description "
                  "says so",
                  TEXT_ARG(name));
    return function;
}

GuestOutcome guest_call(struct guest *guest, struct engine_function *function,
                        const EngineNumber *params, size_t param_count,
                        EngineNumber *results, size_t result_count)
{
    struct engine_fault fault = {.message = ""};
    EngineOutcome outcome = engine_call(function, params, param_count, results,
                                        result_count, &fault);
    return guest_outcome(guest, outcome, &fault);
}

GuestOutcome guest_start(struct guest *guest)
{
    struct engine_fault fault = {.message = ""};
    struct engine_limits limits = {.memory_max = guest->request->limits.memory,
                                   .fuel_max = guest->request->limits.fuel};
    size_t count;
    const struct engine_import *imports =
        imports_for(guest->description, guest->arena, &count);
    guest->may_import = true;
    EngineOutcome outcome =
        engine_instantiate(guest->module, imports, count, guest, &limits,
                           &guest->instance, &fault);
    if (outcome != ENGINE_RAN)
        return guest_outcome(guest, outcome, &fault);
    if (!guest->description->has_initialize)
        return GUEST_RETURNED;
    struct engine_function *initialize =
        guest_find(guest, TEXT("_initialize"));
    if (!initialize)
        return GUEST_ENDED;
    return guest_call(guest, initialize, NULL, 0, NULL, 0);
}

GuestOutcome guest_lifted(struct guest *guest, const struct lifting *lifting,
                          LiftOutcome outcome)
{
    switch (outcome) {
    case LIFTED:
        return GUEST_RETURNED;
    case LIFT_BROKEN:
        return guest_trap(guest, "%s", lifting->source.why);
    case LIFT_LIMIT:
        return guest_end(guest, END_LIMIT_RESULT,
                         "the result is longer than %zu bytes or %d values",
                         lifting->out->max, RESULT_VALUES_MAX);
    case LIFT_UNREPRESENTABLE:
        break;
    }
    snprintf(guest->message, sizeof guest->message,
             "the result holds a NaN, an infinity or a reserved map");
    return GUEST_UNREPRESENTABLE;
}

EngineVerdict guest_verdict(struct guest *guest, Status status,
                            const struct error *err)
{
    if (status == STATUS_OK)
        return ENGINE_GO_ON;
    if (status == STATUS_INVALID)
        return import_trap(guest, err->message);
    guest_end(guest,
              status == STATUS_NOT_FOUND || status == STATUS_UNSUPPORTED
                  ? END_UNAVAILABLE
              : status == STATUS_LIMIT ? END_LIMIT_MEMORY
                                       : END_HOST,
              "%s", err->message);
    return ENGINE_STOP;
}

void guest_finish(struct guest *guest)
{
    if (!guest->instance)
        return;
    guest->memory_peak = engine_memory_peak(guest->instance);
    guest->fuel = guest->counts_fuel ? engine_fuel_used(guest->instance) : 0;
    engine_instance_free(guest->instance);
    guest->instance = NULL;
}

static size_t add_text(char *line, size_t len, Text text, size_t max)
{
    size_t some = text.len < max - len ? text.len : max - len;
    if (some > 0)
        memcpy(line + len, text.data, some);
    return len + some;
}

void guest_log(struct guest *guest, LogLevel level, Text context, Text line)
{
    char joined[LOG_LINE_MAX];
    size_t len = 0, bad;
    if (!guest->host->log)
        return;
    // A line too long is cut here, where the guest cannot notice.
    if (context.len > 0) {
        len = add_text(joined, len, context, LOG_CONTEXT_MAX);
        len = add_text(joined, len, TEXT(": "), sizeof joined);
    }
    len = add_text(joined, len, line, sizeof joined);
    // The cut may have gone through a character.
    if (!utf8_is_valid((Text){joined, len}, &bad))
        len = bad;
    guest->host->log(guest->host->context, guest->request->ticket, level,
                     (Text){joined, len});
}
