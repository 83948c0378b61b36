/* Access to the Unicode test files; see ucd.h. */
#include "ucd.h"

#include "base/assert.h"
#include "base/utf8.h"
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FOLDER "/usr/share/unicode/"

static bool is_packed(const char *name)
{
    const size_t n = strlen(name);
    return n > 4 && strcmp(name + n - 4, ".bz2") == 0;
}

FILE *ucd_open(const char *name)
{
    char path[256];
    char command[300];
    snprintf(path, sizeof path, FOLDER "%s", name);
    snprintf(command, sizeof command, "bzip2 -dc %s", path);
    FILE *file = NULL;
    if (access(path, R_OK) == 0)
        file = is_packed(name) ? popen(command, "r") : fopen(path, "r");
    if (!file) {
        printf("SKIPPED: no %s: install the Debian package unicode-data\n", path);
        exit(77);
    }
    return file;
}

void ucd_close(FILE *file, const char *name)
{
    const int status = is_packed(name) ? pclose(file) : fclose(file);
    GM_ASSERT(status == 0);
}

size_t ucd_encode(const char *from, const char *end, uint8_t *text)
{
    size_t n_bytes = 0;
    while (from < end) {
        char *next;
        const unsigned long code_point = strtoul(from, &next, 16);
        if (next == from)
            break;
        GM_ASSERT(n_bytes + 4 < UCD_LINE_BYTES);
        n_bytes += gm_utf8_encode((uint32_t)code_point, text + n_bytes);
        from = next;
    }
    return n_bytes;
}
