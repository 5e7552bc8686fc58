/* SPDX-License-Identifier: Apache-2.0 */
/* keys.c - where a command's keys and passphrases come from.
 *
 * A passphrase is typed without echo. The terminal passes on every key while it
 * is typed, Ctrl-C too, so that it is always set back. */
#include "cli/keys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <termios.h>
#include <unistd.h>

#include "cli/block_input.h"
#include "cli/output.h"
#include "lib/handle.h"

/* --- Passphrases --------------------------------------------------------- */

/* The first line of a file. Its length, or -1 after having said why not. */
static int read_passphrase(struct keys *keys, const char *path, char *out,
                           size_t max)
{
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    size_t len = 0;
    ssize_t got = -1;
    if (file >= 0) {
        do {
            got = read(file, out + len, max - len);
            len += got > 0 ? (size_t)got : 0;
        } while (got > 0 && len < max && !memchr(out, '\n', len));
    }
    const int why = errno;
    if (file >= 0)
        close(file);
    keys->has_complained = true; // Unless all is well.
    if (got < 0) {
        cli_error(keys->cli, EXIT_TROUBLE,
                  "cannot read the passphrase file %s: %s", path,
                  strerror(why));
        return -1;
    }
    const char *newline = memchr(out, '\n', len);
    len = newline ? (size_t)(newline - out) : len;
    if (len > 0 && out[len - 1] == '\r')
        len--;
    keys->has_complained = len == 0 || len >= max;
    if (!keys->has_complained)
        return (int)len;
    cli_error(keys->cli, EXIT_INPUT,
              "the passphrase file %s should begin with a line of 1 to %zu "
              "bytes",
              path, max - 1);
    return -1;
}

/* One line, key by key. -1: given up. */
static int type_line(int terminal, char *out, size_t max)
{
    enum { CTRL_C = 3, CTRL_D = 4, BACKSPACE = 8, CTRL_U = 21, DELETE = 127 };
    size_t len = 0;
    char letter;
    while (read(terminal, &letter, 1) == 1) {
        if (letter == '\n' || letter == '\r')
            return (int)len;
        if (letter == CTRL_C || letter == CTRL_D)
            return -1;
        if (letter == CTRL_U)
            len = 0;
        else if (letter == BACKSPACE || letter == DELETE)
            len -= len > 0;
        else if (len < max)
            out[len++] = letter;
    }
    return -1;
}

static int type_passphrase(const char *question, const char *name, char *out,
                           size_t max)
{
    struct termios before, typing;
    const int terminal = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (terminal < 0)
        return -1;
    int len = -1;
    if (tcgetattr(terminal, &before) == 0) {
        typing = before;
        typing.c_lflag &=
            ~((tcflag_t)ECHO | (tcflag_t)ICANON | (tcflag_t)ISIG);
        typing.c_cc[VMIN] = 1;
        typing.c_cc[VTIME] = 0;
        dprintf(terminal, "%s %s: ", question, name);
        if (tcsetattr(terminal, TCSAFLUSH, &typing) == 0)
            len = type_line(terminal, out, max);
        tcsetattr(terminal, TCSAFLUSH, &before);
        dprintf(terminal, "\n");
    }
    close(terminal);
    return len;
}

static const char *passphrase_file(const struct keys *keys)
{
    if (keys->passphrase_file)
        return keys->passphrase_file;
    const char *path = getenv("IPVM_PASSPHRASE_FILE");
    return path && *path ? path : NULL;
}

/* A KeyringPassphrase. */
static int ask(void *context, const char *name, char *out, size_t max)
{
    struct keys *keys = context;
    const char *path = passphrase_file(keys);
    return path ? read_passphrase(keys, path, out, max)
                : type_passphrase("passphrase of the key", name, out, max);
}

static int type_twice(const struct keys *keys, const char *name, char *out)
{
    char *again = secret_alloc(PASSPHRASE_MAX);
    int len = type_passphrase("new passphrase of the key", name, out,
                              PASSPHRASE_MAX);
    const char *trouble = NULL;
    if (len < 0)
        trouble = "no passphrase was given; without a terminal, put it into a "
                  "file and give --passphrase-file";
    else if (len == 0)
        trouble = "an empty passphrase protects nothing; leave --passphrase "
                  "out instead";
    else if (type_passphrase("once more, of the key", name, again,
                             PASSPHRASE_MAX) != len ||
             memcmp(out, again, (size_t)len) != 0)
        trouble = "the two passphrases differ; nothing was done";
    secret_free(again);
    if (!trouble)
        return len;
    cli_error(keys->cli, EXIT_USAGE, "%s: %s", keys->cli->command->name,
              trouble);
    return -1;
}

int keys_new_passphrase(struct keys *keys, const char *name, char *out)
{
    const char *path = passphrase_file(keys);
    return path ? read_passphrase(keys, path, out, PASSPHRASE_MAX)
                : type_twice(keys, name, out);
}

/* --- The ring ------------------------------------------------------------ */

int keys_open(struct cli *cli, struct keys *out)
{
    struct error err = {0};
    char store[4096];
    const Status status =
        lib_store_path(cli->values[OPTION_STORE], store, &err);
    if (status != STATUS_OK)
        return say_failed(cli, status, &err);
    const int len = snprintf(out->path, sizeof out->path, "%s/keys", store);
    if (len < 0 || (size_t)len >= sizeof out->path)
        return cli_error(cli, EXIT_INPUT, "the store's path is too long");
    out->cli = cli;
    out->passphrase_file = NULL;
    out->has_complained = false;
    out->ring = (struct keyring){
        .directory = out->path,
        .passphrase = ask,
        .context = out,
    };
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    return EXIT_OK;
}

/* The store's own key, made if there is none. */
static Status get_self(struct keys *keys, struct secret_key **out,
                       struct error *err)
{
    bool is_new;
    Did did;
    TRY(keyring_self(&keys->ring, out, &is_new, err));
    did_of(secret_key_public(*out), &did);
    if (is_new && !keys->cli->quiet)
        fprintf(stderr,
                "ipvm: made a key for this store: %s (kept in %s/self.key)\n",
                did.text, keys->path);
    return STATUS_OK;
}

int keys_get(struct keys *keys, const char *name_or_did,
             struct secret_key **out)
{
    struct keyring_entry entry;
    struct error err = {0};
    Status status;
    if (!name_or_did) {
        status = get_self(keys, out, &err);
    } else {
        status = keyring_find(&keys->ring, name_or_did, &entry, &err);
        if (status == STATUS_OK)
            status = keyring_get(&keys->ring, entry.name, out, &err);
    }
    if (status == STATUS_OK)
        return EXIT_OK;
    return keys->has_complained ? EXIT_INPUT
                                : say_failed(keys->cli, status, &err);
}

int cli_key(struct cli *cli, const char *name_or_did, struct secret_key **out)
{
    struct keys keys;
    const int code = keys_open(cli, &keys);
    return code == EXIT_OK ? keys_get(&keys, name_or_did, out) : code;
}
