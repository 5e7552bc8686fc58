/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_key.c - `ipvm key`: the keys that a store signs with. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "cli/block_input.h"
#include "cli/keys.h"
#include "cli/output.h"
#include "cli/tables.h"

static const char self[] = "self";

/* --- Showing ------------------------------------------------------------- */

/* "self" and so on need no escaping, a path does. */
static void print_json(const struct keys *keys,
                       const struct keyring_entry *entry)
{
    struct arena arena = {0};
    const Text file =
        arena_format(&arena, "%s/%s.key", keys->path, entry->name);
    const struct value_entry entries[] = {
        {TEXT("did"), value_text(text_of(entry->did.text))},
        {TEXT("file"), value_text(file)},
        {TEXT("name"), value_text(text_of(entry->name))},
        {TEXT("sealed"), value_bool(entry->is_sealed)},
        {TEXT("type"), value_text(text_of(key_type_name(entry->type)))},
    };
    const Value value =
        value_map(&arena, entries, sizeof entries / sizeof entries[0]);
    output_json(&value);
    arena_deinit(&arena);
}

static void print_key(const struct keys *keys,
                      const struct keyring_entry *entry)
{
    if (keys->cli->json)
        print_json(keys, entry);
    else if (keys->cli->quiet)
        printf("%s\n", entry->did.text);
    else
        printf("name    %s\ntype    %s\ndid     %s\nfile    %s/%s.key\n"
               "sealed  %s\n",
               entry->name, key_type_name(entry->type), entry->did.text,
               keys->path, entry->name,
               entry->is_sealed ? "yes, with a passphrase" : "no");
}

/* --- Adding -------------------------------------------------------------- */

enum { ADD_SEAL, ADD_FILE, ADD_TYPE };

static const struct option import_options[] = {
    [ADD_SEAL] = {0, "passphrase", NULL,
                  "seal it with a passphrase, which is asked for"},
    [ADD_FILE] = {0, "passphrase-file", "FILE",
                  "seal it with FILE's first line"},
    {0, NULL, NULL, NULL},
};

static const struct option new_options[] = {
    [ADD_SEAL] = {0, "passphrase", NULL,
                  "seal it with a passphrase, which is asked for"},
    [ADD_FILE] = {0, "passphrase-file", "FILE",
                  "seal it with FILE's first line"},
    [ADD_TYPE] = {'t', "type", "TYPE",
                  "ed25519 (the default), p256 or secp256k1"},
    {0, NULL, NULL, NULL},
};

/* Keeps `key` and shows it. */
static int add_with(struct keys *keys, const char *name,
                    const struct secret_key *key, Text passphrase)
{
    struct error err = {0};
    struct keyring_entry entry;
    Status status = keyring_add(&keys->ring, name, key, passphrase, &err);
    if (status == STATUS_OK)
        status = keyring_find(&keys->ring, name, &entry, &err);
    if (status != STATUS_OK)
        return say_failed(keys->cli, status, &err);
    print_key(keys, &entry);
    return EXIT_OK;
}

static int add_key(struct keys *keys, const char *name,
                   const struct secret_key *key)
{
    const struct cli *cli = keys->cli;
    keys->passphrase_file = cli_value(cli, ADD_FILE);
    if (!cli_flag(cli, ADD_SEAL) && !keys->passphrase_file)
        return add_with(keys, name, key, (Text){0});
    char *words = secret_alloc(PASSPHRASE_MAX);
    const int len = keys_new_passphrase(keys, name, words);
    const int code =
        len < 0 ? EXIT_USAGE
                : add_with(keys, name, key, (Text){words, (size_t)len});
    secret_free(words);
    return code;
}

/* The folder of keys needs the store's around it. */
static int open_to_add(struct cli *cli, struct keys *keys)
{
    const int code = cli_open(cli, NULL);
    return code == EXIT_OK ? keys_open(cli, keys) : code;
}

static int key_new(struct cli *cli)
{
    const char *word = cli_value(cli, ADD_TYPE);
    KeyType type = KEY_ED25519;
    struct keys keys;
    if (word && !key_type_from_name(text_of(word), &type))
        return cli_error(cli, EXIT_USAGE,
                         "key new: --type: %s is not ed25519, p256 or "
                         "secp256k1",
                         word);
    int code = open_to_add(cli, &keys);
    if (code != EXIT_OK)
        return code;
    struct secret_key *key = secret_key_new(type);
    code = add_key(&keys, cli->word_count > 0 ? cli->words[0] : self, key);
    secret_key_free(key);
    return code;
}

static const struct command key_new_command = {
    .name = "key new",
    .synopsis = "[NAME]",
    .summary = "make a key",
    .description =
        "Makes a key from the system's randomness and keeps it as NAME, or as\n"
        "\"self\", which is what this store signs with. Where no \"self\" is\n"
        "made by hand, the first command that signs makes one.",
    .options = new_options,
    .examples = "  ipvm key new\n"
                "  ipvm key new work --type p256 --passphrase\n",
    .run = key_new,
    .words_min = 0,
    .words_max = 1,
};

