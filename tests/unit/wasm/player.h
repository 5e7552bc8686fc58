/* SPDX-License-Identifier: Apache-2.0 */
/* player.h - for tests: describes, compiles and calls a module through the
 * performer, as the host would, with blocks in memory. Arguments and results
 * are DAG-JSON. */
#ifndef IPVM_TESTS_UNIT_WASM_PLAYER_H
#define IPVM_TESTS_UNIT_WASM_PLAYER_H

#include "unit/wasm/wasm_test.h"

#include "task/runner.h"
#include "unit/ipld/block_map.h"

enum { PLAYER_LOG_MAX = 4096 };

struct player {
    struct performer performer;
    struct block_map blocks;
    struct arena arena;       /* of one play */
    char log[PLAYER_LOG_MAX]; /* lines, each "level line\n" */
    /* Of the last play. */
    End end;
    int argument_index;
    char message[RUN_MESSAGE_MAX];
    struct run_cost cost;
    const char *text; /* the result, or the end's name */
    Bytes output;     /* bytes of the result */
};

struct play {
    Bytes wasm;
    const char *function;
    const char *args; /* DAG-JSON, a list */
    RunEngine engine;
    bool homestar;
    bool by_component_api; /* not by our own canonical ABI */
    bool metered;
    struct limits limits;
    size_t result_max; /* 0 is LIMIT_RESULT_BYTES */
};

void player_open(struct player *player);
void player_close(struct player *player);

/* Plays it; returns player->text. */
const char *player_play(struct player *player, const struct play *play);

/* Puts a block and returns its CID as text in the player's blocks' arena. */
const char *player_put(struct player *player, uint64_t codec, Bytes block);

/* Core module text, given the section that makes it kind 2. */
Bytes wasm_with_wit(const char *wat, const char *wit);
Bytes wasm_component(Bytes kind2);

#endif
