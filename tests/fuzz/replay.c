/* SPDX-License-Identifier: Apache-2.0 */
/* replay.c - runs a fuzz target over files and directories of files, once
 * each: the corpus as an ordinary test. Each input is in a heap block of
 * exactly its length. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static size_t replayed;

static void die(const char *what, const char *path)
{
    fprintf(stderr, "cannot %s %s\n", what, path);
    exit(1);
}

static void replay_file(const char *path, size_t len)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        die("open", path);
    uint8_t *data = malloc(len ? len : 1);
    if (!data || fread(data, 1, len, file) != len)
        die("read", path);
    fclose(file);
    // Exactly `len` bytes: a read past the end hits the sanitizer's red zone.
    uint8_t *exact = realloc(data, len ? len : 1);
    LLVMFuzzerTestOneInput(exact, len);
    free(exact);
    replayed++;
}

static void replay(const char *path)
{
    struct stat about;
    if (stat(path, &about) != 0)
        die("find", path);
    if (!S_ISDIR(about.st_mode)) {
        replay_file(path, (size_t)about.st_size);
        return;
    }
    DIR *directory = opendir(path);
    if (!directory)
        die("open", path);
    struct dirent *entry;
    while ((entry = readdir(directory))) {
        char child[4096];
        if (entry->d_name[0] == '.')
            continue;
        snprintf(child, sizeof child, "%s/%s", path, entry->d_name);
        replay(child);
    }
    closedir(directory);
}

int main(int count, char **paths)
{
    for (int i = 1; i < count; i++)
        replay(paths[i]);
    printf("%zu inputs replayed\n", replayed);
    return 0;
}
