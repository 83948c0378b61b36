/* Replacing a byte. The bytes are counted first, so that the buffer grows once; then 64 bytes of
 * text give a bitmap of the places, and what lies between two of them is copied 32 bytes at a time,
 * which is mostly one copy. Copies run over the end of what they mean to copy, and the next one
 * writes over that; the buffer has room for it. */
#include "tokenize/replace_byte.h"

#include <string.h>
#ifdef __x86_64__
#include <immintrin.h>
#endif

#define BLOCK_BYTES 64
#define COPY_BYTES  32

/* Bit i: byte i of a block is wanted. */
static uint64_t places_narrow(const uint8_t *text, uint8_t byte)
{
    uint64_t places = 0;
    for (unsigned i = 0; i < BLOCK_BYTES; i++)
        places |= (uint64_t)(text[i] == byte) << i;
    return places;
}

static inline __attribute__((always_inline)) uint8_t *
copy_block(const struct gm_replace_byte *replace, const uint8_t *text, uint64_t places,
           uint8_t *out)
{
    unsigned done = 0;
    while (places != 0) {
        unsigned at = (unsigned)__builtin_ctzll(places);
        memcpy(out, text + done, COPY_BYTES);
        if (at - done > COPY_BYTES)
            memcpy(out + COPY_BYTES, text + done + COPY_BYTES, COPY_BYTES);
        out += at - done;
        memcpy(out, replace->content, GM_REPLACE_MAX_BYTES);
        out += replace->n_bytes;
        done = at + 1;
        places &= places - 1;
    }
    memcpy(out, text + done, COPY_BYTES);
    memcpy(out + COPY_BYTES, text + done + COPY_BYTES, COPY_BYTES);
    return out + (BLOCK_BYTES - done);
}

/* What is left of a text when no block and the copies behind it fit. */
static uint8_t *copy_rest(const struct gm_replace_byte *replace, const uint8_t *text,
                          size_t n_bytes, uint8_t *out)
{
    for (size_t i = 0; i < n_bytes; i++) {
        if (text[i] == replace->from) {
            memcpy(out, replace->content, replace->n_bytes);
            out += replace->n_bytes;
        } else {
            *out++ = text[i];
        }
    }
    return out;
}

static size_t count_narrow(const uint8_t *text, size_t n_bytes, uint8_t byte)
{
    size_t n = 0;
    for (size_t i = 0; i < n_bytes; i++)
        n += text[i] == byte;
    return n;
}

static uint8_t *replace_narrow(const struct gm_replace_byte *replace, const uint8_t *text,
                               size_t n_bytes, uint8_t *out)
{
    size_t i = 0;
    for (; n_bytes - i >= 2 * BLOCK_BYTES; i += BLOCK_BYTES)
        out = copy_block(replace, text + i, places_narrow(text + i, replace->from), out);
    return copy_rest(replace, text + i, n_bytes - i, out);
}

#ifdef __x86_64__

__attribute__((target("avx2"))) static uint64_t places_wide(const uint8_t *text, uint8_t byte)
{
    __m256i wanted = _mm256_set1_epi8((char)byte);
    __m256i low = _mm256_loadu_si256((const __m256i *)text);
    __m256i high = _mm256_loadu_si256((const __m256i *)(text + 32));
    uint32_t low_places = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(low, wanted));
    uint32_t high_places = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(high, wanted));
    return (uint64_t)high_places << 32 | low_places;
}

__attribute__((target("avx2,popcnt"))) static size_t count_wide(const uint8_t *text, size_t n_bytes,
                                                                uint8_t byte)
{
    size_t n = 0, i = 0;
    for (; n_bytes - i >= BLOCK_BYTES; i += BLOCK_BYTES)
        n += (size_t)__builtin_popcountll(places_wide(text + i, byte));
    return n + count_narrow(text + i, n_bytes - i, byte);
}

__attribute__((target("avx2"))) static uint8_t *replace_wide(const struct gm_replace_byte *replace,
                                                             const uint8_t *text, size_t n_bytes,
                                                             uint8_t *out)
{
    size_t i = 0;
    for (; n_bytes - i >= 2 * BLOCK_BYTES; i += BLOCK_BYTES)
        out = copy_block(replace, text + i, places_wide(text + i, replace->from), out);
    return copy_rest(replace, text + i, n_bytes - i, out);
}

static bool is_wide(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("popcnt");
}

#else

static size_t count_wide(const uint8_t *text, size_t n_bytes, uint8_t byte)
{
    return count_narrow(text, n_bytes, byte);
}

static uint8_t *replace_wide(const struct gm_replace_byte *replace, const uint8_t *text,
                             size_t n_bytes, uint8_t *out)
{
    return replace_narrow(replace, text, n_bytes, out);
}

static bool is_wide(void)
{
    return false;
}

#endif

bool gm_replace_byte(const struct gm_replace_byte *replace, const uint8_t *text, size_t n_bytes,
                     struct gm_buf *out)
{
    bool wide = is_wide();
    size_t n = wide ? count_wide(text, n_bytes, replace->from)
                    : count_narrow(text, n_bytes, replace->from);
    if (n == 0)
        return false;
    /* Text of at most 2^32 bytes: no product here wraps. */
    size_t n_out = n_bytes - n + n * replace->n_bytes;
    if (!gm_buf_reserve(out, n_out + 2 * BLOCK_BYTES))
        return true;
    uint8_t *start = out->data + out->n_bytes;
    uint8_t *end = wide ? replace_wide(replace, text, n_bytes, start)
                        : replace_narrow(replace, text, n_bytes, start);
    GM_ASSERT((size_t)(end - start) == n_out);
    out->n_bytes += n_out;
    return true;
}
