/* One scan's data, segment by segment (a restart marker ends one), as gm_bits. Everything is
 * checked: a segment must hold its codes and no byte more, restart markers must come in order.
 *
 *      begin -> { ready -> codes of one MCU -> ... -> restart } ... -> finish
 *
 * A data object lives on the stack of the loop that walks the scan. */
#ifndef GM_IMAGE_JPEG_DATA_H
#define GM_IMAGE_JPEG_DATA_H

#include "image/jpeg_bits.h"

struct gm_jpeg_data {
    struct gm_jpeg_window *window;
    const uint8_t *limit; /* up to here an MCU can be read without a look at the window */
    unsigned n_restarts;
};

/* Starts at the first byte of a scan's data. */
static inline struct gm_bits gm_jpeg_data_begin(struct gm_jpeg_data *data,
                                                struct gm_jpeg_window *window, const uint8_t *next,
                                                const uint8_t *end)
{
    gm_jpeg_window_open(window, next, end);
    data->window = window;
    data->n_restarts = 0;
    data->limit = window->data + window->n_bytes - (window->is_last ? 0 : GM_JPEG_MAX_MCU_BYTES);
    return gm_bits_at(window->data, 0);
}

/* What gm_jpeg_data_ready does when the limit is reached. False: the segment ended too early. */
bool gm_jpeg_data_more(struct gm_jpeg_data *data, struct gm_bits *bits);

/* Before each MCU. False: the data ended before. Positions of earlier bits are void then. */
static inline bool gm_jpeg_data_ready(struct gm_jpeg_data *data, struct gm_bits *bits)
{
    return __builtin_expect(bits->next < data->limit, 1) || gm_jpeg_data_more(data, bits);
}

/* Goes on behind a restart marker, which must be the next thing. */
bool gm_jpeg_data_restart(struct gm_jpeg_data *data, struct gm_bits *bits);
/* Behind the last MCU. True: all is used; *next is at the marker that follows. */
bool gm_jpeg_data_finish(const struct gm_jpeg_data *data, struct gm_bits bits,
                         const uint8_t **next);

#endif
