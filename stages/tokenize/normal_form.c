/* Normal forms. The text is searched for characters that the form may touch; only they, with the
 * character before them, are normalised, and the rest is copied. utf8proc (Unicode 15.0) decomposes
 * and composes; characters newer than Unicode 9.0, which the reference does not know, are never
 * given to it. Marks are put in order here: a long run of them must not take quadratic time. */
#include "tokenize/normal_form.h"
#include "base/utf8.h"
#include "tokenize/character.h"
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

/* A byte that is no character is as good as one that the forms do not know. */
static unsigned bits_at(const uint8_t *text, size_t n_bytes, size_t *length)
{
    uint32_t c = gm_character_at(text, n_bytes, length);
    return c == GM_NO_CHARACTER ? GM_HF_NEW : gm_hf_normal(c);
}

/* Below this byte a text has no character that the form touches. */
static uint8_t lowest_lead(unsigned form)
{
    return form == GM_HF_NFC ? 0xCC : form == GM_HF_NFD ? 0xC3 : 0xC2;
}

#if defined(__SSE2__)
/* Bit i: byte i may be the start of a character that the form touches. For NFC the leads of
 * Cyrillic (D0, D1) and of U+4000 .. U+9FFF (E4 .. E9) are known to be fine. */
static unsigned suspects(const uint8_t *text, unsigned form)
{
    __m128i bytes = _mm_loadu_si128((const __m128i *)text);
    __m128i lowest = _mm_set1_epi8((char)lowest_lead(form));
    __m128i high = _mm_cmpeq_epi8(_mm_max_epu8(bytes, lowest), bytes);
    if (form == GM_HF_NFC) {
        __m128i han = _mm_sub_epi8(bytes, _mm_set1_epi8((char)0xE4));
        __m128i cyrillic = _mm_sub_epi8(bytes, _mm_set1_epi8((char)0xD0));
        __m128i five = _mm_set1_epi8(5), one = _mm_set1_epi8(1);
        han = _mm_cmpeq_epi8(_mm_min_epu8(han, five), han);
        cyrillic = _mm_cmpeq_epi8(_mm_min_epu8(cyrillic, one), cyrillic);
        high = _mm_andnot_si128(_mm_or_si128(han, cyrillic), high);
    }
    return (unsigned)_mm_movemask_epi8(high);
}
#endif

/* From a place that begins a character on: the first one that has a lead byte to look at. */
static size_t skip_plain(const uint8_t *text, size_t n_bytes, size_t at, unsigned form)
{
    uint8_t lowest = lowest_lead(form);
#if defined(__SSE2__)
    for (; at + 16 <= n_bytes; at += 16) {
        unsigned bits = suspects(text + at, form);
        if (bits)
            return at + (size_t)__builtin_ctz(bits);
    }
#endif
    while (at < n_bytes && text[at] < lowest)
        at++;
    return at;
}

static int mark_class(int32_t code_point)
{
    return utf8proc_get_property(code_point)->combining_class;
}

/* Are the marks from at on, which never change, in order already, up to a character that is not
 * touched? *length: theirs. */
static bool are_in_order(const uint8_t *text, size_t n_bytes, unsigned form, size_t *length)
{
    int last_class = 0;
    size_t at = 0, one;
    while (at < n_bytes) {
        uint32_t c = gm_character_at(text + at, n_bytes - at, &one);
        unsigned bits = c == GM_NO_CHARACTER ? 0 : gm_hf_normal(c);
        int class = bits & form ? mark_class((int32_t)c) : 0;
        if (!(bits & form))
            break;
        if (!(bits & GM_HF_ORDER) || class < last_class)
            return false;
        last_class = class;
        at += one;
    }
    *length = at;
    return true;
}

/* The first character from at on that the form may touch; n_bytes: none. */
static size_t find_touched(const uint8_t *text, size_t n_bytes, size_t at, unsigned form)
{
    size_t length;
    while ((at = skip_plain(text, n_bytes, at, form)) < n_bytes) {
        /* Where one such character stands, others follow, with spaces between. */
        for (unsigned n_plain = 0; at < n_bytes && n_plain < 4; at += length) {
            unsigned bits;
            if (text[at] < 0x80) {
                length = 1;
                n_plain++;
                continue;
            }
            n_plain = 0;
            bits = bits_at(text + at, n_bytes - at, &length);
            if ((bits & form) &&
                (!(bits & GM_HF_ORDER) || !are_in_order(text + at, n_bytes - at, form, &length)))
                return at;
        }
    }
    return n_bytes;
}

struct points {
    int32_t *items;
    size_t n, capacity;
};

static bool reserve(struct points *points, size_t extra)
{
    size_t capacity = (points->n + extra) * 2;
    void *items;
    if (points->n + extra <= points->capacity)
        return true;
    items = realloc(points->items, capacity * sizeof(*points->items));
    if (!items)
        return false;
    points->items = items;
    points->capacity = capacity;
    return true;
}

