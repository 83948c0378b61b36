/* The loop over the blocks of a scan. It is where the time of a baseline file goes: all state is in
 * locals, the rare cases are calls by value so that it stays in registers, and the loop exists
 * twice, once for processors with the shift instructions of BMI2. */
#include "image/jpeg_mcu.h"

#include "image/jpeg_data.h"

#define LIKELY(e)    __builtin_expect(!!(e), 1)
#define UNLIKELY(e)  __builtin_expect(!!(e), 0)
#define INLINE       static inline __attribute__((always_inline))

#define BLOCK_END    64
#define BAD_POSITION SIZE_MAX
#define DC_MAGNITUDE 32767

/* The walk's state in registers. */
struct state {
    struct gm_bits bits;
    int dc;             /* predictor of the source */
    bool is_contiguous; /* the next luma block's predecessor is the same in the output */
};

/* The end of a block whose last lookup went past it: code by code from position on, where the block
 * is at k. */
static __attribute__((noinline)) size_t
end_of_block(const struct gm_huffman *ac, const uint8_t *data, size_t position, unsigned k)
{
    while (k < BLOCK_END) {
        uint32_t step = gm_huffman_ac_step(ac, gm_bits_at(data, position).buffer);
        if (!step)
            return BAD_POSITION;
        position += GM_STEP_BITS(step);
        if (GM_STEP_SKIP(step) == GM_STEP_END)
            return position;
        k += GM_STEP_SKIP(step);
    }
    return k == BLOCK_END ? position : BAD_POSITION;
}

INLINE uint32_t next_step(struct gm_huffman *ac, uint64_t bits)
{
    uint32_t step = ac->next[bits >> (64 - GM_HUFFMAN_NEXT_BITS)];
    return LIKELY(GM_STEP_BITS(step)) ? step : gm_huffman_next(ac, bits);
}

/* From k on; at least 26 bits are valid. */
INLINE bool read_ac(struct gm_bits *bits, struct gm_huffman *ac, const uint8_t *data, unsigned k)
{
    struct gm_bits b = *bits;
    uint32_t step;
    do {
        step = next_step(ac, b.buffer);
        if (UNLIKELY(!step))
            return false;
        b = gm_bits_fill(gm_bits_drop(b, GM_STEP_BITS(step)));
        k += GM_STEP_SKIP(step);
        if (k >= BLOCK_END)
            break;
        step = next_step(ac, b.buffer);
        if (UNLIKELY(!step))
            return false;
        b = gm_bits_drop(b, GM_STEP_BITS(step));
        k += GM_STEP_SKIP(step);
    } while (k < BLOCK_END);
    if (UNLIKELY(k != BLOCK_END && k - GM_STEP_END >= BLOCK_END)) {
        size_t position = gm_bits_position(b, data) - GM_STEP_BITS(step);
        position = end_of_block(ac, data, position, k - GM_STEP_SKIP(step));
        if (position == BAD_POSITION)
            return false;
        b = gm_bits_at(data, position);
    }
    *bits = b;
    return true;
}

/* One block. *dc_bits: length of the DC code and value. */
INLINE bool read_block(struct gm_bits *bits, const struct gm_jpeg_part *part, const uint8_t *data,
                       unsigned *dc_bits, int *diff)
{
    struct gm_bits b = gm_bits_fill(*bits);
    uint32_t step = part->first->entries[b.buffer >> (64 - GM_HUFFMAN_FIRST_BITS)];
    unsigned k = GM_STEP_SKIP(step);
    *dc_bits = GM_FIRST_DC_BITS(step);
    *diff = GM_FIRST_DIFF(step);
    if (UNLIKELY(!GM_STEP_BITS(step))) {
        unsigned n_bits;
        int value;
        step = gm_huffman_first_step(part->first, b.buffer, &n_bits, &value);
        if (!step)
            return false;
        *dc_bits = n_bits;
        *diff = value;
        k = step == GM_STEP_LONG ? 1 : GM_STEP_SKIP(step);
        if (step == GM_STEP_LONG)
            step = n_bits;
    }
    b = gm_bits_drop(b, GM_STEP_BITS(step));
    if (k < BLOCK_END && part->ac && !read_ac(&b, part->ac, data, k))
        return false;
    *bits = b;
    return true;
}

