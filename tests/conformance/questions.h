/* SPDX-License-Identifier: Apache-2.0 */
/* questions.h - our side at the end of a pipe, for a test in another language:
 * a question a line, an answer a line, fields between tabs.
 *
 *     VERB FIELD…    ok TEXT | no WHY
 *
 * Thread: one. */
#ifndef IPVM_TESTS_CONFORMANCE_QUESTIONS_H
#define IPVM_TESTS_CONFORMANCE_QUESTIONS_H

#include "base/arena.h"
#include "base/buffer.h"

enum { QUESTION_FIELDS_MAX = 10, QUESTION_ANSWER_MAX = 64 << 20 };

struct question {
    char *fields[QUESTION_FIELDS_MAX]; /* the verb first */
    size_t count;
    struct arena arena;   /* emptied after each question */
    struct buffer answer; /* what stands behind "ok" */
};

struct question_verb {
    const char *verb;
    size_t fields; /* with the verb */
    Status (*answer)(struct question *question, struct error *err);
};

/* Answers standard input to its end. Whatever breaks the protocol ends the
 * program with 64: that is the test's fault. */
int questions_answer(const struct question_verb *verbs, size_t count);

/* A field of hexadecimal, in the question's arena. */
Bytes question_bytes(struct question *question, const char *hex);
void question_add_hex(struct question *question, Bytes bytes);

#endif
