/* The allocator of blocks: classes, the budget that all pools share, and what it makes of page
 * numbers that a child made up. */
#include "run/pool.h"

#include "block.h"
#include "run/proto.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define MB          ((uint64_t)1 << 20)
#define SMALL       (GM_BLOCK_BYTES / GM_PAGE_BYTES) /* pages */
#define N_SMALL     3u
#define LARGE_START (N_SMALL * SMALL) /* first page of the large area */

struct pools {
    struct gm_pool in, out; /* as the arenas of a producer and of a worker */
    struct gm_pool *list[2];
    struct gm_large_budget budget;
};

static void open_pools(struct pools *pools, uint64_t large_mb, uint64_t reserve_mb)
{
    struct gm_err err;
    const struct gm_pool_size size = {N_SMALL, GM_BLOCK_BYTES, large_mb * MB};
    pools->list[0] = &pools->in;
    pools->list[1] = &pools->out;
    pools->budget = (struct gm_large_budget){.limit_bytes = large_mb * MB,
                                             .reserve_bytes = reserve_mb * MB,
                                             .pools = pools->list,
                                             .n_pools = 2};
    for (int i = 0; i < 2; i++)
        assert_int_equal(gm_pool_create("test", &size, &pools->budget, pools->list[i], &err),
                         GM_OK);
}

static void close_pools(struct pools *pools)
{
    gm_pool_destroy(&pools->in);
    gm_pool_destroy(&pools->out);
}

static struct gm_span take(struct gm_pool *pool, uint64_t n_bytes, enum gm_pool_use use)
{
    struct gm_span span = {0};
    struct gm_err err;
    assert_int_equal(gm_pool_take(pool, n_bytes, use, &span, &err), GM_OK);
    assert_true(span.n_bytes >= n_bytes);
    return span;
}

static enum gm_status try(struct gm_pool *pool, uint64_t n_bytes, enum gm_pool_use use)
{
    struct gm_span span = {0};
    return gm_pool_take(pool, n_bytes, use, &span, NULL);
}

static void small_blocks_run_out_and_the_warmest_comes_back_first(void **state)
{
    struct pools pools;
    (void)state;
    open_pools(&pools, 4, 0);
    struct gm_span spans[N_SMALL];
    for (uint32_t i = 0; i < N_SMALL; i++) {
        spans[i] = take(&pools.in, GM_BLOCK_BYTES, GM_POOL_INPUT);
        memset(gm_pool_data(&pools.in, spans[i].page), (int)i + 1, spans[i].n_bytes);
    }
    assert_int_equal(try(&pools.in, 1, GM_POOL_INPUT), GM_AGAIN);
    assert_int_equal(gm_pool_in_use(&pools.in), N_SMALL);
    for (uint32_t i = 0; i < N_SMALL; i++) { /* no two share a byte */
        const uint8_t *data = gm_pool_data(&pools.in, spans[i].page);
        assert_int_equal(data[0], i + 1);
        assert_int_equal(data[GM_BLOCK_BYTES - 1], i + 1);
    }
    gm_pool_give(&pools.in, spans[0].page);
    gm_pool_give(&pools.in, spans[2].page);
    assert_int_equal(take(&pools.in, 1, GM_POOL_INPUT).page, spans[2].page);
    assert_int_equal(take(&pools.in, 1, GM_POOL_INPUT).page, spans[0].page);
    close_pools(&pools);
}

static void small_blocks_take_memory_when_they_are_used_first(void **state)
{
    enum { N_BLOCKS = 20 };
    const struct gm_pool_size size = {N_BLOCKS, GM_BLOCK_BYTES, 4 * MB};
    const uint64_t step = GM_SHM_STEP_BYTES, all = (uint64_t)N_BLOCKS * GM_BLOCK_BYTES;
    struct gm_large_budget budget = {.limit_bytes = 4 * MB};
    struct gm_pool pool;
    (void)state;
    assert_int_equal(gm_pool_create("test", &size, &budget, &pool, NULL), GM_OK);
    assert_int_equal(gm_shm_resident_bytes(&pool.shm), 0);
    for (uint64_t i = 1; i <= N_BLOCKS; i++) {
        struct gm_span span = take(&pool, GM_BLOCK_BYTES, GM_POOL_INPUT);
        uint64_t steps = (i * GM_BLOCK_BYTES + step - 1) / step * step;
        assert_int_equal(gm_shm_resident_bytes(&pool.shm), steps < all ? steps : all);
        memset(gm_pool_data(&pool, span.page), 1, span.n_bytes);
        assert_int_equal(gm_shm_resident_bytes(&pool.shm), steps < all ? steps : all);
    }
    for (uint32_t i = 0; i < N_BLOCKS; i++)
        gm_pool_give(&pool, i * SMALL);
    take(&pool, GM_BLOCK_BYTES, GM_POOL_OUTPUT);
    assert_int_equal(gm_shm_resident_bytes(&pool.shm), all); /* it is kept */
    gm_pool_destroy(&pool);
}

