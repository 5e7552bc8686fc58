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
