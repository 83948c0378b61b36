/* The gray scan in the making. Luma blocks come in the order of the source's MCUs and leave in rows
 * of blocks, so that each row of an MCU has a writer of its own; at the end of a row of MCUs they
 * are put behind each other, stuffed and appended to the file.
 *
 *      source (2x2)   Y00 Y01 Y10 Y11 Cb Cr | Y02 Y03 Y12 Y13 Cb Cr
 *      row 0          Y00 Y01                 Y02 Y03
 *      row 1          Y10 Y11                 Y12 Y13
 *
 * AC codes are copied as they are. DC differences are, too, where the block before stays the same,
 * and are written anew with the same table where it does not. */
#ifndef GM_IMAGE_JPEG_ROWS_H
#define GM_IMAGE_JPEG_ROWS_H

#include "image/jpeg_bits.h"
#include "image/jpeg_huffman.h"

#define GM_JPEG_MAX_ROWS 4

struct gm_jpeg_rows {
    const struct gm_huffman_dc_codes *codes; /* NULL: no differences are written (refinement) */
    struct gm_buf *out;
    struct gm_bit_writer writers[GM_JPEG_MAX_ROWS];
    uint8_t *starts[GM_JPEG_MAX_ROWS];
    int first[GM_JPEG_MAX_ROWS]; /* DC of the first block of rows 1.. */
    int last[GM_JPEG_MAX_ROWS];  /* DC of the last block written */
};

/* Bytes of memory for n_rows rows of blocks_wide blocks. */
size_t gm_jpeg_rows_bytes(uint32_t blocks_wide, unsigned n_rows);
void gm_jpeg_rows_begin(struct gm_jpeg_rows *rows, uint8_t *memory, uint32_t blocks_wide,
                        unsigned n_rows);
/* The end of a row of MCUs, of which n_rows rows of blocks are in the picture. False: a difference
 * that no code is for. */
bool gm_jpeg_rows_join(struct gm_jpeg_rows *rows, unsigned n_rows);
/* The end of the scan: pads the last byte. */
void gm_jpeg_rows_end(struct gm_jpeg_rows *rows);

static inline bool gm_jpeg_put_dc(struct gm_bit_writer *writer,
                                  const struct gm_huffman_dc_codes *codes, int diff)
{
    unsigned size =
        diff == 0 ? 0 : 32 - (unsigned)__builtin_clz((unsigned)(diff < 0 ? -diff : diff));
    if (size >= GM_HUFFMAN_DC_SIZES)
        return false;
    uint64_t value = (uint64_t)(diff - (diff < 0)) & (((uint64_t)1 << size) - 1);
    unsigned n = codes->lengths[size] + size;
    gm_bits_put(writer, ((uint64_t)codes->codes[size] << size | value) << (64 - n), n);
    return true;
}

#endif