INLINE bool skip_blocks(struct gm_bits *bits, const struct gm_jpeg_part *part, unsigned n,
                        const uint8_t *data)
{
    unsigned dc_bits;
    int diff;
    for (unsigned i = n; i > 0; i--)
        if (!read_block(bits, part, data, &dc_bits, &diff))
            return false;
    return true;
}

/* h blocks beside each other, of which the first n_wide are in the picture; n_wide is 0 in rows
 * below it. */
INLINE bool copy_row(const struct gm_jpeg_walk *walk, const struct gm_jpeg_part *part, unsigned h,
                     struct state *state, unsigned row, unsigned n_wide, bool is_first)
{
    const uint8_t *data = walk->window->data;
    struct gm_jpeg_rows *rows = walk->rows;
    size_t start = gm_bits_position(state->bits, data), end = start, ac_start = start;
    int first = 0, last = 0;
    for (unsigned i = 0; i < h; i++) {
        unsigned dc_bits;
        int diff;
        if (!read_block(&state->bits, part, data, &dc_bits, &diff))
            return false;
        state->dc += diff;
        if (i == 0) {
            first = state->dc;
            ac_start = start + dc_bits;
        }
        if (i < n_wide) {
            end = gm_bits_position(state->bits, data);
            last = state->dc;
        }
    }
    if (n_wide == 0)
        return true;
    if (!state->is_contiguous) {
        if (row > 0 && is_first)
            rows->first[row] = first;
        else if (!gm_jpeg_put_dc(&rows->writers[row], rows->codes, first - rows->last[row]))
            return false;
        start = ac_start;
    }
    rows->last[row] = last;
    if (start != end)
        gm_bits_copy(&rows->writers[row], data, start, end);
    return true;
}

INLINE bool copy_luma(const struct gm_jpeg_walk *walk, const struct gm_jpeg_part *part, unsigned h,
                      unsigned v, struct state *state, uint32_t x, uint32_t y)
{
    uint32_t n_wide = walk->blocks_wide - x * h;
    if (n_wide > h)
        n_wide = h;
    if (v > 1)
        state->is_contiguous = false;
    for (unsigned row = 0; row < v; row++) {
        bool is_in = y * v + row < walk->blocks_high;
        if (!copy_row(walk, part, h, state, row, is_in ? n_wide : 0, x == 0))
            return false;
    }
    state->is_contiguous = n_wide == h;
    return state->dc <= DC_MAGNITUDE && state->dc >= -DC_MAGNITUDE;
}

/* The usual layouts of an MCU get loops of their own, where these are constants: luma first, h x v
 * blocks, then n_chroma parts of one block each. h 0: any other. */
struct shape {
    unsigned h, v, n_chroma;
};

typedef bool mcu_walker(const struct gm_jpeg_walk *walk, struct state *state, uint32_t x,
                        uint32_t y, struct shape shape);

INLINE bool walk_mcu(const struct gm_jpeg_walk *walk, struct state *state, uint32_t x, uint32_t y,
                     struct shape shape)
{
    const struct gm_jpeg_part *parts = walk->parts;
    const uint8_t *data = walk->window->data;
    if (shape.h > 0) {
        if (!copy_luma(walk, parts, shape.h, shape.v, state, x, y))
            return false;
        for (unsigned i = 1; i <= shape.n_chroma; i++)
            if (!skip_blocks(&state->bits, &parts[i], 1, data))
                return false;
        return true;
    }
    for (unsigned i = 0; i < walk->n_parts; i++) {
        const struct gm_jpeg_part *part = &parts[i];
        if (part->is_luma ? !copy_luma(walk, part, part->h, part->v, state, x, y)
                          : !skip_blocks(&state->bits, part, (unsigned)part->h * part->v, data))
            return false;
    }
    return true;
}

