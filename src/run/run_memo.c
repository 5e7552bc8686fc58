/* SPDX-License-Identifier: Apache-2.0 */
/* run_memo.c - what is known of a task before it runs: by the memo or, where
 * that has nothing, by the word of somebody whom the owner believes (trust.h).
 */
#include "run/run_internal.h"

void run_keep_entry(struct run *run, uint32_t task, const Hash *concrete,
                    const struct memo_entry *entry)
{
    struct run_task *state = &run->tasks[task];
    bool known = cid_sha256(&entry->result, CODEC_DAG_CBOR, &state->result);
    ASSERT(known);
    state->concrete = *concrete;
    state->has_concrete = state->has_result = true;
    state->wall_ns = entry->run_ns;
    state->cpu_ns = entry->cpu_ns;
    state->memory_peak = entry->memory_peak;
    state->fuel = entry->fuel;
    state->stored_bytes = entry->stored_bytes;
}

/* A word that contradicts another is no answer, and is told. */
static bool ask_trust(struct run *run, uint32_t task, const Hash *concrete,
                      Bytes block, ScheduleOut *out)
{
    struct memo_entry entry = {.provenance = MEMO_RECEIPT};
    struct trust_answer answer;
    trust_ask(run->trust, concrete, block, &answer);
    if (answer.judgement.verdict == TRUST_CONTRADICTED)
        run_alarm(run, task, text_of(answer.judgement.why));
    if (!answer.is_usable)
        return false;
    cid_from_hash(CODEC_DAG_CBOR, &answer.result, &entry.result);
    run_keep_entry(run, task, concrete, &entry);
    run->tasks[task].is_believed = true;
    *out = run_out_of(answer.is_ok);
    return true;
}

bool run_memo_hit(struct run *run, uint32_t task, const Hash *concrete,
                  Bytes block, ScheduleOut *out)
{
    struct memo_entry entry;
    struct error err;
    // Unreadable is a miss: a hit is right or it is none.
    if (memo_get(run->store, concrete, &entry, &err) != STATUS_OK ||
        !cid_sha256(&entry.result, CODEC_DAG_CBOR, &(Hash){0}))
        return run->trust && ask_trust(run, task, concrete, block, out);
    run_keep_entry(run, task, concrete, &entry);
    *out = run_out_of(entry.is_ok);
    return true;
}

void run_keep_upstream(struct run *run, uint32_t task)
{
    struct arena arena = {0};
    struct result result;
    result_error(TEXT("upstream"), &arena, &result);
    bool known =
        cid_sha256(&result.cid, CODEC_DAG_CBOR, &run->tasks[task].result);
    ASSERT(known);
    run->tasks[task].has_result = true;
    arena_deinit(&arena);
}
