/* The memory of libcurl. A request makes it allocate about fifty times, in the same few sizes, and
 * 64 KB for what it receives; given to the heap, these lie between bodies that come and go, which
 * costs a tenth of a small request. So a thread that asks for it keeps what it frees, up to a
 * bound, and takes it again, the last one first, while it is still in the CPU's cache. A thread may
 * free what another one has allocated.
 *
 * Any other thread gives to the heap what it frees. libcurl has such threads, one for each lookup
 * of a host's address: they end without a word to us, and what they kept would be lost. */
#ifndef GM_FETCH_CURL_MEMORY_H
#define GM_FETCH_CURL_MEMORY_H

#include <stddef.h>

/* As those of the C library; results are aligned to 16. */
void *gm_curl_malloc(size_t n_bytes);
void *gm_curl_calloc(size_t n_members, size_t member_bytes);
void *gm_curl_realloc(void *data, size_t n_bytes);
char *gm_curl_strdup(const char *text);
void gm_curl_free(void *data);

/* From now on this thread keeps what it frees. It must call gm_curl_memory_release at its end. */
void gm_curl_memory_keep(void);
/* Gives back what this thread keeps; after that it keeps nothing. Safe at any time, also twice. */
void gm_curl_memory_release(void);

#endif
