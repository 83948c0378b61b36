/* JPEG to gray JPEG without loss: the luma coefficients of the source are those of the result, bit
 * for bit, and so are the pixels of a decoder that is asked for the Y channel.
 *
 *      jpeg.copy          the codes are copied, not decoded       jpeg_copy.c
 *      jpeg.coefficients  libjpeg decodes and encodes the codes   jpeg_coefficients.c
 *
 * Each route takes the files that it can take without a doubt and leaves all others to the next;
 * pixels come last. A picture that a route has taken was read to its end marker: every MCU of a
 * sequential file, every code of luma in a progressive one.
 *
 * One copier per worker process; it keeps Huffman tables and memory from picture to picture. */
#ifndef GM_IMAGE_JPEG_COPY_H
#define GM_IMAGE_JPEG_COPY_H

#include "base/buf.h"
#include "image/jpeg_metadata.h"
#include "image/picture.h"

struct gm_jpeg_copier;
struct gm_jpeg_copier *gm_jpeg_copier_new(void);         /* NULL: no memory */
void gm_jpeg_copier_free(struct gm_jpeg_copier *copier); /* NULL allowed */
/* Gives back what a large picture needed. */
void gm_jpeg_copier_trim(struct gm_jpeg_copier *copier);

struct gm_jpeg_file {
    const uint8_t *data;
    size_t n_bytes;
    enum gm_jpeg_metadata metadata;
};

/* Tries the routes in turn; appends the gray file to out and names the route (static). NONE: done,
 * the picture's shape is set (no plane); GM_PICTURE_PASS: no route takes the file, out is as it
 * was; any other: the file is refused, picture->message says why. */
enum gm_reason gm_jpeg_lossless(struct gm_jpeg_copier *copier, const struct gm_jpeg_file *file,
                                struct gm_picture *picture, struct gm_buf *out, const char **route);

/* One route each. As above, but with PASS or a refusal there is garbage in out. */
enum gm_reason gm_jpeg_copy(struct gm_jpeg_copier *copier, const struct gm_jpeg_file *file,
                            struct gm_picture *picture, struct gm_buf *out);
enum gm_reason gm_jpeg_coefficients(const struct gm_jpeg_file *file, struct gm_picture *picture,
                                    struct gm_buf *out);

#endif
