/* SPDX-License-Identifier: Apache-2.0 */
/* program_api.c - writes the documents of the route table:
 *     program_api DIRECTORY      DIRECTORY/http-api.md, DIRECTORY/openapi.json */
#include <stdio.h>

#include "http/http.h"

static int save(const char *directory, const char *name,
                void (*write)(struct buffer *))
{
    struct buffer text;
    char path[4096];
    buffer_init(&text, 1 << 20);
    write(&text);
    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = fopen(path, "we");
    if (!file || text.status != STATUS_OK ||
        fwrite(text.data, 1, text.len, file) != text.len ||
        fclose(file) != 0) {
        perror(path);
        return 1;
    }
    buffer_deinit(&text);
    return 0;
}

int main(int count, char **words)
{
    if (count != 2)
        return 64;
    return save(words[1], "http-api.md", http_write_markdown) |
           save(words[1], "openapi.json", http_write_openapi);
}
