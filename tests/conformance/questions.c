/* SPDX-License-Identifier: Apache-2.0 */
#include "conformance/questions.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EXIT_PROTOCOL = 64 };

static int digit_of(char letter)
{
    const char *digits = "0123456789abcdef";
    const char *at = letter ? strchr(digits, letter) : NULL;
    return at ? (int)(at - digits) : -1;
}

Bytes question_bytes(struct question *question, const char *hex)
{
    const size_t len = strlen(hex) / 2;
    uint8_t *bytes = arena_alloc(&question->arena, len);
    for (size_t index = 0; index < len; index++) {
        int high = digit_of(hex[2 * index]);
        int low = digit_of(hex[2 * index + 1]);
        if (high < 0 || low < 0)
            exit(EXIT_PROTOCOL);
        bytes[index] = (uint8_t)(high * 16 + low);
    }
    return bytes_of(bytes, len);
}

void question_add_hex(struct question *question, Bytes bytes)
{
    for (size_t index = 0; index < bytes.len; index++)
        buffer_format(&question->answer, "%02x", bytes.data[index]);
}

static void answer(struct question *question,
                   const struct question_verb *verbs, size_t count)
{
    struct error err = {0};
    for (size_t index = 0; index < count; index++) {
        if (strcmp(verbs[index].verb, question->fields[0]) != 0)
            continue;
        if (question->count != verbs[index].fields)
            exit(EXIT_PROTOCOL);
        if (verbs[index].answer(question, &err) == STATUS_OK)
            printf("ok\t%.*s\n", (int)question->answer.len,
                   question->answer.len ? (char *)question->answer.data : "");
        else
            printf("no\t%s\n", err.message);
        fflush(stdout);
        return;
    }
    exit(EXIT_PROTOCOL);
}

static void split(struct question *question, char *line)
{
    question->count = 0;
    for (char *at = line; at && question->count < QUESTION_FIELDS_MAX;) {
        question->fields[question->count++] = at;
        at = strchr(at, '\t');
        if (at)
            *at++ = '\0';
    }
}

int questions_answer(const struct question_verb *verbs, size_t count)
{
    struct question question = {.count = 0};
    char *line = NULL;
    size_t room = 0;
    ssize_t len;
    buffer_init(&question.answer, QUESTION_ANSWER_MAX);
    while ((len = getline(&line, &room, stdin)) > 0) {
        if (line[len - 1] == '\n')
            line[len - 1] = '\0';
        split(&question, line);
        answer(&question, verbs, count);
        arena_reset(&question.arena);
        buffer_clear(&question.answer);
    }
    arena_deinit(&question.arena);
    buffer_deinit(&question.answer);
    free(line);
    return 0;
}
