/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_run.c - `ipvm run`: a workflow, or one function. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/tables.h"
#include "ipld/dag_json.h"
#include "task/limits.h"

enum {
    RUN_OUTPUT,
    RUN_NO_OUTPUT,
    RUN_NO_MEMO,
    RUN_REHASH,
    RUN_TIME,
    RUN_MEMORY,
    RUN_FUEL,
    RUN_METER,
    RUN_TEXT,
    RUN_ENGINE_NAME,
    RUN_CROSS_CHECK,
    RUN_IN_PROCESS,
    RUN_WORKERS
};

static const struct option run_options_table[] = {
    [RUN_OUTPUT] = {'o', "output", "PATH",
                    "write outputs there: a file for one, a directory for "
                    "several, - for stdout"},
    [RUN_NO_OUTPUT] = {'n', "no-output", NULL,
                       "write no files, print CIDs only"},
    [RUN_NO_MEMO] = {0, "no-memo", NULL,
                     "run everything again; results are still kept"},
    [RUN_REHASH] = {0, "rehash", NULL,
                    "read all input files again, changed or not"},
    [RUN_TIME] = {0, "time", "DURATION", "time limit of a call, such as 30s"},
    [RUN_MEMORY] = {0, "memory", "SIZE",
                    "memory limit of a call, such as 512MiB"},
    [RUN_FUEL] = {0, "fuel", "N", "fuel limit of a call; runs slower"},
    [RUN_METER] = {0, "meter", NULL, "count fuel and report it; runs slower"},
    [RUN_TEXT] = {0, "text", NULL, "every argument is text"},
    [RUN_ENGINE_NAME] = {0, "engine", "NAME", "wasmtime (default) or wasmi"},
    [RUN_CROSS_CHECK] = {0, "cross-check", NULL,
                         "run all on both engines and compare the results"},
    [RUN_IN_PROCESS] = {0, "in-process", NULL,
                        "run guests in this process, not in workers"},
    [RUN_WORKERS] = {'j', "workers", "N",
                     "worker processes at once (default: one per core)"},
    {0, NULL, NULL, NULL},
};

/* What the options asked for. */
struct asked {
    ipvm_options vm;
    ipvm_call_options call;
    ipvm_run_options run;
};

static int read_number(struct cli *cli, int option, uint64_t max,
                       uint64_t *out)
{
    const char *word = cli_value(cli, option);
    char *end;
    if (!word)
        return EXIT_OK;
    errno = 0;
    unsigned long long number = strtoull(word, &end, 10);
    if (word[0] < '0' || word[0] > '9' || *end || errno || number == 0 ||
        number > max)
        return cli_error(
            cli, EXIT_USAGE, "run: --%s: %s is not a number from 1 to %llu",
            run_options_table[option].name, word, (unsigned long long)max);
    *out = number;
    return EXIT_OK;
}

static int read_limits(struct cli *cli, ipvm_call_options *call)
{
    struct error err;
    const char *word = cli_value(cli, RUN_TIME);
    if (word &&
        duration_parse(text_of(word), &call->time_ms, &err) != STATUS_OK)
        return cli_error(cli, EXIT_USAGE, "run: --time: %s", err.message);
    word = cli_value(cli, RUN_MEMORY);
    if (word && size_parse(text_of(word), &call->memory, &err) != STATUS_OK)
        return cli_error(cli, EXIT_USAGE, "run: --memory: %s", err.message);
    return read_number(cli, RUN_FUEL, INT64_MAX, &call->fuel);
}

/* Tasks of a workflow have their own limits and arguments. */
static int refuse_call_options(struct cli *cli)
{
    static const int options[] = {RUN_TIME, RUN_MEMORY, RUN_FUEL, RUN_TEXT};
    for (size_t index = 0; index < sizeof options / sizeof *options; index++)
        if (cli_flag(cli, options[index]))
            return cli_error(cli, EXIT_USAGE,
                             "run: --%s is for one function; a workflow says "
                             "it itself, as in limits: {time: 30s, memory: "
                             "512MiB}",
                             run_options_table[options[index]].name);
    return EXIT_OK;
}

