/* SPDX-License-Identifier: Apache-2.0 */
/* config.c - one table of settings: key, kind, bounds, default, words. Reading
 * a file, `--set`, the commented file and the man page all go by it. */
#include "node/config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "task/limits.h"
#include "task/node.h"

enum { CONFIG_BYTES_MAX = 1 << 20 };

typedef enum {
    SETTING_TEXT,
    SETTING_BOOL,
    SETTING_COUNT,
    SETTING_SIZE,   /* bytes; "512MiB" */
    SETTING_MS,     /* "30s" */
    SETTING_SECONDS /* the same, kept in seconds */
} SettingKind;

struct setting {
    Text key;
    SettingKind kind;
    size_t offset, size; /* of its field */
    uint64_t least, most;
    Text fallback; /* the default, as it would be written */
    const char *words;
};

#define FIELD(name)                                                           \
    offsetof(struct node_config, name), sizeof(((struct node_config *)0)->name)
#define COUNT_MAX UINT32_MAX
#define BYTES_MAX (UINT64_C(1) << 62)
#define SECONDS_MAX (UINT64_C(100) * 366 * 86400)

// clang-format off
static const struct setting settings[] = {
    {TEXT_INIT("listen"), SETTING_TEXT, FIELD(listen), 1, 0,
     TEXT_INIT("127.0.0.1"),
     "address to listen on; anything but loopback wants a TLS proxy in front"},
    {TEXT_INIT("port"), SETTING_COUNT, FIELD(port), 0, 65535,
     TEXT_INIT("4747"), "0: any free one"},
    {TEXT_INIT("homestar_port"), SETTING_COUNT, FIELD(homestar_port), 0, 65535,
     TEXT_INIT("0"), "Homestar's interface, loopback only; 0: not served"},
    {TEXT_INIT("public_gateway"), SETTING_BOOL, FIELD(public_gateway), 0, 1,
     TEXT_INIT("false"), "anybody may read content by CID"},
    {TEXT_INIT("workers"), SETTING_COUNT, FIELD(workers), 0, 1024,
     TEXT_INIT("0"), "worker processes at once; 0: one per core"},
    {TEXT_INIT("memory"), SETTING_SIZE, FIELD(memory_total), 0, BYTES_MAX,
     TEXT_INIT("0"),
     "of all running tasks together; 0: three quarters of the machine's"},
    {TEXT_INIT("task_memory"), SETTING_SIZE, FIELD(task_memory), 65536,
     BYTES_MAX, TEXT_INIT("512MiB"), "of a task that asks for none"},
    {TEXT_INIT("task_memory_max"), SETTING_SIZE, FIELD(task_memory_max), 65536,
     BYTES_MAX, TEXT_INIT("4GiB"), "the most that a task may ask for"},
    {TEXT_INIT("task_time_max"), SETTING_MS, FIELD(task_time_ms_max), 1,
     SECONDS_MAX * 1000, TEXT_INIT("1h"), "the longest that a task may run"},
    {TEXT_INIT("queue_max"), SETTING_COUNT, FIELD(queue_max), 1, COUNT_MAX,
     TEXT_INIT("1000000"), "open jobs; more are answered with 429"},
    {TEXT_INIT("subject_queue_max"), SETTING_COUNT, FIELD(subject_queue_max),
     1, COUNT_MAX, TEXT_INIT("10000"),
     "open jobs of one subject that is not the owner"},
    {TEXT_INIT("subject_tasks_max"), SETTING_COUNT, FIELD(subject_tasks_max),
     1, COUNT_MAX, TEXT_INIT("10000"),
     "tasks in a workflow of such a subject"},
    {TEXT_INIT("active_max"), SETTING_COUNT, FIELD(active_max), 1, 1000000,
     TEXT_INIT("1000"), "jobs that are run at once; the others wait"},
    {TEXT_INIT("owner_weight"), SETTING_COUNT, FIELD(owner_weight), 1, 1000,
     TEXT_INIT("4"),
     "the owner's share of the workers; every other subject's is 1"},
    {TEXT_INIT("body_max"), SETTING_SIZE, FIELD(body_max), 4096, BYTES_MAX,
     TEXT_INIT("1GiB"), "of a request"},
    {TEXT_INIT("connections_max"), SETTING_COUNT, FIELD(connections_max), 1,
     1000000, TEXT_INIT("12000"), "open at once"},
    {TEXT_INIT("connections_per_address_max"), SETTING_COUNT,
     FIELD(connections_per_address_max), 1, 1000000, TEXT_INIT("256"),
     "open at once from one address that is not loopback"},
    {TEXT_INIT("requests_per_second"), SETTING_COUNT,
     FIELD(requests_per_second), 1, COUNT_MAX, TEXT_INIT("1000"),
     "from one address that is not loopback"},
    {TEXT_INIT("keep_jobs"), SETTING_SECONDS, FIELD(keep_jobs_s), 0,
     SECONDS_MAX, TEXT_INIT("30d"),
     "a job that is over is forgotten after that; 0: never"},
    {TEXT_INIT("keep_jobs_max"), SETTING_COUNT, FIELD(keep_jobs_max), 0,
     BYTES_MAX, TEXT_INIT("2000000"),
     "the oldest of more jobs than that are forgotten; 0: never"},
    {TEXT_INIT("gc_every"), SETTING_SECONDS, FIELD(gc_every_s), 0, SECONDS_MAX,
     TEXT_INIT("0"), "collects what nothing keeps; 0: never by itself"},
    {TEXT_INIT("seal_after"), SETTING_SECONDS, FIELD(seal_after_s), 1,
     SECONDS_MAX, TEXT_INIT("30s"), "receipts are sealed when idle so long"},
    {TEXT_INIT("otlp"), SETTING_TEXT, FIELD(otlp), 0, 0, TEXT_INIT("\"\""),
     "traces go to, such as http://127.0.0.1:4318/v1/traces"},
};
// clang-format on
enum { SETTINGS = sizeof settings / sizeof *settings };

