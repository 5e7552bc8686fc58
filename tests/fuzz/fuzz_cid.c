/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_cid.c - a CID that reads is written in a form that reads as itself,
 * from text (first byte even) and from bytes (odd). */
#include "ipld/cid.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check_cid(const Cid *cid)
{
    char text[CID_TEXT_MAX];
    struct arena arena = {0};
    Cid again;
    Bytes bytes;

    size_t len = cid_to_text(cid, text);
    ASSERT(len < CID_TEXT_MAX);
    ASSERT(cid_from_text((Text){text, len}, &again, NULL) == STATUS_OK);
    ASSERT(cid_equal(cid, &again));
    ASSERT(cid_from_bytes(cid_bytes(cid), &again, NULL) == STATUS_OK);
    ASSERT(cid_bytes_from_text((Text){text, len}, &arena, &bytes, NULL) ==
           STATUS_OK);
    ASSERT(bytes_equal(bytes, cid_bytes(cid)));
    IGNORE(cid_verify(cid, bytes_of("x", 1), NULL)); // Any answer will do.
    arena_deinit(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct error err = {0};
    Cid cid;

    if (len == 0)
        return 0;
    Bytes rest = bytes_of(data + 1, len - 1);
    Status status = data[0] & 1 ? cid_from_bytes(rest, &cid, &err)
                                : cid_from_text(bytes_text(rest), &cid, &err);
    if (status == STATUS_OK)
        check_cid(&cid);
    else
        ASSERT(err.message[0] != '\0');
    return 0;
}
