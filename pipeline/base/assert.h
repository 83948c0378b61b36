/* Assertions that stay on in release builds, and the few macros that the rest of the tree may use.
 *
 * GM_ASSERT is for bugs only: never on input, never on the failure of a system call. A failed
 * assertion prints its place and expression to standard error and aborts; in a worker process the
 * supervisor sees that as a death and acts on it. */
#ifndef GM_BASE_ASSERT_H
#define GM_BASE_ASSERT_H

#include <stddef.h>

/* Prints "gristmill: BUG: file:line: expression" and calls abort(). Any process, any thread. */
__attribute__((noreturn, cold)) void gm_assert_failed(const char *file, int line,
                                                      const char *expression);

#define GM_ASSERT(e)                  ((e) ? (void)0 : gm_assert_failed(__FILE__, __LINE__, #e))
#define GM_UNREACHABLE()              gm_assert_failed(__FILE__, __LINE__, "unreachable")
#define GM_ARRAY_LEN(a)               (sizeof(a) / sizeof((a)[0]))
#define GM_PRINTF(format_at, args_at) __attribute__((format(printf, format_at, args_at)))

#endif
