/* CPU time for benchmarks. */
#ifndef GM_TEST_CPU_TIME_H
#define GM_TEST_CPU_TIME_H

#include <time.h>

/* Of this process, all threads. */
static inline double cpu_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

#endif
