/* Strings and white space are a few bytes each, so they are looked at sixteen bytes at a time and
 * without a choice by the processor; a string with escapes is decoded by quick_string.c. */
#include "json/pull.h"

#include "json/json.h"
#include "json/quick_string.h"
#include <stdlib.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum { STEP = 16, MAX_DIGITS = 18 };

void gm_json_pull_init(struct gm_json_pull *pull, const void *text, size_t n_bytes)
{
    *pull = (struct gm_json_pull){.text = text,
                                  .at = text,
                                  .end = (const uint8_t *)text + n_bytes,
                                  .tier = gm_json_best_tier()};
}

void gm_json_pull_fini(struct gm_json_pull *pull)
{
    free(pull->decoded);
    pull->decoded = pull->decoded_at = NULL;
}

static bool is_space(uint8_t byte)
{
    return byte == ' ' || byte == '\n' || byte == '\r' || byte == '\t';
}

static bool ends_plain(uint8_t byte)
{
    return byte == '"' || byte == '\\' || byte < 0x20;
}

#ifdef __SSE2__
/* A bit for each of sixteen bytes that is not white space. */
static inline unsigned others_at(const uint8_t *bytes)
{
    __m128i c = _mm_loadu_si128((const void *)bytes);
    __m128i space = _mm_or_si128(
        _mm_or_si128(_mm_cmpeq_epi8(c, _mm_set1_epi8(' ')), _mm_cmpeq_epi8(c, _mm_set1_epi8('\n'))),
        _mm_or_si128(_mm_cmpeq_epi8(c, _mm_set1_epi8('\r')),
                     _mm_cmpeq_epi8(c, _mm_set1_epi8('\t'))));
    return (unsigned)_mm_movemask_epi8(space) ^ 0xFFFF;
}

/* A bit for each that ends a string or its plain part. */
static inline unsigned ends_at(const uint8_t *bytes)
{
    __m128i c = _mm_loadu_si128((const void *)bytes);
    __m128i ends =
        _mm_or_si128(_mm_cmpeq_epi8(c, _mm_set1_epi8('"')), _mm_cmpeq_epi8(c, _mm_set1_epi8('\\')));
    ends = _mm_or_si128(ends, _mm_cmpeq_epi8(_mm_min_epu8(c, _mm_set1_epi8(0x1F)), c));
    return (unsigned)_mm_movemask_epi8(ends);
}
#endif

static inline const uint8_t *skip_space(const uint8_t *at, const uint8_t *end)
{
    if (at < end && at[0] > ' ')
        return at;
#ifdef __SSE2__
    for (; end - at >= STEP; at += STEP) {
        unsigned others = others_at(at);
        if (others)
            return at + __builtin_ctz(others);
    }
#endif
    while (at < end && is_space(*at))
        at++;
    return at;
}

/* The first quote, backslash or control character. */
static inline const uint8_t *skip_plain(const uint8_t *at, const uint8_t *end)
{
#ifdef __SSE2__
    for (; end - at >= STEP; at += STEP) {
        unsigned ends = ends_at(at);
        if (ends)
            return at + __builtin_ctz(ends);
    }
#endif
    while (at < end && !ends_plain(*at))
        at++;
    return at;
}

int gm_json_pull_peek(struct gm_json_pull *pull)
{
    pull->at = skip_space(pull->at, pull->end);
    return pull->at < pull->end ? *pull->at : -1;
}

bool gm_json_pull_take(struct gm_json_pull *pull, char byte)
{
    if (gm_json_pull_peek(pull) != (uint8_t)byte)
        return false;
    pull->at++;
    return true;
}

/* The text behind the quote at `at`. */
static bool decode(struct gm_json_pull *pull, struct gm_json_text *string)
{
    if (!pull->decoded) {
        /* All that is to come: of memory that is not touched only addresses are used. */
        pull->decoded = malloc((size_t)(pull->end - pull->at) + GM_JSON_QUICK_SLACK);
        pull->decoded_at = pull->decoded;
    }
    if (!pull->decoded)
        return false;
    struct gm_quick_string quick = {
        .at = pull->at + 1, .end = pull->end, .to = pull->decoded_at, .is_ascii = true};
    if (!gm_quick_string_of[pull->tier](&quick))
        return false;
    string->text = (const char *)pull->decoded_at;
    string->n_bytes = (size_t)(quick.to - pull->decoded_at);
    pull->decoded_at = quick.to;
    pull->at = quick.at;
    return true;
}

bool gm_json_pull_string(struct gm_json_pull *pull, struct gm_json_text *string)
{
    if (gm_json_pull_peek(pull) != '"')
        return false;
    const uint8_t *begin = pull->at + 1, *at = skip_plain(begin, pull->end);
    if (at == pull->end || *at < 0x20)
        return false;
    if (*at == '\\')
        return decode(pull, string);
    string->text = (const char *)begin;
    string->n_bytes = (size_t)(at - begin);
    pull->at = at + 1;
    return true;
}

bool gm_json_pull_key(struct gm_json_pull *pull, struct gm_json_text *key)
{
    const uint8_t *decoded = pull->decoded_at;
    return gm_json_pull_string(pull, key) && pull->decoded_at == decoded;
}

bool gm_json_pull_u64(struct gm_json_pull *pull, uint64_t *value)
{
    gm_json_pull_peek(pull);
    const uint8_t *begin = pull->at, *at = begin;
    uint64_t sum = 0;
    for (; at < pull->end && *at >= '0' && *at <= '9'; at++)
        sum = sum * 10 + (uint64_t)(*at - '0');
    size_t n_digits = (size_t)(at - begin);
    if (n_digits == 0 || n_digits > MAX_DIGITS || (*begin == '0' && n_digits > 1))
        return false;
    *value = sum;
    pull->at = at;
    return true;
}

void gm_json_pull_skip(struct gm_json_pull *pull)
{
    gm_json_pull_peek(pull);
    pull->at += gm_json_value_length(pull->at, (size_t)(pull->end - pull->at));
}
