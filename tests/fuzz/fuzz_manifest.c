/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_manifest.c - manifests, in YAML and JSON. */
#include "task/manifest.h"

#include "task/workflow.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static Status name_file(void *context, Text path, bool directory, Cid *out,
                        struct error *err)
{
    (void)context, (void)err;
    cid_of(directory ? CODEC_DAG_PB : CODEC_RAW, text_bytes(path), out);
    return STATUS_OK;
}

static Status put_in_batch(void *context, const Cid *cid, Bytes block,
                           struct error *err)
{
    (void)err;
    store_batch_block(context, cid, block);
    return STATUS_OK;
}

/* The rule: a workflow that was read is one that loads, under one CID. */
static void check_workflow(struct workflow *workflow)
{
    struct store *store = store_open_memory();
    struct store_batch *batch = store_batch_new(store);
    struct workflow *loaded = NULL;
    struct error err = {0};
    Cid cid = workflow->cid;

    ASSERT(workflow_encode(workflow, put_in_batch, batch, &err) == STATUS_OK);
    ASSERT(cid_equal(&cid, &workflow->cid));
    ASSERT(store_commit(batch, &err) == STATUS_OK);
    ASSERT(workflow_load(store, &cid, &loaded, &err) == STATUS_OK);
    ASSERT(workflow_encode(loaded, NULL, NULL, &err) == STATUS_OK);
    ASSERT(cid_equal(&cid, &loaded->cid));
    workflow_free(loaded);
    store_batch_free(batch);
    store_close(store);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const struct manifest_host host = {.file = name_file};
    struct workflow *workflow = NULL;
    struct error err = {0};

    if (manifest_read(bytes_of(data, len), "m", &host, NULL, &workflow,
                      &err) == STATUS_OK)
        check_workflow(workflow);
    else
        ASSERT(err.message[0] != '\0');
    workflow_free(workflow);
    return 0;
}
