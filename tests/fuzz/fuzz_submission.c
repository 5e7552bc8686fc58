/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_submission.c - a stranger's container at a node's gate: as a submission,
 * as a bearer for each capability, and as what was kept of a job. The node's
 * clock stands still, so that the corpus stays young. */
#include "node/gate_parts.h"
#include "node/quota.h"
#include "task/computation.h"

enum { NOW = 1767225600 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static Hash one_job;

static Status subject_of(void *context, const Hash *job, Did *out,
                         struct error *err)
{
    const struct gate *gate = context;
    (void)err;
    if (!hash_equal(job, &one_job))
        return STATUS_NOT_FOUND;
    *out = gate->did;
    return STATUS_OK;
}

static Status keep_block(void *context, const Cid *cid, Bytes block,
                         struct error *err)
{
    (void)err;
    store_batch_block(context, cid, block);
    return STATUS_OK;
}

/* The workflow that the corpus submits, and the quota it names. */
static void fill(struct store *store)
{
    struct workflow *workflow = workflow_new();
    struct store_batch *batch = store_batch_new(store);
    struct quotas *quotas;
    Cid cid;
    cid_of(CODEC_RAW, text_bytes(TEXT("module a")), &cid);
    const Value one = value_uint(1), module = value_link(&cid);
    const Value args = value_list(&one, 1);
    const struct task_draft draft = {
        .label = TEXT("t"),
        .cmd = TEXT("/wasm/run"),
        .args =
            wasm_call_args(&workflow->arena, &module, TEXT("f"), &args, false),
    };
    ASSERT(workflow_finish(workflow, &draft, 1, NULL, 0, store, NULL) ==
           STATUS_OK);
    ASSERT(workflow_encode(workflow, keep_block, batch, NULL) == STATUS_OK);
    ASSERT(store_commit(batch, NULL) == STATUS_OK);
    store_batch_free(batch);
    workflow_free(workflow);
    ASSERT(quotas_open(store, &quotas, NULL) == STATUS_OK);
    ASSERT(quota_set(quotas, TEXT("tea"), &(struct quota_totals){0}, NULL) ==
           STATUS_OK);
    quotas_close(quotas);
}

/* Made once; each input is a request to it. */
static struct gate *the_gate(void)
{
    static struct gate *gate;
    static struct node_config config;
    uint8_t seed[KEY_SECRET_LEN];
    struct secret_key *key;
    if (gate)
        return gate;
    memset(seed, 1, sizeof seed);
    memset(&one_job, 7, sizeof one_job);
    ASSERT(secret_key_from_bytes(KEY_ED25519, bytes_of(seed, sizeof seed),
                                 &key, NULL) == STATUS_OK);
    struct store *store = store_open_memory();
    fill(store);
    node_config_default(&config);
    ASSERT(gate_open(store, key, &config, subject_of, NULL, &gate, NULL) ==
           STATUS_OK);
    gate->context = gate;
    gate->now_s = NOW;
    return gate;
}

static void submit(struct gate *gate, Bytes input)
{
    struct chain_refusal refusal = {.rule = CHAIN_OK};
    struct submission *submission, *again;
    struct error err = {0};
    const Status status =
        gate_submission(gate, input, &submission, &refusal, &err);
    if (status != STATUS_OK) {
        ASSERT(err.message[0] != '\0');
        ASSERT(status != STATUS_DENIED || refusal.rule != CHAIN_OK);
        return;
    }
    const struct submission_facts *facts = submission_facts(submission);
    ASSERT(facts->subject.text[0] != '\0' && facts->lane.text[0] != '\0');
    ASSERT(facts->workflow || facts->root);
    ASSERT(gate_restore(gate, facts->container, &again, &err) == STATUS_OK);
    ASSERT(hash_equal(&facts->id, &submission_facts(again)->id));
    submission_free(again);
    submission_free(submission);
}

static void restore(struct gate *gate, Bytes input)
{
    struct submission *submission;
    struct error err = {0};
    if (gate_restore(gate, input, &submission, &err) == STATUS_OK)
        submission_free(submission);
    else
        ASSERT(err.message[0] != '\0');
}

static void enter(struct gate *gate, Bytes input, Capability capability)
{
    struct chain_refusal refusal = {.rule = CHAIN_OK};
    struct principal principal;
    struct error err = {0};
    const struct gate_request request = {.capability = capability,
                                         .bearer = bytes_text(input),
                                         .job = &one_job};
    const Status status =
        gate_enter(gate, &request, &principal, &refusal, &err);
    if (status == STATUS_OK && capability != MAY_NOTHING && input.len > 0)
        ASSERT(principal.did.text[0] != '\0');
    if (status != STATUS_OK)
        ASSERT(err.message[0] != '\0' && principal.did.text[0] == '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct gate *gate = the_gate();
    const Bytes input = bytes_of(data, len);
    submit(gate, input);
    restore(gate, input);
    enter(gate, input, MAY_READ_JOB);
    enter(gate, input, MAY_CONTROL_JOB);
    enter(gate, input, MAY_READ_JOB); // Remembered, if it was let in.
    enter(gate, input, MAY_WRITE_CONTENT);
    return 0;
}
