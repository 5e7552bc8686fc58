/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/node_file.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "cli/block_input.h"
#include "content/new_file.h"
#include "ipld/dag_json.h"

enum { NODE_FILE_MAX = 1 << 20, PATH_LEN_MAX = 4096 };

static Status path_of(const char *store, char out[PATH_LEN_MAX],
                      struct error *err)
{
    const int len = snprintf(out, PATH_LEN_MAX, "%s/node.json", store);
    if (len < 0 || len >= PATH_LEN_MAX)
        return fail(err, STATUS_INVALID, "the store's path is too long");
    return STATUS_OK;
}

Status node_url_read(const char *word, char out[NODE_URL_MAX],
                     struct error *err)
{
    size_t len = strlen(word);
    const char *host = strstr(word, "://");
    while (len > 0 && word[len - 1] == '/')
        len--;
    if (!host || len >= NODE_URL_MAX || host + 3 >= word + len ||
        (strncmp(word, "http://", 7) != 0 &&
         strncmp(word, "https://", 8) != 0) ||
        strcspn(host + 3, " ?#\\\t\r\n") < strlen(host + 3))
        return fail(err, STATUS_INVALID,
                    "%.100s is not an address as http://127.0.0.1:4747", word);
    memcpy(out, word, len);
    out[len] = '\0';
    return STATUS_OK;
}

/* --- Reading ------------------------------------------------------------- */

static Status read_fields(const Value *value, struct node_file *out,
                          struct error *err)
{
    const Value *url = value_get(value, TEXT("url"));
    const Value *did = value_get(value, TEXT("did"));
    const Value *pid = value_get(value, TEXT("pid"));
    char word[NODE_URL_MAX];
    if (!url || url->kind != VALUE_TEXT || url->text.len >= sizeof word ||
        !did || did->kind != VALUE_TEXT || !pid ||
        !value_to_int64(pid, &out->pid) || out->pid < 1 ||
        out->pid > INT32_MAX)
        return fail(err, STATUS_INVALID, "it lacks url, did or pid");
    memcpy(word, url->text.data, url->text.len);
    word[url->text.len] = '\0';
    TRY(node_url_read(word, out->url, err));
    return did_read(did->text, &out->did, NULL, err);
}

static Status decode(Bytes bytes, struct node_file *out, struct error *err)
{
    struct arena arena = {0};
    Value value;
    Status status = dag_json_decode(bytes, &arena, &value, err);
    if (status == STATUS_OK)
        status = read_fields(&value, out, err);
    arena_deinit(&arena);
    return status;
}

/* A process of another user answers EPERM. */
static bool is_alive(int64_t pid)
{
    return kill((pid_t)pid, 0) == 0 || errno == EPERM;
}

Status node_file_read(const char *store, struct node_file *out,
                      struct error *err)
{
    char path[PATH_LEN_MAX];
    struct buffer bytes;
    TRY(path_of(store, path, err));
    if (access(path, F_OK) != 0)
        return fail(err, STATUS_NOT_FOUND, "there is no %.150s", path);
    buffer_init(&bytes, NODE_FILE_MAX);
    Status status = read_input(path, &bytes, err);
    if (status == STATUS_OK)
        status = decode(buffer_bytes(&bytes), out, err);
    buffer_deinit(&bytes);
    if (status != STATUS_OK)
        return fail_in(err, status, "%.100s", path);
    if (!is_alive(out->pid))
        return fail(err, STATUS_NOT_FOUND, "the node of %.150s is gone", path);
    return STATUS_OK;
}

/* --- Writing ------------------------------------------------------------- */

static void encode(const struct node_file *file, struct buffer *out)
{
    struct arena arena = {0};
    const struct value_entry entries[] = {
        {TEXT("did"), value_text(text_of(file->did.text))},
        {TEXT("pid"), value_int(file->pid)},
        {TEXT("url"), value_text(text_of(file->url))},
    };
    const Value value = value_map(&arena, entries, 3);
    IGNORE(dag_json_encode(&value, out, NULL)); // Short, without "/" keys.
    buffer_add_byte(out, '\n');
    arena_deinit(&arena);
}

Status node_file_write(const char *store, const struct node_file *file,
                       struct error *err)
{
    char path[PATH_LEN_MAX];
    struct new_file new;
    struct buffer bytes;
    TRY(path_of(store, path, err));
    TRY(new_file_open(&new, path, err));
    buffer_init(&bytes, NODE_FILE_MAX);
    encode(file, &bytes);
    Status status = STATUS_OK;
    if (fchmod(new.file, 0600) != 0 ||
        !file_write_all(new.file, buffer_bytes(&bytes)))
        status = fail_errno(err, errno, "cannot write %s", path);
    buffer_deinit(&bytes);
    return new_file_close(&new, status, err);
}

void node_file_remove(const char *store)
{
    struct node_file file;
    char path[PATH_LEN_MAX];
    if (path_of(store, path, NULL) == STATUS_OK &&
        node_file_read(store, &file, NULL) == STATUS_OK &&
        file.pid == getpid())
        unlink(path);
}
