/* fuzz/replay.c: gives every file of a directory, and its beginnings, to a fuzz target. */
#include "base/buf.h"
#include "base/mem.h"

#include <dirent.h>
#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay(const char *dir, const char *name)
{
    char *path = mem_printf("%s/%s", dir, name);
    FILE *file = fopen(path, "rb");
    struct buf text = {0};
    size_t got, step;

    free(path);
    if (!file)
        return 0;
    while ((got = fread(buf_reserve(&text, 65536), 1, 65536, file)) > 0)
        buf_advance(&text, got);
    fclose(file);
    step = text.len / 64 + 1; /* cut short at sixty-odd places as well */
    for (size_t len = 0; len < text.len; len += step) {
        void *exact = mem_dup(text.data, len); /* so that ASan sees a read beyond */

        LLVMFuzzerTestOneInput(exact, len);
        free(exact);
    }
    LLVMFuzzerTestOneInput((const uint8_t *)text.data, text.len);
    buf_finish(&text);
    return 1;
}

int main(int argc, char **argv)
{
    int count = 0;

    for (int i = 1; i < argc; i++) {
        DIR *dir = opendir(argv[i]);
        struct dirent *entry;

        if (!dir) {
            fprintf(stderr, "%s can't be opened: it should hold the seeds of this target\n",
                    argv[i]);
            return 2;
        }
        while ((entry = readdir(dir)))
            if (entry->d_name[0] != '.')
                count += replay(argv[i], entry->d_name);
        closedir(dir);
    }
    printf("%d files replayed\n", count);
    return count > 0 ? 0 : 1;
}
