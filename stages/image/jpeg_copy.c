/* The route that copies codes: one pass over the source's markers, each scan either walked by
 * jpeg_mcu.c (it begins with DC: rows of blocks come out in another order), walked by jpeg_band.c
 * and copied as it is (AC scans of progressive files), or skipped (chroma of progressive files).
 *
 * Restart markers are dropped where the walk writes the scan anew and kept where it is copied. The
 * frame has one component, sampling 1x1; tables keep their content and get the id 0. */
#include "image/jpeg_copy.h"

#include "image/jpeg_band.h"
#include "image/jpeg_mcu.h"

#include <stdlib.h>

struct gm_jpeg_copier {
    struct gm_huffman_cache *cache;
    struct gm_jpeg_window windows[2];
    uint8_t *rows;
    size_t rows_bytes;
    uint64_t *nonzero;
    size_t nonzero_bytes;
};

/* One file's work. */
struct copy {
    struct gm_jpeg_copier *copier;
    struct gm_picture *picture;
    const struct gm_jpeg_file *file;
    struct gm_buf *out;
    struct gm_jpeg_frame frame;
    bool has_header;           /* the gray file's is written */
    unsigned restart_interval; /* in force in the gray file */
    /* AC scans of a progressive file that are copied but not yet proved, and their tables. */
    struct gm_jpeg_bands bands;
    struct gm_huffman_spec specs[2];
};

struct gm_jpeg_copier *gm_jpeg_copier_new(void)
{
    struct gm_jpeg_copier *copier = calloc(1, sizeof *copier);
    if (!copier)
        return NULL;
    copier->cache = gm_huffman_cache_new();
    if (!copier->cache) {
        free(copier);
        return NULL;
    }
    return copier;
}

static void free_memory(struct gm_jpeg_copier *copier)
{
    free(copier->rows);
    free(copier->nonzero);
    copier->rows = NULL;
    copier->nonzero = NULL;
    copier->rows_bytes = copier->nonzero_bytes = 0;
}

void gm_jpeg_copier_free(struct gm_jpeg_copier *copier)
{
    if (!copier)
        return;
    free_memory(copier);
    gm_huffman_cache_free(copier->cache);
    free(copier);
}

void gm_jpeg_copier_trim(struct gm_jpeg_copier *copier)
{
    if (copier->rows_bytes + copier->nonzero_bytes > GM_PICTURE_KEPT_BYTES)
        free_memory(copier);
}

static void *ensure(void *memory, size_t *capacity_bytes, size_t n_bytes)
{
    if (n_bytes <= *capacity_bytes)
        return memory;
    free(memory);
    memory = malloc(n_bytes);
    *capacity_bytes = memory ? n_bytes : 0;
    return memory;
}

static size_t n_luma_blocks(const struct gm_jpeg_frame *frame)
{
    return (size_t)frame->components[0].blocks_wide * frame->components[0].blocks_high;
}

/* Judges the frame when the first scan is known, and gets the memory. */
static enum gm_reason prepare(struct copy *copy)
{
    struct gm_jpeg_frame *frame = &copy->frame;
    struct gm_jpeg_copier *copier = copy->copier;
    if (!gm_jpeg_frame_has_luma(frame))
        return GM_PICTURE_PASS;
    size_t rows_bytes =
        gm_jpeg_rows_bytes(frame->components[0].blocks_wide, frame->components[0].v);
    size_t nonzero_bytes =
        frame->sof == GM_JPEG_SOF2 ? (n_luma_blocks(frame) + 1) * sizeof *copier->nonzero : 0;
    struct gm_picture_shape shape = {frame->width, frame->height, (uint8_t)frame->n_components, 8};
    enum gm_reason reason = gm_picture_check(copy->picture, &shape,
                                             rows_bytes + nonzero_bytes + 2 * copy->file->n_bytes);
    if (reason)
        return reason;
    copier->rows = ensure(copier->rows, &copier->rows_bytes, rows_bytes);
    copier->nonzero = ensure(copier->nonzero, &copier->nonzero_bytes, nonzero_bytes);
    if (!copier->rows || (nonzero_bytes && !copier->nonzero))
        return gm_picture_fail(copy->picture, GM_REASON_LIMIT_MEMORY, "no memory for the copy");
    if (nonzero_bytes)
        memset(copier->nonzero, 0, nonzero_bytes);
    return GM_REASON_NONE;
}

