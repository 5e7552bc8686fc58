/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_node_config.c - a node's settings as somebody may have typed them. */
#include "node/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct node_config config;
    struct error err = {0};
    if (node_config_read_bytes(bytes_of(data, len), &config, &err) !=
        STATUS_OK) {
        ASSERT(err.message[0] != '\0');
        return 0;
    }
    ASSERT(memchr(config.listen, '\0', sizeof config.listen));
    ASSERT(memchr(config.otlp, '\0', sizeof config.otlp));
    ASSERT(config.listen[0] != '\0' && config.queue_max > 0);
    ASSERT(config.task_memory <= config.task_memory_max);
    return 0;
}