/* --- import -------------------------------------------------------------- */

static Status read_pem(const char *path, struct buffer *out, struct error *err)
{
    const bool is_input = strcmp(path, "-") == 0;
    const int file =
        is_input ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0 && errno == ENOENT)
        return fail(err, STATUS_NOT_FOUND, "there is no file %s", path);
    if (file < 0)
        return fail_errno(err, errno, "cannot read %s", path);
    uint8_t *room = buffer_reserve(out, PEM_MAX);
    ssize_t got;
    do {
        got = read(file, room + out->len, PEM_MAX - out->len);
        if (got > 0)
            buffer_advance(out, (size_t)got);
    } while (got > 0 || (got < 0 && errno == EINTR));
    const int why = errno;
    if (!is_input)
        close(file);
    if (got < 0)
        return fail_errno(err, why, "cannot read %s", path);
    if (out->len == PEM_MAX)
        return fail(err, STATUS_LIMIT, "%s: too long for a key", path);
    return STATUS_OK;
}

static Status import_key(const char *path, struct secret_key **out,
                         struct error *err)
{
    struct buffer pem;
    buffer_init(&pem, PEM_MAX);
    Status status = read_pem(path, &pem, err);
    if (status == STATUS_OK) {
        status = secret_key_from_pem(bytes_text(buffer_bytes(&pem)), out, err);
        if (status != STATUS_OK)
            status = fail_in(err, status, "%s", path);
    }
    secret_buffer_wipe(&pem);
    return status;
}

static int key_import(struct cli *cli)
{
    struct error err = {0};
    struct secret_key *key;
    struct keys keys;
    int code = open_to_add(cli, &keys);
    if (code != EXIT_OK)
        return code;
    const Status status = import_key(cli->words[0], &key, &err);
    if (status != STATUS_OK)
        return say_failed(cli, status, &err);
    code = add_key(&keys, cli->words[1], key);
    secret_key_free(key);
    return code;
}

static const struct command key_import_command = {
    .name = "key import",
    .synopsis = "FILE|- NAME",
    .summary = "keep a key from a PEM file",
    .description =
        "Reads one unencrypted private key of Ed25519, P-256 or secp256k1 in\n"
        "PKCS#8 PEM, as `openssl genpkey` writes it, and keeps it as NAME.\n"
        "FILE stays where it is.",
    .options = import_options,
    .examples =
        "  openssl genpkey -algorithm ed25519 | ipvm key import - ci\n",
    .run = key_import,
    .words_min = 2,
    .words_max = 2,
};

/* --- list and show ------------------------------------------------------- */

static void print_row(const struct keys *keys,
                      const struct keyring_entry *entry)
{
    if (keys->cli->json)
        print_json(keys, entry);
    else if (keys->cli->quiet)
        printf("%s\n", entry->name);
    else
        printf("%-12s  %-9s  %s%s\n", entry->name, key_type_name(entry->type),
               entry->did.text, entry->is_sealed ? "  (sealed)" : "");
}

static int key_list(struct cli *cli)
{
    struct keyring_entry *entries;
    struct error err = {0};
    struct keys keys;
    size_t count;
    const int code = keys_open(cli, &keys);
    if (code != EXIT_OK)
        return code;
    const Status status = keyring_list(&keys.ring, &entries, &count, &err);
    if (status != STATUS_OK)
        return say_failed(cli, status, &err);
    for (size_t at = 0; at < count; at++)
        print_row(&keys, &entries[at]);
    free(entries);
    return EXIT_OK;
}

static const struct command key_list_command = {
    .name = "key list",
    .synopsis = "",
    .summary = "list this store's keys",
    .description = "A line for each key: name, type, DID, and whether it is\n"
                   "sealed. With -q names only.",
    .examples = "  ipvm key list\n",
    .run = key_list,
    .words_min = 0,
    .words_max = 0,
};

static int key_show(struct cli *cli)
{
    struct keyring_entry entry;
    struct error err = {0};
    struct keys keys;
    const int code = keys_open(cli, &keys);
    if (code != EXIT_OK)
        return code;
    const char *name = cli->word_count > 0 ? cli->words[0] : self;
    const Status status = keyring_find(&keys.ring, name, &entry, &err);
    if (status != STATUS_OK)
        return say_failed(cli, status, &err);
    print_key(&keys, &entry);
    return EXIT_OK;
}

static const struct command key_show_command = {
    .name = "key show",
    .synopsis = "[NAME|DID]",
    .summary = "show whose key it is",
    .description =
        "Prints name, type, DID and file of a key, \"self\" unless\n"
        "another is named; never the secret. With -q the DID only.",
    .examples = "  ipvm key show -q\n",
    .run = key_show,
    .words_min = 0,
    .words_max = 1,
};

/* --- export -------------------------------------------------------------- */

enum { EXPORT_OUT, EXPORT_FORCE, EXPORT_FILE };

