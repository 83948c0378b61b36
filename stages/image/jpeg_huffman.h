/* Huffman codes of JPEG, read for how long they are.
 *
 * A lookup takes the next bits and says how many of them belong to the whole codes among them, with
 * their value bits, and how far the codes go in the block: several codes a lookup where that is
 * possible. The tables:
 *
 *      first        a block's beginning: the DC difference and what fits of the AC codes
 *      next         AC codes of sequential scans
 *      band         AC codes of progressive scans, first pass
 *      refinement   one AC code of a progressive scan, later passes
 *      one          one code, 9 bits: whatever the others leave out
 *
 * Entries of first, next and band are computed when they are first met, and kept: most files of a
 * collection use the same few tables, which are found again by their content. A small picture then
 * costs no table at all, and a lone one only what it uses.
 *
 * One cache per worker. A table stays valid until GM_HUFFMAN_TABLES others were asked for. */
#ifndef GM_IMAGE_JPEG_HUFFMAN_H
#define GM_IMAGE_JPEG_HUFFMAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GM_HUFFMAN_TABLES     16
#define GM_HUFFMAN_FIRSTS     8
#define GM_HUFFMAN_ONE_BITS   9
#define GM_HUFFMAN_NEXT_BITS  12
#define GM_HUFFMAN_FIRST_BITS 12
#define GM_HUFFMAN_BAND_BITS  11
#define GM_HUFFMAN_DC_SIZES   12 /* DC differences of 8-bit pictures have 0 to 11 value bits */

/* A table as it stands in a DHT segment: 16 counts, then the symbols. */
struct gm_huffman_spec {
    const uint8_t *counts; /* NULL: not defined */
    unsigned n_symbols;    /* at most 256 */
};

/* What an AC table is read for. */
enum gm_huffman_use {
    GM_HUFFMAN_PLAIN,
    GM_HUFFMAN_SEQUENTIAL,
    GM_HUFFMAN_BAND,
    GM_HUFFMAN_REFINEMENT
};

struct gm_huffman {
    uint8_t content[16 + 256];
    unsigned n_symbols;
    uint64_t hash;
    uint64_t id;   /* another one for each content that takes this place */
    uint64_t used; /* stamp of the last use */
    bool is_valid; /* false: the codes do not form a table */
    bool is_dc;    /* valid, and every symbol can be the size of a DC difference */
    enum gm_huffman_use use;
    /* By length: codes of that length are below limit (16 bits, left-justified). */
    uint32_t limits[17];
    int32_t offsets[17];                    /* symbol index = (code >> (16 - length)) + offset */
    uint16_t one[1 << GM_HUFFMAN_ONE_BITS]; /* length << 8 | symbol; 0: longer or no code */
    union {                                 /* by use; 0: not computed */
        uint16_t next[1 << GM_HUFFMAN_NEXT_BITS];      /* GM_STEP_.. */
        uint64_t band[1 << GM_HUFFMAN_BAND_BITS];      /* GM_BAND_.. */
        uint32_t refinement[1 << GM_HUFFMAN_ONE_BITS]; /* GM_REFINEMENT_.. */
    };
};

/* An entry of next: bits used (5 bits), then how far it goes in the block (8 bits). The end of the
 * block counts GM_STEP_END. Zero bits: see gm_huffman_next. */
#define GM_STEP_BITS(step) ((step)&31)
#define GM_STEP_SKIP(step) ((step) >> 5 & 255)
#define GM_STEP_END        128
/* The entry of a code that is longer than the index. */
#define GM_STEP_LONG ((uint32_t)1 << 5)
/* An entry of first has the same, and on top: bits of the DC code and value (5 bits), the
 * difference (12 bits, signed). */
#define GM_FIRST_DC_BITS(first) ((first) >> 13 & 31)
#define GM_FIRST_DIFF(first)    ((int32_t)(first) >> 20)

/* An entry of band: bits used, coefficients passed, which of those are not zero, and whether the
 * block ends behind them. GM_BAND_ALONE: one code must be read by itself; it may end a run of
 * blocks.
 */