/* --- One setting --------------------------------------------------------- */

static const struct setting *find(Text key)
{
    for (size_t index = 0; index < SETTINGS; index++)
        if (text_equal(settings[index].key, key))
            return &settings[index];
    return NULL;
}

static Status unknown_key(Text key, struct error *err)
{
    Text words[SETTINGS];
    const int len = (int)(key.len > 64 ? 64 : key.len);
    for (size_t index = 0; index < SETTINGS; index++)
        words[index] = settings[index].key;
    const Text near = text_nearest(key, words, SETTINGS);
    if (near.data)
        return fail(err, STATUS_INVALID,
                    "there is no setting '%.*s'; did you mean '%.*s'?", len,
                    key.data, TEXT_ARG(near));
    return fail(err, STATUS_INVALID, "there is no setting '%.*s'", len,
                key.data);
}

static void put_number(const struct setting *setting,
                       struct node_config *config, uint64_t number)
{
    uint8_t *field = (uint8_t *)config + setting->offset;
    const uint16_t short_one = (uint16_t)number;
    const uint32_t middle = (uint32_t)number;
    const bool flag = number != 0;
    const void *from = &number;
    if (setting->size == sizeof flag)
        from = &flag;
    else if (setting->size == sizeof short_one)
        from = &short_one;
    else if (setting->size == sizeof middle)
        from = &middle;
    else
        ASSERT(setting->size == sizeof number);
    memcpy(field, from, setting->size);
}

static Status put_text(const struct setting *setting,
                       struct node_config *config, Text text,
                       struct error *err)
{
    uint8_t *field = (uint8_t *)config + setting->offset;
    for (size_t index = 0; index < text.len; index++)
        if ((unsigned char)text.data[index] <= ' ')
            return fail(err, STATUS_INVALID,
                        "'%.*s' has a blank or control character in it",
                        TEXT_ARG(setting->key));
    if (text.len >= setting->size || text.len < setting->least)
        return fail(err, STATUS_INVALID,
                    "'%.*s' must be text of %llu to %zu bytes",
                    TEXT_ARG(setting->key), (unsigned long long)setting->least,
                    setting->size - 1);
    memset(field, 0, setting->size);
    if (text.len > 0)
        memcpy(field, text.data, text.len);
    return STATUS_OK;
}

static Status parse_bool(Text text, uint64_t *out, struct error *err)
{
    *out = text_equal(text, TEXT("true"));
    if (*out == 0 && !text_equal(text, TEXT("false")))
        return fail(err, STATUS_INVALID, "expected true or false");
    return STATUS_OK;
}

/* Digits alone: a plain number of bytes is one. */
static Status parse_count(Text text, uint64_t *out, struct error *err)
{
    for (size_t index = 0; index < text.len; index++)
        if (text.data[index] < '0' || text.data[index] > '9')
            return fail(err, STATUS_INVALID, "expected a number");
    if (size_parse(text, out, NULL) != STATUS_OK)
        return fail(err, STATUS_INVALID, "expected a number up to 2^63-1");
    return STATUS_OK;
}

static Status parse_seconds(Text text, uint64_t *out, struct error *err)
{
    TRY(duration_parse(text, out, err));
    if (*out % 1000 != 0)
        return fail(err, STATUS_INVALID, "expected whole seconds");
    *out /= 1000;
    return STATUS_OK;
}

static Status parse(const struct setting *setting, Text text, uint64_t *out,
                    struct error *err)
{
    switch (setting->kind) {
    case SETTING_BOOL:
        return parse_bool(text, out, err);
    case SETTING_COUNT:
        return parse_count(text, out, err);
    case SETTING_SIZE:
        return size_parse(text, out, err);
    case SETTING_MS:
        return duration_parse(text, out, err);
    case SETTING_SECONDS:
        return parse_seconds(text, out, err);
    case SETTING_TEXT:
        break;
    }
    ASSERT(setting->kind != SETTING_TEXT);
    return STATUS_INVALID;
}

