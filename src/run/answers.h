/* SPDX-License-Identifier: Apache-2.0 */
/* answers.h - what the memo of one store can tell another: a block that says
 * which computation came out as which result (docs/formats/car.md).
 *
 *     {"ipvm/answers@1.0.0": {"answers": [{"res": Link, "comp": Link}, …]}}
 *     {"ipvm/answers@1.0.0": {"pages": [Link, …]}}    of the form above
 *
 * Answers ascend by the digest of `comp` and have one each, within and across
 * pages; a page but the last has ANSWERS_PAGE of them; what fits one page has
 * no pages: equal answers are one CID. Thread: any. */
#ifndef IPVM_RUN_ANSWERS_H
#define IPVM_RUN_ANSWERS_H

#include "store/store.h"

enum { ANSWERS_PAGE = 8192, ANSWERS_PAGES_MAX = 16384 };

struct answer {
    Hash computation; /* concrete */
    Hash result;
};

/* Sorts them, drops those that are there twice from `*count`, and gives each
 * block to `put`, the head last. */
typedef Status AnswersPut(void *context, const Cid *cid, Bytes block,
                          struct error *err);
Status answers_encode(struct answer *answers, size_t *count, AnswersPut *put,
                      void *context, Cid *head, struct error *err);

/* True if the block begins as one of those above. */
bool answers_is_head(Bytes block);

/* Called with each, in order; a status other than OK ends it. */
typedef Status AnswersEach(void *context, const struct answer *answer,
                           struct error *err);
/* Reads them from the store, strictly. STATUS_INVALID: not in the form above.
 * STATUS_NOT_FOUND: a page is not here. */
Status answers_load(struct store *store, const Cid *head, AnswersEach *each,
                    void *context, struct error *err);

#endif