static int read_options(struct cli *cli, struct asked *asked)
{
    const char *engine = cli_value(cli, RUN_ENGINE_NAME);
    uint64_t workers = 0;

    if (engine && strcmp(engine, "wasmi") == 0)
        asked->vm.engine = IPVM_WASMI;
    else if (engine && strcmp(engine, "wasmtime") != 0)
        return cli_error(cli, EXIT_USAGE,
                         "run: --engine: %s is not wasmtime or wasmi", engine);
    int code = read_number(cli, RUN_WORKERS, 256, &workers);
    if (code == EXIT_OK)
        code = read_limits(cli, &asked->call);
    asked->vm.workers = (unsigned)workers;
    asked->vm.in_process = cli_flag(cli, RUN_IN_PROCESS);
    asked->vm.rehash = cli_flag(cli, RUN_REHASH);
    asked->call.all_text = cli_flag(cli, RUN_TEXT);
    asked->run.no_memo = cli_flag(cli, RUN_NO_MEMO);
    asked->run.metered = cli_flag(cli, RUN_METER);
    asked->run.cross_check = cli_flag(cli, RUN_CROSS_CHECK);
    return code;
}

/* --- Outputs ------------------------------------------------------------- */

/* A file name's ending for well-known content, "" if unknown. */
static const char *ending_of(const unsigned char *head, size_t len)
{
    static const struct {
        const char *magic;
        size_t len;
        const char *ending;
    } known[] = {
        {"\x89PNG\r\n\x1a\n", 8, ".png"},
        {"\xff\xd8\xff", 3, ".jpg"},
        {"GIF8", 4, ".gif"},
        {"%PDF-", 5, ".pdf"},
        {"\0asm", 4, ".wasm"},
        {"PK\3\4", 4, ".zip"},
        {"\x1f\x8b", 2, ".gz"},
        {"\x28\xb5\x2f\xfd", 4, ".zst"},
        {"BM", 2, ".bmp"},
    };
    for (size_t index = 0; index < sizeof known / sizeof *known; index++)
        if (len >= known[index].len &&
            memcmp(head, known[index].magic, known[index].len) == 0)
            return known[index].ending;
    return "";
}

struct head {
    unsigned char bytes[16];
    size_t len;
};

static bool take_head(void *context, const void *data, size_t size)
{
    struct head *head = context;
    size_t room = sizeof head->bytes - head->len;
    size_t len = size < room ? size : room;
    memcpy(head->bytes + head->len, data, len);
    head->len += len;
    return head->len < sizeof head->bytes;
}

struct outputs {
    struct cli *cli;
    ipvm_run *run;
    bool is_call;
    char directory[1024]; /* where files go; "" for a single file */
    const char *file;     /* the single file, or NULL */
    bool print_bytes;     /* bytes go to stdout */
    bool no_files;
};

/* The name from a path, without directory and ending. */
static void stem_of(const char *path, char *out, size_t room)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    snprintf(out, room, "%.*s", (int)strcspn(name, "."), name);
    if (!out[0] || strcmp(out, "-") == 0)
        snprintf(out, room, "workflow");
}

static void plan_outputs(struct outputs *outputs)
{
    struct cli *cli = outputs->cli;
    const char *path = cli_value(cli, RUN_OUTPUT);
    uint32_t count = ipvm_run_output_count(outputs->run);
    struct stat there;

    outputs->no_files = cli_flag(cli, RUN_NO_OUTPUT);
    if (path && strcmp(path, "-") == 0) {
        outputs->print_bytes = true;
    } else if (path) {
        bool is_directory =
            count > 1 || path[strlen(path) - 1] == '/' ||
            (stat(path, &there) == 0 && S_ISDIR(there.st_mode));
        if (is_directory)
            snprintf(outputs->directory, sizeof outputs->directory, "%s",
                     path);
        else
            outputs->file = path;
    } else if (outputs->is_call) {
        // As any filter: bytes go down the pipe, never onto a terminal.
        outputs->print_bytes =
            !isatty(STDOUT_FILENO) && !cli->json && !outputs->no_files;
        outputs->no_files = true;
    } else {
        char stem[256];
        stem_of(cli->words[0], stem, sizeof stem);
        snprintf(outputs->directory, sizeof outputs->directory, "%s.out",
                 stem);
    }
}