static void sizes_are_rounded_up_to_classes(void **state)
{
    static const struct {
        uint64_t wanted, given;
    } rows[] = {{1, GM_BLOCK_BYTES},      {GM_BLOCK_BYTES, GM_BLOCK_BYTES},
                {GM_BLOCK_BYTES + 1, MB}, {MB, MB},
                {MB + 1, 4 * MB},         {4 * MB + 1, 16 * MB},
                {16 * MB + 1, 64 * MB},   {64 * MB, 64 * MB}};
    struct pools pools;
    (void)state;
    open_pools(&pools, 64, 0);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct gm_span span = take(&pools.out, rows[i].wanted, GM_POOL_OUTPUT);
        assert_int_equal(span.n_bytes, rows[i].given);
        gm_pool_data(&pools.out, span.page)[span.n_bytes - 1] = 1; /* is memory */
        gm_pool_give(&pools.out, span.page);
    }
    assert_int_equal(gm_pool_in_use(&pools.out), 0);
    close_pools(&pools);
}

static void what_can_never_fit_is_an_error_not_a_wait(void **state)
{
    struct pools pools;
    (void)state;
    open_pools(&pools, 16, 4);
    struct gm_span span;
    struct gm_err err = {0};
    assert_int_equal(gm_pool_take(&pools.in, 64 * MB + 1, GM_POOL_INPUT, &span, &err), GM_LIMIT);
    assert_non_null(strstr(err.text, "67108865"));
    assert_int_equal(try(&pools.in, UINT64_MAX, GM_POOL_INPUT), GM_LIMIT);
    assert_int_equal(try(&pools.in, 16 * MB, GM_POOL_INPUT), GM_LIMIT); /* 4 MB are for outputs */
    assert_int_equal(try(&pools.out, 16 * MB, GM_POOL_OUTPUT), GM_OK);
    close_pools(&pools);
}

static void inputs_never_take_the_last_of_the_budget(void **state)
{
    struct pools pools;
    (void)state;
    open_pools(&pools, 12, 4);
    take(&pools.in, 4 * MB, GM_POOL_INPUT);
    struct gm_span second = take(&pools.in, 4 * MB, GM_POOL_INPUT);
    assert_int_equal(try(&pools.in, MB, GM_POOL_INPUT), GM_AGAIN);
    take(&pools.out, 4 * MB, GM_POOL_OUTPUT);
    assert_int_equal(try(&pools.out, MB, GM_POOL_OUTPUT), GM_AGAIN);
    /* A block that is given back serves the next of its size, and others once it is evicted. */
    gm_pool_give(&pools.in, second.page);
    assert_int_equal(take(&pools.in, 4 * MB, GM_POOL_INPUT).page, second.page);
    gm_pool_give(&pools.in, second.page);
    take(&pools.out, MB, GM_POOL_OUTPUT);
    assert_true(pools.budget.used_bytes <= pools.budget.limit_bytes);
    close_pools(&pools);
}

static void cached_blocks_of_any_pool_make_room_for_another(void **state)
{
    struct pools pools;
    (void)state;
    open_pools(&pools, 16, 0);
    for (int round = 0; round < 3; round++) {
        struct gm_span spans[4];
        for (int i = 0; i < 4; i++)
            spans[i] = take(&pools.in, 4 * MB, GM_POOL_INPUT);
        assert_int_equal(try(&pools.out, MB, GM_POOL_OUTPUT), GM_AGAIN);
        for (int i = 0; i < 4; i++)
            gm_pool_give(&pools.in, spans[i].page);
        assert_int_equal(pools.budget.used_bytes, 16 * MB); /* kept for the next */
        struct gm_span whole = take(&pools.out, 16 * MB, GM_POOL_OUTPUT);
        assert_int_equal(pools.budget.used_bytes, 16 * MB);
        assert_int_equal(pools.in.n_large, 0);
        gm_pool_give(&pools.out, whole.page);
    }
    close_pools(&pools);
}

