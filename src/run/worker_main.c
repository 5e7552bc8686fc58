/* SPDX-License-Identifier: Apache-2.0 */
/* worker_main.c - ipvm-worker: performs what the process that started it asks,
 * locked in. Never started by hand. */
#include <stdio.h>

#include "wasm/call.h"
#include "worker/serve.h"

int main(int count, char **arguments)
{
    static const struct wasm_performer_options options;
    struct performer performer;
    (void)arguments;
    if (count < 2) {
        fprintf(stderr, "ipvm-worker: started by ipvm, not by hand\n");
        return 2;
    }
    wasm_performer_open(&options, &performer);
    int code = worker_serve(&performer);
    wasm_performer_close(&performer);
    return code;
}
