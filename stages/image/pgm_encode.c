/* Gray PGM: a header of one line and the plane as it is. */
#include "image/encode.h"

enum gm_status gm_pgm_encode(const struct gm_gray *gray, struct gm_buf *out, struct gm_err *err)
{
    gm_buf_printf(out, "P5\n%u %u\n255\n", gray->width, gray->height);
    gm_buf_append(out, gray->plane, (size_t)gray->width * gray->height);
    return out->failed ? gm_err_set(err, GM_NOMEM, "no memory to write the PGM") : GM_OK;
}
