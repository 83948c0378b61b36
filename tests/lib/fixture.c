#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

bool fixture_path(const char *name, char *path, size_t n_bytes)
{
    const char *folder = getenv("GM_FIXTURES"), *home = getenv("HOME");
    if (folder)
        snprintf(path, n_bytes, "%s/%s", folder, name);
    else
        snprintf(path, n_bytes, "%s/.cache/gristmill/fixtures/%s", home ? home : "", name);
    return access(path, R_OK) == 0;
}
