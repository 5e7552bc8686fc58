/* SPDX-License-Identifier: Apache-2.0 */
/* trust_file.h - the file "trust.yaml" of a store, which its owner edits by
 * hand or by commands. Comments and order stay; a change appears whole or not
 * at all, and one at a time. Thread: any. */
#ifndef IPVM_RUN_TRUST_FILE_H
#define IPVM_RUN_TRUST_FILE_H

#include "base/buffer.h"
#include "run/trust_rules.h"

/* `directory` is a store's; "": a store in memory, which has none. */
bool trust_file_exists(const char *directory);
/* No file: no rules. STATUS_INVALID: "PATH:LINE:COLUMN: …". */
Status trust_file_read(const char *directory, struct arena *arena,
                       struct trust_rules *out, struct error *err);

/* Appends a rule, of which `line` does not matter. STATUS_UNSUPPORTED: the file
 * is written in a way that only its author can add to. */
Status trust_file_add(const char *directory, const struct trust_rule *rule,
                      struct error *err);
/* Removes the rules that `is_out`, asked once for each, is true of; how many.
 * STATUS_UNSUPPORTED as above. */
typedef bool TrustIsOut(void *context, const struct trust_rule *rule,
                        size_t index);
Status trust_file_remove(const char *directory, TrustIsOut *is_out,
                         void *context, size_t *removed, struct error *err);

#endif
