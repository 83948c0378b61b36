/* Time. Deadlines and rates use the monotonic clock; wall-clock time appears only in reports and
 * never in a record, because the same input must give the same bytes. Any process, any thread. */
#ifndef GM_BASE_CLOCK_H
#define GM_BASE_CLOCK_H

#include <stdint.h>

uint64_t gm_now_ns(void); /* CLOCK_MONOTONIC */
uint64_t gm_now_ms(void);
uint64_t gm_thread_cpu_ns(void); /* what this thread has computed; a system call */
/* "2026-01-31T12:00:00Z" (UTC), for reports. text holds at least 21 bytes; returns text. */
char *gm_wall_time(char *text);

#endif
