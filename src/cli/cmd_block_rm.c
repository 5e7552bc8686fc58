/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_block_rm.c - `ipvm block rm`: removes blocks, but not what a pin or a
 * name needs.
 *
 * All that is needed is walked once, root by root; a block to be removed that
 * is met belongs to the first root that leads to it. */
#include <stdio.h>
#include <stdlib.h>

#include "cli/block_input.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/tables.h"
#include "content/walk.h"
#include "lib/handle.h"
#include "store/seen.h"

enum { RM_FORCE };

static const struct option rm_options[] = {
    [RM_FORCE] = {'f', "force", NULL,
                  "also what is needed; what is not there is no failure"},
    {0, NULL, NULL, NULL},
};

struct victim {
    Cid cid;
    bool needed;
    char by[CID_TEXT_MAX + 32]; /* the pin or name that needs it */
};

struct removal {
    struct bar bar;
    struct victim *victims; /* owned */
    size_t count;
    struct buffer roots; /* struct reason after struct reason */
    struct seen wanted;  /* the victims */
    struct seen seen;    /* blocks below earlier roots */
    const char *root;    /* the one that is being walked, in words */
    uint64_t blocks_seen;
};

struct reason {
    Cid cid;
    bool is_pin;
    char name[NAME_LEN_MAX + 1];
};

/* --- What is needed ------------------------------------------------------ */

static void add_root(struct removal *removal, const Cid *cid, bool is_pin,
                     Text name)
{
    struct reason reason = {.cid = *cid, .is_pin = is_pin};
    snprintf(reason.name, sizeof reason.name, "%.*s", TEXT_ARG(name));
    buffer_add(&removal->roots, &reason, sizeof reason);
}

static bool add_pin(void *context, const Cid *cid, Text name)
{
    add_root(context, cid, true, name);
    return true;
}

static bool add_name(void *context, Text name, unsigned age, const Cid *cid,
                     int64_t set_s)
{
    (void)age, (void)set_s;
    add_root(context, cid, false, name);
    return true;
}

static bool is_seen(void *context, const Cid *cid)
{
    struct removal *removal = context;
    return seen_has(&removal->seen, cid_multihash(cid));
}

static void mark(struct removal *removal, const Cid *cid)
{
    for (size_t index = 0; index < removal->count; index++) {
        struct victim *victim = &removal->victims[index];
        if (victim->needed ||
            !bytes_equal(cid_multihash(&victim->cid), cid_multihash(cid)))
            continue;
        victim->needed = true;
        snprintf(victim->by, sizeof victim->by, "%s", removal->root);
    }
}

static Status look_at(void *context, const struct walk_visit *visit,
                      struct error *err)
{
    struct removal *removal = context;
    seen_add(&removal->seen, cid_multihash(visit->cid));
    if (seen_has(&removal->wanted, cid_multihash(visit->cid)))
        mark(removal, visit->cid);
    if ((++removal->blocks_seen & 1023) == 0 &&
        !bar_progress(&removal->bar, 0, 0))
        return fail(err, STATUS_CANCELLED, "interrupted");
    return STATUS_OK;
}

static Status walk_root(struct removal *removal, const struct reason *reason,
                        struct error *err)
{
    const struct walk_options options = {
        .missing_too = true,
        .skip_leaves = true,
        .skip = is_seen,
        .context = removal,
    };
    char cid[CID_TEXT_MAX], words[CID_TEXT_MAX + 32];
    cid_to_text(&reason->cid, cid);
    if (reason->is_pin)
        snprintf(words, sizeof words, "pin %s", cid);
    else
        snprintf(words, sizeof words, "name:%s", reason->name);
    removal->root = words;
    return content_walk(removal->bar.vm->store, &reason->cid, 1, &options,
                        look_at, err);
}

static Status find_needed(struct removal *removal, struct error *err)
{
    struct store *store = removal->bar.vm->store;
    TRY(pin_each(store, add_pin, removal, err));
    TRY(name_each(store, TEXT(""), true, add_name, removal, err));
    TRY(buffer_status(&removal->roots, "the list of pins and names", err));
    const struct reason *roots = (const void *)removal->roots.data;
    const size_t count = removal->roots.len / sizeof *roots;
    Status status = STATUS_OK;
    for (size_t index = 0; index < count && status == STATUS_OK; index++)
        status = walk_root(removal, &roots[index], err);
    bar_clear(&removal->bar);
    if (status == STATUS_OK || status == STATUS_CANCELLED)
        return status;
    return fail_in(err, status, "cannot tell what is needed");
}

