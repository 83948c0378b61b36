/* See pool.h. The large area is a short list, sorted by page and searched from the front: a run has
 * a handful of large blocks, each worth milliseconds of work. */
#include "run/pool.h"

#include "base/assert.h"
#include "run/proto.h"

#include <stdlib.h>
#include <string.h>

static const uint64_t class_bytes[] = {1u << 20, 4u << 20, 16u << 20, 64u << 20};

enum gm_status gm_pool_create(const char *name, const struct gm_pool_size *size,
                              struct gm_large_budget *budget, struct gm_pool *pool,
                              struct gm_err *err)
{
    uint32_t n_small = size->n_small, small_pages = size->small_bytes / GM_PAGE_BYTES;
    uint64_t small_bytes = (uint64_t)n_small * size->small_bytes;
    GM_ASSERT(small_pages > 0 && size->small_bytes % GM_PAGE_BYTES == 0);
    memset(pool, 0, sizeof *pool);
    pool->shm = (struct gm_shm)GM_SHM_INIT;
    pool->budget = budget;
    pool->free_pages = calloc(n_small, sizeof *pool->free_pages);
    pool->small_in_use = calloc(n_small, 1);
    if (!pool->free_pages || !pool->small_in_use)
        return gm_err_set(err, GM_NOMEM, "no memory for the block table of %s", name);
    enum gm_status status =
        gm_shm_create(name, small_bytes + size->large_bytes, 0, &pool->shm, err);
    if (status != GM_OK)
        return status;
    pool->n_small = n_small;
    pool->n_free = n_small;
    pool->small_bytes = size->small_bytes;
    pool->small_pages = small_pages;
    for (uint32_t i = 0; i < n_small; i++)
        pool->free_pages[i] = (n_small - 1 - i) * small_pages;
    return GM_OK;
}

void gm_pool_destroy(struct gm_pool *pool)
{
    if (!pool)
        return;
    gm_shm_destroy(&pool->shm);
    free(pool->free_pages);
    free(pool->small_in_use);
    memset(pool, 0, sizeof *pool);
    pool->shm = (struct gm_shm)GM_SHM_INIT;
}

static void large_remove(struct gm_pool *pool, uint32_t i)
{
    struct gm_large *large = &pool->large[i];
    uint64_t n_bytes = (uint64_t)large->n_pages * GM_PAGE_BYTES;
    gm_shm_decommit(&pool->shm, (size_t)large->page * GM_PAGE_BYTES, n_bytes);
    pool->budget->used_bytes -= n_bytes;
    memmove(large, large + 1, (pool->n_large - i - 1) * sizeof *large);
    pool->n_large--;
}

/* Gives cached large blocks back until `wanted` more bytes fit; false if they still do not. */
static bool budget_make_room(struct gm_large_budget *budget, uint64_t wanted, uint64_t limit)
{
    for (uint32_t p = 0; p < budget->n_pools && budget->used_bytes + wanted > limit; p++)
        for (uint32_t i = budget->pools[p]->n_large; i-- > 0;)
            if (!budget->pools[p]->large[i].in_use)
                large_remove(budget->pools[p], i);
    return budget->used_bytes + wanted <= limit;
}

/* First gap of n_pages in the large area; *at is the index that keeps the list sorted. */
static bool large_gap(const struct gm_pool *pool, uint32_t n_pages, uint32_t *page, uint32_t *at)
{
    uint32_t start = pool->n_small * pool->small_pages;
    uint32_t end = (uint32_t)(pool->shm.n_bytes / GM_PAGE_BYTES);
    for (uint32_t i = 0; i <= pool->n_large; i++) {
        uint32_t gap_end = i < pool->n_large ? pool->large[i].page : end;
        if (gap_end - start >= n_pages) {
            *page = start;
            *at = i;
            return true;
        }
        if (i < pool->n_large)
            start = pool->large[i].page + pool->large[i].n_pages;
    }
    return false;
}

/* A cached block of that size, marked as in use. */
static bool large_reuse(struct gm_pool *pool, uint32_t n_pages, struct gm_span *span)
{
    for (uint32_t i = 0; i < pool->n_large; i++)
        if (!pool->large[i].in_use && pool->large[i].n_pages == n_pages) {
            pool->large[i].in_use = true;
            *span = (struct gm_span){pool->large[i].page, n_pages * GM_PAGE_BYTES};
            return true;
        }
    return false;
}

/* Smallest class that holds n_bytes; 0: none. */
static uint64_t large_class(uint64_t n_bytes)
{
    for (size_t i = 0; i < GM_ARRAY_LEN(class_bytes); i++)
        if (n_bytes <= class_bytes[i])
            return class_bytes[i];
    return 0;
}