#define GM_BAND_BITS(step)    ((unsigned)(step)&63)
#define GM_BAND_END(step)     ((unsigned)(step) >> 7 & 1)
#define GM_BAND_SKIP(step)    ((unsigned)(step) >> 8 & 63)
#define GM_BAND_NONZERO(step) ((uint64_t)(step) >> 14)
#define GM_BAND_ALONE         ((uint64_t)1 << 6)
#define GM_BAND_OTHER(step)   ((step) >> 6 & 1)
#define GM_BAND_MAX_SKIP      50
/* An entry of refinement: bits of the code and the sign; whether it is another code than a run and
 * a sign or the end of the block; whether it is the end of the block, maybe of a run of blocks; the
 * run; whether there is a sign; and 1 << run, or 0 at an end. GM_REFINEMENT_LONG: longer, or no
 * code. */
#define GM_REFINEMENT_BITS(step)    ((step)&63)
#define GM_REFINEMENT_OTHER(step)   ((step) >> 6 & 1)
#define GM_REFINEMENT_END_BIT       ((uint32_t)1 << 7)
#define GM_REFINEMENT_END(step)     ((step) >> 7 & 1)
#define GM_REFINEMENT_RUN(step)     ((step) >> 8 & 15)
#define GM_REFINEMENT_SIGN(step)    ((step) >> 12 & 1)
#define GM_REFINEMENT_RUN_BIT(step) ((step) >> 16)
#define GM_REFINEMENT_LONG          ((uint32_t)1 << 6)

struct gm_huffman_first {
    const struct gm_huffman *dc;
    const struct gm_huffman *ac; /* NULL: blocks that have a DC part only */
    uint64_t dc_id, ac_id;
    uint64_t used;
    uint32_t entries[1 << GM_HUFFMAN_FIRST_BITS];
};

struct gm_huffman_cache {
    uint64_t clock;
    struct gm_huffman tables[GM_HUFFMAN_TABLES];
    struct gm_huffman_first firsts[GM_HUFFMAN_FIRSTS];
};

/* NULL: no memory. */
struct gm_huffman_cache *gm_huffman_cache_new(void);
void gm_huffman_cache_free(struct gm_huffman_cache *cache); /* NULL allowed */

/* The table of that content, ready for the use; is_valid says whether it can be used. spec must be
 * defined. */
struct gm_huffman *gm_huffman_get(struct gm_huffman_cache *cache, struct gm_huffman_spec spec,
                                  enum gm_huffman_use use);
/* The first table of a pair; ac NULL: blocks have a DC part only. */
struct gm_huffman_first *gm_huffman_first_get(struct gm_huffman_cache *cache,
                                              const struct gm_huffman *dc,
                                              const struct gm_huffman *ac);

/* One code: length << 8 | symbol, or 0 if the next 16 bits begin with none. bits: first on top. */
unsigned gm_huffman_decode(const struct gm_huffman *table, uint64_t bits);

/* What an entry with zero bits stands for: computes it, or reads one long code. bits: the next
 * ones, at least 26 valid. Returns an entry whose skip is that of one or more codes, or 0: no AC
 * code of a sequential 8-bit picture. */
uint32_t gm_huffman_next(struct gm_huffman *ac, uint64_t bits);
/* The entry of band for the next bits, computed. */
uint64_t gm_huffman_band_step(struct gm_huffman *ac, uint64_t bits);
/* The entry of refinement for one code, of any length; 0: no code of such a scan. */
uint32_t gm_huffman_refinement_step(const struct gm_huffman *ac, uint64_t bits);
/* One AC code as an entry, or 0. */
uint32_t gm_huffman_ac_step(const struct gm_huffman *ac, uint64_t bits);
/* The same for first; at least 27 valid bits. GM_STEP_LONG: only the DC code was read; its bits and
 * difference are in *dc_bits and *diff. */
uint32_t gm_huffman_first_step(struct gm_huffman_first *first, uint64_t bits, unsigned *dc_bits,
                               int *diff);

/* ---- writing DC differences ---- */

/* Codes for all sizes 0..11. */
struct gm_huffman_dc_codes {
    uint16_t codes[GM_HUFFMAN_DC_SIZES];
    uint8_t lengths[GM_HUFFMAN_DC_SIZES];
    uint8_t content[16 + 256]; /* what goes into the DHT segment */
    unsigned n_symbols;
};

/* The table itself, so that its codes can be copied, and behind its last code, with 16 bits, the
 * sizes that it lacks (optimised tables have only what their picture needed). dc->is_dc must be
 * true. False: no room. */
bool gm_huffman_dc_codes(const struct gm_huffman *dc, struct gm_huffman_dc_codes *codes);

#endif
