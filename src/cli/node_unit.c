/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/node_unit.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/file.h"
#include "cli/block_input.h"
#include "cli/output.h"
#include "content/new_file.h"
#include "lib/handle.h"

static const char unit_head[] =
    "# Written by `ipvm node --install`; edit it as you like.\n"
    "[Unit]\n"
    "Description=IPVM node: durable WebAssembly workflows\n"
    "Documentation=man:ipvm-node(1)\n"
    "\n"
    "[Service]\n"
    "Type=notify\n"
    "ExecStart=";
/* A command line or settings that are wrong do not become right by trying
 * again. */
static const char unit_tail[] = "\n"
                                "Restart=on-failure\n"
                                "RestartSec=1\n"
                                "RestartPreventExitStatus=2 3 4\n"
                                "TimeoutStopSec=60\n"
                                "KillMode=mixed\n"
                                "LimitNOFILE=65536\n"
                                "UMask=0077\n"
                                "NoNewPrivileges=yes\n"
                                "\n"
                                "[Install]\n"
                                "WantedBy=default.target\n";

/* A word of ExecStart= (systemd.syntax, systemd.service): in quotes, with '\',
 * '"', '$' and '%' made plain. */
static void add_word(struct buffer *out, const char *word)
{
    buffer_add_byte(out, '"');
    for (; *word; word++) {
        if (*word == '\\' || *word == '"')
            buffer_add_byte(out, '\\');
        else if (*word == '$' || *word == '%')
            buffer_add_byte(out, (uint8_t)*word);
        buffer_add_byte(out, (uint8_t)*word);
    }
    buffer_add_byte(out, '"');
}

static Status absolute(const char *path, char out[PATH_MAX], struct error *err)
{
    char here[PATH_MAX];
    if (strpbrk(path, "\n\r"))
        return fail(err, STATUS_INVALID, "a path has a line's end in it");
    if (path[0] == '/') {
        snprintf(out, PATH_MAX, "%s", path);
        return STATUS_OK;
    }
    if (!getcwd(here, sizeof here) ||
        snprintf(out, PATH_MAX, "%.2000s/%.2000s", here, path) < 0)
        return fail_errno(err, errno, "cannot find out where we are");
    return STATUS_OK;
}

/* The options that were given, but for --install itself. */
static Status add_options(struct cli *cli, struct buffer *out,
                          struct error *err)
{
    const struct option *options = cli->command->options;
    char path[PATH_MAX];
    for (int at = 0; at < cli->repeat_count; at++) {
        const int index = cli->repeats[at].index - OPTION_COMMON_COUNT;
        const char *value = cli->repeats[at].value;
        if (index < 0 || strcmp(options[index].name, "install") == 0)
            continue;
        if (strpbrk(value, "\n\r"))
            return fail(err, STATUS_INVALID, "--%s has a line's end in it",
                        options[index].name);
        buffer_format(out, " --%s", options[index].name);
        if (!options[index].argument)
            continue;
        if (strcmp(options[index].name, "config") == 0) {
            TRY(absolute(value, path, err));
            value = path;
        }
        buffer_add_byte(out, ' ');
        add_word(out, value);
    }
    return STATUS_OK;
}

static Status make_unit(struct cli *cli, struct buffer *out, struct error *err)
{
    char program[PATH_MAX], store[4096], path[PATH_MAX];
    const ssize_t len =
        readlink("/proc/self/exe", program, sizeof program - 1);
    if (len < 0)
        return fail_errno(err, errno, "cannot find this program");
    program[len] = '\0';
    TRY(lib_store_path(cli->values[OPTION_STORE], store, err));
    TRY(absolute(store, path, err));
    buffer_add_text(out, text_of(unit_head));
    add_word(out, program);
    buffer_add_text(out, TEXT(" node --store "));
    add_word(out, path);
    TRY(add_options(cli, out, err));
    buffer_add_text(out, text_of(unit_tail));
    return buffer_status(out, "the unit", err);
}

/* --- Its place ----------------------------------------------------------- */

/* Makes each directory on the way. */
static Status make_directories(char *path, struct error *err)
{
    for (char *slash = path + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = '\0';
        const bool is_made = mkdir(path, 0777) == 0 || errno == EEXIST;
        if (!is_made)
            return fail_errno(err, errno, "cannot make the directory %s",
                              path);
        *slash = '/';
    }
    return STATUS_OK;
}

static Status unit_path(char out[PATH_MAX], struct error *err)
{
    const char *base = getenv("XDG_CONFIG_HOME"), *below = "";
    if (!base || !*base) {
        base = getenv("HOME");
        below = "/.config";
    }
    if (!base || base[0] != '/')
        return fail(err, STATUS_NOT_FOUND,
                    "no place for the unit: set HOME or XDG_CONFIG_HOME");
    const int len = snprintf(
        out, PATH_MAX, "%s%s/systemd/user/ipvm-node.service", base, below);
    if (len < 0 || len >= PATH_MAX)
        return fail(err, STATUS_INVALID, "the home's path is too long");
    return STATUS_OK;
}

static Status install(struct cli *cli, char path[PATH_MAX], struct error *err)
{
    struct new_file file;
    struct buffer unit;
    buffer_init(&unit, 1 << 20);
    Status status = unit_path(path, err);
    if (status == STATUS_OK)
        status = make_unit(cli, &unit, err);
    if (status == STATUS_OK)
        status = make_directories(path, err);
    if (status == STATUS_OK)
        status = new_file_open(&file, path, err);
    if (status == STATUS_OK) {
        if (!file_write_all(file.file, buffer_bytes(&unit)))
            status = fail_errno(err, errno, "cannot write %s", path);
        status = new_file_close(&file, status, err);
    }
    buffer_deinit(&unit);
    return status;
}

int node_unit_install(struct cli *cli)
{
    char path[PATH_MAX];
    struct error err = {0};
    const Status status = install(cli, path, &err);
    if (status != STATUS_OK)
        return say_failed(cli, status, &err);
    if (cli->json) {
        struct arena arena = {0};
        const Value value =
            value_map1(&arena, TEXT("unit"), value_text(text_of(path)));
        output_json(&value);
        arena_deinit(&arena);
        return EXIT_OK;
    }
    printf("%s\n", path);
    if (!cli->quiet)
        fputs("start it now and at each login:\n"
              "  systemctl --user daemon-reload\n"
              "  systemctl --user enable --now ipvm-node\n"
              "what it says, and a link to its dashboard:\n"
              "  journalctl --user -u ipvm-node -f\n"
              "  ipvm invite\n"
              "let it run without anybody logged in:\n"
              "  loginctl enable-linger\n",
              stderr);
    return EXIT_OK;
}