static enum gm_status large_take(struct gm_pool *pool, uint64_t n_bytes, enum gm_pool_use use,
                                 struct gm_span *span, struct gm_err *err)
{
    struct gm_large_budget *budget = pool->budget;
    uint64_t take = large_class(n_bytes);
    uint64_t limit = budget->limit_bytes;
    uint64_t area = pool->shm.n_bytes - (uint64_t)pool->n_small * pool->small_bytes;
    if (use == GM_POOL_INPUT)
        limit -= budget->reserve_bytes < limit ? budget->reserve_bytes : limit;
    if (take == 0 || take > limit || take > area)
        return gm_err_set(err, GM_LIMIT, "a block of %llu bytes is larger than memory allows",
                          (unsigned long long)n_bytes);
    uint32_t n_pages = (uint32_t)(take / GM_PAGE_BYTES);
    if (large_reuse(pool, n_pages, span))
        return GM_OK;
    uint32_t page, at;
    if (!budget_make_room(budget, take, limit) || pool->n_large == GM_POOL_LARGE_SLOTS ||
        !large_gap(pool, n_pages, &page, &at))
        return GM_AGAIN;
    enum gm_status status = gm_shm_commit(&pool->shm, (size_t)page * GM_PAGE_BYTES, take, err);
    if (status != GM_OK)
        return status;
    memmove(&pool->large[at + 1], &pool->large[at], (pool->n_large - at) * sizeof pool->large[0]);
    pool->large[at] = (struct gm_large){page, n_pages, true};
    pool->n_large++;
    budget->used_bytes += take;
    *span = (struct gm_span){page, (uint32_t)take};
    return GM_OK;
}

/* Memory for the small blocks up to end_bytes, in whole steps. */
static enum gm_status commit_small(struct gm_pool *pool, uint64_t end_bytes, struct gm_err *err)
{
    uint64_t all_bytes = (uint64_t)pool->n_small * pool->small_bytes;
    uint64_t from = pool->committed_bytes;
    if (end_bytes <= from)
        return GM_OK;
    uint64_t to = (end_bytes + GM_SHM_STEP_BYTES - 1) / GM_SHM_STEP_BYTES * GM_SHM_STEP_BYTES;
    to = to < all_bytes ? to : all_bytes;
    enum gm_status status = gm_shm_commit(&pool->shm, from, to - from, err);
    if (status == GM_OK)
        pool->committed_bytes = to;
    return status;
}

enum gm_status gm_pool_take(struct gm_pool *pool, uint64_t n_bytes, enum gm_pool_use use,
                            struct gm_span *span, struct gm_err *err)
{
    if (n_bytes > pool->small_bytes)
        return large_take(pool, n_bytes, use, span, err);
    if (pool->n_free == 0)
        return GM_AGAIN;
    uint32_t page = pool->free_pages[pool->n_free - 1];
    uint64_t end_bytes = (uint64_t)(page + pool->small_pages) * GM_PAGE_BYTES;
    enum gm_status status = commit_small(pool, end_bytes, err);
    if (status != GM_OK)
        return status;
    pool->n_free--;
    pool->small_in_use[page / pool->small_pages] = 1;
    *span = (struct gm_span){page, pool->small_bytes};
    return GM_OK;
}

void gm_pool_give(struct gm_pool *pool, uint32_t page)
{
    if (page < pool->n_small * pool->small_pages) {
        GM_ASSERT(page % pool->small_pages == 0 && pool->small_in_use[page / pool->small_pages]);
        pool->small_in_use[page / pool->small_pages] = 0;
        pool->free_pages[pool->n_free++] = page;
        return;
    }
    for (uint32_t i = 0; i < pool->n_large; i++)
        if (pool->large[i].page == page) {
            GM_ASSERT(pool->large[i].in_use);
            pool->large[i].in_use = false;
            return;
        }
    GM_UNREACHABLE();
}

bool gm_pool_holds(const struct gm_pool *pool, uint32_t page, uint32_t n_bytes, uint32_t *base)
{
    uint64_t end = (uint64_t)page * GM_PAGE_BYTES + n_bytes;
    if (page < pool->n_small * pool->small_pages) {
        *base = page / pool->small_pages * pool->small_pages;
        return pool->small_in_use[page / pool->small_pages] &&
               end <= (uint64_t)*base * GM_PAGE_BYTES + pool->small_bytes;
    }
    for (uint32_t i = 0; i < pool->n_large; i++) {
        const struct gm_large *large = &pool->large[i];
        *base = large->page;
        if (large->in_use && page >= large->page && page - large->page < large->n_pages &&
            end <= (uint64_t)(large->page + large->n_pages) * GM_PAGE_BYTES)
            return true;
    }
    return false;
}

uint32_t gm_pool_in_use(const struct gm_pool *pool)
{
    uint32_t n = pool->n_small - pool->n_free;
    for (uint32_t i = 0; i < pool->n_large; i++)
        n += pool->large[i].in_use;
    return n;
}

uint8_t *gm_pool_data(const struct gm_pool *pool, uint32_t page)
{
    GM_ASSERT((uint64_t)page * GM_PAGE_BYTES < pool->shm.n_bytes);
    return pool->shm.data + (size_t)page * GM_PAGE_BYTES;
}
