/* SPDX-License-Identifier: Apache-2.0 */
/* program_peer.c - our codecs at the end of a pipe, for a test in another
 * language: a question a line, an answer a line, fields between tabs.
 *
 *     convert FROM TO HEX   ok HEX | no WHY    a block of one codec in another
 *     links CODEC HEX       ok CID… | no WHY   as a walk would follow them
 *     cid TEXT              ok CID | no WHY    in its canonical text
 *     name CODEC HASH HEX   ok CID | no WHY    the CIDv1 of these bytes
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "ipld/codec.h"

enum { FIELDS_MAX = 4, ANSWER_MAX = 64 << 20 };

struct question {
    char *fields[FIELDS_MAX];
    size_t count;
    struct arena arena;
    struct buffer answer;
};

static int digit_of(char letter)
{
    const char *digits = "0123456789abcdef";
    const char *at = letter ? strchr(digits, letter) : NULL;
    return at ? (int)(at - digits) : -1;
}

/* Exits on what is no hexadecimal: that is the test's fault. */
static Bytes from_hex(struct question *question, const char *hex)
{
    const size_t len = strlen(hex) / 2;
    uint8_t *bytes = arena_alloc(&question->arena, len);
    for (size_t index = 0; index < len; index++) {
        int high = digit_of(hex[2 * index]),
            low = digit_of(hex[2 * index + 1]);
        if (high < 0 || low < 0)
            exit(64);
        bytes[index] = (uint8_t)(high * 16 + low);
    }
    return bytes_of(bytes, len);
}

static Status codec_of(const char *name, uint64_t *out, struct error *err)
{
    if (codec_from_name(text_of(name), out))
        return STATUS_OK;
    return (fail)(err, STATUS_INVALID, "no codec %s", name);
}

static Status convert(struct question *question, struct error *err)
{
    uint64_t from, to;
    Value value;
    struct buffer out;
    TRY(codec_of(question->fields[1], &from, err));
    TRY(codec_of(question->fields[2], &to, err));
    TRY(codec_decode(from, from_hex(question, question->fields[3]),
                     &question->arena, &value, err));
    buffer_init(&out, ANSWER_MAX);
    Status status = codec_encode(to, &value, &out, err);
    for (size_t index = 0; status == STATUS_OK && index < out.len; index++)
        buffer_format(&question->answer, "%02x", out.data[index]);
    buffer_deinit(&out);
    return status;
}

static Status add_link(void *context, Bytes cid, struct error *err)
{
    struct question *question = context;
    (void)err;
    if (question->answer.len > 0)
        buffer_add_byte(&question->answer, ' ');
    buffer_add_text(&question->answer,
                    cid_bytes_to_text(cid, &question->arena));
    return STATUS_OK;
}

static Status links(struct question *question, struct error *err)
{
    uint64_t codec;
    TRY(codec_of(question->fields[1], &codec, err));
    return codec_links(codec, from_hex(question, question->fields[2]),
                       add_link, question, err);
}

static Status add_cid(struct question *question, const Cid *cid)
{
    char text[CID_TEXT_MAX];
    cid_to_text(cid, text);
    buffer_add_text(&question->answer, text_of(text));
    return STATUS_OK;
}

static Status read_cid(struct question *question, struct error *err)
{
    Cid cid;
    TRY(cid_from_text(text_of(question->fields[1]), &cid, err));
    return add_cid(question, &cid);
}

static Status name(struct question *question, struct error *err)
{
    uint64_t codec;
    Cid cid;
    TRY(codec_of(question->fields[1], &codec, err));
    TRY(cid_of_hashed(codec, strtoull(question->fields[2], NULL, 0),
                      from_hex(question, question->fields[3]), &cid, err));
    return add_cid(question, &cid);
}

static const struct {
    const char *verb;
    size_t fields;
    Status (*answer)(struct question *question, struct error *err);
} verbs[] = {
    {"convert", 4, convert},
    {"links", 3, links},
    {"cid", 2, read_cid},
    {"name", 4, name},
};

static void answer(struct question *question)
{
    struct error err = {0};
    for (size_t index = 0; index < sizeof verbs / sizeof *verbs; index++) {
        if (strcmp(verbs[index].verb, question->fields[0]) != 0)
            continue;
        if (question->count != verbs[index].fields)
            exit(64);
        if (verbs[index].answer(question, &err) == STATUS_OK)
            printf("ok\t%.*s\n", (int)question->answer.len,
                   question->answer.len ? (char *)question->answer.data : "");
        else
            printf("no\t%s\n", err.message);
        fflush(stdout);
        return;
    }
    exit(64);
}

int main(void)
{
    struct question question = {.count = 0};
    char *line = NULL;
    size_t room = 0;
    ssize_t len;
    buffer_init(&question.answer, ANSWER_MAX);
    while ((len = getline(&line, &room, stdin)) > 0) {
        if (line[len - 1] == '\n')
            line[len - 1] = '\0';
        question.count = 0;
        for (char *at = line; at && question.count < FIELDS_MAX;) {
            question.fields[question.count++] = at;
            at = strchr(at, '\t');
            if (at)
                *at++ = '\0';
        }
        answer(&question);
        arena_reset(&question.arena);
        buffer_clear(&question.answer);
    }
    arena_deinit(&question.arena);
    buffer_deinit(&question.answer);
    free(line);
    return 0;
}
