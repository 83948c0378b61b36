/* The places that need work are found with two facts of UAX #15: a code point with quick check
 * "yes" and combining class 0 never changes and never joins what is in front of it ("steady"
 * below), so that a text may be cut in front of each; and a run of such is normalised already.
 *
 *      steady steady | steady mark mark maybe | steady steady ...
 *      copied        | a knot: normalised     | copied
 *
 * A knot is decomposed into an array of code points; whenever that grows long and the next code
 * point is steady in its decomposed form, the array is finished and written, so that only a long
 * run of combining marks (or of conjoining jamo) takes memory in proportion to its length. */
#include "text/nform.h"

#include "base/utf8.h"
#include "text/uniprop.h"
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>
#ifdef __x86_64__
#include <immintrin.h>
#endif

#define LONGEST_DECOMPOSITION 32 /* code points; Unicode's is 18 */
#define FINISH_AT             4096
#define SMALL_RUN             16 /* marks that are ordered by insertion */

void gm_nformer_init(struct gm_nformer *nformer)
{
    *nformer = (struct gm_nformer){NULL, NULL, 0, 0};
}

void gm_nformer_fini(struct gm_nformer *nformer)
{
    free(nformer->code_points);
    free(nformer->ordered);
    gm_nformer_init(nformer);
}

static unsigned quick_check(enum gm_nform form, const struct gm_uniprop *prop)
{
    return form == GM_NFORM_NFC ? prop->quick & 3 : prop->quick >> 2;
}

static bool is_steady(enum gm_nform form, const struct gm_uniprop *prop)
{
    return quick_check(form, prop) == 0 && prop->combining == 0;
}

static unsigned steady_bit(enum gm_nform form)
{
    return form == GM_NFORM_NFC ? 1 : 2;
}

/* Bytes from the start that are steady by their first bytes alone, such as ASCII, Cyrillic and Han.
 * Ends at a first byte or at the end. */
static size_t narrow_simple_prefix(const uint8_t *text, size_t n_bytes, enum gm_nform form)
{
    const unsigned bit = steady_bit(form);
    size_t n = 0;
    while (n < n_bytes) {
        uint64_t eight = UINT64_MAX;
        if (n + 8 <= n_bytes)
            memcpy(&eight, text + n, 8);
        if (!(eight & UINT64_C(0x8080808080808080))) {
            n += 8;
            n += gm_ascii_prefix(text + n, n_bytes - n);
            continue;
        }
        for (const size_t stop = n + 8; n < stop && n < n_bytes; n++)
            if (!(gm_uni_steady_bytes[text[n]] & bit))
                return n;
    }
    return n;
}

#ifdef __x86_64__

/* The same; the table is in two registers, and all of ASCII is steady. */
__attribute__((target("avx512f,avx512bw,avx512vbmi,bmi,bmi2"))) static size_t
wide_simple_prefix(const uint8_t *text, size_t n_bytes, enum gm_nform form)
{
    const __m512i first = _mm512_loadu_si512(gm_uni_steady_bytes + 128);
    const __m512i second = _mm512_loadu_si512(gm_uni_steady_bytes + 192);
    const __m512i bit = _mm512_set1_epi8((char)steady_bit(form));
    for (size_t n = 0; n < n_bytes; n += 64) {
        const uint64_t valid =
            n_bytes - n < 64 ? _bzhi_u64(~(uint64_t)0, (unsigned)(n_bytes - n)) : ~(uint64_t)0;
        const __m512i bytes = _mm512_maskz_loadu_epi8(valid, text + n);
        const uint64_t high = _mm512_movepi8_mask(bytes);
        if (!high)
            continue;
        const __m512i found = _mm512_permutex2var_epi8(first, bytes, second);
        const uint64_t loose = _mm512_mask_testn_epi8_mask(high, found, bit);
        if (loose)
            return n + (size_t)__builtin_ctzll(loose);
    }
    return n_bytes;
}

static size_t simple_prefix(const uint8_t *text, size_t n_bytes, enum gm_nform form)
{
    if (__builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vbmi") &&
        __builtin_cpu_supports("bmi2"))
        return wide_simple_prefix(text, n_bytes, form);
    return narrow_simple_prefix(text, n_bytes, form);
}

#else

static size_t simple_prefix(const uint8_t *text, size_t n_bytes, enum gm_nform form)
{
    return narrow_simple_prefix(text, n_bytes, form);
}

#endif

size_t gm_nform_prefix(enum gm_nform form, const uint8_t *text, size_t n_bytes)
{
    size_t cut = 0; /* in front of the last steady code point */
    unsigned class_before = 0;
    for (size_t pos = 0; pos < n_bytes;) {
        const size_t n_simple = simple_prefix(text + pos, n_bytes - pos, form);
        if (n_simple > 0) {
            pos += n_simple;
            cut = pos - 1;
            while ((text[cut] & 0xC0) == 0x80)
                cut--;
            class_before = 0;
            continue;
        }
        const size_t at = pos;
        const struct gm_uniprop *prop = gm_uniprop(gm_uni_next(text, &pos));
        if (quick_check(form, prop) != 0 || (prop->combining && prop->combining < class_before))
            return cut;
        if (prop->combining == 0)
            cut = at;
        class_before = prop->combining;
    }
    return n_bytes;
}

/* Where the knot that begins at text[0] ends: in front of the first steady code point behind one
 * that is not. */
