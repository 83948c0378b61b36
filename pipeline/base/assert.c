/* The end of a process that found a bug in itself. The message is put together on the stack and
 * written with one write(2), because the heap and stdio may be what is broken. */
#include "base/assert.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void gm_assert_failed(const char *file, int line, const char *expression)
{
    char text[512];
    int n = snprintf(text, sizeof text, "gristmill: BUG: %s:%d: %s\n", file, line, expression);
    if (n >= (int)sizeof text) {
        n = (int)sizeof text;
        text[n - 1] = '\n';
    }
    /* Nothing is left to do about a failed write: the abort below says it as well. */
    ssize_t ignored = write(STDERR_FILENO, text, n > 0 ? (size_t)n : 0);
    (void)ignored;
    abort();
}
