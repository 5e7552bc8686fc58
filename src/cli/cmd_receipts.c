/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_receipts.c - `ipvm receipts …`: lists, the log, and what goes to others.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/block_input.h"
#include "cli/output.h"
#include "cli/receipts.h"
#include "cli/tables.h"
#include "lib/handle.h"

/* --- ls ------------------------------------------------------------------ */

enum { LS_BY, LS_OF };

static const struct option ls_options[] = {
    [LS_BY] = {0, "by", "DID", "only those of this issuer"},
    [LS_OF] = {0, "of", "CID",
               "only those of a task, a computation, a result "
               "or a workflow"},
    {0, NULL, NULL, NULL},
};

struct listing {
    struct asker *asker;
    const char *by;
};

static bool list_row(void *context, const struct receipt_row *row)
{
    const struct listing *listing = context;
    if (listing->by && !text_equal(row->issuer, text_of(listing->by)))
        return true;
    return receipt_list(listing->asker, row);
}

static Status list_all(struct listing *listing, struct error *err)
{
    struct store *store = listing->asker->cli->vm->store;
    Hash issuer;
    Did did;
    if (!listing->by)
        return receipts_all(store, list_row, listing, err);
    TRY(did_read(text_of(listing->by), &did, NULL, err));
    receipt_issuer(text_of(listing->by), &issuer);
    return receipts_each(store, RECEIPTS_BY_ISSUER, &issuer, list_row, listing,
                         err);
}

static int run_ls(struct cli *cli)
{
    struct asker asker = {0};
    struct listing listing = {&asker, cli_value(cli, LS_BY)};
    const char *of = cli_value(cli, LS_OF);
    struct error err = {0};
    int code = asker_open(cli, &asker);
    if (code == EXIT_OK && of) {
        code = asker_find(&asker, of, NULL, list_row, &listing);
    } else if (code == EXIT_OK) {
        const Status status = list_all(&listing, &err);
        if (status != STATUS_OK)
            code = say_failed(cli, status, &err);
    }
    asker_close(&asker);
    return code;
}

static const struct command receipts_ls_command = {
    .name = "receipts ls",
    .synopsis = "[--by DID] [--of CID]",
    .summary = "list receipts, own ones and those of others",
    .description =
        "A line for each: its CID, when it came, how the task came out, and\n"
        "who says so. With --json an object for each.",
    .options = ls_options,
    .examples = "  ipvm receipts ls --of bafy...\n",
    .run = run_ls,
    .words_min = 0,
    .words_max = 0,
};

/* --- log ----------------------------------------------------------------- */

enum { LOG_FOLLOW, LOG_SINCE, LOG_HEADS };

static const struct option log_options[] = {
    [LOG_FOLLOW] = {'f', "follow", NULL, "go on as results come"},
    [LOG_SINCE] = {0, "since", "CID",
                   "only what came after this receipt, or "
                   "after this head"},
    [LOG_HEADS] = {0, "heads", NULL, "the signed heads, not the receipts"},
    {0, NULL, NULL, NULL},
};

struct logging {
    struct asker *asker;
    uint64_t next; /* index of the first that was not told */
};

static bool log_row(void *context, const struct receipt_row *row)
{
    struct logging *logging = context;
    logging->next = row->index + 1;
    return receipt_list(logging->asker, row);
}

struct since {
    Hash hash;
    uint64_t size;
    bool is_found;
};

static bool find_head(void *context, const struct log_head *head)
{
    struct since *since = context;
    if (!hash_equal(&head->token, &since->hash))
        return true;
    since->size = head->size;
    since->is_found = true;
    return false;
}

/* The index behind a receipt or a head. */
static Status find_since(struct logging *logging, const char *word,
                         struct error *err)
{
    struct asker *asker = logging->asker;
    struct store *store = asker->cli->vm->store;
    struct arena arena = {0};
    struct receipt_row row;
    struct since since = {0};
    Cid cid;
    TRY(cid_from_text(text_of(word), &cid, err));
    if (cid_sha256(&cid, CODEC_DAG_CBOR, &since.hash)) {
        if (receipt_get(store, &since.hash, &asker->issuer, &arena, &row,
                        NULL) == STATUS_OK &&
            row.how == RECEIPT_IN_LOG) {
            since.size = row.index + 1;
            since.is_found = true;
        }
        arena_deinit(&arena);
        if (!since.is_found)
            TRY(log_heads(store, &asker->issuer, find_head, &since, err));
    }
    if (!since.is_found)
        return fail(err, STATUS_NOT_FOUND,
                    "the log has neither a receipt nor a head %.100s", word);
    logging->next = since.size;
    return STATUS_OK;
}