static ipvm_status save_output(struct outputs *outputs,
                               const ipvm_output *output, char *path,
                               size_t room, ipvm_error *error)
{
    struct head head = {0};
    if (outputs->file) {
        snprintf(path, room, "%s", outputs->file);
    } else {
        // Stopping early is what take_head() does.
        ipvm_status status =
            ipvm_read(outputs->cli->vm, output->cid, take_head, &head, error);
        if (status != IPVM_OK && status != IPVM_CANCELLED)
            return status;
        if (mkdir(outputs->directory, 0777) != 0 && errno != EEXIST) {
            error->status = IPVM_IO;
            snprintf(error->message, sizeof error->message,
                     "cannot make the directory %.100s: %s",
                     outputs->directory, strerror(errno));
            return IPVM_IO;
        }
        snprintf(path, room, "%s/%s%s", outputs->directory, output->label,
                 ending_of(head.bytes, head.len));
    }
    return ipvm_save(outputs->cli->vm, output->cid, path, error);
}

/* What is no bytes goes to a file that was asked for: text as it is, other
 * values as JSON. */
static ipvm_status save_value(const struct outputs *outputs,
                              const ipvm_output *output, ipvm_error *error)
{
    struct arena arena = {0};
    char cid[IPVM_CID_MAX];
    Text text = text_of(output->json);
    Value value;
    Bytes copy = arena_copy_bytes(&arena, text_bytes(text));
    if (dag_json_decode(copy, &arena, &value, NULL) == STATUS_OK &&
        value.kind == VALUE_TEXT)
        text = value.text;
    ipvm_status status =
        ipvm_add(outputs->cli->vm, text.data, text.len, cid, error);
    if (status == IPVM_OK)
        status = ipvm_save(outputs->cli->vm, cid, outputs->file, error);
    arena_deinit(&arena);
    return status;
}

static int print_output(struct outputs *outputs, const ipvm_output *output)
{
    bool color = outputs->cli->color;
    ipvm_error error;
    char path[2048] = "";

    if (output->end[0])
        return EXIT_FAILED; // The progress said so.
    if (output->is_bytes && outputs->print_bytes) {
        return output_content(outputs->cli, output->cid);
    }
    if (output->is_bytes && output->is_ok && !outputs->no_files) {
        ipvm_status status =
            save_output(outputs, output, path, sizeof path, &error);
        if (status != IPVM_OK)
            return cli_fail(outputs->cli, &error);
    } else if (output->is_ok && outputs->file && !outputs->no_files &&
               save_value(outputs, output, &error) != IPVM_OK) {
        return cli_fail(outputs->cli, &error);
    }
    if (!outputs->is_call || path[0])
        printf("%s%s%s  ", style(color, STYLE_BOLD),
               path[0] ? path : output->label, style(color, STYLE_NONE));
    printf("%s%s\n", output->is_ok ? "" : "error ",
           output->is_bytes ? output->cid : output->json);
    return output->is_ok ? EXIT_OK : EXIT_FAILED;
}

static int print_outputs(struct outputs *outputs)
{
    int code = EXIT_OK;
    plan_outputs(outputs);
    for (uint32_t index = 0; index < ipvm_run_output_count(outputs->run);
         index++) {
        ipvm_output output;
        ipvm_error error;
        if (ipvm_run_output(outputs->run, index, &output, &error) != IPVM_OK)
            return cli_fail(outputs->cli, &error);
        int this = print_output(outputs, &output);
        if (this > EXIT_FAILED) // The next one would fail the same way.
            return this;
        if (code == EXIT_OK)
            code = this;
    }
    return code;
}

