/* SPDX-License-Identifier: Apache-2.0 */
/* show_token.h - tokens and containers: from a word of the command line, and as
 * facts for people. Thread: main. */
#ifndef IPVM_CLI_SHOW_TOKEN_H
#define IPVM_CLI_SHOW_TOKEN_H

#include "cli/facts.h"
#include "store/store.h"
#include "ucan/token.h"

/* What a token says, and whether its signature is right. Borrows from it. */
void show_token(const struct cli *cli, struct facts *facts,
                const struct token *token);

/* The bytes of each token in a token or a container of any form; blanks behind
 * text are left out. STATUS_NOT_FOUND: neither of them, by its first byte. */
Status tokens_in(Bytes bytes, struct arena *arena, Bytes **tokens,
                 size_t *count, struct error *err);
/* The same of a word: a CID or name in the store, a file ("-": standard
 * input), or the text of a container itself. STATUS_NOT_FOUND says so. */
Status tokens_of_word(struct store *store, const char *word,
                      struct arena *arena, Bytes **tokens, size_t *count,
                      struct error *err);

/* Prints what a token or a container says, behind the facts so far. False:
 * `bytes` are neither. */
bool show_tokens(const struct cli *cli, struct facts *facts, Bytes bytes);
/* If a word of the command line is a container's text, and no file. */
bool show_tokens_of_text(const struct cli *cli, struct facts *facts,
                         const char *word);

#endif
