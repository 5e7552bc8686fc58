/* SPDX-License-Identifier: Apache-2.0 */
/* web.c - the dashboard's files, as they lie in this directory. The Makefile
 * makes web/files.h, their list, and compiles this anew when one changes. */
#include "web/web.h"

#include <string.h>

#include "web/files.h"

#define EMBED(symbol, file, path, type, size, hash)                           \
    __asm__(".pushsection .rodata\n"                                          \
            "web_" #symbol ":\n"                                              \
            ".incbin \"" file "\"\n"                                          \
            ".popsection\n");                                                 \
    extern const unsigned char web_##symbol[size];
#define ROW(symbol, file, path, type, size, hash)                             \
    {path, type, "\"" hash "\"", web_##symbol, size},

WEB_FILES(EMBED)

static const struct web_file files[] = {WEB_FILES(ROW)};

const struct web_file *web_find(const char *path)
{
    for (size_t index = 0; index < sizeof files / sizeof *files; index++)
        if (strcmp(files[index].path, path) == 0)
            return &files[index];
    return NULL;
}
