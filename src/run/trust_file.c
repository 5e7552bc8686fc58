/* SPDX-License-Identifier: Apache-2.0 */
/* trust_file.c - the text is changed by lines, not written anew, so that it
 * stays its author's; then it is read again, and if it does not say exactly
 * what it should it is not kept. */
#include "run/trust_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

#define NAME "trust.yaml"
#define NEW_NAME "trust.yaml.new"

static const char beginning[] =
    "# Whose receipts count as results, besides our own: see `ipvm help "
    "trust`.\n"
    "version: 1\n"
    "rules:\n";

/* --- Reading ------------------------------------------------------------- */

bool trust_file_exists(const char *directory)
{
    char path[4096];
    if (directory[0] == '\0' ||
        snprintf(path, sizeof path, "%s/" NAME, directory) >= (int)sizeof path)
        return false;
    // What cannot be looked at is read, and said.
    return access(path, F_OK) == 0 || errno != ENOENT;
}

static Status read_all(int file, struct buffer *out, struct error *err)
{
    for (;;) {
        uint8_t *room = buffer_reserve(out, 1 << 16);
        if (!room)
            return fail(err, STATUS_LIMIT, "more than %d bytes of rules",
                        TRUST_FILE_MAX);
        const ssize_t len = read(file, room, 1 << 16);
        if (len < 0 && errno == EINTR)
            continue;
        if (len < 0)
            return fail_errno(err, errno, "cannot be read");
        if (len == 0)
            return STATUS_OK;
        buffer_advance(out, (size_t)len);
    }
}

/* STATUS_NOT_FOUND: no file. */
static Status load(int folder, struct buffer *out, struct error *err)
{
    const int file = openat(folder, NAME, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0 && errno == ENOENT)
        return STATUS_NOT_FOUND;
    if (file < 0)
        return fail_errno(err, errno, "cannot be opened");
    const Status status = read_all(file, out, err);
    close(file);
    return status;
}

/* "PATH:LINE:COLUMN: …"; the words matter more than the front of a path. */
static Status fail_in_file(const char *directory, Status status,
                           struct error *err)
{
    const size_t len = strlen(directory);
    const bool is_place =
        err && err->message[0] >= '0' && err->message[0] <= '9';
    const char *front = len > 80 ? "..." : "";
    const char *path = len > 80 ? directory + len - 77 : directory;
    struct error was = err ? *err : (struct error){0};
    return fail(err, status, "%s%s/" NAME ":%s%.*s", front, path,
                is_place ? "" : " ",
                (int)(sizeof was.message - strlen(path) - 20), was.message);
}

