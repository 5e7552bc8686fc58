/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_node.c - `ipvm node`: the service in the foreground, until a signal.
 *
 * Signals are blocked in every thread and waited for in this one: the first
 * stops it in good order, the second at once. Nothing acknowledged is lost by
 * either. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/block_input.h"
#include "cli/keys.h"
#include "cli/node_file.h"
#include "cli/node_settings.h"
#include "cli/node_unit.h"
#include "cli/output.h"
#include "cli/service_notice.h"
#include "cli/tables.h"
#include "content/sources.h"
#include "homestar/homestar.h"
#include "http/http.h"
#include "lib/handle.h"
#include "node/node.h"

enum {
    NODE_LISTEN,
    NODE_PORT,
    NODE_CONFIG,
    NODE_SET,
    NODE_PRINT_CONFIG,
    NODE_INSTALL,
    NODE_HOMESTAR,
    NODE_PUBLIC_GATEWAY,
};

static const struct option node_options[] = {
    [NODE_LISTEN] = {0, "listen", "ADDRESS",
                     "listen there (default 127.0.0.1)"},
    [NODE_PORT] = {'p', "port", "PORT", "0 is any free one (default 4747)"},
    [NODE_CONFIG] = {'c', "config", "FILE",
                     "settings (default ~/.config/ipvm/node.yaml, if it is "
                     "there)"},
    [NODE_SET] = {0, "set", "KEY=VALUE",
                  "one setting, over the file; may be repeated"},
    [NODE_PRINT_CONFIG] = {0, "print-config", NULL,
                           "print a file of all settings, with their "
                           "defaults, and end"},
    [NODE_INSTALL] = {0, "install", NULL,
                      "write a systemd user unit, say what to run next, and "
                      "end"},
    [NODE_HOMESTAR] = {0, "homestar", "PORT",
                       "serve Homestar's interface there, too; 0 is any free "
                       "port"},
    [NODE_PUBLIC_GATEWAY] = {0, "public-gateway", NULL,
                             "anybody may read content by CID"},
    {0, NULL, NULL, NULL},
};

/* What is open. */
struct serving {
    struct cli *cli;
    struct node_config config;
    char path[4096]; /* of the store */
    struct store *store;
    struct secret_key *key;
    struct node *node;
    struct http *http;
    struct homestar *homestar; /* NULL: not asked for */
    struct node_file file;
};

/* --- Settings ------------------------------------------------------------ */

static int read_file(struct cli *cli, struct node_config *config)
{
    const char *named = cli_value(cli, NODE_CONFIG);
    char usual[4096];
    struct error err = {0};
    if (!named && !node_settings_path(usual, sizeof usual))
        return EXIT_OK;
    const Status status =
        node_config_read(named ? named : usual, config, &err);
    if (status == STATUS_OK || (status == STATUS_NOT_FOUND && !named))
        return EXIT_OK;
    if (status == STATUS_NOT_FOUND)
        return cli_error(cli, EXIT_NOT_FOUND, "node: --config: no file %s",
                         named);
    return say_failed(cli, status, &err);
}

static int set(struct cli *cli, struct node_config *config, const char *option,
               Text key, Text value)
{
    struct error err = {0};
    if (node_config_set(config, key, value, &err) == STATUS_OK)
        return EXIT_OK;
    return cli_error(cli, EXIT_USAGE, "node: --%s: %s", option, err.message);
}

static int read_sets(struct cli *cli, struct node_config *config)
{
    const char *word;
    int code = EXIT_OK;
    for (int at = 0;
         code == EXIT_OK && (word = cli_next_value(cli, NODE_SET, &at));) {
        const size_t len = strcspn(word, "=");
        if (!word[len])
            return cli_error(cli, EXIT_USAGE,
                             "node: --set %.60s: write KEY=VALUE, as in "
                             "workers=4",
                             word);
        code = set(cli, config, "set", (Text){word, len},
                   text_of(word + len + 1));
    }
    return code;
}

/* The file, then --set, then the options that have a name of their own. */
static int read_config(struct cli *cli, struct node_config *config)
{
    static const struct {
        int option;
        const char *name;
        Text key;
    } named[] = {
        {NODE_LISTEN, "listen", TEXT_INIT("listen")},
        {NODE_PORT, "port", TEXT_INIT("port")},
        {NODE_HOMESTAR, "homestar", TEXT_INIT("homestar_port")},
    };
    node_config_default(config);
    int code = read_file(cli, config);
    if (code == EXIT_OK)
        code = read_sets(cli, config);
    for (size_t at = 0; at < sizeof named / sizeof *named; at++) {
        const char *word = cli_value(cli, named[at].option);
        if (code == EXIT_OK && word)
            code =
                set(cli, config, named[at].name, named[at].key, text_of(word));
    }
    config->public_gateway |= cli_flag(cli, NODE_PUBLIC_GATEWAY);
    return code;
}

