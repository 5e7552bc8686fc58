/* SPDX-License-Identifier: Apache-2.0 */
#include "player.h"

#include "engine_signals.h"
#include "ipld/dag_cbor.h"
#include "ipld/dag_json.h"
#include "task/computation.h"
#include "wasm/call.h"
#include "wat.h"

static Status get_block(void *context, Bytes cid, struct run_block *out,
                        struct error *err)
{
    struct player *player = context;
    struct unixfs_block block = {.handle = NULL};
    const struct unixfs_source source = block_map_source(&player->blocks);
    TRY(source.get(source.context, cid, &block, err));
    *out = (struct run_block){.bytes = block.bytes, .owner = block.handle};
    return STATUS_OK;
}

static void give_back(void *context, struct run_block *block)
{
    struct player *player = context;
    const struct unixfs_source source = block_map_source(&player->blocks);
    struct unixfs_block lent = {.bytes = block->bytes, .handle = block->owner};
    source.release(source.context, &lent);
}

static void log_line(void *context, uint64_t ticket, LogLevel level, Text line)
{
    struct player *player = context;
    size_t len = strlen(player->log);
    (void)ticket;
    snprintf(player->log + len, sizeof player->log - len, "%d %.*s\n",
             (int)level, TEXT_ARG(line));
}

void player_open(struct player *player)
{
    const struct engine_options options = {.kind = ENGINE_WASMTIME};
    struct engine *engine;
    // The first engine of a process installs its signal handlers.
    assert_int_equal(engine_open(&options, &engine, NULL), STATUS_OK);
    engine_signals_keep();
    engine_close(engine);
    *player = (struct player){.end = END_NONE};
    wasm_performer_open(NULL, &player->performer);
}

void player_close(struct player *player)
{
    wasm_performer_close(&player->performer);
    block_map_deinit(&player->blocks);
    arena_deinit(&player->arena);
}

const char *player_put(struct player *player, uint64_t codec, Bytes block)
{
    Cid cid;
    cid_of(codec, block, &cid);
    assert_int_equal(block_map_put(&player->blocks, &cid, block, NULL),
                     STATUS_OK);
    return cid_bytes_to_text(cid_bytes(&cid), &player->blocks.arena).data;
}

/* Does one job and keeps its bytes in the player's arena. */
static Bytes job(struct player *player, const struct run_request *request,
                 size_t output_max)
{
    const struct run_host host = {.context = player,
                                  .block = get_block,
                                  .release_block = give_back,
                                  .log = log_line};
    struct run_outcome outcome;
    struct buffer output;
    buffer_init(&output, output_max);
    player->performer.perform(player->performer.state, request, &host, &output,
                              &outcome);
    player->end = outcome.end;
    player->argument_index = outcome.argument_index;
    player->cost = outcome.cost;
    memcpy(player->message, outcome.message, sizeof player->message);
    Bytes bytes = arena_copy_bytes(&player->arena, outcome.output);
    buffer_deinit(&output);
    assert_int_equal(player->blocks.on_loan, 0);
    return bytes;
}

/* The description without its core forms: only the component API is left. */
static Bytes without_core(struct player *player, Bytes description)
{
    Value map;
    assert_int_equal(dag_cbor_decode(description, &player->arena, &map, NULL),
                     STATUS_OK);
    struct value_entry *entries =
        arena_array(&player->arena, map.map.count, sizeof *entries);
    size_t count = 0;
    for (size_t index = 0; index < map.map.count; index++) {
        if (!text_equal(map.map.entries[index].key, TEXT("core")))
            entries[count++] = map.map.entries[index];
    }
    Value rest = value_map(&player->arena, entries, count);
    Cid cid;
    return dag_cbor_block(&rest, &player->arena, &cid);
}

static Bytes concrete(struct player *player, const struct play *play)
{
    struct error err = {.message = ""};
    Value args;
    Cid module;
    Hash hash;
    if (dag_json_decode(text_bytes(text_of(play->args)), &player->arena, &args,
                        &err) != STATUS_OK)
        fail_msg("%s: %s", play->args, err.message);
    cid_of(CODEC_RAW, play->wasm, &module);
    Value link = value_link(&module);
    Value call = wasm_call_args(&player->arena, &link, text_of(play->function),
                                &args, play->homestar);
    return computation_encode(TEXT("/wasm/run"), &call, bytes_of(NULL, 0),
                              &player->arena, &hash);
}

static const char *shown(struct player *player, Bytes output)
{
    struct error err = {.message = ""};
    struct buffer json;
    Value value;
    player->output = output;
    if (dag_cbor_decode(output, &player->arena, &value, &err) != STATUS_OK)
        fail_msg("output is not DAG-CBOR: %s", err.message);
    buffer_init(&json, 16 << 20);
    if (dag_json_encode(&value, &json, &err) != STATUS_OK)
        fail_msg("%s", err.message);
    const char *text =
        arena_copy_text(&player->arena, bytes_text(buffer_bytes(&json))).data;
    buffer_deinit(&json);
    return text;
}

const char *player_play(struct player *player, const struct play *play)
{
    engine_signals_keep();
    arena_reset(&player->arena);
    player->log[0] = '\0';
    struct run_request request = {.verb = RUN_DESCRIBE,
                                  .engine = play->engine,
                                  .metered = play->metered,
                                  .limits = play->limits,
                                  .input = play->wasm};
    request.artifact.file = -1;
    if (request.limits.memory == 0)
        request.limits.memory = 64 << 20;
    Bytes described = job(player, &request, 1 << 20);
    if (player->end != END_NONE)
        fail_msg("describe: %s", player->message);
    request.description =
        play->by_component_api ? without_core(player, described) : described;
    request.verb = RUN_COMPILE;
    Bytes artifact = job(player, &request, 64 << 20);
    if (player->end != END_NONE)
        return player->text = end_name(player->end).data;
    hash_sha256(artifact, &request.artifact.id);
    request.artifact.bytes = artifact;
    request.artifact.len = artifact.len;
    request.verb = RUN_CALL;
    request.input = concrete(player, play);
    Bytes output =
        job(player, &request,
            play->result_max ? play->result_max : LIMIT_RESULT_BYTES);
    if (player->end != END_NONE)
        return player->text = end_name(player->end).data;
    return player->text = shown(player, output);
}

static Bytes take(struct buffer *buffer)
{
    size_t len;
    uint8_t *data = buffer_take(buffer, &len);
    return bytes_of(data, len);
}

Bytes wasm_with_wit(const char *wat, const char *wit)
{
    struct error err = {.message = ""};
    struct buffer out;
    Bytes core = wat_to_wasm(wat);
    buffer_init(&out, 4 << 20);
    if (engine_embed_wit(core, text_of(wit), TEXT(""), &out, &err) !=
        STATUS_OK)
        fail_msg("%s", err.message);
    free((void *)(uintptr_t)core.data);
    return take(&out);
}

Bytes wasm_component(Bytes kind2)
{
    struct error err = {.message = ""};
    struct buffer out;
    buffer_init(&out, 4 << 20);
    if (engine_componentise(kind2, &out, &err) != STATUS_OK)
        fail_msg("%s", err.message);
    return take(&out);
}