/* ---- writing the gray file ---- */

static void put_marker(struct gm_buf *out, unsigned marker, size_t content_bytes)
{
    const uint8_t head[] = {0xff, (uint8_t)marker, (uint8_t)((content_bytes + 2) >> 8),
                            (uint8_t)(content_bytes + 2)};
    gm_buf_append(out, head, sizeof head);
}

/* 16-bit tables whose values are small are written with 8 bits, as baseline wants. Returns whether
 * 16 bits are needed. */
static bool put_quant(struct gm_buf *out, struct gm_jpeg_quant quant)
{
    bool is_large = false;
    for (unsigned i = 0; i < 64 && quant.is_16_bit; i++)
        is_large |= quant.values[2 * i] != 0;
    put_marker(out, GM_JPEG_DQT, is_large ? 129 : 65);
    gm_buf_char(out, is_large ? 0x10 : 0);
    if (is_large == quant.is_16_bit)
        gm_buf_append(out, quant.values, is_large ? 128 : 64);
    for (unsigned i = 0; i < 64 && quant.is_16_bit && !is_large; i++)
        gm_buf_char(out, (char)quant.values[2 * i + 1]);
    return is_large;
}

static void put_header(struct copy *copy)
{
    static const uint8_t start[] = {0xff, GM_JPEG_SOI};
    const struct gm_jpeg_frame *frame = &copy->frame;
    struct gm_jpeg_extras extras;
    gm_buf_append(copy->out, start, sizeof start);
    gm_jpeg_extras_choose(&extras, frame, copy->file->metadata);
    for (unsigned i = 0; i < extras.n_segments; i++) {
        put_marker(copy->out, extras.segments[i].marker, extras.segments[i].n_bytes);
        gm_buf_append(copy->out, extras.segments[i].data, extras.segments[i].n_bytes);
    }
    bool is_extended = put_quant(copy->out, frame->components[0].quant);
    uint8_t sof = frame->sof == GM_JPEG_SOF2 ? GM_JPEG_SOF2
                  : is_extended              ? GM_JPEG_SOF1
                                             : GM_JPEG_SOF0;
    const uint8_t content[] = {8,
                               (uint8_t)(frame->height >> 8),
                               (uint8_t)frame->height,
                               (uint8_t)(frame->width >> 8),
                               (uint8_t)frame->width,
                               1,
                               1,
                               0x11,
                               0};
    put_marker(copy->out, sof, sizeof content);
    gm_buf_append(copy->out, content, sizeof content);
    copy->has_header = true;
}

static void put_table(struct gm_buf *out, unsigned class, const uint8_t *content,
                      unsigned n_symbols)
{
    put_marker(out, GM_JPEG_DHT, 17 + (size_t)n_symbols);
    gm_buf_char(out, (char)(class << 4));
    gm_buf_append(out, content, 16 + (size_t)n_symbols);
}

static void put_scan(struct copy *copy, const struct gm_jpeg_scan *scan, unsigned restart_interval)
{
    const uint8_t content[] = {1,           1,          0,
                               scan->first, scan->last, (uint8_t)(scan->high << 4 | scan->low)};
    if (restart_interval != copy->restart_interval) {
        put_marker(copy->out, GM_JPEG_DRI, 2);
        gm_buf_char(copy->out, (char)(restart_interval >> 8));
        gm_buf_char(copy->out, (char)restart_interval);
        copy->restart_interval = restart_interval;
    }
    put_marker(copy->out, GM_JPEG_SOS, sizeof content);
    gm_buf_append(copy->out, content, sizeof content);
}

/* ---- scans ---- */

static int luma_in(const struct gm_jpeg_scan *scan)
{
    for (unsigned i = 0; i < scan->n_components; i++)
        if (scan->components[i] == 0)
            return (int)i;
    return -1;
}

