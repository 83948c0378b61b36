/* GIF to gray: the first frame on its canvas, as Pillow shows it.
 *
 * Written here because a check that the file is whole must unpack the LZW data anyway; stb_image
 * draws what it finds and needs nine bytes a pixel. This reader needs the plane and a fixed table.
 *
 * Canvas: the logical screen, grown to hold the first frame; where the frame does not reach, it has
 * the frame's transparent color, or color 0. Transparent pixels show their palette color.
 *
 * Strict: all blocks up to the trailer must be there, the first frame's codes must give every pixel
 * and use only colors of the palette. Frames after the first are walked, not unpacked. */
#include "image/le.h"
#include "image/luma.h"
#include "image/picture.h"

#include <string.h>

#define HEAD_BYTES       13
#define DESCRIPTOR_BYTES 9
#define MAX_CODES        4096
#define MAX_MIN_WIDTH    11 /* above 8 it makes no sense, but such files exist */
#define NO_COLOR         (-1)

struct lzw {
    uint16_t prefix[MAX_CODES];
    uint8_t suffix[MAX_CODES];
    uint8_t first[MAX_CODES];
    uint8_t stack[MAX_CODES];
};

struct gif {
    struct gm_picture *picture;
    size_t at;              /* next byte of the file */
    const uint8_t *palette; /* of the frame, or global; NULL: gray ramp */
    unsigned n_colors;
    int transparent;              /* of the frame, or NO_COLOR */
    uint32_t x, y, width, height; /* of the frame */
    bool interlaced;
    uint8_t gray_of[256];
};

/* Where the next pixel goes. */
struct cursor {
    uint64_t n_left;
    uint32_t column, row;
    unsigned pass;
    uint8_t *out; /* start of the row in the plane */
};

static enum gm_reason truncated(struct gif *gif, const char *where)
{
    return gm_picture_truncated(gif->picture, where);
}

static enum gm_reason broken(struct gif *gif, const char *what)
{
    return gm_picture_fail(gif->picture, GM_REASON_IMAGE_BROKEN, "%s", what);
}

/* The next n bytes of the file, or NULL. */
static const uint8_t *take(struct gif *gif, size_t n)
{
    if (n > gif->picture->n_bytes - gif->at)
        return NULL;
    const uint8_t *p = gif->picture->data + gif->at;
    gif->at += n;
    return p;
}

/* Moves behind the sub-blocks up to the empty one. false: cut off. */
static bool skip_blocks(struct gif *gif)
{
    for (;;) {
        const uint8_t *length = take(gif, 1);
        if (!length || !take(gif, *length))
            return false;
        if (*length == 0)
            return true;
    }
}

/* A color table, if the flags say that there is one. false: cut off. */
static bool take_palette(struct gif *gif, unsigned flags, const uint8_t **palette, unsigned *n)
{
    if (!(flags & 0x80))
        return true;
    *n = 2u << (flags & 7);
    *palette = take(gif, (size_t)*n * 3);
    return *palette != NULL;
}

/* An extension behind its '!'. A graphic control names the transparent color. */
static bool take_extension(struct gif *gif)
{
    const uint8_t *label = take(gif, 1);
    if (!label)
        return false;
    size_t start = gif->at;
    if (!skip_blocks(gif))
        return false;
    const uint8_t *block = gif->picture->data + start;
    if (*label == 0xf9 && block[0] >= 4)
        gif->transparent = block[1] & 1 ? block[4] : NO_COLOR;
    return true;
}

static void make_table(struct gif *gif)
{
    if (!gif->palette)
        gif->n_colors = 256;
    for (unsigned i = 0; i < gif->n_colors; i++) {
        const uint8_t *color = gif->palette ? gif->palette + 3 * (size_t)i : NULL;
        gif->gray_of[i] = color ? gm_luma(color[0], color[1], color[2]) : (uint8_t)i;
    }
    if (gm_picture_is_over(gif->picture) && gif->transparent != NO_COLOR)
        gif->gray_of[gif->transparent] = gm_picture_background(gif->picture);
}

