/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/remote_output.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "cli/block_input.h"
#include "cli/field.h"
#include "cli/output.h"
#include "cli/remote_job.h"
#include "content/new_file.h"
#include "ipld/dag_json.h"
#include "task/reserved.h"

struct outputs {
    struct node_client *client;
    struct cli *cli;
    const char *id;
    const char *path; /* NULL: nothing is written */
    bool is_directory;
    struct arena arena;
    Value values; /* {label: {"ok": bool, "value"?, "end"?, …}} */
};

/* The path of one output, to ask for. */
static const char *result_path(struct outputs *outputs, Text label)
{
    struct buffer url;
    buffer_init(&url, 8192);
    buffer_format(&url, "/v1/jobs/%s/result?output=", outputs->id);
    url_add(&url, label);
    const char *path =
        arena_copy_text(&outputs->arena, bytes_text(buffer_bytes(&url))).data;
    buffer_deinit(&url);
    return path;
}

/* --- Into a file --------------------------------------------------------- */

struct writing {
    struct new_file file;
    int trouble; /* errno, or 0 */
};

static bool write_piece(void *context, const void *data, size_t len)
{
    struct writing *writing = context;
    if (!file_write_all(writing->file.file, bytes_of(data, len)))
        writing->trouble = errno ? errno : EIO;
    return writing->trouble == 0;
}

static int fetch(struct outputs *outputs, Text label, struct writing *writing)
{
    struct http_client_answer answer;
    struct error err = {0};
    const struct node_ask ask = {
        .method = "GET",
        .path = result_path(outputs, label),
        .cmd = "/job/read",
        .job = outputs->id,
        .accept = "*/*",
        .sink = write_piece,
        .context = writing,
    };
    const Status status = node_try(outputs->client, &ask, &answer, &err);
    int code = EXIT_OK;
    if (writing->trouble)
        code = cli_error(outputs->cli, EXIT_TROUBLE, "cannot write %s: %s",
                         writing->file.path, strerror(writing->trouble));
    else if (status != STATUS_OK)
        code = say_failed(outputs->cli, status, &err);
    else if (answer.status >= 400)
        code = node_refused(outputs->client, &answer);
    buffer_deinit(&answer.body);
    return code;
}

/* Labels are no paths: what could lead out of the directory is replaced. */
static const char *file_path(struct outputs *outputs, Text label)
{
    if (!outputs->is_directory)
        return outputs->path;
    const Text path = arena_format(&outputs->arena, "%s/%.*s", outputs->path,
                                   TEXT_ARG(label));
    char *name = arena_alloc(&outputs->arena, path.len + 1);
    const size_t from = strlen(outputs->path) + 1;
    memcpy(name, path.data, path.len + 1);
    for (size_t at = from; at < path.len; at++)
        if (name[at] == '/' || (at == from && name[at] == '.'))
            name[at] = '_';
    return name;
}

static int save(struct outputs *outputs, Text label, const char **path)
{
    struct writing writing = {0};
    struct error err = {0};
    *path = file_path(outputs, label);
    Status status = new_file_open(&writing.file, *path, &err);
    if (status != STATUS_OK)
        return say_failed(outputs->cli, status, &err);
    const int code = fetch(outputs, label, &writing);
    status = new_file_close(&writing.file,
                            code == EXIT_OK ? STATUS_OK : STATUS_IO, &err);
    if (code == EXIT_OK && status != STATUS_OK)
        return say_failed(outputs->cli, status, &err);
    return code;
}

/* --- For people ---------------------------------------------------------- */

/* What stands in the place of a value: CIDs as they are, all else as JSON. */
static Text show_value(struct outputs *outputs, const Value *value)
{
    const Reserved reserved = value_reserved(value);
    struct buffer json;
    Text text;
    if (reserved == RESERVED_BYTES || reserved == RESERVED_TEXT)
        value = &value->map.entries[0].value;
    if (value->kind == VALUE_LINK)
        return cid_bytes_to_text(value->link, &outputs->arena);
    buffer_init(&json, (size_t)64 << 20);
    if (dag_json_encode(value, &json, NULL) == STATUS_OK)
        text = output_safe(bytes_text(buffer_bytes(&json)), &outputs->arena);
    else
        text = TEXT("(a value that DAG-JSON cannot say)");
    buffer_deinit(&json);
    return text;
}

