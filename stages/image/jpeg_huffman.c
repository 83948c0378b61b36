/* The tables behind jpeg_huffman.h: canonical codes, the entries of several codes, the cache. */
#include "image/jpeg_huffman.h"

#include "base/assert.h"
#include "base/hash.h"

#include <stdlib.h>
#include <string.h>

#define MAX_AC_SIZE 10

struct gm_huffman_cache *gm_huffman_cache_new(void)
{
    return calloc(1, sizeof(struct gm_huffman_cache));
}

void gm_huffman_cache_free(struct gm_huffman_cache *cache)
{
    free(cache);
}

/* The codes by length, as libjpeg takes them: none may be all ones. */
static bool build_codes(struct gm_huffman *table)
{
    uint32_t code = 0;
    int32_t index = 0;
    memset(table->one, 0, sizeof table->one);
    for (unsigned length = 1; length <= 16; length++) {
        uint32_t n = table->content[length - 1];
        table->offsets[length] = index - (int32_t)code;
        for (uint32_t i = 0; i < n && length <= GM_HUFFMAN_ONE_BITS; i++) {
            uint16_t entry = (uint16_t)(length << 8 | table->content[16 + index + (int32_t)i]);
            unsigned shift = GM_HUFFMAN_ONE_BITS - length;
            if (code + i >= (uint32_t)1 << length)
                return false;
            for (uint32_t k = 0; k < (uint32_t)1 << shift; k++)
                table->one[((code + i) << shift) + k] = entry;
        }
        code += n;
        index += (int32_t)n;
        if (n > 0 && code >= (uint32_t)1 << length)
            return false;
        table->limits[length] = code << (16 - length);
        code <<= 1;
    }
    return true;
}

/* libjpeg refuses DC tables with any other symbol. */
static bool has_sizes_only(const struct gm_huffman *table)
{
    for (unsigned i = 0; i < table->n_symbols; i++)
        if (table->content[16 + i] > 15)
            return false;
    return true;
}

static struct gm_huffman *oldest_table(struct gm_huffman_cache *cache)
{
    struct gm_huffman *oldest = &cache->tables[0];
    for (size_t i = 1; i < GM_HUFFMAN_TABLES; i++)
        if (cache->tables[i].used < oldest->used)
            oldest = &cache->tables[i];
    return oldest;
}

/* entry: of one. */
static uint32_t refinement_step(unsigned entry)
{
    uint32_t length = entry >> 8, run = entry >> 4 & 15, size = entry & 15;
    if (entry == 0 || size > 1)
        return 0;
    bool is_end = size == 0 && run != 15;
    uint32_t is_other = size == 0 && run > 0, run_bit = is_end ? 0 : (uint32_t)1 << run;
    return (length + size) | is_other << 6 | (uint32_t)is_end << 7 | run << 8 | size << 12 |
           run_bit << 16;
}

static struct gm_huffman *find(struct gm_huffman_cache *cache, struct gm_huffman_spec spec)
{
    GM_ASSERT(spec.counts && spec.n_symbols <= 256);
    size_t n_bytes = 16 + (size_t)spec.n_symbols;
    uint64_t hash = gm_xxh64(spec.counts, n_bytes, 0);
    for (size_t i = 0; i < GM_HUFFMAN_TABLES; i++) {
        struct gm_huffman *table = &cache->tables[i];
        if (table->used && table->hash == hash && table->n_symbols == spec.n_symbols &&
            memcmp(table->content, spec.counts, n_bytes) == 0) {
            table->used = ++cache->clock;
            return table;
        }
    }
    struct gm_huffman *table = oldest_table(cache);
    memset(table->content, 0, sizeof table->content);
    memcpy(table->content, spec.counts, n_bytes);
    table->n_symbols = spec.n_symbols;
    table->hash = hash;
    table->id = ++cache->clock;
    table->used = ++cache->clock;
    table->use = GM_HUFFMAN_PLAIN;
    table->is_valid = build_codes(table);
    table->is_dc = table->is_valid && has_sizes_only(table);
    return table;
}

struct gm_huffman *gm_huffman_get(struct gm_huffman_cache *cache, struct gm_huffman_spec spec,
                                  enum gm_huffman_use use)
{
    struct gm_huffman *table = find(cache, spec);
    if (table->use == use || use == GM_HUFFMAN_PLAIN)
        return table;
    table->use = use;
    if (use == GM_HUFFMAN_SEQUENTIAL)
        memset(table->next, 0, sizeof table->next);
    if (use == GM_HUFFMAN_BAND)
        memset(table->band, 0, sizeof table->band);
    for (uint32_t i = 0; use == GM_HUFFMAN_REFINEMENT && i < 1 << GM_HUFFMAN_ONE_BITS; i++)
        table->refinement[i] =
            refinement_step(table->one[i]) ? refinement_step(table->one[i]) : GM_REFINEMENT_LONG;
    return table;
}

