/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_verify.c - `ipvm verify`: is this what it claims to be? */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/block_input.h"
#include "cli/output.h"
#include "cli/tables.h"
#include "cli/verify.h"
#include "cli/when.h"
#include "ipld/car.h"
#include "lib/handle.h"

enum { STDIN_MAX = 256 << 20 };

/* --- The report ---------------------------------------------------------- */

void verify_note(struct verify *verify, const char *what, const Cid *cid,
                 const char *check, bool is_ok, const char *format, ...)
{
    struct verify_report *report = &verify->report;
    struct verify_line *line = ARENA_NEW(&report->arena, struct verify_line);
    char name[CID_TEXT_MAX], words[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(words, sizeof words, format, arguments);
    va_end(arguments);
    cid_to_text(cid, name);
    line->what = arena_copy_text(&report->arena, text_of(what));
    line->name = arena_copy_text(&report->arena, text_of(name));
    line->check = arena_copy_text(&report->arena, text_of(check));
    line->words = output_safe(text_of(words), &report->arena);
    line->is_ok = is_ok;
    *report->last = line;
    report->last = &line->next;
    report->failed += !is_ok;
}

static void print_json(struct verify *verify)
{
    struct verify_report *report = &verify->report;
    size_t count = 0, at = 0;
    for (const struct verify_line *line = report->first; line;
         line = line->next)
        count++;
    Value *lines = arena_array(&report->arena, count, sizeof *lines);
    for (const struct verify_line *line = report->first; line;
         line = line->next) {
        const struct value_entry entries[] = {
            {TEXT("check"), value_text(line->check)},
            {TEXT("cid"), value_text(line->name)},
            {TEXT("ok"), value_bool(line->is_ok)},
            {TEXT("what"), value_text(line->what)},
            {TEXT("words"), value_text(line->words)},
        };
        lines[at++] =
            value_map(&report->arena, entries, line->words.len > 0 ? 5 : 4);
    }
    const struct value_entry entries[] = {
        {TEXT("checks"), value_list(lines, count)},
        {TEXT("ok"), value_bool(report->failed == 0)},
    };
    const Value value = value_map(&report->arena, entries, 2);
    output_json(&value);
}

static void print_lines(const struct verify *verify)
{
    const bool color = verify->cli->color;
    const struct verify_line *before = NULL;
    for (const struct verify_line *line = verify->report.first; line;
         before = line, line = line->next) {
        if (verify->cli->quiet && line->is_ok)
            continue;
        if (!before || verify->cli->quiet ||
            !text_equal(before->name, line->name) ||
            !text_equal(before->what, line->what))
            printf("%.*s  %.*s\n", TEXT_ARG(line->what), TEXT_ARG(line->name));
        printf("  %s%s%s %.*s%s%.*s\n",
               style(color, line->is_ok ? STYLE_GREEN : STYLE_RED),
               line->is_ok ? "✓" : "✗", style(color, STYLE_NONE),
               TEXT_ARG(line->check), line->words.len > 0 ? ": " : "",
               TEXT_ARG(line->words));
    }
}

/* --- CAR files ----------------------------------------------------------- */

Status verify_car(struct verify *verify, Bytes bytes, struct error *err)
{
    struct car_reader *reader = car_reader_over(bytes);
    struct car_header header;
    struct car_block block;
    struct error inner = {0};
    uint64_t count = 0, damaged = 0;
    Cid first = {0};
    Status status = car_read_header(reader, &header, &inner);
    if (status != STATUS_OK) {
        car_reader_free(reader);
        return STATUS_NOT_FOUND;
    }
    if (header.root_count > 0)
        first = header.roots[0];
    while ((status = car_read_block(reader, &block, &inner)) == STATUS_OK) {
        count++;
        Status found = cid_verify(&block.cid, block.bytes, err);
        if (found != STATUS_OK) {
            damaged++;
            verify_note(verify, "block", &block.cid, "hash", false,
                        "at byte %llu: %s", (unsigned long long)block.offset,
                        found == STATUS_CORRUPT
                            ? "the bytes are others"
                            : "its hash function is not known here");
        }
    }
    if (status != STATUS_NOT_FOUND)
        verify_note(verify, "car", &first, "whole", false, "%s",
                    inner.message);
    else
        verify_note(verify, "car", &first, "hashes", damaged == 0,
                    "%llu blocks%s", (unsigned long long)count,
                    damaged > 0 ? ", not all are what they are named" : "");
    car_reader_free(reader);
    return STATUS_OK;
}

/* --- What is to be verified ---------------------------------------------- */

static Status verify_bytes(struct verify *verify, Bytes bytes,
                           const char *name, struct error *err)
{
    static VerifyKind *const kinds[] = {verify_receipts, verify_car,
                                        verify_tokens};
    for (size_t index = 0; index < sizeof kinds / sizeof *kinds; index++) {
        Status status = kinds[index](verify, bytes, err);
        if (status != STATUS_NOT_FOUND)
            return status;
    }
    return fail(err, STATUS_INVALID,
                "%s is no token, container of tokens or CAR file", name);
}

/* A pipe: all of it, up to a bound. */
static Status read_stream(int file, struct buffer *out, struct error *err)
{
    enum { PIECE = 64 << 10 };
    ssize_t got;
    for (;;) {
        uint8_t *place = buffer_reserve(out, PIECE);
        if (!place)
            return buffer_status(out, "the input", err);
        do {
            got = read(file, place, PIECE);
        } while (got < 0 && errno == EINTR);
        if (got <= 0)
            break;
        buffer_advance(out, (size_t)got);
    }
    return got == 0 ? STATUS_OK
                    : fail_errno(err, errno, "cannot read the input");
}

static Status verify_stream(struct verify *verify, int file, const char *name,
                            struct error *err)
{
    struct buffer input;
    buffer_init(&input, STDIN_MAX);
    Status status = read_stream(file, &input, err);
    if (status == STATUS_OK)
        status = verify_bytes(verify, buffer_bytes(&input), name, err);
    buffer_deinit(&input);
    return status;
}

static Status verify_file(struct verify *verify, const char *path,
                          struct error *err)
{
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    struct stat stat;
    Status status;
    if (file < 0)
        return errno == ENOENT
                   ? fail(err, STATUS_NOT_FOUND,
                          "there is no file %.120s, and it is no CID", path)
                   : fail_errno(err, errno, "cannot open %.120s", path);
    if (fstat(file, &stat) != 0 || !S_ISREG(stat.st_mode) ||
        stat.st_size == 0) {
        status = verify_stream(verify, file, path, err);
        close(file);
        return status;
    }
    const size_t len = (size_t)stat.st_size;
    void *map = mmap(NULL, len, PROT_READ, MAP_PRIVATE, file, 0);
    status = map == MAP_FAILED
                 ? fail_errno(err, errno, "cannot read %.120s", path)
                 : verify_bytes(verify, bytes_of(map, len), path, err);
    if (map != MAP_FAILED)
        munmap(map, len);
    close(file);
    return status;
}

/* A block of the store: its hash, and if it is a token, that. */
static Status verify_cid(struct verify *verify, const Cid *cid,
                         struct error *err)
{
    char name[CID_TEXT_MAX];
    struct block *block;
    cid_to_text(cid, name);
    Status status = verify->store ? store_get(verify->store, cid, &block, err)
                                  : STATUS_NOT_FOUND;
    if (status == STATUS_NOT_FOUND)
        return fail(err, STATUS_NOT_FOUND, "there is no block %s here", name);
    if (status == STATUS_CORRUPT) {
        verify_note(verify, "block", cid, "hash", false,
                    "the bytes are others: run `ipvm fsck --repair`");
        return STATUS_OK;
    }
    TRY(status);
    verify_note(verify, "block", cid, "hash", true, "%zu bytes",
                block_bytes(block).len);
    Hash hash;
    if (cid_sha256(cid, CODEC_DAG_CBOR, &hash))
        status = verify_tokens(verify, block_bytes(block), err);
    block_unref(block);
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

static Status verify_word(struct verify *verify, const char *word,
                          struct error *err)
{
    Cid cid;
    if (strcmp(word, "-") == 0)
        return verify_stream(verify, STDIN_FILENO, "standard input", err);
    if (access(word, F_OK) != 0 &&
        cid_from_text(text_of(word), &cid, NULL) == STATUS_OK)
        return verify_cid(verify, &cid, err);
    // The text of a container is longer than the name of a file may be.
    if (access(word, F_OK) != 0 && strlen(word) > NAME_MAX)
        return verify_bytes(verify, text_bytes(text_of(word)), "this text",
                            err);
    return verify_file(verify, word, err);
}

/* --- The command --------------------------------------------------------- */

enum { VERIFY_AT, VERIFY_AUDIENCE, VERIFY_RC1 };

static const struct option verify_options[] = {
    [VERIFY_AT] = {0, "at", "TIME",
                   "as of 2026-01-31, 2026-01-31T12:00:00Z, in 7d, or "
                   "seconds since 1970"},
    [VERIFY_AUDIENCE] = {0, "audience", "DID",
                         "invocations must be for this one"},
    [VERIFY_RC1] = {0, "rc1", NULL, "take tokens of UCAN 1.0.0-rc.1, too"},
    {0, NULL, NULL, NULL},
};

/* Also a number, as tokens have it. */
static bool read_time(const char *word, int64_t *out)
{
    char *end;
    errno = 0;
    *out = strtoll(word, &end, 10);
    if (*word != '\0' && *end == '\0' && errno == 0)
        return *out > -(INT64_C(1) << 53) && *out < INT64_C(1) << 53;
    return when_read(word, clock_wall_s(), out);
}

/* The store, if there is one: files can be verified without. */
static int open_if_there(struct cli *cli)
{
    char path[4096];
    if (lib_store_path(cli->values[OPTION_STORE], path, NULL) != STATUS_OK ||
        access(path, F_OK) != 0)
        return EXIT_OK;
    return open_to_read(cli);
}

static int finish(struct verify *verify, Status status,
                  const struct error *err)
{
    const bool has_failed = verify->report.failed > 0;
    if (status != STATUS_OK) {
        arena_deinit(&verify->report.arena);
        return say_failed(verify->cli, status, err);
    }
    if (verify->cli->json)
        print_json(verify);
    else
        print_lines(verify);
    arena_deinit(&verify->report.arena);
    return has_failed ? EXIT_INPUT : EXIT_OK;
}

static int run_verify(struct cli *cli)
{
    struct verify verify = {
        .cli = cli,
        .now_s = clock_wall_s(),
        .rc1_too = cli_flag(cli, VERIFY_RC1),
    };
    const char *at = cli_value(cli, VERIFY_AT);
    const char *audience = cli_value(cli, VERIFY_AUDIENCE);
    struct error err = {0};
    Did did;
    verify.report.last = &verify.report.first;
    if (at && !read_time(at, &verify.now_s))
        return cli_error(cli, EXIT_USAGE,
                         "verify: --at: %s is no time: write 2026-01-31, "
                         "2026-01-31T12:00:00Z, 7d or seconds since 1970",
                         at);
    if (audience && did_read(text_of(audience), &did, NULL, &err) != STATUS_OK)
        return cli_error(cli, EXIT_USAGE, "verify: --audience: %s",
                         err.message);
    verify.audience = audience ? &did : NULL;
    const int code = open_if_there(cli);
    if (code != EXIT_OK)
        return code;
    verify.store = cli->vm ? cli->vm->store : NULL;
    Status status = verify_word(&verify, cli->words[0], &err);
    return finish(&verify, status, &err);
}

const struct command verify_command = {
    .name = "verify",
    .synopsis = "FILE|CID|TEXT|-",
    .summary = "check a token, a chain of them, receipts, or a CAR file",
    .description =
        "Reads a token, a container of tokens (also its TEXT) or a CAR file,\n"
        "and says of each check whether it holds. An invocation is taken\n"
        "through its chain, root first, up to the first rule that is broken;\n"
        "proofs are looked for beside it and in the store, as are\n"
        "revocations. A delegation alone proves nothing: its signature, time\n"
        "and revocation are checked. Of a CAR file all blocks are hashed, and\n"
        "receipts in it are checked each alone. Exit code 3 if anything does\n"
        "not hold.",
    .options = verify_options,
    .examples = "  ipvm verify request.ucan\n"
                "  ipvm verify --at 2026-01-31 - < request.ucan\n"
                "  ipvm verify results.car\n",
    .run = run_verify,
    .words_min = 1,
    .words_max = 1,
};
