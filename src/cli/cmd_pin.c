/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_pin.c - `ipvm pin`, `unpin`, `pins`: what is kept from collection. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/block_input.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/tables.h"
#include "content/path.h"
#include "lib/handle.h"
#include "run/promised.h"

static void print_pin(const struct cli *cli, const Cid *cid, Text name)
{
    struct arena arena = {0};
    char text[CID_TEXT_MAX];
    cid_to_text(cid, text);
    const Text safe = output_safe(name, &arena);
    if (cli->json) {
        const struct value_entry entries[] = {
            {TEXT("cid"), value_text(text_of(text))},
            {TEXT("name"), value_text(safe)},
        };
        const Value value = value_map(&arena, entries, 2);
        output_json(&value);
    } else if (safe.len > 0 && !cli->quiet) {
        printf("%s  %.*s\n", text, TEXT_ARG(safe));
    } else {
        printf("%s\n", text);
    }
    arena_deinit(&arena);
}

/* --- pin ----------------------------------------------------------------- */

enum { PIN_NAME, PIN_FORCE };

static const struct option pin_options[] = {
    [PIN_NAME] = {'n', "name", "NAME", "words to know the pin by"},
    [PIN_FORCE] = {0, "force", NULL, "also if something below is not here"},
    {0, NULL, NULL, NULL},
};

static Status pin_one(struct cli *cli, struct store_batch *batch,
                      const char *path, Cid *cid, struct error *err)
{
    const char *name = cli_value(cli, PIN_NAME);
    TRY(content_resolve(cli->vm->store, text_of(path), cid, err));
    if (!cli_flag(cli, PIN_FORCE))
        TRY(promised_keep(cli->vm->store, cid, err));
    store_batch_pin(batch, cid, text_of(name ? name : ""));
    return STATUS_OK;
}

/* All are pinned, or none. */
static int run_pin(struct cli *cli)
{
    const char *name = cli_value(cli, PIN_NAME);
    struct error err = {0};
    int code = cli_open(cli, NULL);
    if (code != EXIT_OK)
        return code;
    struct store_batch *batch = store_batch_new(cli->vm->store);
    Cid *cids = heap_array((size_t)cli->word_count, sizeof *cids);
    Status status = STATUS_OK;
    for (int index = 0; index < cli->word_count && status == STATUS_OK;
         index++)
        status = pin_one(cli, batch, cli->words[index], &cids[index], &err);
    if (status == STATUS_OK)
        status = store_commit(batch, &err);
    for (int index = 0; index < cli->word_count && status == STATUS_OK;
         index++)
        print_pin(cli, &cids[index], text_of(name ? name : ""));
    free(cids);
    store_batch_free(batch);
    return status == STATUS_OK ? EXIT_OK : say_failed(cli, status, &err);
}

const struct command pin_command = {
    .name = "pin",
    .synopsis = "CID[/PATH]...",
    .summary = "keep content, and all below it",
    .description =
        "`ipvm gc` leaves what is pinned and everything it links, at any\n"
        "depth. All of that must be here; --force pins nevertheless. A CID\n"
        "has one pin: pinning it again gives it the new name.",
    .options = pin_options,
    .examples = "  ipvm pin bafy... --name holiday\n",
    .run = run_pin,
    .words_min = 1,
    .words_max = -1,
};

/* --- unpin --------------------------------------------------------------- */

struct unpinning {
    struct store_batch *batch;
    Text word; /* a pin's name */
    Cid cid;   /* or what is pinned; len 0: not known */
    struct cli *cli;
    unsigned count;
};

static bool unpin_match(void *context, const Cid *cid, Text name)
{
    struct unpinning *unpinning = context;
    if (unpinning->cid.len > 0 ? cid_equal(cid, &unpinning->cid)
                               : text_equal(name, unpinning->word)) {
        store_batch_unpin(unpinning->batch, cid);
        unpinning->count++;
    }
    return true;
}

static Status unpin_one(struct cli *cli, struct store_batch *batch,
                        const char *word, struct error *err)
{
    struct unpinning unpinning = {.batch = batch, .word = text_of(word)};
    if (word[0] != '\0')
        TRY(pin_each(cli->vm->store, unpin_match, &unpinning, err));
    if (unpinning.count > 0)
        return STATUS_OK;
    // Not a name of a pin. A whole CID need not be here to be unpinned.
    if (cid_from_text(text_of(word), &unpinning.cid, NULL) != STATUS_OK)
        IGNORE(content_resolve(cli->vm->store, text_of(word), &unpinning.cid,
                               NULL)); // Then nothing is pinned by it.
    TRY(pin_each(cli->vm->store, unpin_match, &unpinning, err));
    if (unpinning.count == 0)
        return fail(err, STATUS_NOT_FOUND,
                    "%.120s is not pinned: see `ipvm pins`", word);
    return STATUS_OK;
}

static int run_unpin(struct cli *cli)
{
    struct error err = {0};
    int code = cli_open(cli, NULL);
    if (code != EXIT_OK)
        return code;
    struct store_batch *batch = store_batch_new(cli->vm->store);
    Status status = STATUS_OK;
    for (int index = 0; index < cli->word_count && status == STATUS_OK;
         index++)
        status = unpin_one(cli, batch, cli->words[index], &err);
    if (status == STATUS_OK)
        status = store_commit(batch, &err);
    store_batch_free(batch);
    return status == STATUS_OK ? EXIT_OK : say_failed(cli, status, &err);
}

const struct command unpin_command = {
    .name = "unpin",
    .synopsis = "CID[/PATH]|NAME...",
    .summary = "no longer keep content",
    .description =
        "Takes the pin of a CID away, or all pins of that name. Nothing is\n"
        "removed before `ipvm gc`, and nothing that something else keeps.",
    .examples = "  ipvm unpin holiday\n",
    .run = run_unpin,
    .words_min = 1,
    .words_max = -1,
};

/* --- pins ---------------------------------------------------------------- */

enum { PINS_NAME };

static const struct option pins_options[] = {
    [PINS_NAME] = {'n', "name", "PREFIX", "only those whose names begin so"},
    {0, NULL, NULL, NULL},
};

static bool list_pin(void *context, const Cid *cid, Text name)
{
    const struct cli *cli = context;
    const char *prefix = cli_value(cli, PINS_NAME);
    if (!prefix || text_starts_with(name, text_of(prefix)))
        print_pin(cli, cid, name);
    return true;
}

static int run_pins(struct cli *cli)
{
    struct error err = {0};
    int code = cli_open(cli, NULL);
    if (code != EXIT_OK)
        return code;
    const Status status = pin_each(cli->vm->store, list_pin, cli, &err);
    return status == STATUS_OK ? EXIT_OK : say_failed(cli, status, &err);
}

const struct command pins_command = {
    .name = "pins",
    .synopsis = "",
    .summary = "list what is pinned",
    .description =
        "A line for each pin: its CID, and its name if it has one. With\n"
        "--json an object for each.",
    .options = pins_options,
    .examples = "  ipvm pins --name holiday\n",
    .run = run_pins,
    .words_min = 0,
    .words_max = 0,
};
