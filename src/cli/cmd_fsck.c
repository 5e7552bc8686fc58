/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_fsck.c - `ipvm fsck`. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/tables.h"
#include "lib/handle.h"
#include "run/repair.h"

enum { FSCK_REPAIR };

static const struct option fsck_options[] = {
    [FSCK_REPAIR] = {'r', "repair", NULL,
                     "heal what can be healed, remove rows that are wrong"},
    {0, NULL, NULL, NULL},
};

/* A bar for each phase. */
struct phases {
    struct bar bar;
    char name[32];
};

static bool tell_phase(void *context, const char *phase, uint64_t done,
                       uint64_t total)
{
    struct phases *phases = context;
    if (strcmp(phases->name, phase) != 0) {
        bar_clear(&phases->bar);
        snprintf(phases->name, sizeof phases->name, "%s", phase);
        phases->bar.name = phases->name;
        phases->bar.start_ns = 0;
    }
    // Only the first phase is about bytes.
    if (strcmp(phase, "blocks") != 0)
        return !ipvm_interrupted(phases->bar.vm);
    return bar_progress(&phases->bar, done, total);
}

/* --- Lines --------------------------------------------------------------- */

static void print_safe(Text text)
{
    struct arena arena = {0};
    const Text safe = output_safe(text, &arena);
    printf("%.*s", TEXT_ARG(safe));
    arena_deinit(&arena);
}

static void print_what(const struct finding *finding)
{
    char text[CID_TEXT_MAX];
    if (finding->kind == FINDING_ROW) {
        printf("row in %s ", finding->table);
        for (size_t index = 0; index < finding->key.len; index++)
            printf("%02x", finding->key.data[index]);
    } else {
        cid_to_text(&finding->cid, text);
        printf(finding->kind == FINDING_RESULT ? "result of %s" : "block %s",
               text);
    }
    if (finding->kind <= FINDING_MALFORMED)
        printf(" is %s", finding_kind_name(finding->kind));
    else
        printf(": ");
    print_safe(finding->words);
}

static void print_finding(const struct cli *cli, const struct finding *finding,
                          bool repair)
{
    const uint64_t shown = finding->dependent_count < DEPENDENTS_SHOWN
                               ? finding->dependent_count
                               : DEPENDENTS_SHOWN;
    printf("%s",
           style(cli->color, finding->is_mended ? STYLE_GREEN : STYLE_RED));
    print_what(finding);
    printf("%s", style(cli->color, STYLE_NONE));
    for (size_t index = 0; index < shown; index++) {
        printf(index == 0 ? "; needed by " : ", ");
        print_safe(finding->dependents[index]);
    }
    if (finding->dependent_count > shown)
        printf(" and %llu more",
               (unsigned long long)(finding->dependent_count - shown));
    if (finding->is_mended)
        printf("; repaired: ");
    else if (repair || !finding->can_mend)
        printf("; cannot be repaired: ");
    else
        printf("; --repair will ");
    print_safe(finding->mend);
    printf("\n");
}

static void print_summary(const struct repair *repair, uint64_t elapsed_ns)
{
    char size[SHORT_TEXT_MAX], rate[SHORT_TEXT_MAX], time[SHORT_TEXT_MAX];
    const double seconds = (double)(elapsed_ns + 1) / 1e9;
    show_bytes(repair->counts.block_bytes, size);
    show_bytes((uint64_t)((double)repair->counts.block_bytes / seconds), rate);
    fprintf(stderr,
            "%llu blocks, %s in %s (%s/s); %llu results, %llu pins, %llu "
            "names",
            (unsigned long long)repair->counts.blocks, size,
            show_ns(elapsed_ns, time), rate, (unsigned long long)repair->memo,
            (unsigned long long)repair->pins,
            (unsigned long long)repair->names);
    if (repair->collected > 0)
        fprintf(stderr, "; %llu results were collected",
                (unsigned long long)repair->collected);
    if (repair->counts.unknown > 0)
        fprintf(stderr, "; %llu blocks of hashes unknown here",
                (unsigned long long)repair->counts.unknown);
    if (repair->count == 0)
        fprintf(stderr, ": nothing is wrong\n");
    else
        fprintf(stderr, ": %zu found, %zu repaired\n", repair->count,
                repair->count - repair->left);
    if (repair->differed)
        fprintf(stderr,
                "alarm: what was computed again came out differently; both "
                "results are kept\n");
}

/* --- JSON ---------------------------------------------------------------- */