/* Begins the picture and paints the canvas. */
static enum gm_reason begin(struct gif *gif)
{
    const uint8_t *screen = gif->picture->data + 6;
    struct gm_picture_shape shape = {gm_le16(screen), gm_le16(screen + 2), 1, 8};
    if (gif->x + gif->width > shape.width)
        shape.width = gif->x + gif->width;
    if (gif->y + gif->height > shape.height)
        shape.height = gif->y + gif->height;
    if (gif->width == 0 || gif->height == 0)
        return broken(gif, "the first frame has no pixels");
    enum gm_reason reason = gm_picture_begin(gif->picture, &shape, sizeof(struct lzw));
    if (reason)
        return reason;
    make_table(gif);
    gif->picture->mode = "P";
    unsigned fill = gif->transparent == NO_COLOR ? 0 : (unsigned)gif->transparent;
    memset(gif->picture->plane, fill < gif->n_colors ? gif->gray_of[fill] : 0,
           (size_t)shape.width * shape.height);
    return GM_REASON_NONE;
}

static void start_row(struct gif *gif, struct cursor *cursor)
{
    cursor->column = 0;
    cursor->out =
        gif->picture->plane + (size_t)(gif->y + cursor->row) * gif->picture->width + gif->x;
}

static void next_row(struct gif *gif, struct cursor *cursor)
{
    static const uint8_t steps[4] = {8, 8, 4, 2}, starts[4] = {0, 4, 2, 1};
    if (!gif->interlaced) {
        cursor->row++;
    } else {
        cursor->row += steps[cursor->pass];
        while (cursor->row >= gif->height && cursor->pass < 3)
            cursor->row = starts[++cursor->pass];
    }
    if (cursor->n_left)
        start_row(gif, cursor);
}

/* Writes a string of pixels; false: a color that the palette does not have. */
static bool put_pixels(struct gif *gif, struct cursor *cursor, const uint8_t *indices, size_t n)
{
    for (size_t i = 0; i < n && cursor->n_left; i++) {
        if (indices[i] >= gif->n_colors)
            return false;
        cursor->out[cursor->column++] = gif->gray_of[indices[i]];
        cursor->n_left--;
        if (cursor->column == gif->width)
            next_row(gif, cursor);
    }
    return true;
}

/* Codes from the sub-blocks, lowest bit first. */
struct bits {
    const uint8_t *block; /* rest of the current sub-block */
    unsigned block_bytes;
    uint32_t value;
    unsigned n_bits;
};

enum next { NEXT_CODE, NEXT_NO_DATA, NEXT_CUT };

static enum next next_code(struct gif *gif, struct bits *bits, unsigned width, unsigned *code)
{
    while (bits->n_bits < width) {
        if (bits->block_bytes == 0) {
            const uint8_t *length = take(gif, 1);
            if (!length)
                return NEXT_CUT;
            if (*length == 0) {
                gif->at--; /* for skip_blocks */
                return NEXT_NO_DATA;
            }
            bits->block = take(gif, *length);
            if (!bits->block)
                return NEXT_CUT;
            bits->block_bytes = *length;
        }
        bits->value |= (uint32_t)*bits->block++ << bits->n_bits;
        bits->block_bytes--;
        bits->n_bits += 8;
    }
    *code = bits->value & ((1u << width) - 1);
    bits->value >>= width;
    bits->n_bits -= width;
    return NEXT_CODE;
}

struct lzw_state {
    unsigned min_width, width; /* of codes, in bits */
    unsigned clear, n_codes;
    unsigned last; /* code, or MAX_CODES: none since the clear code */
};

static void clear_codes(struct lzw_state *state)
{
    state->width = state->min_width + 1;
    state->n_codes = state->clear + 2;
    state->last = MAX_CODES;
}

/* Unfolds a code to the end of the stack; returns the number of pixels, 0: a code that cannot be
 * there. */
static size_t unfold(struct lzw *lzw, const struct lzw_state *state, unsigned code)
{
    bool is_next = code == state->n_codes && state->last < MAX_CODES && code < MAX_CODES;
    if ((code >= state->n_codes && !is_next) || code == state->clear + 1)
        return 0;
    size_t n = 0;
    unsigned walk = code;
    if (is_next) { /* the string of the last code and its own first pixel */
        lzw->stack[MAX_CODES - ++n] = lzw->first[state->last];
        walk = state->last;
    }
    while (walk > state->clear && n < MAX_CODES - 1) {
        lzw->stack[MAX_CODES - ++n] = lzw->suffix[walk];
        walk = lzw->prefix[walk];
    }
    if (walk > UINT8_MAX)
        return 0; /* a literal that is no index */
    lzw->stack[MAX_CODES - ++n] = (uint8_t)walk;
    return n;
}

