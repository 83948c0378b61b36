/* A chunk is a header and the bytes; a kept one is in the list of its class. Up to SMALL_BYTES
 * there is a class for each multiple of 16, above it one for receive buffers, and whatever else is
 * large comes from the heap and goes there.
 *
 * libcurl's hooks have no context, so the lists are variables of the thread. */
#include "fetch/curl_memory.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define STEP_BYTES     16u
#define SMALL_BYTES    2048u
#define RECEIVE_CLASS  (SMALL_BYTES / STEP_BYTES + 1)
#define N_CLASSES      (RECEIVE_CLASS + 1)
#define RECEIVE_LEAST  (32u * 1024u)
#define RECEIVE_MOST   (64u * 1024u + STEP_BYTES) /* libcurl wants one byte more than it fills */
#define NO_CLASS       UINT32_MAX
#define MAX_KEPT_BYTES (512u * 1024u) /* of a thread */

struct chunk {
    union {
        struct chunk *next;    /* kept */
        size_t capacity_bytes; /* in use */
    };
    uint32_t class;
    uint32_t reserved; /* data is aligned as the chunk is */
};
_Static_assert(sizeof(struct chunk) == STEP_BYTES, "data must be aligned to 16");

static _Thread_local struct chunk *kept[N_CLASSES];
static _Thread_local size_t kept_bytes;
static _Thread_local bool keeping;

static uint32_t class_of(size_t n_bytes)
{
    if (n_bytes <= SMALL_BYTES)
        return n_bytes == 0 ? 1 : (uint32_t)((n_bytes + STEP_BYTES - 1) / STEP_BYTES);
    return n_bytes > RECEIVE_LEAST && n_bytes <= RECEIVE_MOST ? RECEIVE_CLASS : NO_CLASS;
}

static size_t class_bytes(uint32_t class)
{
    return class == RECEIVE_CLASS ? RECEIVE_MOST : (size_t) class * STEP_BYTES;
}

void *gm_curl_malloc(size_t n_bytes)
{
    uint32_t class = class_of(n_bytes);
    size_t capacity_bytes = class == NO_CLASS ? n_bytes : class_bytes(class);
    struct chunk *chunk = class == NO_CLASS ? NULL : kept[class];
    if (chunk) {
        kept[class] = chunk->next;
        kept_bytes -= capacity_bytes;
    } else {
        if (n_bytes > SIZE_MAX / 2 || !(chunk = malloc(sizeof *chunk + capacity_bytes)))
            return NULL;
        chunk->class = class;
    }
    chunk->capacity_bytes = capacity_bytes;
    return chunk + 1;
}

void gm_curl_free(void *data)
{
    if (!data)
        return;
    struct chunk *chunk = (struct chunk *)data - 1;
    size_t n_bytes = chunk->capacity_bytes;
    if (!keeping || chunk->class == NO_CLASS || kept_bytes + n_bytes > MAX_KEPT_BYTES) {
        free(chunk);
        return;
    }
    kept_bytes += n_bytes;
    chunk->next = kept[chunk->class];
    kept[chunk->class] = chunk;
}

void *gm_curl_calloc(size_t n_members, size_t member_bytes)
{
    size_t n_bytes;
    if (__builtin_mul_overflow(n_members, member_bytes, &n_bytes))
        return NULL;
    void *data = gm_curl_malloc(n_bytes);
    return data ? memset(data, 0, n_bytes) : NULL;
}

void *gm_curl_realloc(void *data, size_t n_bytes)
{
    if (!data)
        return gm_curl_malloc(n_bytes);
    struct chunk *chunk = (struct chunk *)data - 1;
    size_t old_bytes = chunk->capacity_bytes;
    if (chunk->class == NO_CLASS && class_of(n_bytes) == NO_CLASS) {
        if (n_bytes > SIZE_MAX / 2 || !(chunk = realloc(chunk, sizeof *chunk + n_bytes)))
            return NULL;
        chunk->capacity_bytes = n_bytes;
        return chunk + 1;
    }
    if (chunk->class != NO_CLASS && n_bytes <= old_bytes)
        return data;
    void *moved = gm_curl_malloc(n_bytes);
    if (!moved)
        return NULL;
    memcpy(moved, data, old_bytes < n_bytes ? old_bytes : n_bytes);
    gm_curl_free(data);
    return moved;
}

char *gm_curl_strdup(const char *text)
{
    size_t n_bytes = strlen(text) + 1;
    char *copy = gm_curl_malloc(n_bytes);
    return copy ? memcpy(copy, text, n_bytes) : NULL;
}

void gm_curl_memory_keep(void)
{
    keeping = true;
}

void gm_curl_memory_release(void)
{
    for (uint32_t class = 0; class < N_CLASSES; class ++)
        while (kept[class]) {
            struct chunk *chunk = kept[class];
            kept[class] = chunk->next;
            free(chunk);
        }
    kept_bytes = 0;
    keeping = false;
}