/* The bits of an MCU of a refinement scan: those of luma go into their rows. */
INLINE bool walk_bits(const struct gm_jpeg_walk *walk, struct state *state, uint32_t x, uint32_t y,
                      struct shape shape)
{
    (void)shape;
    struct gm_bits b = gm_bits_fill(state->bits);
    uint64_t bits = b.buffer;
    for (unsigned i = 0; i < walk->n_parts; i++) {
        const struct gm_jpeg_part *part = &walk->parts[i];
        unsigned n = (unsigned)part->h * part->v;
        uint32_t n_wide = part->is_luma ? walk->blocks_wide - x * part->h : 0;
        if (n_wide > part->h)
            n_wide = part->h;
        for (unsigned row = 0; part->is_luma && row < part->v; row++)
            if (y * part->v + row < walk->blocks_high)
                gm_bits_put(&walk->rows->writers[row],
                            bits << row * part->h & ~(~(uint64_t)0 >> n_wide), n_wide);
        bits <<= n;
        b = gm_bits_drop(b, n);
    }
    state->bits = b;
    return true;
}

static unsigned rows_in(const struct gm_jpeg_walk *walk, uint32_t y)
{
    for (unsigned i = 0; i < walk->n_parts; i++)
        if (walk->parts[i].is_luma) {
            uint32_t left = walk->blocks_high - y * walk->parts[i].v;
            return left < walk->parts[i].v ? left : walk->parts[i].v;
        }
    return 0;
}

INLINE bool walk_scan(struct gm_jpeg_walk *given, mcu_walker *walk_one, struct shape shape)
{
    const struct gm_jpeg_walk copy = *given,
                              *walk = &copy; /* no bit that is written is part of it */
    struct gm_jpeg_data data;
    struct state state = {gm_jpeg_data_begin(&data, walk->window, walk->next, walk->end), 0, true};
    unsigned until_restart = walk->restart_interval;
    for (uint32_t y = 0; y < walk->mcus_high; y++) {
        for (uint32_t x = 0; x < walk->mcus_wide; x++) {
            if (walk->restart_interval && until_restart-- == 0) {
                if (!gm_jpeg_data_restart(&data, &state.bits))
                    return false;
                until_restart = walk->restart_interval - 1;
                state.dc = 0;
                state.is_contiguous = false;
            }
            if (!gm_jpeg_data_ready(&data, &state.bits) || !walk_one(walk, &state, x, y, shape))
                return false;
        }
        unsigned n_rows = rows_in(walk, y);
        if (n_rows > 0 && !gm_jpeg_rows_join(walk->rows, n_rows))
            return false;
    }
    return gm_jpeg_data_finish(&data, state.bits, &given->next);
}

static bool has_shape(const struct gm_jpeg_walk *walk, struct shape shape)
{
    const struct gm_jpeg_part *parts = walk->parts;
    bool has = walk->n_parts == 1 + shape.n_chroma && parts[0].is_luma && parts[0].h == shape.h &&
               parts[0].v == shape.v;
    for (unsigned i = 1; has && i <= shape.n_chroma; i++)
        has = parts[i].h == 1 && parts[i].v == 1;
    return has;
}

INLINE bool walk_any(struct gm_jpeg_walk *walk)
{
    const struct shape whole = {1, 1, 2}, half = {2, 1, 2}, quarter = {2, 2, 2}, any = {0};
    if (walk->is_refinement)
        return walk_scan(walk, walk_bits, any);
    if (has_shape(walk, whole))
        return walk_scan(walk, walk_mcu, whole);
    if (has_shape(walk, half))
        return walk_scan(walk, walk_mcu, half);
    if (has_shape(walk, quarter))
        return walk_scan(walk, walk_mcu, quarter);
    return walk_scan(walk, walk_mcu, any);
}

#ifdef __x86_64__
__attribute__((target("bmi,bmi2,lzcnt"))) static bool walk_bmi2(struct gm_jpeg_walk *walk)
{
    return walk_any(walk);
}
#endif

static bool walk_plain(struct gm_jpeg_walk *walk)
{
    return walk_any(walk);
}

bool gm_jpeg_walk(struct gm_jpeg_walk *walk)
{
#ifdef __x86_64__
    if (__builtin_cpu_supports("bmi2"))
        return walk_bmi2(walk);
#endif
    return walk_plain(walk);
}
