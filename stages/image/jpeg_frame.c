/* The walk over a file's markers; see jpeg_frame.h for what it takes. */
#include "image/jpeg_frame.h"

#include "base/assert.h"
#include "image/be.h"
#include "image/jpeg_bits.h"

#include <string.h>

#define MAX_SAMPLING 4
#define MAX_LOW      13

/* A marker segment's content. */
struct content {
    const uint8_t *data, *end;
};

void gm_jpeg_frame_open(struct gm_jpeg_frame *frame, const uint8_t *data, size_t n_bytes)
{
    memset(frame, 0, sizeof *frame);
    frame->next = data;
    frame->end = data + n_bytes;
}

static bool read_quants(struct gm_jpeg_frame *frame, struct content content)
{
    while (content.data < content.end) {
        bool is_16_bit = *content.data >> 4 != 0;
        unsigned id = *content.data & 15;
        size_t n_bytes = is_16_bit ? 128 : 64;
        content.data++;
        if (id >= GM_ARRAY_LEN(frame->quants) || (size_t)(content.end - content.data) < n_bytes)
            return false;
        frame->quants[id] = (struct gm_jpeg_quant){content.data, is_16_bit};
        content.data += n_bytes;
    }
    return true;
}

static bool read_huffman(struct gm_jpeg_frame *frame, struct content content)
{
    while (content.data < content.end) {
        unsigned class = *content.data >> 4, id = *content.data & 15, n_symbols = 0;
        content.data++;
        if (class > 1 || id >= GM_ARRAY_LEN(frame->dc) || content.end - content.data < 16)
            return false;
        for (unsigned i = 0; i < 16; i++)
            n_symbols += content.data[i];
        if (n_symbols > 256 || content.end - content.data < (ptrdiff_t)(16 + n_symbols))
            return false;
        struct gm_huffman_spec *spec = class ? &frame->ac[id] : &frame->dc[id];
        *spec = (struct gm_huffman_spec){content.data, n_symbols};
        content.data += 16 + n_symbols;
    }
    return true;
}

static bool read_restart(struct gm_jpeg_frame *frame, struct content content)
{
    if (content.end - content.data != 2)
        return false;
    frame->restart_interval = gm_be16(content.data);
    return true;
}

static uint32_t blocks(uint32_t pixels, uint32_t factor, uint32_t max_factor)
{
    return (pixels * factor + 8 * max_factor - 1) / (8 * max_factor);
}

static bool read_components(struct gm_jpeg_frame *frame, const uint8_t *data)
{
    for (unsigned i = 0; i < frame->n_components; i++, data += 3) {
        struct gm_jpeg_component *component = &frame->components[i];
        *component = (struct gm_jpeg_component){
            .id = data[0], .h = data[1] >> 4, .v = data[1] & 15, .quant_id = data[2]};
        memset(component->bits_left, -1, sizeof component->bits_left);
        if (component->h == 0 || component->h > MAX_SAMPLING || component->v == 0 ||
            component->v > MAX_SAMPLING || component->quant_id >= GM_ARRAY_LEN(frame->quants))
            return false;
        for (unsigned k = 0; k < i; k++)
            if (frame->components[k].id == component->id)
                return false;
        if (component->h > frame->max_h)
            frame->max_h = component->h;
        if (component->v > frame->max_v)
            frame->max_v = component->v;
    }
    for (unsigned i = 0; i < frame->n_components; i++) {
        struct gm_jpeg_component *component = &frame->components[i];
        component->blocks_wide = blocks(frame->width, component->h, frame->max_h);
        component->blocks_high = blocks(frame->height, component->v, frame->max_v);
    }
    return true;
}

static bool read_frame(struct gm_jpeg_frame *frame, uint8_t marker, struct content content)
{
    if (frame->sof || content.end - content.data < 6 || content.data[0] != 8)
        return false;
    frame->sof = marker;
    frame->height = (uint16_t)gm_be16(content.data + 1);
    frame->width = (uint16_t)gm_be16(content.data + 3);
    frame->n_components = content.data[5];
    if (frame->width == 0 || frame->height == 0 ||
        (frame->n_components != 1 && frame->n_components != 3) ||
        content.end - content.data != 6 + 3 * (ptrdiff_t)frame->n_components)
        return false;
    return read_components(frame, content.data + 6);
}

static bool is_kept_marker(uint8_t marker)
{
    return (marker >= GM_JPEG_APP0 && marker <= GM_JPEG_APP0 + 15) || marker == GM_JPEG_COM;
}

/* SOF0..SOF15. */
static bool is_frame_marker(uint8_t marker)
{
    return (marker & 0xf0) == GM_JPEG_SOF0 && marker != GM_JPEG_DHT && marker != 0xc8 &&
           marker != 0xcc;
}

