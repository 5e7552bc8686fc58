/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_quota.c - `ipvm quota`: how much those may use in total to whom the owner
 * of a node has delegated. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/field.h"
#include "cli/node_client.h"
#include "cli/output.h"
#include "cli/tables.h"
#include "ipld/dag_json.h"
#include "store/jobs.h"
#include "task/limits.h"

enum { SET_TIME = NODE_OPTIONS, SET_BYTES, SET_FUEL, SET_TASKS };

static const struct option set_options[] = {
    NODE_OPTION_ROWS,
    [SET_TIME] = {0, "time", "DURATION", "of workers, such as 10h"},
    [SET_BYTES] = {0, "bytes", "SIZE", "new in the store, such as 2GiB"},
    [SET_FUEL] = {0, "fuel", "N", "of guests; they run slower then"},
    [SET_TASKS] = {0, "tasks", "N", "at once"},
    {0, NULL, NULL, NULL},
};
static const struct option plain_options[] = {
    NODE_OPTION_ROWS,
    {0, NULL, NULL, NULL},
};

static int make_path(struct cli *cli, struct buffer *out)
{
    const char *id = cli->words[0];
    if (id[0] == '\0' || strlen(id) > QUOTA_ID_MAX ||
        !utf8_is_valid(text_of(id), NULL))
        return cli_error(cli, EXIT_USAGE,
                         "%s: a quota's name has 1 to %d bytes of UTF-8",
                         cli->command->name, QUOTA_ID_MAX);
    buffer_add_text(out, TEXT("/v1/quotas/"));
    url_add(out, text_of(id));
    buffer_add_byte(out, '\0');
    return EXIT_OK;
}

static int read_count(struct cli *cli, int option, const char *word,
                      uint64_t *out)
{
    char *end;
    errno = 0;
    *out = strtoull(word, &end, 10);
    if (word[0] < '0' || word[0] > '9' || *end || errno || *out > INT64_MAX)
        return cli_error(cli, EXIT_USAGE,
                         "quota set: --%s: %s is not a number",
                         set_options[option].name, word);
    return EXIT_OK;
}

static int read_total(struct cli *cli, int option, const char *word,
                      uint64_t *out)
{
    struct error err = {0};
    Status status = STATUS_OK;
    if (option == SET_TIME)
        status = duration_parse(text_of(word), out, &err);
    else if (option == SET_BYTES)
        status = size_parse(text_of(word), out, &err);
    else
        return read_count(cli, option, word, out);
    return status == STATUS_OK
               ? EXIT_OK
               : cli_error(cli, EXIT_USAGE, "quota set: --%s: %s",
                           set_options[option].name, err.message);
}

static int make_totals(struct cli *cli, struct arena *arena,
                       struct buffer *out)
{
    static const struct {
        int option;
        Text key;
    } totals[] = {
        {SET_TIME, TEXT_INIT("time_ms")},
        {SET_BYTES, TEXT_INIT("bytes")},
        {SET_FUEL, TEXT_INIT("fuel")},
        {SET_TASKS, TEXT_INIT("tasks")},
    };
    struct value_entry entries[4];
    size_t count = 0;
    for (size_t at = 0; at < sizeof totals / sizeof *totals; at++) {
        const char *word = cli_value(cli, totals[at].option);
        uint64_t number = 0;
        const int code =
            word ? read_total(cli, totals[at].option, word, &number) : EXIT_OK;
        if (code != EXIT_OK)
            return code;
        if (word)
            entries[count++] =
                (struct value_entry){totals[at].key, value_uint(number)};
    }
    if (count == 0)
        return cli_error(cli, EXIT_USAGE,
                         "quota set: say how much: --time, --bytes, --fuel or "
                         "--tasks");
    const Value body = value_map(arena, entries, count);
    IGNORE(dag_json_encode(&body, out, NULL)); // Short, without "/" keys.
    return EXIT_OK;
}

static int ask(struct cli *cli, const char *method, const char *path,
               Bytes body, struct arena *arena, Value *answer)
{
    struct node_client *client = NULL;
    const struct node_ask ask = {
        .method = method,
        .path = path,
        .cmd = "/node/admin",
        .type = body.len > 0 ? "application/json" : NULL,
        .body = body,
    };
    int code = node_client_open(cli, &client);
    if (code == EXIT_OK)
        code = node_ask_value(client, &ask, arena, answer);
    node_client_close(client);
    return code;
}

static int run_set(struct cli *cli)
{
    struct arena arena = {0};
    struct buffer path, body;
    Value answer = value_null();
    buffer_init(&path, 4096);
    buffer_init(&body, 4096);
    int code = make_path(cli, &path);
    if (code == EXIT_OK)
        code = make_totals(cli, &arena, &body);
    if (code == EXIT_OK)
        code = ask(cli, "PUT", (const char *)path.data, buffer_bytes(&body),
                   &arena, &answer);
    if (code == EXIT_OK && cli->json)
        output_json(&answer);
    buffer_deinit(&path);
    buffer_deinit(&body);
    arena_deinit(&arena);
    return code;
}

