/* The rare steps of reading a scan's data: the window runs low, a segment ends. */
#include "image/jpeg_data.h"

bool gm_jpeg_data_more(struct gm_jpeg_data *data, struct gm_bits *bits)
{
    struct gm_jpeg_window *window = data->window;
    size_t position = gm_bits_position(*bits, window->data);
    if (window->is_last)
        return position <= 8 * window->n_bytes;
    gm_jpeg_window_fill(window, position / 8);
    *bits = gm_bits_at(window->data, position % 8);
    data->limit = window->data + window->n_bytes - (window->is_last ? 0 : GM_JPEG_MAX_MCU_BYTES);
    return true;
}

/* All but the padding of the last byte must be used. */
static bool is_used_up(const struct gm_jpeg_window *window, struct gm_bits bits)
{
    size_t position = gm_bits_position(bits, window->data);
    return window->is_last && position <= 8 * window->n_bytes && position + 8 > 8 * window->n_bytes;
}

bool gm_jpeg_data_restart(struct gm_jpeg_data *data, struct gm_bits *bits)
{
    struct gm_jpeg_window *window = data->window;
    const uint8_t *next = window->next;
    if (!is_used_up(window, *bits))
        return false;
    while (next < window->end && *next == 0xff)
        next++;
    if (next == window->next || next == window->end || *next != (0xd0 | (data->n_restarts & 7)))
        return false;
    unsigned n_restarts = data->n_restarts + 1;
    *bits = gm_jpeg_data_begin(data, window, next + 1, window->end);
    data->n_restarts = n_restarts;
    return true;
}

bool gm_jpeg_data_finish(const struct gm_jpeg_data *data, struct gm_bits bits, const uint8_t **next)
{
    *next = data->window->next;
    return is_used_up(data->window, bits);
}