static void keep_segment(struct gm_jpeg_frame *frame, uint8_t marker, struct content content)
{
    size_t n_bytes = (size_t)(content.end - content.data);
    if (frame->n_segments < GM_JPEG_MAX_SEGMENTS)
        frame->segments[frame->n_segments++] =
            (struct gm_jpeg_segment){marker, (uint32_t)n_bytes, content.data};
    if (marker == GM_JPEG_APP0 && n_bytes >= 14 && memcmp(content.data, "JFIF", 5) == 0)
        frame->has_jfif = true;
    if (marker == GM_JPEG_APP0 + 14 && n_bytes >= 12 && memcmp(content.data, "Adobe", 5) == 0) {
        frame->has_adobe = true;
        frame->adobe_transform = content.data[11];
    }
}

/* ---- scans ---- */

/* The order is the frame's: libjpeg does not find a component that was passed. */
static bool find_component(const struct gm_jpeg_frame *frame, const struct gm_jpeg_scan *scan,
                           uint8_t id, uint8_t *index)
{
    for (uint8_t i = (uint8_t)scan->n_components; i < frame->n_components; i++)
        if (frame->components[i].id == id) {
            for (unsigned k = 0; k < scan->n_components; k++)
                if (scan->components[k] == i)
                    return false;
            *index = i;
            return true;
        }
    return false;
}

static bool read_scan(struct gm_jpeg_frame *frame, struct gm_jpeg_scan *scan,
                      struct content content)
{
    ptrdiff_t n_bytes = content.end - content.data;
    unsigned n = n_bytes > 0 ? content.data[0] : 0, n_blocks = 0;
    if (!frame->sof || n < 1 || n > frame->n_components || n_bytes != 4 + 2 * (ptrdiff_t)n)
        return false;
    const uint8_t *p = content.data + 1;
    scan->n_components = 0;
    for (unsigned i = 0; i < n; i++, p += 2) {
        if (!find_component(frame, scan, p[0], &scan->components[i]) || p[1] >> 4 > 3 ||
            (p[1] & 15) > 3)
            return false;
        struct gm_jpeg_component *component = &frame->components[scan->components[i]];
        scan->n_components++;
        n_blocks += (unsigned)component->h * component->v;
        scan->dc[i] = frame->dc[p[1] >> 4];
        scan->ac[i] = frame->ac[p[1] & 15];
        if (!component->quant.values)
            component->quant = frame->quants[component->quant_id];
        if (!component->quant.values)
            return false;
    }
    scan->first = p[0];
    scan->last = p[1];
    scan->high = p[2] >> 4;
    scan->low = p[2] & 15;
    return n == 1 || n_blocks <= GM_JPEG_MAX_MCU_BLOCKS;
}

/* Every component comes once, with all that it has. */
static bool note_sequential(struct gm_jpeg_frame *frame, const struct gm_jpeg_scan *scan)
{
    if (scan->first != 0 || scan->last != 63 || scan->high != 0 || scan->low != 0)
        return false;
    for (unsigned i = 0; i < scan->n_components; i++) {
        struct gm_jpeg_component *component = &frame->components[scan->components[i]];
        if (component->is_complete || !scan->dc[i].counts || !scan->ac[i].counts)
            return false;
        component->is_complete = true;
    }
    return true;
}

/* A scan must go on where the ones before it stopped. */
static bool note_progress(struct gm_jpeg_component *component, const struct gm_jpeg_scan *scan)
{
    if (scan->first != 0 && component->bits_left[0] < 0)
        return false;
    for (unsigned k = scan->first; k <= scan->last; k++) {
        int expected = component->bits_left[k] < 0 ? 0 : component->bits_left[k];
        if (scan->high != expected || (scan->high == 0 && component->bits_left[k] >= 0))
            return false;
        component->bits_left[k] = (int8_t)scan->low;
    }
    return true;
}

static bool note_progressive(struct gm_jpeg_frame *frame, const struct gm_jpeg_scan *scan)
{
    bool is_dc = scan->first == 0;
    if (is_dc ? scan->last != 0
              : scan->last > 63 || scan->first > scan->last || scan->n_components != 1)
        return false;
    if (scan->low > MAX_LOW || (scan->high != 0 && scan->low != scan->high - 1))
        return false;
    for (unsigned i = 0; i < scan->n_components; i++) {
        if (scan->high == 0 && is_dc && !scan->dc[i].counts)
            return false;
        if (!is_dc && !scan->ac[i].counts)
            return false;
        if (!note_progress(&frame->components[scan->components[i]], scan))
            return false;
    }
    return true;
}

static bool note_scan(struct gm_jpeg_frame *frame, const struct gm_jpeg_scan *scan)
{
    if (++frame->n_scans > GM_JPEG_MAX_SCANS)
        return false;
    return frame->sof == GM_JPEG_SOF2 ? note_progressive(frame, scan)
                                      : note_sequential(frame, scan);
}