struct gm_huffman_first *gm_huffman_first_get(struct gm_huffman_cache *cache,
                                              const struct gm_huffman *dc,
                                              const struct gm_huffman *ac)
{
    struct gm_huffman_first *oldest = &cache->firsts[0];
    uint64_t ac_id = ac ? ac->id : 0;
    for (size_t i = 0; i < GM_HUFFMAN_FIRSTS; i++) {
        struct gm_huffman_first *first = &cache->firsts[i];
        if (first->used && first->dc == dc && first->ac == ac && first->dc_id == dc->id &&
            first->ac_id == ac_id) {
            first->used = ++cache->clock;
            return first;
        }
        if (first->used < oldest->used)
            oldest = first;
    }
    memset(oldest->entries, 0, sizeof oldest->entries);
    oldest->dc = dc;
    oldest->ac = ac;
    oldest->dc_id = dc->id;
    oldest->ac_id = ac_id;
    oldest->used = ++cache->clock;
    return oldest;
}

unsigned gm_huffman_decode(const struct gm_huffman *table, uint64_t bits)
{
    unsigned entry = table->one[bits >> (64 - GM_HUFFMAN_ONE_BITS)];
    if (entry)
        return entry;
    uint32_t code = (uint32_t)(bits >> 48);
    for (unsigned length = GM_HUFFMAN_ONE_BITS + 1; length <= 16; length++)
        if (code < table->limits[length]) {
            int32_t index = (int32_t)(code >> (16 - length)) + table->offsets[length];
            if (index < 0 || index >= (int32_t)table->n_symbols)
                return 0;
            return length << 8 | table->content[16 + index];
        }
    return 0;
}

static uint32_t make_step(unsigned n_bits, unsigned skip)
{
    return n_bits | skip << 5;
}

/* One AC code: its bits with the value's, and how far it goes; 0: none. */
static uint32_t ac_step(const struct gm_huffman *ac, uint64_t bits, unsigned *code_bits)
{
    unsigned entry = gm_huffman_decode(ac, bits);
    unsigned run = entry >> 4 & 15, size = entry & 15;
    *code_bits = entry >> 8;
    if (!entry || size > MAX_AC_SIZE || (size == 0 && run != 0 && run != 15))
        return 0;
    if ((entry & 0xff) == 0)
        return make_step(*code_bits, GM_STEP_END);
    return make_step(*code_bits + size, run + 1);
}

uint32_t gm_huffman_ac_step(const struct gm_huffman *ac, uint64_t bits)
{
    unsigned code_bits;
    return ac_step(ac, bits, &code_bits);
}

/* Whole codes from position used on in the first n_index bits of bits. Value bits may reach beyond.
 */
static uint32_t add_steps(const struct gm_huffman *ac, uint64_t bits, unsigned n_index,
                          uint32_t step)
{
    unsigned used = GM_STEP_BITS(step), skip = GM_STEP_SKIP(step);
    while (used < n_index && skip < GM_STEP_END) {
        unsigned code_bits;
        uint32_t one = ac_step(ac, bits << used, &code_bits);
        if (!one || used + code_bits > n_index || skip + GM_STEP_SKIP(one) > 63 + GM_STEP_END)
            break;
        if (GM_STEP_SKIP(one) < GM_STEP_END && skip + GM_STEP_SKIP(one) > 63)
            break;
        used += GM_STEP_BITS(one);
        skip += GM_STEP_SKIP(one);
    }
    return make_step(used, skip);
}

uint32_t gm_huffman_next(struct gm_huffman *ac, uint64_t bits)
{
    uint16_t *entry = &ac->next[bits >> (64 - GM_HUFFMAN_NEXT_BITS)];
    unsigned code_bits;
    uint32_t one = ac_step(ac, bits, &code_bits);
    if (!one)
        return 0;
    if (*entry)
        return one;
    if (code_bits > GM_HUFFMAN_NEXT_BITS) {
        *entry = GM_STEP_LONG;
        return one;
    }
    uint64_t index = bits & ~(~(uint64_t)0 >> GM_HUFFMAN_NEXT_BITS);
    *entry = (uint16_t)add_steps(ac, index, GM_HUFFMAN_NEXT_BITS, one);
    return *entry;
}

uint32_t gm_huffman_refinement_step(const struct gm_huffman *ac, uint64_t bits)
{
    return refinement_step(gm_huffman_decode(ac, bits));
}

/* All codes but the ends of more than one block. */
static bool is_in_band_step(unsigned code)
{
    unsigned run = code >> 4 & 15, size = code & 15;
    return code && size <= MAX_AC_SIZE && (size > 0 || run == 0 || run == 15);
}