static bool set_part(struct copy *copy, const struct gm_jpeg_scan *scan, unsigned i,
                     struct gm_jpeg_part *part)
{
    struct gm_huffman_cache *cache = copy->copier->cache;
    const struct gm_jpeg_component *component = &copy->frame.components[scan->components[i]];
    bool is_alone = scan->n_components == 1;
    *part = (struct gm_jpeg_part){.h = is_alone ? 1 : component->h,
                                  .v = is_alone ? 1 : component->v,
                                  .is_luma = scan->components[i] == 0};
    if (scan->high > 0)
        return true;
    struct gm_huffman *dc = gm_huffman_get(cache, scan->dc[i], GM_HUFFMAN_PLAIN);
    if (copy->frame.sof != GM_JPEG_SOF2)
        part->ac = gm_huffman_get(cache, scan->ac[i], GM_HUFFMAN_SEQUENTIAL);
    if (!dc->is_dc || (part->ac && !part->ac->is_valid))
        return false;
    part->first = gm_huffman_first_get(cache, dc, part->ac);
    return true;
}

static bool set_parts(struct copy *copy, const struct gm_jpeg_scan *scan, struct gm_jpeg_walk *walk)
{
    const struct gm_jpeg_frame *frame = &copy->frame;
    const struct gm_jpeg_component *only = &frame->components[scan->components[0]];
    bool is_alone = scan->n_components == 1;
    walk->n_parts = scan->n_components;
    walk->is_refinement = scan->high > 0;
    for (unsigned i = 0; i < scan->n_components; i++)
        if (!set_part(copy, scan, i, &walk->parts[i]))
            return false;
    unsigned mcu_width = 8u * frame->max_h, mcu_height = 8u * frame->max_v;
    walk->mcus_wide = is_alone ? only->blocks_wide : (frame->width + mcu_width - 1) / mcu_width;
    walk->mcus_high = is_alone ? only->blocks_high : (frame->height + mcu_height - 1) / mcu_height;
    walk->blocks_wide = frame->components[0].blocks_wide;
    walk->blocks_high = frame->components[0].blocks_high;
    walk->restart_interval = frame->restart_interval;
    return true;
}

/* A scan that begins with DC. */
static bool rewrite_scan(struct copy *copy, const struct gm_jpeg_scan *scan)
{
    struct gm_jpeg_frame *frame = &copy->frame;
    struct gm_huffman_dc_codes codes;
    struct gm_jpeg_rows rows = {.out = copy->out};
    struct gm_jpeg_walk walk = {
        .window = &copy->copier->windows[0], .next = frame->next, .end = frame->end, .rows = &rows};
    int luma = luma_in(scan);
    if (!set_parts(copy, scan, &walk))
        return false;
    if (luma >= 0 && scan->high == 0) {
        const struct gm_jpeg_part *part = &walk.parts[luma];
        if (!gm_huffman_dc_codes(part->first->dc, &codes))
            return false;
        put_table(copy->out, 0, codes.content, codes.n_symbols);
        if (part->ac)
            put_table(copy->out, 1, part->ac->content, part->ac->n_symbols);
        rows.codes = &codes;
    }
    if (luma >= 0) {
        put_scan(copy, scan, 0);
        gm_jpeg_rows_begin(&rows, copy->copier->rows, walk.blocks_wide, walk.parts[luma].v);
    }
    if (!gm_jpeg_walk(&walk))
        return false;
    if (luma >= 0)
        gm_jpeg_rows_end(&rows);
    frame->next = walk.next;
    return true;
}

/* Proves the scans that were copied. */
static bool walk_bands(struct copy *copy)
{
    struct gm_jpeg_bands *bands = &copy->bands;
    if (bands->n == 0)
        return true;
    for (unsigned i = 0; i < bands->n; i++) {
        struct gm_jpeg_band *band = &bands->bands[i];
        band->window = &copy->copier->windows[i];
        band->ac = gm_huffman_get(copy->copier->cache, copy->specs[i],
                                  bands->are_refinements ? GM_HUFFMAN_REFINEMENT : GM_HUFFMAN_BAND);
    }
    bands->nonzero = copy->copier->nonzero;
    bands->n_blocks = n_luma_blocks(&copy->frame);
    bool is_whole = gm_jpeg_bands_walk(bands);
    bands->n = 0;
    return is_whole;
}

