/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_doctor.c - `ipvm doctor`: looks, and says what to do about what it
 * finds. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/block_input.h"
#include "cli/doctor.h"
#include "cli/output.h"
#include "cli/tables.h"
#include "lib/handle.h"

void doctor_found(struct doctor *doctor, Health health, const char *name,
                  const char *advice, const char *format, ...)
{
    char words[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(words, sizeof words, format, arguments);
    va_end(arguments);
    ASSERT(doctor->count < FINDINGS_MAX);
    doctor->findings[doctor->count++] = (struct finding){
        .health = health,
        .name = name,
        .words = arena_copy_text(&doctor->arena, text_of(words)),
        .advice = advice ? arena_copy_text(&doctor->arena, text_of(advice))
                         : TEXT(""),
    };
}

static const char *const health_names[] = {
    [HEALTH_FINE] = "fine",
    [HEALTH_DOUBTFUL] = "doubtful",
    [HEALTH_WRONG] = "wrong",
};

static size_t count_of(const struct doctor *doctor, Health health)
{
    size_t count = 0;
    for (size_t at = 0; at < doctor->count; at++)
        count += doctor->findings[at].health == health;
    return count;
}

/* Without what is fine, if `--quiet`. */
static void print_findings(struct doctor *doctor)
{
    static const char *const marks[] = {"✓", "!", "✗"};
    static const Style styles[] = {STYLE_GREEN, STYLE_YELLOW, STYLE_RED};
    const bool color = doctor->cli->color;
    for (size_t at = 0; at < doctor->count; at++) {
        const struct finding *finding = &doctor->findings[at];
        const Text words = output_safe(finding->words, &doctor->arena);
        const Text advice = output_safe(finding->advice, &doctor->arena);
        if (doctor->cli->quiet && finding->health == HEALTH_FINE)
            continue;
        printf("%s%s%s %-8s %.*s\n", style(color, styles[finding->health]),
               marks[finding->health], style(color, STYLE_NONE), finding->name,
               TEXT_ARG(words));
        if (advice.len > 0)
            printf("           %s→%s %.*s\n", style(color, STYLE_BOLD),
                   style(color, STYLE_NONE), TEXT_ARG(advice));
    }
}

static void print_json(struct doctor *doctor)
{
    Value *items = arena_array(&doctor->arena, doctor->count, sizeof *items);
    for (size_t at = 0; at < doctor->count; at++) {
        const struct finding *finding = &doctor->findings[at];
        const struct value_entry entries[] = {
            {TEXT("health"),
             value_text(text_of(health_names[finding->health]))},
            {TEXT("name"), value_text(text_of(finding->name))},
            {TEXT("words"),
             value_text(output_safe(finding->words, &doctor->arena))},
            {TEXT("advice"), value_text(finding->advice)},
        };
        items[at] = value_map(&doctor->arena, entries,
                              finding->advice.len > 0 ? 4 : 3);
    }
    const struct value_entry entries[] = {
        {TEXT("findings"), value_list(items, doctor->count)},
        {TEXT("doubtful"), value_uint(count_of(doctor, HEALTH_DOUBTFUL))},
        {TEXT("wrong"), value_uint(count_of(doctor, HEALTH_WRONG))},
    };
    const Value whole = value_map(&doctor->arena, entries, 3);
    output_json(&whole);
}

static int run_doctor(struct cli *cli)
{
    struct error err = {0};
    struct doctor *doctor = HEAP_NEW(struct doctor);
    doctor->cli = cli;
    const Status status =
        lib_store_path(cli->values[OPTION_STORE], doctor->store, &err);
    if (status == STATUS_OK) {
        doctor_look_at_store(doctor);
        doctor_look_at_key(doctor);
        doctor_look_at_node(doctor);
        doctor_look_at_disk(doctor);
    } else {
        doctor_found(doctor, HEALTH_WRONG, "store", "set IPVM_STORE or HOME",
                     "%s", err.message);
    }
    doctor_look_at_limits(doctor);
    doctor_look_at_clock(doctor);
    doctor_look_at_worker(doctor);
    if (cli->json)
        print_json(doctor);
    else
        print_findings(doctor);
    const size_t wrong = count_of(doctor, HEALTH_WRONG);
    arena_deinit(&doctor->arena);
    free(doctor);
    return wrong > 0 ? EXIT_FAILED : EXIT_OK;
}

const struct command doctor_command = {
    .name = "doctor",
    .synopsis = "",
    .summary = "look whether all is well, and say what to do if not",
    .description =
        "Looks at the store, its key and its node, at the disk and how long\n"
        "it takes to sync, at limits of memory and files, at the clock, and\n"
        "runs a small guest in a worker of its own. Changes nothing.\n"
        "\n"
        "Ends with 1 if something is wrong; what is only doubtful is no\n"
        "reason for that. It does not read the blocks: `ipvm fsck` does.",
    .examples = "  ipvm doctor\n"
                "  ipvm doctor --json --store /srv/ipvm\n",
    .run = run_doctor,
    .words_max = 0,
};
