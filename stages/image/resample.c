/* Sums are taken modulo 2^32, where order does not matter, so vectors may add in theirs: the result
 * is the one that Pillow's loop over single products has. */
#include "image/resample.h"

#include "image/lanczos.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#ifdef __SSE2__
#include <immintrin.h>
#endif

#define N_KEPT     12                /* sets of weights */
#define KEPT_BYTES ((size_t)1 << 20) /* each at most */
#define ROW_SLACK  32
#define HALF       (1u << (GM_LANCZOS_BITS - 1))

struct kept {
    struct gm_lanczos weights; /* n_in 0: empty */
    uint64_t used_at;
};

struct gm_resampler {
    struct kept kept[N_KEPT];
    uint64_t n_uses;
    struct gm_buf between; /* rows of the new width */
    struct gm_buf row;     /* one row of the source with room behind it */
};

struct gm_resampler *gm_resampler_new(void)
{
    struct gm_resampler *resampler = calloc(1, sizeof(*resampler));
    if (!resampler)
        return NULL;
    gm_buf_init(&resampler->between);
    gm_buf_init(&resampler->row);
    return resampler;
}

void gm_resampler_free(struct gm_resampler *resampler)
{
    if (!resampler)
        return;
    for (size_t i = 0; i < N_KEPT; i++)
        gm_lanczos_fini(&resampler->kept[i].weights);
    gm_buf_free(&resampler->between);
    gm_buf_free(&resampler->row);
    free(resampler);
}

/* The weights for a side; NULL: no memory. Valid until the call after the next. */
static const struct gm_lanczos *weights_for(struct gm_resampler *resampler, uint32_t n_in,
                                            uint32_t n_out)
{
    struct kept *oldest = &resampler->kept[0];
    for (size_t i = 0; i < N_KEPT; i++) {
        struct kept *kept = &resampler->kept[i];
        if (kept->weights.n_in == n_in && kept->weights.n_out == n_out) {
            kept->used_at = ++resampler->n_uses;
            return &kept->weights;
        }
        if (kept->used_at < oldest->used_at)
            oldest = kept;
    }
    gm_lanczos_fini(&oldest->weights);
    oldest->used_at = ++resampler->n_uses;
    return gm_lanczos_init(&oldest->weights, n_in, n_out) ? &oldest->weights : NULL;
}

static void drop_large_weights(struct gm_resampler *resampler)
{
    for (size_t i = 0; i < N_KEPT; i++)
        if (gm_lanczos_bytes(&resampler->kept[i].weights) > KEPT_BYTES)
            gm_lanczos_fini(&resampler->kept[i].weights);
}

static uint8_t clipped(uint32_t sum)
{
    int32_t value = (int32_t)(sum + HALF) >> GM_LANCZOS_BITS;
    return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

/* ---- one row to another width ---- */

typedef void resize_row(const struct gm_lanczos *weights, const uint8_t *row, uint8_t *to);
/* ---- one row out of many ---- */
struct columns {
    const struct gm_lanczos *weights;
    const uint8_t *rows; /* the first of them, next to each other */
    size_t width;
    uint32_t i; /* which output row */
};
typedef void resize_columns(const struct columns *columns, uint8_t *to);

static void row_plain(const struct gm_lanczos *weights, const uint8_t *row, uint8_t *to)
{
    for (uint32_t i = 0; i < weights->n_out; i++) {
        uint32_t sum = 0;
        for (uint32_t k = 0; k < weights->n[i]; k++)
            sum += (uint32_t)gm_lanczos_weight(weights, (size_t)i * weights->n_slots + k) *
                   row[weights->first[i] + k];
        to[i] = clipped(sum);
    }
}

static void columns_from(const struct columns *columns, uint8_t *to, size_t x)
{
    const struct gm_lanczos *weights = columns->weights;
    for (; x < columns->width; x++) {
        uint32_t sum = 0;
        for (uint32_t k = 0; k < weights->n[columns->i]; k++)
            sum += (uint32_t)gm_lanczos_weight(weights, (size_t)columns->i * weights->n_slots + k) *
                   columns->rows[(weights->first[columns->i] + k) * columns->width + x];
        to[x] = clipped(sum);
    }
}

static void columns_plain(const struct columns *columns, uint8_t *to)
{
    columns_from(columns, to, 0);
}

#ifdef __SSE2__

__attribute__((target("avx2"))) static uint32_t sum_of(__m256i values)
{
    __m128i sum =
        _mm_add_epi32(_mm256_castsi256_si128(values), _mm256_extracti128_si256(values, 1));
    sum = _mm_add_epi32(sum, _mm_unpackhi_epi64(sum, sum));
    sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, 1));
    return (uint32_t)_mm_cvtsi128_si32(sum);
}

__attribute__((target("avx2"))) static void row_avx2(const struct gm_lanczos *weights,
                                                     const uint8_t *row, uint8_t *to)
{
    for (uint32_t i = 0; i < weights->n_out; i++) {
        const int16_t *high = weights->high + (size_t)i * weights->n_slots;
        const int16_t *low = weights->low + (size_t)i * weights->n_slots;
        const uint8_t *from = row + weights->first[i];
        __m256i high_sum = _mm256_setzero_si256(), low_sum = high_sum;
        for (uint32_t k = 0; k < weights->n[i]; k += 16) {
            __m256i pixels = _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)(from + k)));
            __m256i high_weights = _mm256_loadu_si256((const __m256i *)(high + k));
            __m256i low_weights = _mm256_loadu_si256((const __m256i *)(low + k));
            high_sum = _mm256_add_epi32(high_sum, _mm256_madd_epi16(pixels, high_weights));
            low_sum = _mm256_add_epi32(low_sum, _mm256_madd_epi16(pixels, low_weights));
        }
        high_sum = _mm256_slli_epi32(high_sum, GM_LANCZOS_LOW_BITS);
        to[i] = clipped(sum_of(_mm256_add_epi32(high_sum, low_sum)));
    }
}