static int open_folder(const char *directory)
{
    return open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

Status trust_file_read(const char *directory, struct arena *arena,
                       struct trust_rules *out, struct error *err)
{
    struct buffer bytes;
    struct error why = {0};
    *out = (struct trust_rules){0};
    const int folder = directory[0] ? open_folder(directory) : -1;
    if (folder < 0)
        return STATUS_OK; // The store is in memory, or not made yet.
    buffer_init(&bytes, TRUST_FILE_MAX + (1 << 17));
    Status status = load(folder, &bytes, &why);
    if (status == STATUS_OK)
        status = trust_rules_read(buffer_bytes(&bytes), arena, out, &why);
    buffer_deinit(&bytes);
    close(folder);
    if (status == STATUS_OK || status == STATUS_NOT_FOUND)
        return STATUS_OK;
    if (err)
        *err = why;
    return fail_in_file(directory, status, err);
}

/* --- A change ------------------------------------------------------------ */

/* The file as it is, with its folder locked. */
struct change {
    const char *directory;
    int folder;
    struct arena arena;
    struct buffer before, after;
    struct trust_rules rules; /* of `before` */
};

static Status change_begin(struct change *change, const char *directory,
                           struct error *err)
{
    *change = (struct change){.directory = directory, .folder = -1};
    buffer_init(&change->before, TRUST_FILE_MAX + (1 << 17));
    buffer_init(&change->after, TRUST_FILE_MAX);
    change->folder = open_folder(directory);
    if (change->folder < 0)
        return fail_errno(err, errno, "%.150s cannot be opened", directory);
    if (flock(change->folder, LOCK_EX) != 0)
        return fail_errno(err, errno, "%.150s cannot be locked", directory);
    Status status = load(change->folder, &change->before, err);
    if (status == STATUS_NOT_FOUND)
        return STATUS_OK;
    if (status == STATUS_OK)
        status = trust_rules_read(buffer_bytes(&change->before),
                                  &change->arena, &change->rules, err);
    return status == STATUS_OK ? status : fail_in_file(directory, status, err);
}

static void change_end(struct change *change)
{
    if (change->folder >= 0)
        close(change->folder);
    buffer_deinit(&change->before);
    buffer_deinit(&change->after);
    arena_deinit(&change->arena);
}

static bool texts_equal(const Text *a, const Text *b, size_t count)
{
    for (size_t index = 0; index < count; index++)
        if (!text_equal(a[index], b[index]))
            return false;
    return true;
}

static bool rule_equal(const struct trust_rule *a, const struct trust_rule *b)
{
    if (!text_equal(a->name, b->name) || a->denies != b->denies ||
        a->is_any != b->is_any || a->at_least != b->at_least ||
        a->did_count != b->did_count || a->command_count != b->command_count ||
        a->module_count != b->module_count ||
        a->function_count != b->function_count ||
        !texts_equal(a->commands, b->commands, a->command_count) ||
        !texts_equal(a->functions, b->functions, a->function_count))
        return false;
    for (size_t index = 0; index < a->did_count; index++)
        if (!did_equal(&a->dids[index], &b->dids[index]))
            return false;
    for (size_t index = 0; index < a->module_count; index++)
        if (!cid_equal(&a->modules[index], &b->modules[index]))
            return false;
    return true;
}

static Status write_new(const struct change *change, struct error *err)
{
    const Bytes bytes = buffer_bytes(&change->after);
    const int file =
        openat(change->folder, NEW_NAME,
               O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (file < 0)
        return fail_errno(err, errno, "cannot be written");
    const bool is_good = file_write_all(file, bytes) && fsync(file) == 0;
    const int why = errno;
    close(file);
    if (is_good &&
        renameat(change->folder, NEW_NAME, change->folder, NAME) == 0 &&
        fsync(change->folder) == 0)
        return STATUS_OK;
    const int trouble = is_good ? errno : why;
    unlinkat(change->folder, NEW_NAME, 0);
    return fail_errno(err, trouble, "cannot be written");
}

/* Keeps `after` if it says `count` rules, those of `wanted`. */
static Status change_keep(struct change *change,
                          const struct trust_rule *const *wanted, size_t count,
                          struct error *err)
{
    struct trust_rules rules;
    TRY(buffer_status(&change->after, "the file of rules", err));
    bool is_same =
        trust_rules_read(buffer_bytes(&change->after), &change->arena, &rules,
                         err) == STATUS_OK &&
        rules.count == count;
    for (size_t index = 0; is_same && index < count; index++)
        is_same = rule_equal(&rules.rules[index], wanted[index]);
    if (!is_same)
        return fail(err, STATUS_UNSUPPORTED,
                    "%.100s/" NAME " is not written one rule after the other; "
                    "change it by hand",
                    change->directory);
    Status status = write_new(change, err);
    return status == STATUS_OK ? status
                               : fail_in_file(change->directory, status, err);
}

/* --- Adding -------------------------------------------------------------- */

/* In double quotes: whatever a name has in it, it stays text. */
static void add_quoted(struct buffer *out, Text text)
{
    buffer_add_byte(out, '"');
    for (size_t index = 0; index < text.len; index++) {
        if (text.data[index] == '"' || text.data[index] == '\\')
            buffer_add_byte(out, '\\');
        buffer_add_byte(out, (uint8_t)text.data[index]);
    }
    buffer_add_byte(out, '"');
}

static void add_texts(struct buffer *out, const Text *texts, size_t count)
{
    buffer_add_byte(out, '[');
    for (size_t index = 0; index < count; index++) {
        if (index > 0)
            buffer_add_text(out, TEXT(", "));
        add_quoted(out, texts[index]);
    }
    buffer_add_text(out, TEXT("]\n"));
}

static void add_key(struct buffer *out, unsigned indent, const char *key)
{
    buffer_format(out, "%*s%s: ", (int)indent, "", key);
}

static void write_whom(struct buffer *out, const struct trust_rule *rule,
                       struct arena *arena)
{
    Text *dids = arena_array(arena, rule->did_count, sizeof *dids);
    for (size_t index = 0; index < rule->did_count; index++)
        dids[index] = text_of(rule->dids[index].text);
    if (rule->is_any)
        buffer_add_text(out, TEXT("any\n"));
    else
        add_texts(out, dids, rule->did_count);
}

static void write_rule(struct buffer *out, const struct trust_rule *rule,
                       unsigned indent, struct arena *arena)
{
    Text *modules = arena_array(arena, rule->module_count, sizeof *modules);
    for (size_t index = 0; index < rule->module_count; index++)
        modules[index] =
            cid_bytes_to_text(cid_bytes(&rule->modules[index]), arena);
    buffer_format(out, "%*s- %s: ", (int)indent - 2, "",
                  rule->denies ? "deny" : "accept");
    write_whom(out, rule, arena);
    if (rule->name.len > 0) {
        add_key(out, indent, "name");
        add_quoted(out, rule->name);
        buffer_add_byte(out, '\n');
    }
    if (rule->at_least > 1) {
        add_key(out, indent, "at-least");
        buffer_format(out, "%u\n", rule->at_least);
    }
    if (rule->command_count > 0) {
        add_key(out, indent, "commands");
        add_texts(out, rule->commands, rule->command_count);
    }
    if (rule->module_count > 0) {
        add_key(out, indent, "modules");
        add_texts(out, modules, rule->module_count);
    }
    if (rule->function_count > 0) {
        add_key(out, indent, "functions");
        add_texts(out, rule->functions, rule->function_count);
    }
}

static Status add(struct change *change, const struct trust_rule *rule,
                  struct error *err)
{
    const size_t count = change->rules.count;
    const struct trust_rule **wanted =
        arena_array(&change->arena, count + 1, sizeof(void *));
    for (size_t index = 0; index < count; index++) {
        wanted[index] = &change->rules.rules[index];
        if (rule->name.len > 0 && text_equal(wanted[index]->name, rule->name))
            return fail(err, STATUS_INVALID,
                        "rule %zu has the name %.64s, too", index + 1,
                        rule->name.data);
    }
    wanted[count] = rule;
    if (count == 0) {
        buffer_add_text(&change->after, text_of(beginning));
    } else {
        buffer_add_bytes(&change->after, buffer_bytes(&change->before));
        if (change->before.data[change->before.len - 1] != '\n')
            buffer_add_byte(&change->after, '\n');
    }
    const uint32_t column = count > 0 ? change->rules.rules[0].column : 5;
    write_rule(&change->after, rule, column > 2 ? column - 1 : 2,
               &change->arena);
    return change_keep(change, wanted, count + 1, err);
}

Status trust_file_add(const char *directory, const struct trust_rule *rule,
                      struct error *err)
{
    struct change change;
    Status status = change_begin(&change, directory, err);
    if (status == STATUS_OK)
        status = add(&change, rule, err);
    change_end(&change);
    return status;
}

/* --- Removing ------------------------------------------------------------ */

/* Blank, or a comment: belongs to what follows. */
static bool is_beside(Bytes line)
{
    size_t at = 0;
    while (at < line.len && (line.data[at] == ' ' || line.data[at] == '\t'))
        at++;
    return at == line.len || line.data[at] == '#' || line.data[at] == '\n' ||
           line.data[at] == '\r';
}

struct lines {
    Bytes *lines; /* with their ends */
    size_t count;
};

static struct lines split(Bytes bytes, struct arena *arena)
{
    struct lines out = {.lines =
                            arena_array(arena, bytes.len + 1, sizeof(Bytes))};
    for (size_t at = 0; at < bytes.len;) {
        const uint8_t *end = memchr(bytes.data + at, '\n', bytes.len - at);
        const size_t len =
            end ? (size_t)(end - bytes.data) - at + 1 : bytes.len - at;
        out.lines[out.count++] = bytes_of(bytes.data + at, len);
        at += len;
    }
    return out;
}

/* Lines of a rule: [first, end), from 0. */
static void lines_of(const struct change *change, const struct lines *lines,
                     size_t index, size_t *first, size_t *end)
{
    const struct trust_rules *rules = &change->rules;
    *first = rules->rules[index].line - 1;
    *end = index + 1 < rules->count ? rules->rules[index + 1].line - 1
                                    : lines->count;
    while (*end > *first + 1 && is_beside(lines->lines[*end - 1]))
        --*end;
}

struct taking {
    struct change *change;
    struct lines lines;
    bool *is_out; /* one a line */
    const struct trust_rule **left;
    size_t left_count;
};

static void take_lines(struct taking *taking, size_t rule)
{
    size_t first, end;
    lines_of(taking->change, &taking->lines, rule, &first, &end);
    for (size_t line = first; line < end; line++)
        taking->is_out[line] = true;
}

static Status take_out(struct change *change, TrustIsOut *is_out,
                       void *context, size_t *removed, struct error *err)
{
    const struct trust_rules *rules = &change->rules;
    struct arena *arena = &change->arena;
    struct taking taking = {
        .change = change,
        .lines = split(buffer_bytes(&change->before), arena),
        .left = arena_array(arena, rules->count, sizeof(void *)),
    };
    taking.is_out = arena_array(arena, taking.lines.count, sizeof(bool));
    for (size_t rule = 0; rule < rules->count; rule++)
        if (is_out(context, &rules->rules[rule], rule))
            take_lines(&taking, rule);
        else
            taking.left[taking.left_count++] = &rules->rules[rule];
    *removed = rules->count - taking.left_count;
    if (*removed == 0)
        return STATUS_OK;
    for (size_t line = 0; line < taking.lines.count; line++)
        if (!taking.is_out[line])
            buffer_add_bytes(&change->after, taking.lines.lines[line]);
    return change_keep(change, taking.left, taking.left_count, err);
}

Status trust_file_remove(const char *directory, TrustIsOut *is_out,
                         void *context, size_t *removed, struct error *err)
{
    struct change change;
    *removed = 0;
    Status status = change_begin(&change, directory, err);
    if (status == STATUS_OK)
        status = take_out(&change, is_out, context, removed, err);
    change_end(&change);
    return status;
}
