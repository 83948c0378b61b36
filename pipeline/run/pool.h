/* Blocks of one arena: the supervisor's private allocator over one process's shared memory.
 *
 *      [ small | small | ... ][ large area: sparse, in classes of 1, 4, 16, 64 MB ]
 *
 * Small blocks are recycled last-in first-out, so that their pages stay warm. Their memory is taken
 * when they are used for the first time, some at once: a run does not wait for it at its start, and
 * what is never used costs nothing. It is kept then. Large blocks take
 * memory from one budget that all pools share, and keep it for the next large block of their class
 * until somebody else needs it. Only the supervisor allocates and frees; a child sees pages and
 * lengths. */
#ifndef GM_RUN_POOL_H
#define GM_RUN_POOL_H

#include "base/err.h"
#include "ipc/shm.h"
#include <stdbool.h>
#include <stdint.h>

#define GM_POOL_LARGE_SLOTS 64

struct gm_pool;

/* Shared by the pools of a run. */
struct gm_large_budget {
    uint64_t limit_bytes;
    uint64_t used_bytes;    /* committed, in use or cached */
    uint64_t reserve_bytes; /* kept for outputs: inputs may not take the last of it */
    struct gm_pool **pools; /* to take cached blocks back from */
    uint32_t n_pools;
};

struct gm_large {
    uint32_t page;
    uint32_t n_pages;
    bool in_use;
};

struct gm_pool_size {
    uint32_t n_small;
    uint32_t small_bytes; /* of each; whole pages */
    uint64_t large_bytes; /* sparse address space behind them */
};

struct gm_pool {
    struct gm_shm shm;
    uint32_t n_small, n_free;
    uint32_t small_bytes, small_pages;
    uint64_t committed_bytes; /* of the small blocks, from the first */
    uint32_t *free_pages;     /* stack of first pages */
    uint8_t *small_in_use;    /* one per small block */
    uint32_t n_large;
    struct gm_large large[GM_POOL_LARGE_SLOTS]; /* by page, committed ones */
    struct gm_large_budget *budget;
};

enum gm_pool_use { GM_POOL_INPUT, GM_POOL_OUTPUT };

struct gm_span {
    uint32_t page;
    uint32_t n_bytes; /* capacity */
};

/* Takes no memory yet: whether there is enough for the small blocks, gm_shm_check_available tells.
 */
enum gm_status gm_pool_create(const char *name, const struct gm_pool_size *size,
                              struct gm_large_budget *budget, struct gm_pool *pool,
                              struct gm_err *err);
void gm_pool_destroy(struct gm_pool *pool); /* NULL allowed */

/* A small block if n_bytes fit it. GM_AGAIN: none free now. GM_LIMIT: larger than this pool can
 * ever give. GM_NOMEM: the machine has no memory for it; nothing is taken. */
enum gm_status gm_pool_take(struct gm_pool *pool, uint64_t n_bytes, enum gm_pool_use use,
                            struct gm_span *span, struct gm_err *err);
/* page as given by take; anything else is a bug. */
void gm_pool_give(struct gm_pool *pool, uint32_t page);
/* Is [page, page + n_bytes) inside one block that is in use? *base gets the block's first page. */
bool gm_pool_holds(const struct gm_pool *pool, uint32_t page, uint32_t n_bytes, uint32_t *base);
uint32_t gm_pool_in_use(const struct gm_pool *pool);
uint8_t *gm_pool_data(const struct gm_pool *pool, uint32_t page);

#endif