static const struct option export_options[] = {
    [EXPORT_OUT] = {'o', "output", "FILE", "write a new FILE for you alone"},
    [EXPORT_FORCE] = {0, "force", NULL, "even to a terminal"},
    [EXPORT_FILE] = {0, "passphrase-file", "FILE",
                     "unseal it with FILE's first line"},
    {0, NULL, NULL, NULL},
};

/* To a file that is new, 0600. */
static Status write_new(const char *path, Bytes bytes, struct error *err)
{
    const int file =
        open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
             S_IRUSR | S_IWUSR);
    if (file < 0 && errno == EEXIST)
        return fail(err, STATUS_BUSY,
                    "%.150s is there already; a secret needs a new file",
                    path);
    if (file < 0)
        return fail_errno(err, errno, "cannot write %s", path);
    const bool is_written = file_write_all(file, bytes) && fsync(file) == 0;
    const int why = errno;
    if (close(file) == 0 && is_written)
        return STATUS_OK;
    unlink(path);
    return fail_errno(err, is_written ? errno : why, "cannot write %s", path);
}

static Status write_pem(const struct secret_key *key, const char *path,
                        struct error *err)
{
    struct buffer pem;
    buffer_init(&pem, PEM_MAX);
    Status status = secret_key_to_pem(key, &pem, err);
    if (status == STATUS_OK && path)
        status = write_new(path, buffer_bytes(&pem), err);
    else if (status == STATUS_OK &&
             !file_write_all(STDOUT_FILENO, buffer_bytes(&pem)))
        status = fail_errno(err, errno, "cannot write to standard output");
    secret_buffer_wipe(&pem);
    return status;
}

static int key_export(struct cli *cli)
{
    const char *path = cli_value(cli, EXPORT_OUT);
    struct secret_key *key;
    struct error err = {0};
    struct keys keys;
    Did did;
    if (path && strcmp(path, "-") == 0)
        path = NULL;
    if (!path && isatty(STDOUT_FILENO) && !cli_flag(cli, EXPORT_FORCE))
        return cli_error(cli, EXIT_USAGE,
                         "key export: a secret is not printed to a terminal; "
                         "give -o FILE, or --force");
    int code = keys_open(cli, &keys);
    keys.passphrase_file = cli_value(cli, EXPORT_FILE);
    if (code == EXIT_OK)
        code = keys_get(&keys, cli->words[0], &key);
    if (code != EXIT_OK)
        return code;
    did_of(secret_key_public(key), &did);
    const Status status = write_pem(key, path, &err);
    secret_key_free(key);
    if (status != STATUS_OK)
        return say_failed(cli, status, &err);
    if (!cli->quiet)
        fprintf(stderr,
                "ipvm: this is the secret key, not sealed: whoever has it can "
                "sign as %s\n",
                did.text);
    return EXIT_OK;
}

static const struct command key_export_command = {
    .name = "key export",
    .synopsis = "NAME|DID",
    .summary = "write a secret key as PEM",
    .description =
        "Writes the key as unencrypted PKCS#8 PEM, which openssl reads too:\n"
        "to a new FILE that only you may read, or to standard output.",
    .options = export_options,
    .examples = "  ipvm key export self -o /media/stick/self.pem\n",
    .run = key_export,
    .words_min = 1,
    .words_max = 1,
};

/* --- rm ------------------------------------------------------------------ */

enum { RM_FORCE };

static const struct option rm_options[] = {
    [RM_FORCE] = {0, "force", NULL, "even the store's own, \"self\""},
    {0, NULL, NULL, NULL},
};

static int key_rm(struct cli *cli)
{
    struct error err = {0};
    struct keys keys;
    int code = keys_open(cli, &keys);
    for (int at = 0; code == EXIT_OK && at < cli->word_count; at++)
        if (strcmp(cli->words[at], self) == 0 && !cli_flag(cli, RM_FORCE))
            code = cli_error(
                cli, EXIT_USAGE,
                "key rm: self is what this store signs with: without it the "
                "store is another to everybody else; --force removes it");
    for (int at = 0; code == EXIT_OK && at < cli->word_count; at++) {
        const Status status = keyring_remove(&keys.ring, cli->words[at], &err);
        if (status != STATUS_OK)
            code = say_failed(cli, status, &err);
    }
    return code;
}

static const struct command key_rm_command = {
    .name = "key rm",
    .synopsis = "NAME...",
    .summary = "remove keys for good",
    .description =
        "Removes secret keys. What they signed stays valid; nobody can sign\n"
        "as them any more, unless there is a copy.",
    .options = rm_options,
    .examples = "  ipvm key rm ci\n",
    .run = key_rm,
    .words_min = 1,
    .words_max = -1,
};

const struct command key_command = {
    .name = "key",
    .summary = "keys to sign with: new, list, show, import, export, rm",
    .parts =
        (const struct command *const[]){
            &key_new_command,
            &key_list_command,
            &key_show_command,
            &key_import_command,
            &key_export_command,
            &key_rm_command,
            NULL,
        },
};
