/* The splitter's outside: which tier works, and pieces handed out in portions. */
#include "tokenize/split.h"

#include "base/assert.h"
#include "tokenize/split_loop.h"
#include "tokenize/split_scalar.h"

const char *gm_scheme_name(enum gm_scheme scheme)
{
    static const char *const names[GM_SCHEME_COUNT] = {
#define X(name, text) text,
        GM_SCHEME_TABLE(X)
#undef X
    };
    GM_ASSERT(scheme < GM_SCHEME_COUNT);
    return names[scheme];
}

enum gm_split_tier gm_split_best_tier(void)
{
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("bmi") ||
        !__builtin_cpu_supports("bmi2") || !__builtin_cpu_supports("popcnt"))
        return GM_TIER_SCALAR;
    if (!__builtin_cpu_supports("avx512bw") || !__builtin_cpu_supports("avx512vl") ||
        !__builtin_cpu_supports("avx512vbmi") || !__builtin_cpu_supports("avx512vbmi2"))
        return GM_TIER_AVX2;
    return GM_TIER_AVX512;
}

void gm_split_begin(struct gm_split *split, enum gm_scheme scheme, enum gm_split_tier tier,
                    const uint8_t *text, size_t n_bytes)
{
    GM_ASSERT(scheme > GM_SCHEME_NONE && scheme < GM_SCHEME_BERT && tier < GM_TIER_COUNT);
    GM_ASSERT(n_bytes < UINT32_MAX - 64);
    *split = (struct gm_split){.scheme = scheme, .tier = tier, .text = text, .n_bytes = n_bytes};
}

static size_t next_scalar(struct gm_split *split, uint32_t *ends, size_t capacity)
{
    size_t n = 0;
    for (; n < capacity && split->position < split->n_bytes; n++) {
        split->position =
            gm_split_piece_end(split->scheme, split->text, split->n_bytes, split->position);
        ends[n] = (uint32_t)split->position;
    }
    return n;
}

size_t gm_split_next(struct gm_split *split, uint32_t *ends, size_t capacity)
{
    GM_ASSERT(capacity >= GM_SPLIT_MIN_PIECES);
    if (split->scheme == GM_SCHEME_WHOLE || split->tier == GM_TIER_SCALAR)
        return next_scalar(split, ends, capacity);
    if (split->tier == GM_TIER_AVX512)
        return gm_split_next_avx512(split, ends, capacity);
    return gm_split_next_avx2(split, ends, capacity);
}