#define LONGEST_DECOMPOSITION 32 /* 18 in Unicode 15 */

static bool decompose(struct points *points, const uint8_t *text, size_t n_bytes, unsigned form)
{
    bool compatible = form == GM_HF_NFKC || form == GM_HF_NFKD;
    int options = UTF8PROC_DECOMPOSE | UTF8PROC_STABLE | (compatible ? UTF8PROC_COMPAT : 0);
    size_t length;
    for (size_t at = 0; at < n_bytes; at += length) {
        uint32_t c = gm_character_at(text + at, n_bytes - at, &length);
        utf8proc_ssize_t n;
        int last_class = 0;
        if (!reserve(points, LONGEST_DECOMPOSITION))
            return false;
        n = utf8proc_decompose_char((int32_t)c, points->items + points->n, LONGEST_DECOMPOSITION,
                                    (utf8proc_option_t)options, &last_class);
        points->n += n > 0 ? (size_t)n : 0;
    }
    return true;
}

/* A stable sort of marks by their class: few by insertion, many by counting. */
static bool sort_marks(int32_t *marks, size_t n)
{
    size_t places[256] = {0}, sum = 0;
    int32_t *sorted;
    if (n <= 32) {
        for (size_t i = 1; i < n; i++)
            for (size_t j = i; j > 0 && mark_class(marks[j - 1]) > mark_class(marks[j]); j--) {
                int32_t mark = marks[j];
                marks[j] = marks[j - 1];
                marks[j - 1] = mark;
            }
        return true;
    }
    sorted = malloc(n * sizeof(*sorted));
    if (!sorted)
        return false;
    for (size_t i = 0; i < n; i++)
        places[mark_class(marks[i])]++;
    for (size_t i = 0; i < 256; i++) {
        size_t count = places[i];
        places[i] = sum;
        sum += count;
    }
    for (size_t i = 0; i < n; i++)
        sorted[places[mark_class(marks[i])]++] = marks[i];
    memcpy(marks, sorted, n * sizeof(*marks));
    free(sorted);
    return true;
}

static bool sort_all_marks(struct points *points)
{
    size_t i = 0;
    while (i < points->n) {
        size_t first = i;
        while (i < points->n && mark_class(points->items[i]) > 0)
            i++;
        if (i - first > 1 && !sort_marks(points->items + first, i - first))
            return false;
        i += i == first;
    }
    return true;
}

/* The form of text, which has no character newer than Unicode 9.0, appended to out. */
static bool normalise(const uint8_t *text, size_t n_bytes, unsigned form, struct gm_buf *out)
{
    struct points points = {NULL, 0, 0};
    bool composes = form == GM_HF_NFC || form == GM_HF_NFKC;
    bool fine = decompose(&points, text, n_bytes, form) && sort_all_marks(&points);
    if (fine && composes) {
        utf8proc_ssize_t n =
            utf8proc_normalize_utf32(points.items, (utf8proc_ssize_t)points.n,
                                     (utf8proc_option_t)(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
        points.n = n > 0 ? (size_t)n : 0;
    }
    for (size_t i = 0; fine && i < points.n; i++) {
        uint8_t bytes[4];
        gm_buf_append(out, bytes, gm_utf8_encode((uint32_t)points.items[i], bytes));
    }
    free(points.items);
    return fine && !out->failed;
}

/* Where the part to normalise begins whose first touched character is at at: composing may change
 * the character before, unless that is newer than the tables. */
static size_t part_start(const uint8_t *text, size_t begin, size_t at, unsigned form)
{
    size_t length, start;
    if (at == begin || form == GM_HF_NFD || form == GM_HF_NFKD)
        return at;
    start = gm_character_before(text + begin, at - begin) + begin;
    return bits_at(text + start, at - start, &length) & GM_HF_NEW ? at : start;
}

static size_t part_end(const uint8_t *text, size_t n_bytes, size_t at, unsigned form)
{
    size_t length;
    while (at < n_bytes && (bits_at(text + at, n_bytes - at, &length) & form))
        at += length;
    return at;
}

bool gm_normal_form(unsigned form, const uint8_t *text, size_t n_bytes, struct gm_buf *out)
{
    size_t copied = 0, at = 0, before = out->n_bytes;
    bool changed = false;
    while ((at = find_touched(text, n_bytes, at, form)) < n_bytes) {
        size_t start = part_start(text, copied, at, form), end = part_end(text, n_bytes, at, form);
        size_t place;
        gm_buf_append(out, text + copied, start - copied);
        place = out->n_bytes;
        if (!normalise(text + start, end - start, form, out)) {
            out->failed = true;
            return true;
        }
        changed |= out->n_bytes - place != end - start ||
                   memcmp(out->data + place, text + start, end - start) != 0;
        copied = at = end;
    }
    if (!changed) {
        out->n_bytes = before;
        return false;
    }
    gm_buf_append(out, text + copied, n_bytes - copied);
    return true;
}