static Status tell_log(struct logging *logging, struct error *err)
{
    Status status = receipts_in_log(logging->asker->cli->vm->store,
                                    &logging->asker->issuer, logging->next,
                                    log_row, logging, err);
    fflush(stdout);
    return status;
}

static Status follow_log(struct logging *logging, struct error *err)
{
    static const struct timespec pause = {.tv_nsec = 250000000};
    struct asker *asker = logging->asker;
    struct seal_report report;
    Status status = STATUS_OK;
    while (status == STATUS_OK && !ipvm_interrupted(asker->cli->vm) &&
           !ferror(stdout)) {
        nanosleep(&pause, NULL);
        status = receipts_seal_pending(asker->cli->vm->store, asker->key,
                                       &report, err);
        if (status == STATUS_OK)
            status = tell_log(logging, err);
    }
    return status;
}

static bool print_head(void *context, const struct log_head *head)
{
    const struct asker *asker = context;
    struct arena arena = {0};
    Cid cid;
    cid_from_hash(CODEC_DAG_CBOR, &head->token, &cid);
    const Text text = cid_bytes_to_text(cid_bytes(&cid), &arena);
    if (asker->cli->json) {
        const struct value_entry entries[] = {
            {TEXT("head"), value_text(text)},
            {TEXT("size"), value_uint(head->size)},
            {TEXT("root"),
             value_bytes(bytes_of(head->root.bytes, SHA256_LEN))},
        };
        const Value value = value_map(&arena, entries, 3);
        output_json(&value);
    } else {
        printf("%.*s  %llu\n", TEXT_ARG(text), (unsigned long long)head->size);
    }
    arena_deinit(&arena);
    return true;
}

static Status show_log(struct logging *logging, struct error *err)
{
    struct cli *cli = logging->asker->cli;
    if (cli_flag(cli, LOG_HEADS))
        return log_heads(cli->vm->store, &logging->asker->issuer, print_head,
                         logging->asker, err);
    if (cli_value(cli, LOG_SINCE))
        TRY(find_since(logging, cli_value(cli, LOG_SINCE), err));
    TRY(tell_log(logging, err));
    return cli_flag(cli, LOG_FOLLOW) ? follow_log(logging, err) : STATUS_OK;
}

static int run_log(struct cli *cli)
{
    struct asker asker = {0};
    struct logging logging = {&asker, 0};
    struct error err = {0};
    int code = asker_open(cli, &asker);
    if (code == EXIT_OK) {
        const Status status = show_log(&logging, &err);
        if (status != STATUS_OK)
            code = say_failed(cli, status, &err);
        else if (ipvm_interrupted(cli->vm))
            code = EXIT_INTERRUPTED;
    }
    asker_close(&asker);
    return code;
}

static const struct command receipts_log_command = {
    .name = "receipts log",
    .synopsis = "[--follow] [--since CID] [--heads]",
    .summary = "the log of this store's results, in their order",
    .description =
        "Each result that was computed here is in the log once, for ever; a\n"
        "signed head covers all before it, and links the head before it.\n"
        "`ipvm receipts export --since HEAD` proves that nothing of the log\n"
        "changed since then.",
    .options = log_options,
    .examples = "  ipvm receipts log --follow --json\n",
    .run = run_log,
    .words_min = 0,
    .words_max = 0,
};

/* --- export -------------------------------------------------------------- */

enum { EXPORT_OUTPUT, EXPORT_BATCH, EXPORT_SINCE };

static const struct option export_options[] = {
    [EXPORT_OUTPUT] = {'o', "output", "FILE",
                       "where to (default: standard output)"},
    [EXPORT_BATCH] = {0, "batch", NULL,
                      "sign a batch of just these, without the log"},
    [EXPORT_SINCE] = {0, "since", "CID",
                      "prove that the log grew from this head"},
    {0, NULL, NULL, NULL},
};

struct gathering {
    struct arena arena;
    struct receipt_row *rows; /* owned */
    size_t count, capacity;
};

static bool gather(void *context, const struct receipt_row *row)
{
    struct gathering *gathering = context;
    if (gathering->count == gathering->capacity) {
        gathering->capacity = gathering->capacity * 2 + 64;
        gathering->rows = heap_resize(gathering->rows, gathering->capacity,
                                      sizeof *gathering->rows);
    }
    gathering->rows[gathering->count++] = (struct receipt_row){
        .id = row->id,
        .issuer = arena_copy_text(&gathering->arena, row->issuer)};
    return true;
}

