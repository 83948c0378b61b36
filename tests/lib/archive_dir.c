/* Archives for tests, made by a script when the test program starts. */
#include "archive_dir.h"

#include "base/fs.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

static char folder[] = "/tmp/gristmill-archives-XXXXXX";

int archive_dir_make(void **state)
{
    char command[256];
    (void)state;
    if (!mkdtemp(folder))
        return 1;
    snprintf(command, sizeof(command), "sh tests/lib/archives.sh %s", folder);
    return system(command);
}

int archive_dir_remove(void **state)
{
    (void)state;
    return gm_remove_tree(AT_FDCWD, folder, NULL) != GM_OK;
}

const char *archive_path(char *path, size_t path_bytes, const char *name)
{
    snprintf(path, path_bytes, "%s/%s", folder, name);
    return path;
}

void archive_read_all(const char *name, struct gm_buf *bytes)
{
    char path[256];
    GM_ASSERT(gm_read_file(AT_FDCWD, archive_path(path, sizeof(path), name), SIZE_MAX, bytes,
                           NULL) == GM_OK);
}
