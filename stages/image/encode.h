/* Gray planes to files: PGM, JPEG through libjpeg-turbo, PNG through libdeflate with filters of our
 * own. The same plane and settings give the same bytes.
 *
 * An encoder object keeps its memory from picture to picture; one per worker process. */
#ifndef GM_IMAGE_ENCODE_H
#define GM_IMAGE_ENCODE_H

#include "base/buf.h"
#include "base/err.h"
#include "image/jpeg_metadata.h"
#include <stdint.h>

#define GM_JPEG_MAX_SIDE 65500

struct gm_gray {
    const uint8_t *plane; /* width x height bytes, rows without padding */
    uint32_t width, height;
};

struct gm_jpeg_encoder;
/* quality 1..100, libjpeg's scale. NULL: no memory. */
struct gm_jpeg_encoder *gm_jpeg_encoder_new(int quality);
void gm_jpeg_encoder_free(struct gm_jpeg_encoder *encoder); /* NULL allowed */
/* Appends a one-component baseline JPEG. extras: its metadata; NULL: a plain JFIF segment, as
 * Pillow writes it. Sides are at most GM_JPEG_MAX_SIDE (asserted). GM_NOMEM. */
enum gm_status gm_jpeg_encode(struct gm_jpeg_encoder *encoder, const struct gm_gray *gray,
                              const struct gm_jpeg_extras *extras, struct gm_buf *out,
                              struct gm_err *err);

/* Appends a gray PGM (P5, 255). GM_NOMEM. */
enum gm_status gm_pgm_encode(const struct gm_gray *gray, struct gm_buf *out, struct gm_err *err);

struct gm_png_encoder;
/* level 1..12, libdeflate's scale. NULL: no memory. */
struct gm_png_encoder *gm_png_encoder_new(int level);
void gm_png_encoder_free(struct gm_png_encoder *encoder); /* NULL allowed */
/* Appends an 8-bit gray PNG. Needs about 2 bytes of memory a pixel. GM_NOMEM. */
enum gm_status gm_png_encode(struct gm_png_encoder *encoder, const struct gm_gray *gray,
                             struct gm_buf *out, struct gm_err *err);

#endif
