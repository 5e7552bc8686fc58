/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_workflow.c - pages of workflows. The input is one page; the head around
 * it is right. What loads is encoded again to the same CID. Any input is also
 * asked for its kind, and read as a result and as a computation. */
#include "ipld/dag_cbor.h"
#include "task/computation.h"
#include "task/document.h"
#include "task/workflow.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check_page(Bytes page, struct arena *arena)
{
    struct store *store = store_open_memory();
    struct store_batch *batch = store_batch_new(store);
    struct workflow *workflow = NULL;
    struct error err = {0};
    Cid page_cid, cid;

    cid_of(CODEC_DAG_CBOR, page, &page_cid);
    store_batch_block(batch, &page_cid, page);
    Value link = value_link(&page_cid);
    const struct value_entry entries[] = {
        {TEXT("tasks"), value_list(&link, 1)},
        {TEXT("outputs"), value_list(NULL, 0)}};
    Value head = value_map1(arena, TEXT("ipvm/workflow@1.0.0"),
                            value_map(arena, entries, 2));
    Bytes block = dag_cbor_block(&head, arena, &cid);
    store_batch_block(batch, &cid, block);
    ASSERT(store_commit(batch, &err) == STATUS_OK);
    if (workflow_load(store, &cid, &workflow, &err) == STATUS_OK) {
        ASSERT(workflow_encode(workflow, NULL, NULL, &err) == STATUS_OK);
        ASSERT(cid_equal(&cid, &workflow->cid));
    }
    workflow_free(workflow);
    store_batch_free(batch);
    store_close(store);
}

static void check_result(Bytes bytes, struct arena *arena)
{
    struct result result, again;

    if (result_normalise(bytes, NULL, arena, &result, NULL) != STATUS_OK)
        return;
    ASSERT(result_decode(result.block, arena, &again, NULL) == STATUS_OK);
    ASSERT(cid_equal(&result.cid, &again.cid));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct arena arena = {0};
    struct computation computation;
    Bytes bytes = bytes_of(data, len);

    if (len <= BLOCK_TAKEN_MAX)
        check_page(bytes, &arena);
    check_result(bytes, &arena);
    if (computation_decode(bytes, &arena, &computation, NULL) == STATUS_OK) {
        Hash hash;
        ASSERT(bytes_equal(
            bytes, computation_encode(computation.cmd, &computation.args,
                                      computation.nonce, &arena, &hash)));
    }
    ASSERT(document_kind_name(document_kind_of(bytes)).len > 0);
    arena_deinit(&arena);
    return 0;
}