/* --- Removing ------------------------------------------------------------ */

static void print_removed(const struct cli *cli, const char *name)
{
    if (!cli->json) {
        if (!cli->quiet)
            printf("removed %s\n", name);
        return;
    }
    struct arena arena = {0};
    const Value value =
        value_map1(&arena, TEXT("removed"), value_text(text_of(name)));
    output_json(&value);
    arena_deinit(&arena);
}

/* Says why not, or adds it to the batch. */
static int remove_one(struct cli *cli, const struct victim *victim,
                      struct store_batch *batch)
{
    const bool force = cli_flag(cli, RM_FORCE);
    char name[CID_TEXT_MAX];
    cid_to_text(&victim->cid, name);
    if (victim->needed && !force)
        return cli_error(cli, EXIT_INPUT,
                         "cannot remove %s: %s needs it; unpin that first, or "
                         "give --force",
                         name, victim->by);
    if (!store_has(cli->vm->store, &victim->cid))
        return force ? EXIT_OK
                     : cli_error(cli, EXIT_NOT_FOUND,
                                 "cannot remove %s: it is not in the store",
                                 name);
    store_batch_remove_block(batch, &victim->cid);
    return EXIT_OK;
}

static int remove_all(struct cli *cli, struct removal *removal)
{
    struct store *store = cli->vm->store;
    struct store_batch *batch = store_batch_new(store);
    bool *removed = heap_array(removal->count, sizeof *removed);
    struct error err = {0};
    int code = EXIT_OK;
    for (size_t index = 0; index < removal->count; index++) {
        const struct victim *victim = &removal->victims[index];
        const int mine = remove_one(cli, victim, batch);
        removed[index] = mine == EXIT_OK && store_has(store, &victim->cid);
        code = code == EXIT_OK ? mine : code;
    }
    const Status status = store_commit(batch, &err);
    store_batch_free(batch);
    if (status != STATUS_OK)
        code = say_failed(cli, status, &err);
    for (size_t index = 0; index < removal->count; index++) {
        char name[CID_TEXT_MAX];
        cid_to_text(&removal->victims[index].cid, name);
        if (status == STATUS_OK && removed[index])
            print_removed(cli, name);
    }
    free(removed);
    return code;
}

static int read_words(struct cli *cli, struct removal *removal)
{
    for (size_t index = 0; index < removal->count; index++) {
        struct error err = {0};
        Cid *cid = &removal->victims[index].cid;
        const Status status = content_resolve(
            cli->vm->store, text_of(cli->words[index]), cid, &err);
        if (status != STATUS_OK)
            return say_failed(cli, status, &err);
        seen_add(&removal->wanted, cid_multihash(cid));
    }
    return EXIT_OK;
}

static int block_rm(struct cli *cli)
{
    struct error err = {0};
    int code = cli_open(cli, NULL);
    if (code != EXIT_OK)
        return code;
    struct removal removal = {
        .bar = {.cli = cli,
                .name = "looking for what is needed",
                .vm = cli->vm},
        .count = (size_t)cli->word_count,
    };
    removal.victims = heap_array(removal.count, sizeof *removal.victims);
    buffer_init(&removal.roots, (size_t)1 << 32);
    code = read_words(cli, &removal);
    if (code == EXIT_OK && !cli_flag(cli, RM_FORCE)) {
        const Status status = find_needed(&removal, &err);
        if (status != STATUS_OK)
            code = say_failed(cli, status, &err);
    }
    if (code == EXIT_OK)
        code = remove_all(cli, &removal);
    seen_deinit(&removal.seen);
    seen_deinit(&removal.wanted);
    buffer_deinit(&removal.roots);
    free(removal.victims);
    return code;
}

const struct command block_rm_command = {
    .name = "block rm",
    .synopsis = "CID...",
    .summary = "remove blocks that nothing needs",
    .description =
        "Removes blocks, but for those that a pin or a name leads to: it says\n"
        "which. --force removes those as well. `ipvm gc` removes all that\n"
        "nothing needs.",
    .options = rm_options,
    .examples = "  ipvm block rm bafkr...\n",
    .run = block_rm,
    .words_min = 1,
    .words_max = -1,
};
