/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/node/authority.h"

#include "ucan/revocation.h"

void authority_revoke(struct authority *world, const struct actor *by,
                      const Cid *token)
{
    struct error err = {0};
    struct chain_refusal refusal;
    struct authorised *authorised;
    const Value link = value_link(token);
    const Value args = value_map1(&world->arena, TEXT("rev"), link);
    struct token *invocation =
        mint(by, (struct token_claims){.kind = TOKEN_INVOCATION,
                                       .sub = &by->did,
                                       .cmd = TEXT("/ucan/revoke"),
                                       .args = &args});
    const struct chain_options options = {.now_s = world->now_s,
                                          .store = world->store};
    assert_int_equal(
        chain_authorise(invocation, &options, &authorised, &refusal, &err),
        STATUS_OK);
    assert_int_equal(revocation_add(world->store, authorised, &err),
                     STATUS_OK);
    authorised_free(authorised);
}

const char *authority_enter(struct authority *world, Capability capability,
                            Text bearer, const Hash *job, const Cid *cid,
                            struct principal *out)
{
    struct chain_refusal refusal = {0};
    struct principal principal;
    struct error err = {0};
    const Bytes exact = exact_copy(text_bytes(bearer));
    const struct gate_request request = {.capability = capability,
                                         .bearer = bytes_text(exact),
                                         .job = job,
                                         .cid = cid};
    const Status status =
        gate_enter(world->gate, &request, &principal, &refusal, &err);
    exact_free(exact);
    if (out)
        *out = principal;
    if (status == STATUS_OK)
        return principal.all_jobs ? "OK" : "OK own";
    assert_true(err.message[0] != '\0');
    assert_true(principal.did.text[0] == '\0' && !principal.is_owner);
    return status == STATUS_DENIED ? chain_rule_name(refusal.rule)
                                   : status_name(status);
}

static Value step_args(struct authority *world, const struct step *step,
                       struct arena *arena)
{
    const Value *args = json(world, step->args ? step->args : "[]");
    if (step->cmd)
        return *args;
    const Value module = value_link(authority_cid(world, step->module));
    return wasm_call_args(arena, &module, text_of(step->function), args,
                          false);
}

static Status keep_block(void *context, const Cid *cid, Bytes block,
                         struct error *err)
{
    (void)err;
    store_batch_block(context, cid, block);
    return STATUS_OK;
}

Cid authority_workflow(struct authority *world, const struct step *steps,
                       size_t count, bool keep)
{
    struct workflow *workflow = workflow_new();
    struct error err = {0};
    struct task_draft *drafts = heap_array(count, sizeof *drafts);
    for (size_t index = 0; index < count; index++)
        drafts[index] = (struct task_draft){
            .label = text_of(steps[index].label),
            .cmd = steps[index].cmd ? text_of(steps[index].cmd)
                                    : TEXT("/wasm/run"),
            .args = step_args(world, &steps[index], &workflow->arena),
            .sub = steps[index].sub ? text_of(steps[index].sub) : TEXT(""),
        };
    if (workflow_finish(workflow, drafts, count, NULL, 0, world->store,
                        &err) != STATUS_OK)
        fail_msg("%s", err.message);
    free(drafts);
    struct store_batch *batch = store_batch_new(world->store);
    assert_int_equal(workflow_encode(workflow, keep_block, batch, &err),
                     STATUS_OK);
    if (keep)
        assert_int_equal(store_commit(batch, &err), STATUS_OK);
    store_batch_free(batch);
    const Cid cid = workflow->cid;
    workflow_free(workflow);
    return cid;
}

const char *authority_args(struct authority *world, const Cid *workflow,
                           const char *terms)
{
    char name[CID_TEXT_MAX];
    cid_to_text(workflow, name);
    return arena_format(&world->arena, "{\"workflow\":{\"/\":\"%s\"}%s}", name,
                        terms)
        .data;
}

const char *authority_submit(struct authority *world, struct asking asking,
                             struct token *const *proofs, size_t count,
                             struct submission **out, struct error *err)
{
    struct chain_refusal refusal = {0};
    struct submission *submission = NULL;
    const Bytes exact =
        exact_copy(text_bytes(bearer(world, asking, proofs, count)));
    *err = (struct error){0};
    const Status status =
        gate_submission(world->gate, exact, &submission, &refusal, err);
    exact_free(exact);
    if (status != STATUS_OK)
        assert_true(err->message[0] != '\0' && err->status == status);
    if (status == STATUS_DENIED) {
        assert_non_null(strstr(err->message, chain_rule_name(refusal.rule)));
        return chain_rule_name(refusal.rule);
    }
    if (status != STATUS_OK)
        return status_name(status);
    if (out)
        *out = submission;
    else
        submission_free(submission);
    return "OK";
}

void authority_quota(struct authority *world, const char *id)
{
    struct quotas *quotas;
    struct error err = {0};
    assert_int_equal(quotas_open(world->store, &quotas, &err), STATUS_OK);
    assert_int_equal(quota_set(quotas, text_of(id),
                               &(struct quota_totals){.time_ms = 1000}, &err),
                     STATUS_OK);
    quotas_close(quotas);
}