static Value finding_value(struct arena *arena, const struct finding *finding)
{
    struct value_entry entries[8];
    size_t count = 0;
    const uint64_t shown = finding->dependent_count < DEPENDENTS_SHOWN
                               ? finding->dependent_count
                               : DEPENDENTS_SHOWN;
    Value *needed = arena_array(arena, shown, sizeof *needed);
    for (size_t index = 0; index < shown; index++)
        needed[index] = value_text(finding->dependents[index]);
    entries[count++] = (struct value_entry){
        TEXT("kind"), value_text(text_of(finding_kind_name(finding->kind)))};
    if (finding->kind == FINDING_ROW) {
        entries[count++] = (struct value_entry){
            TEXT("table"), value_text(text_of(finding->table))};
        entries[count++] =
            (struct value_entry){TEXT("key"), value_bytes(finding->key)};
    } else {
        char text[CID_TEXT_MAX];
        cid_to_text(&finding->cid, text);
        entries[count++] = (struct value_entry){
            TEXT("cid"), value_text(arena_copy_text(arena, text_of(text)))};
    }
    if (finding->words.len > 0)
        entries[count++] =
            (struct value_entry){TEXT("what"), value_text(finding->words)};
    entries[count++] =
        (struct value_entry){TEXT("needed_by"), value_list(needed, shown)};
    entries[count++] = (struct value_entry){
        TEXT("needed_by_count"), value_uint(finding->dependent_count)};
    entries[count++] =
        (struct value_entry){TEXT("repaired"), value_bool(finding->is_mended)};
    entries[count++] =
        (struct value_entry){TEXT("how"), value_text(finding->mend)};
    return value_map(arena, entries, count);
}

static void print_json(const struct repair *repair)
{
    struct arena arena = {0};
    Value *findings = arena_array(&arena, repair->count, sizeof *findings);
    for (size_t index = 0; index < repair->count; index++)
        findings[index] = finding_value(&arena, &repair->findings[index]);
    const struct value_entry entries[] = {
        {TEXT("blocks"), value_uint(repair->counts.blocks)},
        {TEXT("bytes"), value_uint(repair->counts.block_bytes)},
        {TEXT("unknown_hash"), value_uint(repair->counts.unknown)},
        {TEXT("rows"), value_uint(repair->counts.rows)},
        {TEXT("results"), value_uint(repair->memo)},
        {TEXT("collected"), value_uint(repair->collected)},
        {TEXT("pins"), value_uint(repair->pins)},
        {TEXT("names"), value_uint(repair->names)},
        {TEXT("alarm"), value_bool(repair->differed)},
        {TEXT("left"), value_uint(repair->left)},
        {TEXT("findings"), value_list(findings, repair->count)},
    };
    const Value whole =
        value_map(&arena, entries, sizeof entries / sizeof *entries);
    output_json(&whole);
    arena_deinit(&arena);
}

/* --- The command --------------------------------------------------------- */

static int fsck(struct cli *cli)
{
    struct phases phases = {.bar = {.cli = cli}};
    const struct repair_options options = {
        .repair = cli_flag(cli, FSCK_REPAIR),
        .progress = tell_phase,
        .context = &phases,
    };
    struct repair *repair = NULL;
    struct error err = {0};
    ipvm_error error;
    int code = cli_open(cli, NULL);
    if (code != EXIT_OK)
        return code;
    phases.bar.vm = cli->vm;
    const uint64_t start_ns = clock_monotonic_ns();
    Status status = repair_store(cli->vm->executor, cli->vm->modules, &options,
                                 &repair, &err);
    bar_clear(&phases.bar);
    if (cli->json && status == STATUS_OK)
        print_json(repair);
    else if (!cli->json)
        for (size_t index = 0; index < repair->count; index++)
            print_finding(cli, &repair->findings[index], options.repair);
    if (!cli->json && !cli->quiet && status == STATUS_OK)
        print_summary(repair, clock_monotonic_ns() - start_ns);
    code = repair->left > 0 ? EXIT_INPUT : EXIT_OK;
    repair_free(repair);
    if (lib_fail(status, &err, &error) != IPVM_OK)
        return cli_fail(cli, &error);
    return code;
}

const struct command fsck_command = {
    .name = "fsck",
    .synopsis = "[--repair]",
    .summary = "check the whole store, and repair it",
    .description =
        "Hashes every block again on all cores, and checks that results, pins\n"
        "and names lead to what they should. Each thing that is wrong is one\n"
        "line: what, what needs it, and what can be done. Others may use the\n"
        "store meanwhile.\n"
        "\n"
        "With --repair lost and damaged blocks are computed again where it is\n"
        "known what made them, or taken from the file that they came from;\n"
        "what cannot be had and only a result needs makes that result unknown\n"
        "again; rows that are wrong are removed. Nothing that can still be\n"
        "read is removed.\n"
        "\n"
        "Exit code 3: something is wrong and was not repaired.",
    .options = fsck_options,
    .examples = "  ipvm fsck\n"
                "  ipvm fsck --repair --json\n",
    .run = fsck,
    .words_min = 0,
    .words_max = 0,
};
