/* SPDX-License-Identifier: Apache-2.0 */
/* jobs.h - rows of jobs for tests, and what is told of them. Thread: one. */
#ifndef IPVM_TESTS_STORE_JOBS_H
#define IPVM_TESTS_STORE_JOBS_H

#include "fixture.h"

#include "store/jobs_private.h"

enum { TOLD_MAX = 64 };

/* Short for the rows of the job of that number. */
Hash id_of(unsigned number);
struct job_row row_of(unsigned number, bool is_open, int64_t time_ms);
void put_row(struct store *store, const struct job_row *row);
void put_job(struct store *store, unsigned number, bool is_open,
             int64_t time_ms);
/* Of a job that is there. */
void put_events(struct store *store, unsigned number, uint64_t first,
                Bytes events);
void commit_and_free(struct store_batch *batch);

/* Jobs in the order they were told. */
struct told {
    struct store *store;
    Hash ids[TOLD_MAX];
    int64_t times[TOLD_MAX];
    uint64_t count, stop_after;
};
bool tell(void *context, const struct job_row *row);
struct told tell_all(struct store *store, const struct job_place *after);
struct told tell_open(struct store *store);
void assert_told(const struct told *told, size_t index, unsigned number);
void assert_counts(struct store *store, uint64_t open, uint64_t all);

/* Rows of a journal in the order they were told. */
struct heard {
    uint64_t firsts[TOLD_MAX];
    uint64_t count, stop_after;
};
bool hear(void *context, uint64_t first, Bytes events);
struct heard hear_from(struct store *store, const Hash *id, uint64_t from);

/* No row of any table is wrong. */
void assert_rows_sound(struct store *store);
/* Below everything that knows better. */
void put_raw(struct store *store, enum table table, Bytes key,
             const char *value);
void remove_raw(struct store *store, enum table table, Bytes key);

#endif