static int run_rm(struct cli *cli)
{
    struct arena arena = {0};
    struct buffer path;
    Value answer = value_null();
    buffer_init(&path, 4096);
    int code = make_path(cli, &path);
    if (code == EXIT_OK)
        code = ask(cli, "DELETE", (const char *)path.data, (Bytes){0}, &arena,
                   &answer);
    buffer_deinit(&path);
    arena_deinit(&arena);
    return code;
}

/* --- list ---------------------------------------------------------------- */

/* "1.5 GiB of 2.0 GiB", or without a total what was used. */
static void print_bytes(const Value *used, const Value *totals)
{
    char some[SHORT_TEXT_MAX], all[SHORT_TEXT_MAX];
    const uint64_t total = field_uint(totals, TEXT("bytes"));
    printf("  bytes %s", show_bytes(field_uint(used, TEXT("bytes")), some));
    if (total > 0)
        printf(" of %s", show_bytes(total, all));
}

static void print_time(const Value *used, const Value *totals)
{
    char some[SHORT_TEXT_MAX], all[SHORT_TEXT_MAX];
    const uint64_t total = field_uint(totals, TEXT("time_ms"));
    printf("  time %s",
           show_ns(field_uint(used, TEXT("time_ms")) * 1000000, some));
    if (total > 0)
        printf(" of %s", show_ns(total * 1000000, all));
}

static void print_number(const Value *used, const Value *totals, Text key)
{
    const uint64_t total = field_uint(totals, key);
    printf("  %.*s %llu", TEXT_ARG(key),
           (unsigned long long)field_uint(used, key));
    if (total > 0)
        printf(" of %llu", (unsigned long long)total);
}

static void print_quota(const Value *quota, struct arena *arena)
{
    const Value *totals = field(quota, TEXT("totals"));
    const Value *used = field(quota, TEXT("used"));
    const Text id = output_safe(field_text(quota, TEXT("id")), arena);
    printf("%.*s", TEXT_ARG(id));
    print_time(used, totals);
    print_bytes(used, totals);
    print_number(used, totals, TEXT("fuel"));
    print_number(used, totals, TEXT("tasks"));
    putchar('\n');
}

static int run_list(struct cli *cli)
{
    struct arena arena = {0};
    Value answer = value_null();
    const int code =
        ask(cli, "GET", "/v1/quotas", (Bytes){0}, &arena, &answer);
    const Value *quotas = field(&answer, TEXT("quotas"));
    if (code == EXIT_OK && cli->json)
        output_json(&answer);
    else if (code == EXIT_OK && quotas && quotas->kind == VALUE_LIST)
        for (size_t at = 0; at < quotas->list.count; at++)
            print_quota(&quotas->list.items[at], &arena);
    arena_deinit(&arena);
    return code;
}

/* --- The group ----------------------------------------------------------- */

static const struct command quota_set_command = {
    .name = "quota set",
    .synopsis = "ID [--time T] [--bytes SIZE] [--fuel N] [--tasks N]",
    .summary = "register or change a quota",
    .description =
        "What was used of it stays used. A delegation whose policy requires\n"
        ".quota == \"ID\" lets its holder submit only jobs that name it.",
    .options = set_options,
    .examples =
        "  ipvm quota set carol --time 10h --bytes 2GiB --tasks 2\n"
        "  ipvm delegate --to did:key:z6Mk... --command /workflow/run \\\n"
        "      --policy '.quota == \"carol\"' -o carol.ucan\n",
    .run = run_set,
    .words_min = 1,
    .words_max = 1,
};

static const struct command quota_list_command = {
    .name = "quota list",
    .synopsis = "",
    .summary = "what there is and what was used of it",
    .description = "A line for each quota.",
    .options = plain_options,
    .examples = "  ipvm quota list\n",
    .run = run_list,
    .words_max = 0,
};

static const struct command quota_rm_command = {
    .name = "quota rm",
    .synopsis = "ID",
    .summary = "remove a quota",
    .description = "Jobs that name it are refused from then on, and tasks of\n"
                   "theirs that have not begun.",
    .options = plain_options,
    .examples = "  ipvm quota rm carol\n",
    .run = run_rm,
    .words_min = 1,
    .words_max = 1,
};

static const struct command *const parts[] = {
    &quota_set_command, &quota_list_command, &quota_rm_command, NULL};

const struct command quota_command = {
    .name = "quota",
    .summary = "how much others may use of a node",
    .parts = parts,
};