uint64_t gm_huffman_band_step(struct gm_huffman *ac, uint64_t bits)
{
    uint64_t *entry = &ac->band[bits >> (64 - GM_HUFFMAN_BAND_BITS)], nonzero = 0;
    unsigned used = 0, skip = 0, is_end = 0;
    bits &= ~(~(uint64_t)0 >> GM_HUFFMAN_BAND_BITS);
    while (used < GM_HUFFMAN_BAND_BITS && !is_end) {
        unsigned code = gm_huffman_decode(ac, bits << used);
        unsigned length = code >> 8, run = code >> 4 & 15, size = code & 15;
        bool is_zeros = size == 0 && run == 15;
        if (used + length > GM_HUFFMAN_BAND_BITS || !is_in_band_step(code))
            break;
        is_end = size == 0 && !is_zeros;
        if (!is_end && skip + run >= GM_BAND_MAX_SKIP)
            break;
        used += length + size;
        nonzero |= is_end ? 0 : (uint64_t)(size > 0) << (skip + run);
        skip += is_end ? 0 : run + 1;
    }
    *entry = used ? used | is_end << 7 | skip << 8 | nonzero << 14 : GM_BAND_ALONE;
    return *entry;
}

static int value_of(uint64_t bits, unsigned size)
{
    if (size == 0)
        return 0;
    int value = (int)(bits >> (64 - size));
    return value < 1 << (size - 1) ? value - (1 << size) + 1 : value;
}

uint32_t gm_huffman_first_step(struct gm_huffman_first *first, uint64_t bits, unsigned *dc_bits,
                               int *diff)
{
    uint32_t *entry = &first->entries[bits >> (64 - GM_HUFFMAN_FIRST_BITS)];
    unsigned code = gm_huffman_decode(first->dc, bits);
    unsigned size = code & 0xff;
    if (!code || size >= GM_HUFFMAN_DC_SIZES)
        return 0;
    unsigned n_bits = (code >> 8) + size;
    *diff = value_of(bits << (code >> 8), size);
    *dc_bits = n_bits;
    if (*entry || n_bits > GM_HUFFMAN_FIRST_BITS) {
        *entry = GM_STEP_LONG;
        return GM_STEP_LONG;
    }
    uint64_t index = bits & ~(~(uint64_t)0 >> GM_HUFFMAN_FIRST_BITS);
    uint32_t step = first->ac
                        ? add_steps(first->ac, index, GM_HUFFMAN_FIRST_BITS, make_step(n_bits, 1))
                        : make_step(n_bits, GM_STEP_END + 1);
    *entry = step | n_bits << 13 | (uint32_t)*diff << 20;
    return *entry;
}

/* ---- writing DC differences ---- */

static unsigned longest_code(const struct gm_huffman *dc)
{
    unsigned length = 16;
    while (length > 0 && dc->content[length - 1] == 0)
        length--;
    return length;
}

/* Appends the missing sizes as codes of 16 bits. */
static bool extend(const struct gm_huffman *dc, const bool *has, struct gm_huffman_dc_codes *codes)
{
    unsigned n_missing = 0, longest = longest_code(dc);
    for (unsigned size = 0; size < GM_HUFFMAN_DC_SIZES; size++)
        if (!has[size]) {
            if (codes->n_symbols == 256)
                return false;
            codes->content[16 + codes->n_symbols++] = (uint8_t)size;
            n_missing++;
        }
    uint32_t n_free = 65536 - (longest ? dc->limits[longest] : 0);
    if (n_missing >= n_free || codes->content[15] + n_missing > 255)
        return false;
    codes->content[15] = (uint8_t)(codes->content[15] + n_missing);
    return true;
}

bool gm_huffman_dc_codes(const struct gm_huffman *dc, struct gm_huffman_dc_codes *codes)
{
    bool has[GM_HUFFMAN_DC_SIZES] = {false};
    memcpy(codes->content, dc->content, sizeof codes->content);
    codes->n_symbols = dc->n_symbols;
    for (unsigned i = 0; i < dc->n_symbols; i++) {
        uint8_t size = dc->content[16 + i];
        if (size < GM_HUFFMAN_DC_SIZES)
            has[size] = true;
    }
    if (!extend(dc, has, codes))
        return false;
    uint32_t code = 0;
    const uint8_t *symbol = codes->content + 16;
    for (unsigned length = 1; length <= 16; length++, code <<= 1)
        for (unsigned i = 0; i < codes->content[length - 1]; i++, code++, symbol++)
            if (*symbol < GM_HUFFMAN_DC_SIZES) {
                codes->codes[*symbol] = (uint16_t)code;
                codes->lengths[*symbol] = (uint8_t)length;
            }
    return true;
}