static int gather_all(struct asker *asker, struct gathering *gathering)
{
    struct cli *cli = asker->cli;
    struct error err = {0};
    int code = EXIT_OK;
    if (cli->word_count == 0) {
        const Status status = receipts_in_log(cli->vm->store, &asker->issuer,
                                              0, gather, gathering, &err);
        if (status != STATUS_OK)
            code = say_failed(cli, status, &err);
    }
    for (int index = 0; index < cli->word_count && code == EXIT_OK; index++)
        code = asker_find(asker, cli->words[index], NULL, gather, gathering);
    return code;
}

static void print_exported(const struct cli *cli, const char *name,
                           const struct receipts_exported *out)
{
    struct arena arena = {0};
    char bytes[SHORT_TEXT_MAX];
    if (cli->json) {
        const Cid *head = &out->head;
        const struct value_entry entries[] = {
            {TEXT("file"), value_text(output_safe(text_of(name), &arena))},
            {TEXT("root"),
             value_text(cid_bytes_to_text(cid_bytes(head), &arena))},
            {TEXT("receipts"), value_uint(out->receipts)},
            {TEXT("left_out"), value_uint(out->left_out)},
            {TEXT("blocks"), value_uint(out->car.blocks)},
            {TEXT("bytes"), value_uint(out->car.bytes)},
        };
        const Value value = value_map(&arena, entries, 6);
        output_json(&value);
    } else if (!cli->quiet) {
        fprintf(stderr, "%s: %llu receipts, %s\n", name,
                (unsigned long long)out->receipts,
                show_bytes(out->car.bytes, bytes));
    }
    if (out->left_out > 0 && !cli->json)
        fprintf(
            stderr,
            "ipvm: %llu receipts are not in it: they do not hold, or parts "
            "of their results are not here\n",
            (unsigned long long)out->left_out);
    arena_deinit(&arena);
}

static int export_gathered(struct asker *asker, struct gathering *gathering,
                           const char *path)
{
    struct cli *cli = asker->cli;
    struct receipts_exported exported;
    struct error err = {0};
    Hash since;
    Cid cid;
    struct receipts_export what = {
        .rows = gathering->rows,
        .count = gathering->count,
        .batch_key = cli_flag(cli, EXPORT_BATCH) ? asker->key : NULL,
        .path = path,
        .file = STDOUT_FILENO,
    };
    if (cli_value(cli, EXPORT_SINCE)) {
        if (cid_from_text(text_of(cli_value(cli, EXPORT_SINCE)), &cid, NULL) !=
                STATUS_OK ||
            !cid_sha256(&cid, CODEC_DAG_CBOR, &since))
            return cli_error(cli, EXIT_USAGE,
                             "receipts export: --since takes the CID of a "
                             "head: see `ipvm receipts log --heads`");
        what.since = &since;
    }
    const Status status =
        receipts_export_car(cli->vm->store, &what, &exported, &err);
    if (status != STATUS_OK)
        return say_failed(cli, status, &err);
    print_exported(cli, path ? path : "standard output", &exported);
    return EXIT_OK;
}

static int run_export(struct cli *cli)
{
    struct asker asker = {0};
    struct gathering gathering = {0};
    const char *path = cli_value(cli, EXPORT_OUTPUT);
    if (path && strcmp(path, "-") == 0)
        path = NULL;
    if (!path && (cli->json || isatty(STDOUT_FILENO)))
        return cli_error(cli, EXIT_USAGE,
                         "receipts export: say -o FILE: standard output would "
                         "have the CAR");
    int code = asker_open(cli, &asker);
    if (code == EXIT_OK)
        code = gather_all(&asker, &gathering);
    if (code == EXIT_OK)
        code = export_gathered(&asker, &gathering, path);
    free(gathering.rows);
    arena_deinit(&gathering.arena);
    asker_close(&asker);
    return code;
}

static const struct command receipts_export_command = {
    .name = "receipts export",
    .synopsis = "[CID|WORKFLOW]... [-o FILE.car]",
    .summary = "write receipts with their results and proofs as a CAR file",
    .description =
        "Whoever gets the file can check each receipt alone: it has the\n"
        "statements, the results, and for each a proof that leads to a\n"
        "signature. Of a workflow it takes its outputs; without a word, all\n"
        "of the log.",
    .options = export_options,
    .examples = "  ipvm receipts export photo.yaml -o photo-receipts.car\n",
    .run = run_export,
    .words_min = 0,
    .words_max = -1,
};

static const struct command *const parts[] = {
    &receipts_ls_command,
    &receipts_log_command,
    &receipts_export_command,
    &receipts_import_command,
    NULL,
};

const struct command receipts_command = {
    .name = "receipts",
    .summary = "signed statements of results, and the log of them",
    .parts = parts,
};