static Status put(const struct setting *setting, struct node_config *config,
                  Text text, struct error *err)
{
    struct error inner = {0};
    uint64_t number = 0;
    if (setting->kind == SETTING_TEXT)
        return put_text(setting, config, text, err);
    const Status status = parse(setting, text, &number, &inner);
    if (status != STATUS_OK)
        return fail(err, status, "'%.*s': %.120s", TEXT_ARG(setting->key),
                    inner.message);
    if (number < setting->least || number > setting->most)
        return fail(err, STATUS_INVALID, "'%.*s' must be from %llu to %llu",
                    TEXT_ARG(setting->key), (unsigned long long)setting->least,
                    (unsigned long long)setting->most);
    put_number(setting, config, number);
    return STATUS_OK;
}

Status node_config_set(struct node_config *config, Text key, Text value,
                       struct error *err)
{
    const struct setting *setting = find(key);
    if (!setting)
        return unknown_key(key, err);
    return put(setting, config, value, err);
}

void node_config_default(struct node_config *out)
{
    memset(out, 0, sizeof *out);
    for (size_t index = 0; index < SETTINGS; index++) {
        const struct setting *setting = &settings[index];
        const Text text = text_equal(setting->fallback, TEXT("\"\""))
                              ? TEXT("")
                              : setting->fallback;
        const Status status = put(setting, out, text, NULL);
        ASSERT(status == STATUS_OK);
    }
}

/* --- A file -------------------------------------------------------------- */

/* Nothing but blank lines and comments: no document, no changes. */
static bool says_nothing(Bytes bytes)
{
    bool comment = false;
    for (size_t index = 0; index < bytes.len; index++) {
        const uint8_t byte = bytes.data[index];
        if (byte == '\n')
            comment = false;
        else if (byte == '#')
            comment = true;
        else if (!comment && byte != ' ' && byte != '\r')
            return false;
    }
    return true;
}

static Status read_document(const struct node *document,
                            struct node_config *out, struct error *err)
{
    if (document->kind != NODE_MAP || document->tag.len > 0)
        return node_fail(document, err, "expected lines of 'key: value'");
    for (const struct node *at = document->first; at; at = at->next->next) {
        const struct node *value = at->next;
        if (value->kind != NODE_SCALAR || value->tag.len > 0)
            return node_fail(value, err, "'%.*s' must be one value, got %s",
                             (int)(at->text.len > 64 ? 64 : at->text.len),
                             at->text.data,
                             value->tag.len ? "a tag" : node_kind_name(value));
        const Status status = node_config_set(out, at->text, value->text, err);
        if (status != STATUS_OK)
            return node_fail_in(at, status, err);
    }
    if (out->task_memory > out->task_memory_max)
        return node_fail(document, err,
                         "'task_memory' is above 'task_memory_max'");
    return STATUS_OK;
}

Status node_config_read_bytes(Bytes bytes, struct node_config *out,
                              struct error *err)
{
    struct node_config config;
    struct node *document = NULL;
    struct arena arena = {0};
    node_config_default(&config);
    Status status = STATUS_OK;
    if (!says_nothing(bytes)) {
        status = node_read(bytes, &arena, &document, err);
        if (status == STATUS_OK)
            status = read_document(document, &config, err);
    }
    arena_deinit(&arena);
    if (status == STATUS_OK)
        *out = config;
    return status;
}

static Status read_file(int file, const char *path, struct buffer *bytes,
                        struct error *err)
{
    for (;;) {
        uint8_t *room = buffer_reserve(bytes, 4096);
        TRY(buffer_status(bytes, path, err));
        const ssize_t len = read(file, room, 4096);
        if (len < 0 && errno == EINTR)
            continue;
        if (len < 0)
            return fail_errno(err, errno, "cannot read %s", path);
        if (len == 0)
            return STATUS_OK;
        buffer_advance(bytes, (size_t)len);
    }
}

Status node_config_read(const char *path, struct node_config *out,
                        struct error *err)
{
    struct buffer bytes;
    struct error inner = {0};
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0 && errno == ENOENT)
        return fail(err, STATUS_NOT_FOUND, "there is no file %s", path);
    if (file < 0)
        return fail_errno(err, errno, "cannot open %s", path);
    buffer_init(&bytes, CONFIG_BYTES_MAX);
    Status status = read_file(file, path, &bytes, err);
    close(file);
    if (status == STATUS_OK) {
        status = node_config_read_bytes(buffer_bytes(&bytes), out, &inner);
        if (status != STATUS_OK)
            status = fail(err, status, "%s:%s", path, inner.message);
    }
    buffer_deinit(&bytes);
    return status;
}

void node_config_print(struct buffer *out)
{
    buffer_format(out, "%s",
                  "# What `ipvm node` goes by. Durations: 250ms 30s 5m 2h 1d; "
                  "sizes: 64KiB 512MiB 2GiB.\n");
    for (size_t index = 0; index < SETTINGS; index++)
        buffer_format(out, "\n# %s\n#%.*s: %.*s\n", settings[index].words,
                      TEXT_ARG(settings[index].key),
                      TEXT_ARG(settings[index].fallback));
}
