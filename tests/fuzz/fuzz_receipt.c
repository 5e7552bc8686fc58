/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_receipt.c - what reads as an assertion or a proof block is the one block
 * that says so (first byte: which of the three). */
#include "task/receipt.h"
#include "task/receipt_proofs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check_assertion(Bytes block, struct arena *arena)
{
    struct error err = {0};
    struct assertion assertion;
    struct buffer again;
    Hash id, expected;
    if (assertion_decode(block, arena, &assertion, &err) != STATUS_OK) {
        ASSERT(err.message[0] != '\0');
        return;
    }
    // One with a wrong `res` is read, and is another block written again.
    if (assertion_check_result(&assertion, NULL) != STATUS_OK)
        return;
    const struct assertion_claims claims = {
        .ran = assertion.ran,
        .comp = assertion.has_comp ? &assertion.comp : NULL,
        .result =
            assertion.has_result ? assertion.result.block : (Bytes){NULL, 0},
        .end = assertion.end,
        .inputs = assertion.inputs,
        .input_count = assertion.input_count,
    };
    buffer_init(&again, BLOCK_TAKEN_MAX);
    assertion_encode(&claims, &again, &id);
    hash_sha256(block, &expected);
    ASSERT(bytes_equal(buffer_bytes(&again), block));
    ASSERT(hash_equal(&id, &expected));
    buffer_deinit(&again);
}

static void check_page(Bytes block, struct arena *arena)
{
    struct proof_page page;
    struct buffer again;
    Hash id;
    if (proof_page_decode(block, arena, &page, NULL) != STATUS_OK)
        return;
    buffer_init(&again, BLOCK_TAKEN_MAX + block.len);
    proof_page_encode(&page, &again, &id);
    ASSERT(bytes_equal(buffer_bytes(&again), block));
    buffer_deinit(&again);
}

static void check_head(Bytes block, struct arena *arena)
{
    struct proof_head head;
    struct buffer again;
    Hash id;
    if (proof_head_decode(block, arena, &head, NULL) != STATUS_OK)
        return;
    buffer_init(&again, BLOCK_TAKEN_MAX + block.len);
    proof_head_encode(&head, &again, &id);
    ASSERT(bytes_equal(buffer_bytes(&again), block));
    buffer_deinit(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct arena arena = {0};
    if (len == 0)
        return 0;
    const Bytes block = bytes_of(data + 1, len - 1);
    if (data[0] % 3 == 0)
        check_assertion(block, &arena);
    else if (data[0] % 3 == 1)
        check_page(block, &arena);
    else
        check_head(block, &arena);
    arena_deinit(&arena);
    return 0;
}
