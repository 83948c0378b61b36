/* The memory of libcurl. A request makes it allocate about fifty times, in the same few sizes, and
 * 64 KB for what it receives; given to the heap, these lie between bodies that come and go, which
 * costs a tenth of a small request. So each thread keeps what it frees, up to a bound, and takes it
 * again, the last one first, while it is still in the CPU's cache. A thread may free what another
 * one has allocated. */
#ifndef GM_FETCH_CURL_MEMORY_H
#define GM_FETCH_CURL_MEMORY_H

#include <stddef.h>

/* As those of the C library; results are aligned to 16. */
void *gm_curl_malloc(size_t n_bytes);
void *gm_curl_calloc(size_t n_members, size_t member_bytes);
void *gm_curl_realloc(void *data, size_t n_bytes);
char *gm_curl_strdup(const char *text);
void gm_curl_free(void *data);

/* Gives back what this thread keeps; at its end, or later. */
void gm_curl_memory_release(void);

#endif
