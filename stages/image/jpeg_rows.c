/* Putting the rows of blocks together. */
#include "image/jpeg_rows.h"

/* Room for the longest block, and for what a store writes beyond it. */
static size_t row_bytes(uint32_t blocks_wide)
{
    return (size_t)blocks_wide * GM_JPEG_MAX_BLOCK_BYTES + 64;
}

size_t gm_jpeg_rows_bytes(uint32_t blocks_wide, unsigned n_rows)
{
    /* The first row takes in all others. */
    return row_bytes(blocks_wide) * (2 * (size_t)n_rows - 1);
}

void gm_jpeg_rows_begin(struct gm_jpeg_rows *rows, uint8_t *memory, uint32_t blocks_wide,
                        unsigned n_rows)
{
    GM_ASSERT(n_rows >= 1 && n_rows <= GM_JPEG_MAX_ROWS);
    for (unsigned i = 0; i < n_rows; i++) {
        rows->starts[i] = memory;
        rows->writers[i] = (struct gm_bit_writer){memory, 0, 0};
        rows->first[i] = rows->last[i] = 0;
        memory += row_bytes(blocks_wide) * (i == 0 ? n_rows : 1);
    }
}

bool gm_jpeg_rows_join(struct gm_jpeg_rows *rows, unsigned n_rows)
{
    struct gm_bit_writer *to = &rows->writers[0];
    for (unsigned i = 1; i < n_rows; i++) {
        struct gm_bit_writer *from = &rows->writers[i];
        if (rows->codes && !gm_jpeg_put_dc(to, rows->codes, rows->first[i] - rows->last[i - 1]))
            return false;
        size_t n_bits = (size_t)(from->next - rows->starts[i]) * 8 + from->n;
        gm_store_be64(from->next, from->buffer);
        gm_bits_copy(to, rows->starts[i], 0, n_bits);
        *from = (struct gm_bit_writer){rows->starts[i], 0, 0};
    }
    rows->last[0] = rows->last[n_rows - 1];
    gm_jpeg_stuff(rows->out, rows->starts[0], (size_t)(to->next - rows->starts[0]));
    to->next = rows->starts[0];
    return !rows->out->failed;
}

void gm_jpeg_rows_end(struct gm_jpeg_rows *rows)
{
    struct gm_bit_writer *writer = &rows->writers[0];
    if (writer->n == 0)
        return;
    gm_bits_put(writer, ~(uint64_t)0 << (56 + writer->n), 8 - writer->n);
    gm_jpeg_stuff(rows->out, rows->starts[0], (size_t)(writer->next - rows->starts[0]));
}
