/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_dag_stat.c - `ipvm dag stat`: how many blocks and bytes are below. */
#include <stdio.h>
#include <stdlib.h>

#include "cli/block_input.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/tables.h"
#include "content/walk.h"
#include "lib/handle.h"
#include "store/seen.h"

enum { STAT_PROGRESS };

static const struct option stat_options[] = {
    [STAT_PROGRESS] = {'p', "progress", NULL,
                       "taken as in Kubo: it is shown on a terminal anyway"},
    {0, NULL, NULL, NULL},
};

struct dag_size {
    Cid cid;
    uint64_t blocks, bytes;
};

struct counting {
    struct bar bar;
    struct dag_size *now;
    struct dag_size unique;   /* in all DAGs together */
    uint64_t redundant_bytes; /* of all DAGs, each by itself */
    struct seen seen;
};

static Status count_block(void *context, const struct walk_visit *visit,
                          struct error *err)
{
    struct counting *counting = context;
    const uint64_t len = block_bytes(visit->block).len;
    counting->now->blocks++;
    counting->now->bytes += len;
    counting->redundant_bytes += len;
    if (seen_add(&counting->seen, cid_multihash(visit->cid))) {
        counting->unique.blocks++;
        counting->unique.bytes += len;
    }
    if ((counting->now->blocks & 63) == 0 &&
        !bar_progress(&counting->bar, counting->redundant_bytes, 0))
        return fail(err, STATUS_CANCELLED, "interrupted");
    return STATUS_OK;
}

static Status count_dag(struct counting *counting, const char *path,
                        struct error *err)
{
    struct store *store = counting->bar.vm->store;
    const struct walk_options options = {.context = counting};
    TRY(content_resolve(store, text_of(path), &counting->now->cid, err));
    counting->bar.name = path;
    const Status status = content_walk(store, &counting->now->cid, 1, &options,
                                       count_block, err);
    bar_clear(&counting->bar);
    return status;
}

static double ratio_of(const struct counting *counting)
{
    return counting->unique.bytes == 0 ? 1.0
                                       : (double)counting->redundant_bytes /
                                             (double)counting->unique.bytes;
}

static void print_json(const struct counting *counting,
                       const struct dag_size *dags, size_t count)
{
    struct arena arena = {0};
    Value *items = arena_array(&arena, count, sizeof *items);
    for (size_t at = 0; at < count; at++) {
        char name[CID_TEXT_MAX];
        cid_to_text(&dags[at].cid, name);
        const struct value_entry entries[] = {
            {TEXT("cid"), value_text(arena_copy_text(&arena, text_of(name)))},
            {TEXT("blocks"), value_uint(dags[at].blocks)},
            {TEXT("size"), value_uint(dags[at].bytes)},
        };
        items[at] = value_map(&arena, entries, 3);
    }
    const struct value_entry entries[] = {
        {TEXT("dags"), value_list(items, count)},
        {TEXT("unique_blocks"), value_uint(counting->unique.blocks)},
        {TEXT("total_size"), value_uint(counting->unique.bytes)},
        {TEXT("shared_size"),
         value_uint(counting->redundant_bytes - counting->unique.bytes)},
        {TEXT("ratio"), value_float(ratio_of(counting))},
    };
    const Value value = value_map(&arena, entries, 5);
    output_json(&value);
    arena_deinit(&arena);
}

/* The table that Kubo prints. */
static void print_text(const struct counting *counting,
                       const struct dag_size *dags, size_t count)
{
    char name[CID_TEXT_MAX];
    const uint64_t shared_bytes =
        counting->redundant_bytes - counting->unique.bytes;
    printf("%-59s\t%-15s\tSize\n", "CID", "Blocks");
    for (size_t at = 0; at < count; at++) {
        cid_to_text(&dags[at].cid, name);
        printf("%-59s\t%-15llu\t%llu\n", name,
               (unsigned long long)dags[at].blocks,
               (unsigned long long)dags[at].bytes);
    }
    printf("\nSummary\nTotal Size: %llu\nUnique Blocks: %llu\n"
           "Shared Size: %llu\nRatio: %f\n",
           (unsigned long long)counting->unique.bytes,
           (unsigned long long)counting->unique.blocks,
           (unsigned long long)shared_bytes, ratio_of(counting));
}

static int dag_stat(struct cli *cli)
{
    struct error err = {0};
    Status status = STATUS_OK;
    int code = open_to_read(cli);
    if (code != EXIT_OK)
        return code;
    struct counting counting = {.bar = {.cli = cli, .vm = cli->vm}};
    const size_t count = (size_t)cli->word_count;
    struct dag_size *dags = heap_array(count, sizeof *dags);
    for (size_t at = 0; at < count && status == STATUS_OK; at++) {
        counting.now = &dags[at];
        status = count_dag(&counting, cli->words[at], &err);
    }
    if (status != STATUS_OK)
        code = say_failed(cli, status, &err);
    else if (cli->json)
        print_json(&counting, dags, count);
    else
        print_text(&counting, dags, count);
    seen_deinit(&counting.seen);
    free(dags);
    return code;
}

const struct command dag_stat_command = {
    .name = "dag stat",
    .synopsis = "CID[/PATH]...",
    .summary = "count the blocks and bytes of DAGs",
    .description =
        "Counts all blocks below each CID, each block once, and what several\n"
        "DAGs have in common. Every block is read and verified.",
    .options = stat_options,
    .examples = "  ipvm dag stat bafy... name:photo/latest\n",
    .run = dag_stat,
    .words_min = 1,
    .words_max = -1,
};
