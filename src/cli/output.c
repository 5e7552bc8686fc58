/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/output.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/buffer.h"
#include "ipld/dag_json.h"

void output_init(struct cli *cli)
{
    const char *no_color = getenv("NO_COLOR");
    const char *term = getenv("TERM");
    bool plain = (no_color && *no_color) || (term && !strcmp(term, "dumb"));
    cli->color = !plain && isatty(STDOUT_FILENO);
    cli->color_errors = !plain && isatty(STDERR_FILENO);
    cli->live = isatty(STDERR_FILENO) && !(term && !strcmp(term, "dumb"));
}

const char *style(bool color, Style style)
{
    static const char *const codes[] = {
        [STYLE_NONE] = "\033[0m",   [STYLE_BOLD] = "\033[1m",
        [STYLE_DIM] = "\033[2m",    [STYLE_RED] = "\033[31m",
        [STYLE_GREEN] = "\033[32m", [STYLE_YELLOW] = "\033[33m",
        [STYLE_BLUE] = "\033[34m",
    };
    return color ? codes[style] : "";
}

void output_error(const struct cli *cli, int code, const char *message)
{
    struct arena arena = {0};
    Text safe = output_safe(text_of(message), &arena);
    if (!cli->json) {
        fprintf(stderr, "%sipvm:%s %.*s\n",
                style(cli->color_errors, STYLE_RED),
                style(cli->color_errors, STYLE_NONE), TEXT_ARG(safe));
        arena_deinit(&arena);
        return;
    }
    struct value_entry inner[] = {
        {TEXT("code"), value_int(code)},
        {TEXT("message"), value_text(safe)},
    };
    Value error = value_map(&arena, inner, 2);
    Value whole = value_map1(&arena, TEXT("error"), error);
    output_json(&whole);
    arena_deinit(&arena);
}

const char *show_ns(uint64_t ns, char out[SHORT_TEXT_MAX])
{
    double number = (double)ns;
    if (ns < 1000000)
        snprintf(out, SHORT_TEXT_MAX, "%.0f us", number / 1e3);
    else if (ns < 1000000000)
        snprintf(out, SHORT_TEXT_MAX, "%.1f ms", number / 1e6);
    else if (ns < 120 * 1000000000ULL)
        snprintf(out, SHORT_TEXT_MAX, "%.2f s", number / 1e9);
    else
        snprintf(out, SHORT_TEXT_MAX, "%llu min %llu s",
                 (unsigned long long)(ns / 60000000000ULL),
                 (unsigned long long)(ns / 1000000000ULL % 60));
    return out;
}

const char *show_bytes(uint64_t bytes, char out[SHORT_TEXT_MAX])
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    double number = (double)bytes;
    size_t unit = 0;
    while (number >= 1024 && unit < 4) {
        number /= 1024;
        unit++;
    }
    snprintf(out, SHORT_TEXT_MAX, unit ? "%.1f %s" : "%.0f %s", number,
             units[unit]);
    return out;
}

void output_json(const Value *value)
{
    struct buffer json;
    buffer_init(&json, (size_t)256 << 20);
    IGNORE(dag_json_encode(value, &json, NULL)); // Ours have no "/" keys.
    buffer_add_byte(&json, '\n');
    fwrite(json.data, 1, json.len, stdout);
    buffer_deinit(&json);
}

static bool write_out(void *context, const void *data, size_t size)
{
    bool *failed = context;
    *failed = fwrite(data, 1, size, stdout) != size;
    return !*failed;
}

int output_content(const struct cli *cli, const char *cid)
{
    bool failed = false;
    ipvm_error error;
    ipvm_status status = ipvm_read(cli->vm, cid, write_out, &failed, &error);
    if (failed || (status == IPVM_OK && fflush(stdout) != 0))
        return cli_error(cli, EXIT_TROUBLE,
                         "cannot write to standard output: %s",
                         strerror(errno));
    return status == IPVM_OK ? EXIT_OK : cli_fail(cli, &error);
}

void output_healed(void *context, const Cid *block, const Hash *concrete)
{
    const struct cli *cli = context;
    char lost[CID_TEXT_MAX], from[CID_TEXT_MAX];
    Cid cid;
    if (cli->quiet)
        return;
    cid_from_hash(CODEC_DAG_CBOR, concrete, &cid);
    cid_to_text(block, lost);
    cid_to_text(&cid, from);
    fprintf(stderr, "block %s was lost: computed again from %s\n", lost, from);
}

unsigned output_width(FILE *stream)
{
    struct winsize size;
    if (ioctl(fileno(stream), TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col;
    return 80;
}

Text output_safe(Text text, struct arena *arena)
{
    char *safe = arena_alloc(arena, text.len * 4 + 1);
    size_t len = 0;
    bool is_utf8 = utf8_is_valid(text, NULL);
    bool is_c1 = false; // the second byte of one
    for (size_t index = 0; index < text.len; index++) {
        unsigned char byte = (unsigned char)text.data[index];
        // C0, DEL, and C1 as UTF-8 (c2 80 … c2 9f), both of its bytes.
        bool c1 = byte == 0xc2 && index + 1 < text.len &&
                  (unsigned char)text.data[index + 1] < 0xa0;
        bool stray = byte >= 0x80 && !is_utf8;
        if ((byte < 0x20 && byte != '\t') || byte == 0x7f || c1 || is_c1 ||
            stray)
            len += (size_t)snprintf(safe + len, 5, "\\x%02x", byte);
        else
            safe[len++] = (char)byte;
        is_c1 = c1;
    }
    return (Text){safe, len};
}