/* --- JSON ---------------------------------------------------------------- */

/* The value itself; as text, should it be beyond what JSON is read of. */
static Value json_value(struct arena *arena, const char *json)
{
    Value value;
    Bytes copy = arena_copy_bytes(arena, text_bytes(text_of(json)));
    if (dag_json_decode(copy, arena, &value, NULL) != STATUS_OK)
        return value_text(bytes_text(copy));
    return value;
}

static Value json_output(struct arena *arena, const ipvm_output *output,
                         const char *path)
{
    struct value_entry entries[8];
    size_t count = 0;
    entries[count++] = (struct value_entry){
        TEXT("label"),
        value_text(arena_copy_text(arena, text_of(output->label)))};
    if (output->end[0]) {
        entries[count++] = (struct value_entry){
            TEXT("end"),
            value_text(arena_copy_text(arena, text_of(output->end)))};
    } else {
        entries[count++] =
            (struct value_entry){TEXT("ok"), value_bool(output->is_ok)};
        entries[count++] = (struct value_entry){
            TEXT("cid"),
            value_text(arena_copy_text(arena, text_of(output->cid)))};
        entries[count++] = (struct value_entry){
            TEXT("value"), json_value(arena, output->json)};
    }
    if (output->message[0])
        entries[count++] = (struct value_entry){
            TEXT("message"),
            value_text(arena_copy_text(arena, text_of(output->message)))};
    if (path[0])
        entries[count++] = (struct value_entry){
            TEXT("file"), value_text(arena_copy_text(arena, text_of(path)))};
    return value_map(arena, entries, count);
}

static int json_outputs(struct outputs *outputs, const ipvm_workflow *workflow)
{
    struct arena arena = {0};
    ipvm_error error;
    uint32_t count = ipvm_run_output_count(outputs->run);
    Value *items = arena_array(&arena, count, sizeof *items);
    ipvm_status status = IPVM_OK;

    plan_outputs(outputs);
    for (uint32_t index = 0; status == IPVM_OK && index < count; index++) {
        ipvm_output output;
        char path[2048] = "";
        status = ipvm_run_output(outputs->run, index, &output, &error);
        if (status == IPVM_OK && output.is_bytes && output.is_ok &&
            !outputs->no_files && !outputs->print_bytes)
            status = save_output(outputs, &output, path, sizeof path, &error);
        if (status == IPVM_OK)
            items[index] = json_output(&arena, &output, path);
    }
    int code = status == IPVM_OK ? EXIT_OK : cli_fail(outputs->cli, &error);
    if (status == IPVM_OK) {
        struct value_entry entries[] = {
            {TEXT("outputs"), value_list(items, count)},
            {TEXT("workflow"),
             value_text(text_of(ipvm_workflow_cid(workflow)))},
            {TEXT("succeeded"), value_bool(ipvm_run_succeeded(outputs->run))},
        };
        Value whole = value_map(&arena, entries, 3);
        output_json(&whole);
    }
    arena_deinit(&arena);
    return code;
}

/* --- The command --------------------------------------------------------- */

static bool is_wasm(const char *path)
{
    unsigned char head[8] = {0};
    FILE *file = fopen(path, "rbe");
    if (!file)
        return false;
    size_t len = fread(head, 1, sizeof head, file);
    fclose(file);
    return len >= 4 && memcmp(head, "\0asm", 4) == 0;
}

static ipvm_status load(struct cli *cli, const struct asked *asked,
                        bool is_call, ipvm_workflow **workflow,
                        ipvm_error *error)
{
    if (!is_call)
        return ipvm_workflow_load(cli->vm, cli->words[0], workflow, error);
    return ipvm_workflow_call(cli->vm, cli->words[0], cli->words[1],
                              cli->words + 2, (size_t)cli->word_count - 2,
                              &asked->call, workflow, error);
}