/* Adds the string "last code + first pixel of this one". */
static void learn(struct lzw *lzw, struct lzw_state *state, uint8_t first)
{
    if (state->last == MAX_CODES || state->n_codes >= MAX_CODES)
        return;
    unsigned code = state->n_codes++;
    lzw->prefix[code] = (uint16_t)state->last;
    lzw->suffix[code] = first;
    lzw->first[code] = lzw->first[state->last];
    if (state->n_codes == 1u << state->width && state->width < 12)
        state->width++;
}

static enum gm_reason unpack(struct gif *gif, struct lzw *lzw, struct lzw_state *state)
{
    struct cursor cursor = {.n_left = (uint64_t)gif->width * gif->height};
    struct bits bits = {0};
    start_row(gif, &cursor);
    while (cursor.n_left) {
        unsigned code;
        enum next next = next_code(gif, &bits, state->width, &code);
        if (next == NEXT_CUT)
            return truncated(gif, "in the image data");
        if (next == NEXT_NO_DATA || code == state->clear + 1)
            return gm_picture_fail(gif->picture, GM_REASON_IMAGE_BROKEN,
                                   "the first frame lacks %llu pixels",
                                   (unsigned long long)cursor.n_left);
        if (code == state->clear) {
            clear_codes(state);
            continue;
        }
        size_t n = unfold(lzw, state, code);
        if (n == 0)
            return broken(gif, "an impossible LZW code");
        const uint8_t *pixels = lzw->stack + MAX_CODES - n;
        learn(lzw, state, pixels[0]);
        state->last = code;
        if (!put_pixels(gif, &cursor, pixels, n))
            return broken(gif, "a color is used that the palette does not have");
    }
    return skip_blocks(gif) ? GM_REASON_NONE : truncated(gif, "in the image data");
}

static enum gm_reason read_frame(struct gif *gif)
{
    const uint8_t *min_width = take(gif, 1);
    if (!min_width)
        return truncated(gif, "before the image data");
    if (*min_width < 1 || *min_width > MAX_MIN_WIDTH)
        return broken(gif, "an impossible LZW code width");
    enum gm_reason reason = begin(gif);
    if (reason)
        return reason;
    struct lzw *lzw = (struct lzw *)gm_picture_scratch(gif->picture, sizeof(*lzw));
    if (!lzw)
        return gm_picture_fail(gif->picture, GM_REASON_LIMIT_MEMORY, "no memory for the codes");
    struct lzw_state state = {.min_width = *min_width, .clear = 1u << *min_width};
    clear_codes(&state);
    for (unsigned i = 0; i < state.clear; i++)
        lzw->first[i] = (uint8_t)i;
    return unpack(gif, lzw, &state);
}

/* An image behind its ','. Only the first one is unpacked. */
static enum gm_reason read_image(struct gif *gif, unsigned n_images)
{
    const uint8_t *descriptor = take(gif, DESCRIPTOR_BYTES);
    const uint8_t *palette = gif->palette;
    unsigned n_colors = gif->n_colors;
    if (!descriptor || !take_palette(gif, descriptor[8], &palette, &n_colors))
        return truncated(gif, "in a frame header");
    if (n_images > 0) {
        if (!take(gif, 1) || !skip_blocks(gif))
            return truncated(gif, "in a later frame");
        return GM_REASON_NONE;
    }
    gif->palette = palette;
    gif->n_colors = n_colors;
    gif->x = gm_le16(descriptor);
    gif->y = gm_le16(descriptor + 2);
    gif->width = gm_le16(descriptor + 4);
    gif->height = gm_le16(descriptor + 6);
    gif->interlaced = descriptor[8] & 0x40;
    return read_frame(gif);
}

enum gm_reason gm_gif_decode(struct gm_picture *picture)
{
    struct gif gif = {.picture = picture, .transparent = NO_COLOR};
    const uint8_t *head = take(&gif, HEAD_BYTES);
    if (!head || !take_palette(&gif, head[10], &gif.palette, &gif.n_colors))
        return truncated(&gif, "in the header");
    for (unsigned n_images = 0;;) {
        const uint8_t *kind = take(&gif, 1);
        if (!kind)
            return truncated(&gif, "before the trailer");
        if (*kind == ';')
            return n_images ? GM_REASON_NONE : broken(&gif, "no picture in the file");
        if (*kind == '!' && !take_extension(&gif))
            return truncated(&gif, "in an extension");
        if (*kind == ',') {
            enum gm_reason reason = read_image(&gif, n_images++);
            if (reason)
                return reason;
        }
        /* Other bytes are skipped: some writers leave zeros between blocks. */
    }
}
