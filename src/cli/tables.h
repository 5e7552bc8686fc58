/* SPDX-License-Identifier: Apache-2.0 */
/* tables.h - the entry of each command, defined beside its code. */
#ifndef IPVM_CLI_TABLES_H
#define IPVM_CLI_TABLES_H

#include "cli/command.h"

extern const struct command add_command;
extern const struct command backup_command;
extern const struct command bearer_command;
extern const struct command block_command;
extern const struct command block_rm_command;
extern const struct command cancel_command;
extern const struct command cat_command;
extern const struct command completion_command;
extern const struct command dag_command;
extern const struct command dag_stat_command;
extern const struct command delegate_command;
extern const struct command doctor_command;
extern const struct command embed_command;
extern const struct command explain_command;
extern const struct command export_command;
extern const struct command fork_command;
extern const struct command fsck_command;
extern const struct command gc_command;
extern const struct command get_command;
extern const struct command graph_command;
extern const struct command help_command_entry;
extern const struct command import_command;
extern const struct command inspect_command;
extern const struct command invite_command;
extern const struct command job_command;
extern const struct command jobs_command;
extern const struct command key_command;
extern const struct command logs_command;
extern const struct command ls_command;
extern const struct command name_command;
extern const struct command node_command;
extern const struct command pin_command;
extern const struct command pins_command;
extern const struct command quota_command;
extern const struct command receipt_command;
extern const struct command receipts_command;
extern const struct command receipts_import_command;
extern const struct command restore_command;
extern const struct command resume_command;
extern const struct command retry_command;
extern const struct command revoke_command;
extern const struct command run_command;
extern const struct command source_command;
extern const struct command stat_command;
extern const struct command submit_command;
extern const struct command suspend_command;
extern const struct command trust_check_command;
extern const struct command trust_command;
extern const struct command unpin_command;
extern const struct command verify_command;
extern const struct command version_command;
extern const struct command watch_command;

#endif
