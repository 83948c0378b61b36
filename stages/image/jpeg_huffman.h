/* Huffman codes of JPEG, read for how long they are.
 *
 * A lookup takes the next bits and says how many of them belong to the whole codes among them, with
 * their value bits, and how far the codes go in the block: several codes a lookup. Three tables:
 *
 *      first   a block's beginning: the DC difference and what fits of the AC codes (of two tables)
 *      next    AC codes
 *      one     one code, 9 bits: progressive scans, and whatever the other two leave out
 *
 * Entries of first and next are computed when they are first met, and kept: most files of a
 * collection use the same few tables, which are found again by their content. A small picture then
 * costs no table at all, and a lone one only what it uses.
 *
 * One cache per worker. A table stays valid until GM_HUFFMAN_TABLES others were asked for. */
#ifndef GM_IMAGE_JPEG_HUFFMAN_H
#define GM_IMAGE_JPEG_HUFFMAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GM_HUFFMAN_TABLES     24
#define GM_HUFFMAN_FIRSTS     8
#define GM_HUFFMAN_ONE_BITS   9
#define GM_HUFFMAN_NEXT_BITS  12
#define GM_HUFFMAN_FIRST_BITS 12
#define GM_HUFFMAN_DC_SIZES   12 /* DC differences of 8-bit pictures have 0 to 11 value bits */

/* A table as it stands in a DHT segment: 16 counts, then the symbols. */
struct gm_huffman_spec {
    const uint8_t *counts; /* NULL: not defined */
    unsigned n_symbols;    /* at most 256 */
};

struct gm_huffman {
    uint8_t content[16 + 256];
    unsigned n_symbols;
    uint64_t hash;
    uint64_t id;   /* another one for each content that takes this place */
    uint64_t used; /* stamp of the last use */
    bool is_valid; /* false: the codes do not form a table */
    bool has_next;
    /* By length: codes of that length are below limit (16 bits, left-justified). */
    uint32_t limits[17];
    int32_t offsets[17];                      /* symbol index = (code >> (16 - length)) + offset */
    uint16_t one[1 << GM_HUFFMAN_ONE_BITS];   /* length << 8 | symbol; 0: longer or no code */
    uint16_t next[1 << GM_HUFFMAN_NEXT_BITS]; /* GM_STEP_..; 0: not yet computed */
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

/* The table of that content; is_valid says whether it can be used. spec must be defined. */
struct gm_huffman *gm_huffman_get(struct gm_huffman_cache *cache, struct gm_huffman_spec spec);
/* The same for AC tables, with room for next. */
struct gm_huffman *gm_huffman_get_ac(struct gm_huffman_cache *cache, struct gm_huffman_spec spec);
/* The first table of a pair from gm_huffman_get and gm_huffman_get_ac. */
struct gm_huffman_first *gm_huffman_first_get(struct gm_huffman_cache *cache,
                                              const struct gm_huffman *dc,
                                              const struct gm_huffman *ac);

/* One code: length << 8 | symbol, or 0 if the next 16 bits begin with none. bits: first on top. */
unsigned gm_huffman_decode(const struct gm_huffman *table, uint64_t bits);

/* What an entry with zero bits stands for: computes it, or reads one long code. bits: the next
 * ones, at least 26 valid. Returns an entry whose skip is that of one or more codes, or 0: no AC
 * code of a sequential 8-bit picture. */
uint32_t gm_huffman_next(struct gm_huffman *ac, uint64_t bits);
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
 * sizes that it lacks (optimised tables have only what their picture needed). False: no room, or
 * not a DC table. */
bool gm_huffman_dc_codes(const struct gm_huffman *dc, struct gm_huffman_dc_codes *codes);

#endif