static int print_config(void)
{
    struct buffer out;
    buffer_init(&out, 1 << 20);
    node_config_print(&out);
    fwrite(out.data, 1, out.len, stdout);
    buffer_deinit(&out);
    return EXIT_OK;
}

/* --- Opening ------------------------------------------------------------- */

/* Each watcher has a connection. */
static void raise_file_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 &&
        limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* Where it is reached from this machine. */
static void make_url(struct serving *serving)
{
    const char *host = serving->config.listen;
    const bool is_v6 = strchr(host, ':') != NULL;
    if (strcmp(host, "0.0.0.0") == 0)
        host = "127.0.0.1";
    else if (strcmp(host, "::") == 0)
        host = "::1";
    snprintf(serving->file.url, sizeof serving->file.url, "http://%s%s%s:%u",
             is_v6 ? "[" : "", host, is_v6 ? "]" : "",
             http_port(serving->http));
}

static Status open_store(struct serving *serving, struct error *err)
{
    TRY(lib_store_path(serving->cli->values[OPTION_STORE], serving->path,
                       err));
    TRY(store_open(serving->path, NULL, &serving->store, err));
    return sources_open(serving->store, NULL, err);
}

static Status open_service(struct serving *serving, struct error *err)
{
    TRY(node_open(serving->store, serving->key, &serving->config,
                  &serving->node, err));
    TRY(http_open(serving->node, &serving->http, err));
    // With the option, 0 is any free port.
    if (serving->config.homestar_port > 0 ||
        cli_flag(serving->cli, NODE_HOMESTAR))
        TRY(homestar_open(serving->node, &serving->homestar, err));
    make_url(serving);
    serving->file.did = *node_did(serving->node);
    serving->file.pid = getpid();
    return node_file_write(serving->path, &serving->file, err);
}

static int open_all(struct serving *serving)
{
    struct error err = {0};
    Status status = open_store(serving, &err);
    if (status != STATUS_OK)
        return say_failed(serving->cli, status, &err);
    const int code = cli_key(serving->cli, NULL, &serving->key);
    if (code != EXIT_OK)
        return code;
    status = open_service(serving, &err);
    return status == STATUS_OK ? EXIT_OK
                               : say_failed(serving->cli, status, &err);
}

static void close_all(struct serving *serving)
{
    if (serving->file.url[0])
        node_file_remove(serving->path);
    homestar_close(serving->homestar);
    if (serving->http)
        http_close(serving->http);
    if (serving->node)
        node_close(serving->node);
    secret_key_free(serving->key);
    store_close(serving->store);
}

/* --- Serving ------------------------------------------------------------- */

/* "ws://127.0.0.1:9000", or empty. */
static void homestar_url(const struct serving *serving, char out[64])
{
    out[0] = '\0';
    if (serving->homestar)
        snprintf(out, 64, "ws://127.0.0.1:%u",
                 homestar_port(serving->homestar));
}

static void print_value(const struct serving *serving, const char *link,
                        const char *homestar)
{
    struct arena arena = {0};
    const struct value_entry entries[] = {
        {TEXT("dashboard"), value_text(text_of(link))},
        {TEXT("did"), value_text(text_of(serving->file.did.text))},
        {TEXT("pid"), value_int(serving->file.pid)},
        {TEXT("url"), value_text(text_of(serving->file.url))},
        {TEXT("homestar"), value_text(text_of(homestar))},
    };
    const Value value = value_map(&arena, entries, homestar[0] ? 5 : 4);
    output_json(&value);
    arena_deinit(&arena);
}

static void greet(const struct serving *serving)
{
    const struct cli *cli = serving->cli;
    char secret[SECRET_TEXT_MAX], link[NODE_URL_MAX + SECRET_TEXT_MAX + 16];
    char homestar[64];
    gate_invite(node_gate(serving->node), secret);
    snprintf(link, sizeof link, "%s/#token=%s", serving->file.url, secret);
    homestar_url(serving, homestar);
    if (cli->json) {
        print_value(serving, link, homestar);
    } else {
        printf("node       %s\n", serving->file.did.text);
        printf("address    %s\n", serving->file.url);
        if (homestar[0])
            printf("homestar   %s\n", homestar);
        printf("dashboard  %s%s%s\n", style(cli->color, STYLE_BOLD), link,
               style(cli->color, STYLE_NONE));
        if (!cli->quiet)
            printf("           (good once, for ten minutes; `ipvm invite` "
                   "gives another)\n");
    }
    fflush(stdout);
}