/* An AC scan of a progressive file. It waits for another one: two are proved at once. */
static bool copy_band(struct copy *copy, const struct gm_jpeg_scan *scan)
{
    struct gm_jpeg_frame *frame = &copy->frame;
    struct gm_jpeg_bands *bands = &copy->bands;
    bool is_refinement = scan->high > 0;
    const struct gm_huffman *ac =
        gm_huffman_get(copy->copier->cache, scan->ac[0], GM_HUFFMAN_PLAIN);
    if (!ac->is_valid)
        return false;
    put_table(copy->out, 1, ac->content, ac->n_symbols);
    put_scan(copy, scan, frame->restart_interval);
    if (bands->n > 0 && bands->are_refinements != is_refinement && !walk_bands(copy))
        return false;
    const uint8_t *marker = gm_jpeg_skip_data(frame->next, frame->end);
    bands->are_refinements = is_refinement;
    copy->specs[bands->n] = scan->ac[0];
    bands->bands[bands->n++] = (struct gm_jpeg_band){.data = frame->next,
                                                     .end = frame->end,
                                                     .marker = marker,
                                                     .first = scan->first,
                                                     .last = scan->last,
                                                     .restart_interval = frame->restart_interval};
    gm_buf_append(copy->out, frame->next, (size_t)(marker - frame->next));
    frame->next = marker;
    return bands->n < 2 || walk_bands(copy);
}

/* Of a scan that is skipped: with a bad table libjpeg would refuse the file. */
static bool has_valid_tables(struct copy *copy, const struct gm_jpeg_scan *scan)
{
    for (unsigned i = 0; i < scan->n_components; i++) {
        bool is_dc = scan->first == 0;
        if (is_dc && scan->high > 0)
            continue;
        const struct gm_huffman *table = gm_huffman_get(
            copy->copier->cache, is_dc ? scan->dc[i] : scan->ac[i], GM_HUFFMAN_PLAIN);
        if (is_dc ? !table->is_dc : !table->is_valid)
            return false;
    }
    return true;
}

static bool take_scan(struct copy *copy, const struct gm_jpeg_scan *scan)
{
    bool has_luma = luma_in(scan) >= 0;
    if (copy->frame.sof == GM_JPEG_SOF2 && !has_luma) {
        if (!has_valid_tables(copy, scan))
            return false;
        copy->frame.next = gm_jpeg_skip_data(copy->frame.next, copy->frame.end);
        return true;
    }
    if (has_luma && !copy->has_header)
        put_header(copy);
    return scan->first > 0 ? copy_band(copy, scan) : rewrite_scan(copy, scan);
}

enum gm_reason gm_jpeg_copy(struct gm_jpeg_copier *copier, const struct gm_jpeg_file *file,
                            struct gm_picture *picture, struct gm_buf *out)
{
    static const uint8_t end[] = {0xff, GM_JPEG_EOI};
    struct copy copy = {.copier = copier, .picture = picture, .file = file, .out = out};
    struct gm_jpeg_scan scan;
    enum gm_jpeg_event event;
    gm_jpeg_frame_open(&copy.frame, file->data, file->n_bytes);
    gm_buf_reserve(out, file->n_bytes + 4096);
    while ((event = gm_jpeg_frame_next(&copy.frame, &scan)) == GM_JPEG_SCAN) {
        enum gm_reason reason = copy.frame.n_scans == 1 ? prepare(&copy) : GM_REASON_NONE;
        if (reason)
            return reason;
        if (!take_scan(&copy, &scan))
            break;
    }
    if (out->failed)
        return gm_picture_fail(picture, GM_REASON_LIMIT_MEMORY, "no memory for the gray file");
    if (event != GM_JPEG_COMPLETE || !walk_bands(&copy))
        return GM_PICTURE_PASS;
    gm_buf_append(out, end, sizeof end);
    return GM_REASON_NONE;
}

enum gm_reason gm_jpeg_lossless(struct gm_jpeg_copier *copier, const struct gm_jpeg_file *file,
                                struct gm_picture *picture, struct gm_buf *out, const char **route)
{
    size_t n_bytes = out->n_bytes;
    *route = "jpeg.copy";
    enum gm_reason reason = gm_jpeg_copy(copier, file, picture, out);
    if (reason == GM_PICTURE_PASS) {
        out->n_bytes = n_bytes;
        *route = "jpeg.coefficients";
        reason = gm_jpeg_coefficients(file, picture, out);
    }
    if (reason)
        out->n_bytes = n_bytes;
    return reason;
}