static size_t knot_bytes(enum gm_nform form, const uint8_t *text, size_t n_bytes)
{
    size_t pos = 0;
    bool is_loose = false;
    while (pos < n_bytes) {
        size_t after = pos;
        const bool steady = is_steady(form, gm_uniprop(gm_uni_next(text, &after)));
        if (steady && is_loose)
            return pos;
        is_loose |= !steady;
        pos = after;
    }
    return n_bytes;
}

static bool make_room(struct gm_nformer *nformer)
{
    if (nformer->capacity - nformer->n_code_points >= LONGEST_DECOMPOSITION)
        return true;
    const size_t capacity =
        nformer->capacity ? 2 * nformer->capacity : FINISH_AT + 2 * LONGEST_DECOMPOSITION;
    int32_t *code_points = realloc(nformer->code_points, capacity * sizeof *code_points);
    if (!code_points)
        return false;
    nformer->code_points = code_points;
    int32_t *ordered = realloc(nformer->ordered, capacity * sizeof *ordered);
    if (!ordered)
        return false;
    nformer->ordered = ordered;
    nformer->capacity = capacity;
    return true;
}

static unsigned combining(int32_t code_point)
{
    return gm_uniprop((uint32_t)code_point)->combining;
}

static void order_small_run(int32_t *run, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        const int32_t moved = run[i];
        size_t at = i;
        for (; at > 0 && combining(run[at - 1]) > combining(moved); at--)
            run[at] = run[at - 1];
        run[at] = moved;
    }
}

/* Stable and linear: by counting. */
static void order_long_run(int32_t *run, size_t n, int32_t *ordered)
{
    size_t places[257] = {0};
    for (size_t i = 0; i < n; i++)
        places[combining(run[i]) + 1]++;
    for (unsigned class = 1; class < 257; class ++)
        places[class] += places[class - 1];
    for (size_t i = 0; i < n; i++)
        ordered[places[combining(run[i])]++] = run[i];
    memcpy(run, ordered, n * sizeof *run);
}

/* Canonical ordering: each run of marks by combining class. */
static void order_marks(struct gm_nformer *nformer)
{
    int32_t *code_points = nformer->code_points;
    for (size_t start = 0; start < nformer->n_code_points; start++) {
        size_t end = start;
        while (end < nformer->n_code_points && combining(code_points[end]) != 0)
            end++;
        if (end - start <= SMALL_RUN)
            order_small_run(code_points + start, end - start);
        else
            order_long_run(code_points + start, end - start, nformer->ordered);
        start = end; /* a starter, or the end */
    }
}

/* Orders, composes and writes what has been decomposed. */
static bool finish(struct gm_nformer *nformer, struct gm_buf *out)
{
    order_marks(nformer);
    const utf8proc_ssize_t n =
        utf8proc_normalize_utf32(nformer->code_points, (utf8proc_ssize_t)nformer->n_code_points,
                                 UTF8PROC_STABLE | UTF8PROC_COMPOSE);
    GM_ASSERT(n >= 0);
    nformer->n_code_points = 0;
    if (!gm_buf_reserve(out, 4 * (size_t)n))
        return false;
    for (utf8proc_ssize_t i = 0; i < n; i++)
        out->n_bytes += gm_utf8_encode((uint32_t)nformer->code_points[i], out->data + out->n_bytes);
    return true;
}

static bool append_knot(struct gm_nformer *nformer, enum gm_nform form, const uint8_t *text,
                        size_t n_bytes, struct gm_buf *out)
{
    const utf8proc_option_t options =
        UTF8PROC_STABLE | UTF8PROC_COMPOSE | (form == GM_NFORM_NFKC ? UTF8PROC_COMPAT : 0);
    for (size_t pos = 0; pos < n_bytes;) {
        int32_t piece[LONGEST_DECOMPOSITION];
        int boundary_class = 0;
        const utf8proc_ssize_t n =
            utf8proc_decompose_char((utf8proc_int32_t)gm_uni_next(text, &pos), piece,
                                    LONGEST_DECOMPOSITION, options, &boundary_class);
        GM_ASSERT(n >= 0 && n <= LONGEST_DECOMPOSITION);
        if (nformer->n_code_points >= FINISH_AT && n > 0 &&
            is_steady(GM_NFORM_NFC, gm_uniprop((uint32_t)piece[0])) && !finish(nformer, out))
            return false;
        if (!make_room(nformer))
            return false;
        memcpy(nformer->code_points + nformer->n_code_points, piece, (size_t)n * sizeof *piece);
        nformer->n_code_points += (size_t)n;
    }
    return finish(nformer, out);
}

enum gm_status gm_nform_append(struct gm_nformer *nformer, enum gm_nform form, const uint8_t *text,
                               size_t n_bytes, struct gm_buf *out, struct gm_err *err)
{
    bool has_memory = true;
    nformer->n_code_points = 0;
    while (n_bytes > 0 && has_memory) {
        const size_t n_ready = gm_nform_prefix(form, text, n_bytes);
        gm_buf_append(out, text, n_ready);
        text += n_ready;
        n_bytes -= n_ready;
        if (n_bytes > 0) {
            const size_t n_knot = knot_bytes(form, text, n_bytes);
            has_memory = append_knot(nformer, form, text, n_knot, out);
            text += n_knot;
            n_bytes -= n_knot;
        }
    }
    if (!has_memory || out->failed)
        return gm_err_set(err, GM_NOMEM, "no memory to normalise a text");
    return GM_OK;
}
