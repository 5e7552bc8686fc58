/* SPDX-License-Identifier: Apache-2.0 */
/* command.h - what a command of `ipvm` is: one table entry that parsing, help,
 * man pages and shell completion are made from. Thread: main. */
#ifndef IPVM_CLI_COMMAND_H
#define IPVM_CLI_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

#include "ipvm.h"

/* Exit codes, documented in ipvm(1). */
enum {
    EXIT_OK = 0,
    EXIT_FAILED = 1,       /* the workflow ran and did not succeed */
    EXIT_USAGE = 2,        /* the command line is wrong */
    EXIT_INPUT = 3,        /* a file or block is malformed or refused */
    EXIT_NOT_FOUND = 4,    /* a file, block or function is not there */
    EXIT_TROUBLE = 5,      /* the machine: disk, permissions, a lost helper */
    EXIT_INTERRUPTED = 130 /* Ctrl-C; what was finished is kept */
};

/* Shared by all commands, and the indices of their values in struct cli. */
enum {
    OPTION_HELP,
    OPTION_STORE,
    OPTION_JSON,
    OPTION_QUIET,
    OPTION_COMMON_COUNT
};

enum { OPTIONS_MAX = 24, OPTION_REPEATS_MAX = 64 };

struct option {
    char letter;          /* 0: none */
    const char *name;     /* without the dashes */
    const char *argument; /* "DIR"; NULL: a flag */
    const char *help;     /* one line */
};

struct cli;

struct command {
    const char *name;             /* "add"; of a part: "block put" */
    const char *synopsis;         /* what stands behind the name */
    const char *summary;          /* one line */
    const char *description;      /* paragraphs */
    const struct option *options; /* ended by name == NULL; may be NULL */
    const char *examples;         /* lines; may be NULL */
    int (*run)(struct cli *cli);
    int words_min, words_max; /* positional; -1: any number */
    /* A group of commands has only a name, a summary, and these, ended by
     * NULL. */
    const struct command *const *parts;
};

/* A parsed command line. */
struct cli {
    const struct command *command;
    const char *words[4096]; /* positional */
    int word_count;
    /* By index: the common options first, then the command's. A flag that was
     * given has "" as its value. */
    const char *values[OPTION_COMMON_COUNT + OPTIONS_MAX];
    /* The same in the order they were given, each time. */
    struct {
        int index;
        const char *value;
    } repeats[OPTION_REPEATS_MAX];
    int repeat_count;
    bool json;
    bool quiet;
    bool color;        /* stdout */
    bool color_errors; /* stderr */
    bool live;         /* stderr is a terminal: redraw */
    ipvm *vm;          /* opened by cli_open() */
};

/* Commands of one kind, under a heading. */
struct topic {
    const char *title;
    const struct command *const *commands; /* ended by NULL */
};

extern const struct topic topics[]; /* ended by title == NULL */
extern const struct option common_options[OPTION_COMMON_COUNT + 1];

/* All commands and groups in the order of the topics, then NULL. */
const struct command *command_at(size_t index);
/* By name: "add", "block", "block put". Or NULL. */
const struct command *command_find(const char *name);
/* The part of a group by its own word, "put", or NULL. */
const struct command *command_part(const struct command *group,
                                   const char *word);
/* The last word of its name. */
const char *command_word(const struct command *command);

/* The value of the command's option number `index`, NULL if not given. */
static inline const char *cli_value(const struct cli *cli, int index)
{
    return cli->values[OPTION_COMMON_COUNT + index];
}
/* The values of one that may be given more than once: `*at` is 0 to begin with.
 * NULL at the end. */
static inline const char *cli_next_value(const struct cli *cli, int index,
                                         int *at)
{
    while (*at < cli->repeat_count) {
        const int now = (*at)++;
        if (cli->repeats[now].index == OPTION_COMMON_COUNT + index)
            return cli->repeats[now].value;
    }
    return NULL;
}
static inline bool cli_flag(const struct cli *cli, int index)
{
    return cli_value(cli, index) != NULL;
}

/* Parses the common options that stand before a command; `*used` words. */
int cli_parse_front(struct cli *cli, int count, char *const *arguments,
                    int *used);
/* Parses argv behind the command's name. EXIT_OK, or EXIT_USAGE after having
 * said what is wrong. */
int cli_parse(struct cli *cli, int count, char *const *arguments);

/* Opens the store that --store and the environment name, and makes Ctrl-C
 * stop what runs. EXIT_OK, or an exit code after having said what is wrong. */
int cli_open(struct cli *cli, const ipvm_options *options);

/* Says "ipvm: words" (or a JSON object with --json) on stderr and gives the
 * exit code that belongs to the status. */
int cli_fail(const struct cli *cli, const ipvm_error *error);
[[gnu::format(printf, 3, 4)]] int cli_error(const struct cli *cli, int code,
                                            const char *format, ...);

/* help.c */
int command_help(struct cli *cli);
void help_command(const struct command *command, bool color);
void help_all(bool color);
int command_completion(struct cli *cli);

int command_add(struct cli *cli);
int command_cat(struct cli *cli);
int command_embed(struct cli *cli);
int command_explain(struct cli *cli);
int command_get(struct cli *cli);
int command_graph(struct cli *cli);
int command_inspect(struct cli *cli);
int command_run(struct cli *cli);
int command_version(struct cli *cli);

#endif