__attribute__((target("avx2"))) static void columns_avx2(const struct columns *columns, uint8_t *to)
{
    const struct gm_lanczos *weights = columns->weights;
    size_t width = columns->width, x = 0;
    size_t slot = (size_t)columns->i * weights->n_slots;
    const uint8_t *rows = columns->rows + (size_t)weights->first[columns->i] * width;
    for (; x + 8 <= width; x += 8) {
        __m256i sum = _mm256_set1_epi32((int)HALF);
        for (uint32_t k = 0; k < weights->n[columns->i]; k++) {
            __m256i pixels =
                _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(rows + k * width + x)));
            __m256i weight = _mm256_set1_epi32(gm_lanczos_weight(weights, slot + k));
            sum = _mm256_add_epi32(sum, _mm256_mullo_epi32(pixels, weight));
        }
        sum = _mm256_srai_epi32(sum, GM_LANCZOS_BITS);
        __m128i words =
            _mm_packs_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1));
        _mm_storel_epi64((__m128i *)(to + x), _mm_packus_epi16(words, words));
    }
    columns_from(columns, to, x);
}

#endif

struct kernels {
    resize_row *row;
    resize_columns *columns;
};

static struct kernels best_kernels(void)
{
#ifdef __SSE2__
    if (__builtin_cpu_supports("avx2"))
        return (struct kernels){row_avx2, columns_avx2};
#endif
    return (struct kernels){row_plain, columns_plain};
}

/* Rows to the new width; NULL: no memory. Vectors read past the weights that count, so each row is
 * put where there is room behind it. */
static const uint8_t *resize_rows(struct gm_resampler *resampler, const struct kernels *kernels,
                                  const struct gm_gray *from, uint32_t width)
{
    const struct gm_lanczos *weights = weights_for(resampler, from->width, width);
    gm_buf_clear(&resampler->between);
    gm_buf_clear(&resampler->row);
    if (!weights || !gm_buf_reserve(&resampler->between, (size_t)width * from->height) ||
        !gm_buf_reserve(&resampler->row, (size_t)from->width + ROW_SLACK))
        return NULL;
    memset(resampler->row.data + from->width, 0, ROW_SLACK);
    for (size_t y = 0; y < from->height; y++) {
        memcpy(resampler->row.data, from->plane + y * from->width, from->width);
        kernels->row(weights, resampler->row.data, resampler->between.data + y * width);
    }
    return resampler->between.data;
}

static bool resize_height(struct gm_resampler *resampler, const struct kernels *kernels,
                          const struct gm_gray *from, uint32_t height, uint8_t *to)
{
    const struct gm_lanczos *weights = weights_for(resampler, from->height, height);
    for (uint32_t y = 0; weights && y < height; y++) {
        struct columns columns = {weights, from->plane, from->width, y};
        kernels->columns(&columns, to + (size_t)y * from->width);
    }
    return weights != NULL;
}

static bool resample(struct gm_resampler *resampler, const struct kernels *kernels,
                     const struct gm_gray *from, const struct gm_gray *size, uint8_t *to)
{
    struct gm_gray wide = {from->plane, size->width, from->height};
    if (from->width != size->width)
        wide.plane = resize_rows(resampler, kernels, from, size->width);
    bool good = wide.plane != NULL;
    if (good && from->height != size->height)
        good = resize_height(resampler, kernels, &wide, size->height, to);
    else if (good)
        memcpy(to, wide.plane, (size_t)size->width * size->height);
    drop_large_weights(resampler);
    if (resampler->between.capacity_bytes > KEPT_BYTES)
        gm_buf_free(&resampler->between);
    return good;
}

bool gm_resample(struct gm_resampler *resampler, const struct gm_gray *from, uint32_t width,
                 uint32_t height, uint8_t *to)
{
    struct kernels kernels = best_kernels();
    return resample(resampler, &kernels, from, &(struct gm_gray){NULL, width, height}, to);
}

bool gm_resample_plain(struct gm_resampler *resampler, const struct gm_gray *from, uint32_t width,
                       uint32_t height, uint8_t *to)
{
    struct kernels kernels = {row_plain, columns_plain};
    return resample(resampler, &kernels, from, &(struct gm_gray){NULL, width, height}, to);
}

/* Of the two whole numbers around `number` the one whose ratio is nearer, at least 1. */
static uint32_t rounded_side(double number, double other, double ratio, bool is_width)
{
    double down = floor(number), up = ceil(number);
    double down_ratio = is_width ? down / other : other / down;
    double up_ratio = is_width ? up / other : other / up;
    double down_error = down > 0 || is_width ? fabs(ratio - down_ratio) : 0;
    double up_error = up > 0 || is_width ? fabs(ratio - up_ratio) : 0;
    double side = up_error < down_error ? up : down;
    return side < 1 ? 1 : (uint32_t)side;
}

void gm_resample_fit(uint32_t box_width, uint32_t box_height, uint32_t *width, uint32_t *height)
{
    if (box_width >= *width && box_height >= *height)
        return;
    double ratio = (double)*width / *height;
    if ((double)box_width / box_height >= ratio) {
        *width = rounded_side(box_height * ratio, box_height, ratio, true);
        *height = box_height;
    } else {
        *height = rounded_side(box_width / ratio, box_width, ratio, false);
        *width = box_width;
    }
}