static int run_it(struct cli *cli, struct asked *asked, bool is_call,
                  ipvm_workflow *workflow)
{
    char name[256];
    ipvm_error error;
    struct outputs outputs = {.cli = cli, .is_call = is_call};

    stem_of(is_call ? cli->words[1] : cli->words[0], name, sizeof name);
    struct progress *progress =
        progress_new(cli, name, ipvm_workflow_task_count(workflow));
    asked->run.on_event = progress_event;
    asked->run.context = progress;
    ipvm_status status = ipvm_run_workflow(cli->vm, workflow, &asked->run,
                                           &outputs.run, &error);
    bool succeeded = status == IPVM_OK && ipvm_run_succeeded(outputs.run);
    bool host_failed = progress_host_failed(progress);
    progress_finish(progress, succeeded);
    progress_free(progress);
    if (status != IPVM_OK)
        return cli_fail(cli, &error);
    int code = EXIT_OK;
    if (!cli->json)
        code = print_outputs(&outputs);
    else if (!ipvm_interrupted(cli->vm))
        code = json_outputs(&outputs, workflow);
    if (code == EXIT_OK && !succeeded)
        code = EXIT_FAILED;
    if (code == EXIT_FAILED && host_failed)
        code = EXIT_TROUBLE;
    if (ipvm_interrupted(cli->vm))
        code = cli_error(cli, EXIT_INTERRUPTED,
                         "interrupted; what was finished is kept, the next "
                         "run goes on from there");
    ipvm_run_free(outputs.run);
    return code;
}

int command_run(struct cli *cli)
{
    struct asked asked = {0};
    ipvm_workflow *workflow;
    ipvm_error error;

    int code = read_options(cli, &asked);
    if (code != EXIT_OK)
        return code;
    bool is_call = cli->word_count > 1;
    if (!is_call && is_wasm(cli->words[0]))
        return cli_error(cli, EXIT_USAGE,
                         "run: %s is a module: name a function of it, as in "
                         "`ipvm run %s FUNCTION ARGUMENT...`; `ipvm inspect "
                         "%s` lists them",
                         cli->words[0], cli->words[0], cli->words[0]);
    if (!is_call)
        code = refuse_call_options(cli);
    if (code != EXIT_OK)
        return code;
    code = cli_open(cli, &asked.vm);
    if (code != EXIT_OK)
        return code;
    if (load(cli, &asked, is_call, &workflow, &error) != IPVM_OK)
        return cli_fail(cli, &error);
    code = run_it(cli, &asked, is_call, workflow);
    ipvm_workflow_free(workflow);
    return code;
}

const struct command run_command = {
    .name = "run",
    .synopsis = "WORKFLOW | MODULE FUNCTION [ARGUMENT...]",
    .summary = "run a workflow, or one function of a module",
    .description =
        "Runs a workflow: a manifest (YAML or JSON), a Homestar 0.2 or IPVM\n"
        "0.1 workflow, or the CID of one; - reads it from standard input.\n"
        "Tasks run in parallel as their data allows. What was computed before\n"
        "is answered from the memo. Outputs that are bytes are written as\n"
        "files to NAME.out/ unless -o or -n says otherwise; CIDs and other\n"
        "values are printed.\n\n"
        "Or runs one function of a module (a file or CID): @FILE is the\n"
        "file's content, - standard input; the function's types decide what\n"
        "is text and what a number. Bytes go to -o, or down a pipe.\n\n"
        "Ctrl-C stops cleanly; what was finished is kept, and the next run\n"
        "goes on from there.",
    .options = run_options_table,
    .examples = "  ipvm run examples/photo/photo.yaml\n"
                "  ipvm run image.wasm blur @cat.png 2.5 -o out.png\n"
                "  ipvm run bafyrei... -n --json\n",
    .run = command_run,
    .words_min = 1,
    .words_max = -1,
};
