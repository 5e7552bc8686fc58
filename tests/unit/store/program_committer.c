/* SPDX-License-Identifier: Apache-2.0 */
/* program_committer DIRECTORY FIRST COUNT: commits numbered batches and writes
 * the number of each to stdout once it is durable. Somebody kills it. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "numbered.h"

static void acknowledge(void *context, Status status,
                        [[maybe_unused]] const struct error *err)
{
    const int *number = context;
    if (status != STATUS_OK || write(1, number, sizeof *number) < 0)
        _exit(2);
}

/* Every other one waits, as a single task does; the rest go in a stream. */
static void commit_numbered(struct store *store, int *number)
{
    struct store_batch *batch = store_batch_new(store);
    struct error err = {0};
    numbered_fill(batch, *number);
    if (*number % 8 != 0) {
        store_commit_async(batch, acknowledge, number);
        return;
    }
    acknowledge(number, store_commit(batch, &err), &err);
    store_batch_free(batch);
}

int main(int count, char **words)
{
    struct store *store;
    struct error err = {0};
    if (count != 4)
        return 1;
    if (store_open(words[1], NULL, &store, &err) != STATUS_OK) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    const int first = (int)strtol(words[2], NULL, 10);
    const int batches = (int)strtol(words[3], NULL, 10);
    int *numbers = calloc((size_t)batches, sizeof *numbers);
    for (int index = 0; numbers && index < batches; index++) {
        numbers[index] = first + index;
        commit_numbered(store, &numbers[index]);
    }
    store_close(store);
    free(numbers);
    return 0;
}
