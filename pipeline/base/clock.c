/* The two clocks. clock_gettime is answered in user space by the vDSO (about 20 ns), so callers
 * need not cache it. It cannot fail for these clocks; if it does, that is a bug. */
#include "base/clock.h"

#include "base/assert.h"
#include <time.h>

#define WALL_TIME_BYTES 21

static uint64_t read_clock(clockid_t clock)
{
    struct timespec now;
    int failed = clock_gettime(clock, &now);
    GM_ASSERT(!failed);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t gm_now_ns(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

uint64_t gm_thread_cpu_ns(void)
{
    return read_clock(CLOCK_THREAD_CPUTIME_ID);
}

uint64_t gm_now_ms(void)
{
    return gm_now_ns() / 1000000u;
}

char *gm_wall_time(char *text)
{
    time_t now = time(NULL);
    struct tm utc;
    struct tm *filled = gmtime_r(&now, &utc);
    GM_ASSERT(filled);
    size_t n = strftime(text, WALL_TIME_BYTES, "%Y-%m-%dT%H:%M:%SZ", &utc);
    GM_ASSERT(n == WALL_TIME_BYTES - 1);
    return text;
}