/* Blocks that are in use do not overlap, whatever was taken and given before. */
static void large_blocks_never_overlap(void **state)
{
    static const uint64_t sizes[] = {MB, 4 * MB, 16 * MB};
    struct pools pools;
    struct gm_span held[16];
    uint32_t n_held = 0, random = 12345;
    (void)state;
    open_pools(&pools, 64, 0);
    for (int step = 0; step < 3000; step++) {
        random = random * 1103515245u + 12345u;
        uint32_t choice = random >> 16;
        if (n_held > 0 && choice % 2 == 0) {
            uint32_t i = choice / 2 % n_held;
            gm_pool_give(&pools.in, held[i].page);
            held[i] = held[--n_held];
            continue;
        }
        struct gm_span span;
        enum gm_status status = n_held == 16 ? GM_AGAIN
                                             : gm_pool_take(&pools.in, sizes[choice / 2 % 3],
                                                            GM_POOL_INPUT, &span, NULL);
        assert_true(status == GM_OK || status == GM_AGAIN);
        if (status != GM_OK)
            continue;
        uint64_t end = (uint64_t)span.page * GM_PAGE_BYTES + span.n_bytes;
        assert_true(span.page >= LARGE_START && end <= pools.in.shm.n_bytes);
        for (uint32_t i = 0; i < n_held; i++)
            assert_true(span.page + span.n_bytes / GM_PAGE_BYTES <= held[i].page ||
                        held[i].page + held[i].n_bytes / GM_PAGE_BYTES <= span.page);
        held[n_held++] = span;
        assert_true(pools.budget.used_bytes <= pools.budget.limit_bytes);
        assert_int_equal(gm_pool_in_use(&pools.in), n_held);
    }
    close_pools(&pools);
}

static bool holds(const struct gm_pool *pool, uint64_t page, uint64_t n_bytes)
{
    uint32_t base;
    return gm_pool_holds(pool, (uint32_t)page, (uint32_t)n_bytes, &base);
}

static void holds_believes_only_what_is_inside_one_block_in_use(void **state)
{
    struct pools pools;
    uint32_t base = 99;
    (void)state;
    open_pools(&pools, 8, 0);
    struct gm_span small = take(&pools.in, 1, GM_POOL_INPUT);
    struct gm_span large = take(&pools.in, 4 * MB, GM_POOL_INPUT);
    uint32_t after = large.page + large.n_bytes / GM_PAGE_BYTES;
    assert_int_equal(small.page, 0);
    assert_true(gm_pool_holds(&pools.in, 5, GM_BLOCK_BYTES - 5 * GM_PAGE_BYTES, &base));
    assert_int_equal(base, 0);
    assert_false(holds(&pools.in, 5, GM_BLOCK_BYTES - 5 * GM_PAGE_BYTES + 1));
    assert_false(holds(&pools.in, 0, GM_BLOCK_BYTES + 1));
    assert_false(holds(&pools.in, SMALL, 1)); /* not in use */
    assert_true(gm_pool_holds(&pools.in, large.page + 1, large.n_bytes - GM_PAGE_BYTES, &base));
    assert_int_equal(base, large.page);
    assert_false(holds(&pools.in, large.page, large.n_bytes + 1));
    assert_false(holds(&pools.in, after, 1));
    assert_false(holds(&pools.in, after, 0)); /* an empty range is somewhere, too */
    assert_false(holds(&pools.in, large.page - 1, 1));
    static const uint64_t numbers[] = {UINT32_MAX, UINT32_MAX - 1, 1u << 31, 1u << 20, 1u << 30};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        assert_false(holds(&pools.in, numbers[i], 0));
        assert_false(holds(&pools.in, numbers[i], UINT32_MAX));
        assert_false(holds(&pools.in, 0, numbers[i]));
    }
    gm_pool_give(&pools.in, large.page);
    assert_false(holds(&pools.in, large.page, 1)); /* cached is not in use */
    close_pools(&pools);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_blocks_run_out_and_the_warmest_comes_back_first),
        cmocka_unit_test(small_blocks_take_memory_when_they_are_used_first),
        cmocka_unit_test(sizes_are_rounded_up_to_classes),
        cmocka_unit_test(what_can_never_fit_is_an_error_not_a_wait),
        cmocka_unit_test(inputs_never_take_the_last_of_the_budget),
        cmocka_unit_test(cached_blocks_of_any_pool_make_room_for_another),
        cmocka_unit_test(large_blocks_never_overlap),
        cmocka_unit_test(holds_believes_only_what_is_inside_one_block_in_use),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
