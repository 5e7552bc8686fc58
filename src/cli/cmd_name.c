/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_name.c - `ipvm name`: words for CIDs, with what they were before. */
#include <stdio.h>
#include <time.h>

#include "cli/block_input.h"
#include "cli/output.h"
#include "cli/tables.h"
#include "content/path.h"
#include "lib/handle.h"
#include "run/promised.h"

static void show_time(int64_t seconds, char out[SHORT_TEXT_MAX])
{
    const time_t time = (time_t)seconds;
    struct tm utc;
    if (!gmtime_r(&time, &utc) ||
        strftime(out, SHORT_TEXT_MAX, "%Y-%m-%dT%H:%M:%SZ", &utc) == 0)
        snprintf(out, SHORT_TEXT_MAX, "?");
}

/* --- set ----------------------------------------------------------------- */

static Status set_name(struct cli *cli, Text name, Cid *cid, struct error *err)
{
    struct store *store = cli->vm->store;
    char text[CID_TEXT_MAX];
    TRY(name_check(name, err));
    TRY(content_resolve(store, text_of(cli->words[1]), cid, err));
    TRY(store_hold(store, cid, err));
    cid_to_text(cid, text);
    if (!store_has(store, cid))
        return fail(err, STATUS_NOT_FOUND,
                    "block %.120s is not in the store: get it before you name "
                    "it",
                    text);
    TRY(promised_complete(store, cid, err));
    struct store_batch *batch = store_batch_new(store);
    store_batch_name(batch, name, cid);
    const Status status = store_commit(batch, err);
    store_batch_free(batch);
    return status;
}

static int name_set(struct cli *cli)
{
    struct error err = {0};
    char text[CID_TEXT_MAX];
    Cid cid;
    int code = cli_open(cli, NULL);
    if (code != EXIT_OK)
        return code;
    const Status status = set_name(cli, text_of(cli->words[0]), &cid, &err);
    if (status != STATUS_OK)
        return say_failed(cli, status, &err);
    cid_to_text(&cid, text);
    if (cli->json)
        printf("{\"cid\":\"%s\",\"name\":\"%s\"}\n", text, cli->words[0]);
    else if (!cli->quiet)
        printf("%s\n", text);
    return EXIT_OK;
}

static const struct command name_set_command = {
    .name = "name set",
    .synopsis = "NAME CID[/PATH]",
    .summary = "give content a name",
    .description =
        "From now on `name:NAME` stands for the CID wherever a CID may stand.\n"
        "What the name was before stays in its history, which is kept from\n"
        "collection too. A name is words of letters, digits, '_', '.' and\n"
        "'-', joined by '/'.",
    .examples = "  ipvm name set photo/latest bafy...\n"
                "  ipvm cat name:photo/latest/cat.jpg\n",
    .run = name_set,
    .words_min = 2,
    .words_max = 2,
};

/* --- get ----------------------------------------------------------------- */

static int name_print(struct cli *cli)
{
    struct error err = {0};
    char text[CID_TEXT_MAX];
    Cid cid;
    int code = cli_open(cli, NULL);
    if (code != EXIT_OK)
        return code;
    const Status status =
        name_get(cli->vm->store, text_of(cli->words[0]), &cid, &err);
    if (status != STATUS_OK)
        return say_failed(cli, status, &err);
    cid_to_text(&cid, text);
    if (cli->json)
        printf("{\"cid\":\"%s\",\"name\":\"%s\"}\n", text, cli->words[0]);
    else
        printf("%s\n", text);
    return EXIT_OK;
}

static const struct command name_get_command = {
    .name = "name get",
    .synopsis = "NAME",
    .summary = "print the CID that a name stands for",
    .description = "Prints what the name was set to last.",
    .examples = "  ipvm name get photo/latest\n",
    .run = name_print,
    .words_min = 1,
    .words_max = 1,
};

/* --- ls ------------------------------------------------------------------ */

enum { LS_HISTORY };

static const struct option ls_options[] = {
    [LS_HISTORY] = {0, "history", NULL, "what they were before, too"},
    {0, NULL, NULL, NULL},
};

static bool list_name(void *context, Text name, unsigned age, const Cid *cid,
                      int64_t set_s)
{
    const struct cli *cli = context;
    char text[CID_TEXT_MAX], time[SHORT_TEXT_MAX];
    cid_to_text(cid, text);
    show_time(set_s, time);
    if (cli->json)
        printf(
            "{\"age\":%u,\"cid\":\"%s\",\"name\":\"%.*s\",\"set\":\"%s\"}\n",
            age, text, TEXT_ARG(name), time);
    else if (cli->quiet)
        printf("%.*s\n", TEXT_ARG(name));
    else if (cli_flag(cli, LS_HISTORY))
        printf("%.*s  %s  %s%s\n", TEXT_ARG(name), text, time,
               age == 0 ? "" : "  (before)");
    else
        printf("%.*s  %s\n", TEXT_ARG(name), text);
    return true;
}

static int name_ls(struct cli *cli)
{
    struct error err = {0};
    int code = cli_open(cli, NULL);
    if (code != EXIT_OK)
        return code;
    const char *prefix = cli->word_count > 0 ? cli->words[0] : "";
    const Status status =
        name_each(cli->vm->store, text_of(prefix), cli_flag(cli, LS_HISTORY),
                  list_name, cli, &err);
    return status == STATUS_OK ? EXIT_OK : say_failed(cli, status, &err);
}

static const struct command name_ls_command = {
    .name = "name ls",
    .synopsis = "[PREFIX]",
    .summary = "list names",
    .description =
        "A line for each name that begins with PREFIX: the name and its CID.\n"
        "With --history one for each CID it stood for, newest first, and\n"
        "since when; at most 100.",
    .options = ls_options,
    .examples = "  ipvm name ls photo/ --history\n",
    .run = name_ls,
    .words_min = 0,
    .words_max = 1,
};

/* --- rm ------------------------------------------------------------------ */

static Status remove_names(struct cli *cli, struct error *err)
{
    struct store_batch *batch = store_batch_new(cli->vm->store);
    Status status = STATUS_OK;
    Cid cid;
    for (int index = 0; index < cli->word_count && status == STATUS_OK;
         index++) {
        const Text name = text_of(cli->words[index]);
        status = name_get(cli->vm->store, name, &cid, err);
        store_batch_unname(batch, name);
    }
    if (status == STATUS_OK)
        status = store_commit(batch, err);
    store_batch_free(batch);
    return status;
}

static int name_rm(struct cli *cli)
{
    struct error err = {0};
    int code = cli_open(cli, NULL);
    if (code != EXIT_OK)
        return code;
    const Status status = remove_names(cli, &err);
    return status == STATUS_OK ? EXIT_OK : say_failed(cli, status, &err);
}

static const struct command name_rm_command = {
    .name = "name rm",
    .synopsis = "NAME...",
    .summary = "forget names and their history",
    .description =
        "Removes names; what they stood for goes with the next `ipvm gc`,\n"
        "unless something else keeps it. All of them are removed, or none.",
    .examples = "  ipvm name rm photo/latest\n",
    .run = name_rm,
    .words_min = 1,
    .words_max = -1,
};

const struct command name_command = {
    .name = "name",
    .summary = "local names for CIDs: set, get, ls, rm",
    .parts =
        (const struct command *const[]){
            &name_set_command,
            &name_get_command,
            &name_ls_command,
            &name_rm_command,
            NULL,
        },
};