static int print_output(struct outputs *outputs, Text label,
                        const Value *value)
{
    const bool color = outputs->cli->color;
    const Value *inner = field(value, TEXT("value"));
    const bool is_ok = field_true(value, TEXT("ok"));
    const char *path = NULL;
    if (!inner)
        return EXIT_OK; // The progress said how it ended.
    if (is_ok && outputs->path) {
        const int code = save(outputs, label, &path);
        if (code != EXIT_OK)
            return code;
    }
    const Text name =
        output_safe(path ? text_of(path) : label, &outputs->arena);
    const Text shown = show_value(outputs, inner);
    printf("%s%.*s%s  %s%.*s\n", style(color, STYLE_BOLD), TEXT_ARG(name),
           style(color, STYLE_NONE), is_ok ? "" : "error ", TEXT_ARG(shown));
    return EXIT_OK;
}

static int print_outputs(struct outputs *outputs)
{
    for (size_t at = 0; at < outputs->values.map.count; at++) {
        const struct value_entry *entry = &outputs->values.map.entries[at];
        const int code = print_output(outputs, entry->key, &entry->value);
        if (code != EXIT_OK)
            return code;
    }
    return EXIT_OK;
}

/* --- For programs -------------------------------------------------------- */

static int print_json(struct outputs *outputs, const Value *job)
{
    const Value *link = field(job, TEXT("job"));
    int code = EXIT_OK;
    for (size_t at = 0;
         outputs->path && code == EXIT_OK && at < outputs->values.map.count;
         at++) {
        const char *path;
        const struct value_entry *entry = &outputs->values.map.entries[at];
        if (field_true(&entry->value, TEXT("ok")))
            code = save(outputs, entry->key, &path);
    }
    const struct value_entry entries[] = {
        {TEXT("job"), link ? *link : value_null()},
        {TEXT("state"), value_text(field_text(job, TEXT("state")))},
        {TEXT("outputs"), outputs->values},
        {TEXT("succeeded"), value_bool(remote_job_code(job) == EXIT_OK)},
    };
    const Value whole = value_map(&outputs->arena, entries, 4);
    if (code == EXIT_OK)
        output_json(&whole);
    return code;
}

/* --- All of them --------------------------------------------------------- */

static int ask_values(struct outputs *outputs)
{
    const struct node_ask ask = {
        .method = "GET",
        .path = remote_job_path(&outputs->arena, outputs->id, "/result").data,
        .cmd = "/job/read",
        .job = outputs->id,
    };
    const int code = node_ask_value(outputs->client, &ask, &outputs->arena,
                                    &outputs->values);
    if (code == EXIT_OK && outputs->values.kind != VALUE_MAP)
        return cli_error(outputs->cli, EXIT_TROUBLE,
                         "the node does not say what the job came to");
    return code;
}

static int make_directory(struct outputs *outputs)
{
    struct stat there;
    const size_t len = strlen(outputs->path);
    outputs->is_directory =
        outputs->values.map.count > 1 || len == 0 ||
        outputs->path[len - 1] == '/' ||
        (stat(outputs->path, &there) == 0 && S_ISDIR(there.st_mode));
    if (outputs->is_directory && mkdir(outputs->path, 0777) != 0 &&
        errno != EEXIST)
        return cli_error(outputs->cli, EXIT_TROUBLE,
                         "cannot make the directory %.100s: %s", outputs->path,
                         strerror(errno));
    return EXIT_OK;
}

int remote_outputs(struct node_client *client, const char *id,
                   const Value *job, const char *path, int code)
{
    struct outputs outputs = {
        .client = client,
        .cli = node_client_cli(client),
        .id = id,
        .path = path,
    };
    int trouble = ask_values(&outputs);
    if (trouble == EXIT_OK && path)
        trouble = make_directory(&outputs);
    if (trouble == EXIT_OK)
        trouble = outputs.cli->json ? print_json(&outputs, job)
                                    : print_outputs(&outputs);
    arena_deinit(&outputs.arena);
    return trouble == EXIT_OK ? code : trouble;
}