static bool is_complete(const struct gm_jpeg_frame *frame)
{
    for (unsigned i = 0; i < frame->n_components; i++) {
        const struct gm_jpeg_component *component = &frame->components[i];
        if (frame->sof != GM_JPEG_SOF2 && !component->is_complete)
            return false;
        for (unsigned k = 0; k < 64 && frame->sof == GM_JPEG_SOF2; k++)
            if (component->bits_left[k] != 0)
                return false;
    }
    return frame->n_components > 0;
}

/* ---- markers ---- */

/* The next marker; 0: none, or behind bytes that may not be there. */
static uint8_t take_marker(struct gm_jpeg_frame *frame)
{
    const uint8_t *p = frame->next;
    bool has_junk = false;
    for (;;) {
        const uint8_t *found = p < frame->end ? memchr(p, 0xff, (size_t)(frame->end - p)) : NULL;
        if (!found)
            return 0;
        has_junk |= found != p;
        for (p = found; p < frame->end && *p == 0xff;)
            p++;
        if (p == frame->end)
            return 0;
        if (*p++ != 0)
            break;
        has_junk = true;
    }
    frame->next = p;
    if (has_junk && frame->n_scans > 0 && p[-1] != GM_JPEG_EOI)
        return 0;
    return p[-1];
}

static bool take_content(struct gm_jpeg_frame *frame, struct content *content)
{
    size_t left = (size_t)(frame->end - frame->next);
    if (left < 2)
        return false;
    size_t n_bytes = gm_be16(frame->next);
    if (n_bytes < 2 || n_bytes > left)
        return false;
    *content = (struct content){frame->next + 2, frame->next + n_bytes};
    frame->next += n_bytes;
    return true;
}

static bool read_segment(struct gm_jpeg_frame *frame, uint8_t marker, struct content content)
{
    switch (marker) {
    case GM_JPEG_SOF0:
    case GM_JPEG_SOF1:
    case GM_JPEG_SOF2:
        return read_frame(frame, marker, content);
    case GM_JPEG_DHT:
        return read_huffman(frame, content);
    case GM_JPEG_DQT:
        return read_quants(frame, content);
    case GM_JPEG_DRI:
        return read_restart(frame, content);
    default:
        if (!is_kept_marker(marker))
            return false;
        keep_segment(frame, marker, content);
        return true;
    }
}

static bool take_start(struct gm_jpeg_frame *frame)
{
    if (frame->end - frame->next < 2 || frame->next[0] != 0xff || frame->next[1] != GM_JPEG_SOI)
        return false;
    frame->next += 2;
    return true;
}

enum gm_jpeg_event gm_jpeg_frame_next(struct gm_jpeg_frame *frame, struct gm_jpeg_scan *scan)
{
    if (frame->n_scans == 0 && !take_start(frame))
        return GM_JPEG_OTHER;
    for (;;) {
        uint8_t marker = take_marker(frame);
        struct content content;
        if (marker == GM_JPEG_EOI)
            return is_complete(frame) ? GM_JPEG_COMPLETE : GM_JPEG_OTHER;
        const uint8_t *header = frame->next - 2;
        if (marker == 0 || !take_content(frame, &content))
            return GM_JPEG_OTHER;
        if (marker == GM_JPEG_SOS) {
            scan->header = header;
            return read_scan(frame, scan, content) && note_scan(frame, scan) ? GM_JPEG_SCAN
                                                                             : GM_JPEG_OTHER;
        }
        if (!read_segment(frame, marker, content))
            return GM_JPEG_OTHER;
    }
}

void gm_jpeg_frame_read_segments(struct gm_jpeg_frame *frame, const uint8_t *data, size_t n_bytes)
{
    struct content content;
    gm_jpeg_frame_open(frame, data, n_bytes);
    if (!take_start(frame))
        return;
    for (;;) {
        uint8_t marker = take_marker(frame);
        if (marker == 0 || marker == GM_JPEG_SOS || marker == GM_JPEG_EOI ||
            !take_content(frame, &content))
            return;
        if (is_kept_marker(marker))
            keep_segment(frame, marker, content);
        else if (is_frame_marker(marker) && content.end - content.data >= 6)
            frame->n_components = content.data[5];
    }
}

static bool is_ycc(const struct gm_jpeg_frame *frame)
{
    const struct gm_jpeg_component *c = frame->components;
    if (frame->has_jfif)
        return true;
    if (frame->has_adobe)
        return frame->adobe_transform != 0;
    return c[0].id != 'R' || c[1].id != 'G' || c[2].id != 'B';
}

bool gm_jpeg_frame_has_luma(const struct gm_jpeg_frame *frame)
{
    const struct gm_jpeg_component *luma = &frame->components[0];
    if (luma->h != frame->max_h || luma->v != frame->max_v)
        return false;
    return frame->n_components == 1 || is_ycc(frame);
}
