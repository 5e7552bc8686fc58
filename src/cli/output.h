/* SPDX-License-Identifier: Apache-2.0 */
/* output.h - how things are shown: colours, sizes, durations, JSON, errors.
 * Thread: main. */
#ifndef IPVM_CLI_OUTPUT_H
#define IPVM_CLI_OUTPUT_H

#include <stdio.h>

#include "base/bytes.h"
#include "cli/command.h"
#include "ipld/cid.h"
#include "ipld/value.h"

/* Finds out about terminals, NO_COLOR and TERM. */
void output_init(struct cli *cli);

/* "ipvm: words" on stderr, or {"error": {"code", "message"}} with --json. */
void output_error(const struct cli *cli, int code, const char *message);

typedef enum {
    STYLE_NONE,
    STYLE_BOLD,
    STYLE_DIM,
    STYLE_RED,
    STYLE_GREEN,
    STYLE_YELLOW,
    STYLE_BLUE
} Style;
/* The escape sequence that begins (or, for STYLE_NONE, ends) a style; ""
 * without colour. */
const char *style(bool color, Style style);

enum { SHORT_TEXT_MAX = 32 };
/* "850 us", "12.4 ms", "3.21 s", "2 min 5 s". */
const char *show_ns(uint64_t ns, char out[SHORT_TEXT_MAX]);
/* "512 B", "1.2 KiB", "3.4 MiB". */
const char *show_bytes(uint64_t bytes, char out[SHORT_TEXT_MAX]);

/* Prints a value as DAG-JSON and a newline on stdout. */
void output_json(const Value *value);

/* Prints a file's bytes; an exit code, after having said what is wrong. */
int output_content(const struct cli *cli, const char *cid);

/* A HealTold, `context` a struct cli: says that a block was computed again. */
void output_healed(void *context, const Cid *block, const Hash *concrete);

/* Columns of the terminal behind `stream`, 80 if unknown. */
unsigned output_width(FILE *stream);

/* Text of foreign origin made safe for a terminal: control characters, and
 * all that is not ASCII where it is not UTF-8, are shown as \xNN. The result
 * is in `arena`. */
Text output_safe(Text text, struct arena *arena);

#endif