static void log_event(const struct serving *serving, const char *event,
                      const char *more)
{
    if (!serving->cli->quiet)
        fprintf(stderr, "%s url=%s did=%s pid=%lld%s%s\n", event,
                serving->file.url, serving->file.did.text,
                (long long)serving->file.pid, more[0] ? " " : "", more);
}

static void leave_at_once(int number)
{
    _exit(128 + number);
}

/* Until one of them; another one ends the process. */
static int wait_for_signal(const sigset_t *signals)
{
    int number = 0;
    while (sigwait(signals, &number) != 0)
        continue;
    const struct sigaction action = {.sa_handler = leave_at_once};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    pthread_sigmask(SIG_UNBLOCK, signals, NULL);
    return number;
}

/* Whoever listens beyond this machine is told what that means. */
static void warn_of_others(const struct serving *serving)
{
    const struct cli *cli = serving->cli;
    const char *listen = serving->config.listen;
    if (cli->quiet || strncmp(listen, "127.", 4) == 0 ||
        strcmp(listen, "::1") == 0 || strcmp(listen, "localhost") == 0)
        return;
    fprintf(stderr,
            "%sipvm: warning:%s others reach %s without TLS: put a proxy in "
            "front (docs/node.md)\n",
            style(cli->color_errors, STYLE_YELLOW),
            style(cli->color_errors, STYLE_NONE), listen);
}

static int serve(struct serving *serving)
{
    sigset_t signals;
    char more[64];
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    signal(SIGPIPE, SIG_IGN); // Writing says so.
    signal(SIGXFSZ, SIG_IGN);
    const uint64_t began_ns = clock_monotonic_ns();
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    const int code = open_all(serving);
    if (code != EXIT_OK) {
        close_all(serving);
        return code;
    }
    greet(serving);
    warn_of_others(serving);
    snprintf(more, sizeof more, "ms=%llu",
             (unsigned long long)(clock_monotonic_ns() - began_ns) / 1000000);
    log_event(serving, "started", more);
    service_tell("READY=1");
    const int number = wait_for_signal(&signals);
    service_tell("STOPPING=1");
    log_event(serving, "stopping",
              number == SIGINT ? "signal=SIGINT" : "signal=SIGTERM");
    close_all(serving);
    log_event(serving, "stopped", "");
    return EXIT_OK;
}

static int run_node(struct cli *cli)
{
    struct serving *serving = HEAP_NEW(struct serving);
    serving->cli = cli;
    int code = EXIT_OK;
    if (cli_flag(cli, NODE_PRINT_CONFIG))
        code = print_config();
    else
        code = read_config(cli, &serving->config);
    if (code == EXIT_OK && cli_flag(cli, NODE_INSTALL)) {
        code = node_unit_install(cli);
    } else if (code == EXIT_OK && !cli_flag(cli, NODE_PRINT_CONFIG)) {
        raise_file_limit();
        code = serve(serving);
    }
    free(serving);
    return code;
}

const struct command node_command = {
    .name = "node",
    .synopsis = "",
    .summary = "serve jobs to people and programs, until a signal",
    .description =
        "Takes workflows as jobs over HTTP and runs them: what it has\n"
        "acknowledged is on disk, and goes on after kill -9, a power cut or\n"
        "an upgrade. Prints its DID, its address, and a link to its\n"
        "dashboard that works once (`ipvm invite` gives another). Other\n"
        "commands may use the same store meanwhile.\n"
        "\n"
        "The key of the store is root on its node; others may do what\n"
        "delegations from it say (`ipvm delegate`, `ipvm quota`). It listens\n"
        "on this machine only unless --listen says more: then put a proxy\n"
        "with TLS in front (docs/node.md).\n"
        "\n"
        "SIGINT and SIGTERM stop it in good order, a second one at once;\n"
        "jobs are kept either way. What happens is told on stderr as\n"
        "`event key=value`.",
    .options = node_options,
    .examples = "  ipvm node\n"
                "  ipvm node --print-config > ~/.config/ipvm/node.yaml\n"
                "  ipvm node --port 0 --set workers=4 --set memory=8GiB\n"
                "  ipvm node --install\n",
    .run = run_node,
    .words_max = 0,
};
