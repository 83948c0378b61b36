/* The walk over a scan whose blocks begin with DC: sequential scans, and DC scans of progressive
 * files. Chroma is read for its length, luma goes into the rows of the gray scan. */
#ifndef GM_IMAGE_JPEG_MCU_H
#define GM_IMAGE_JPEG_MCU_H

#include "image/jpeg_bits.h"
#include "image/jpeg_frame.h"
#include "image/jpeg_rows.h"

/* One component of a scan. */
struct gm_jpeg_part {
    struct gm_huffman_first *first; /* NULL in refinement scans */
    struct gm_huffman *ac;          /* NULL: the blocks have a DC part only */
    uint8_t h, v;                   /* blocks in an MCU */
    bool is_luma;
};

struct gm_jpeg_walk {
    struct gm_jpeg_window *window;
    const uint8_t *next, *end; /* the data; next moves to the marker behind */
    unsigned n_parts;
    struct gm_jpeg_part parts[3];
    bool is_refinement; /* of DC: each block is one bit. Luma must be in the scan */
    uint32_t mcus_wide, mcus_high;
    unsigned restart_interval;
    uint32_t blocks_wide, blocks_high; /* of luma */
    struct gm_jpeg_rows *rows;         /* unused if there is no luma */
};

/* False: the data is not what it should be, or there is no memory (rows->out->failed). */
bool gm_jpeg_walk(struct gm_jpeg_walk *walk);

#endif
