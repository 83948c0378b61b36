/* One picture on its way from file bytes to a gray plane, and the table of decoders.
 *
 *      bytes --decoder: header--> gm_picture_begin (limits) --decoder: pixels--> plane
 *
 * Every decoder works under the same rules:
 *  - It reads the header first and calls gm_picture_begin before it allocates anything that grows
 *    with the picture. No header can therefore make a worker allocate more than its limits allow.
 *  - It gives the whole picture or a reason. A file that ends early is IMAGE_TRUNCATED, damage that
 *    can be seen is IMAGE_BROKEN, a legal variant that is not handled is IMAGE_UNSUPPORTED.
 *  - Gray is what Pillow's convert("L") gives, bit for bit; the exceptions are listed in the head
 *    comment of each decoder.
 *  - Nothing survives in the struct from one picture to the next but memory.
 *
 * One struct per worker process; not thread-safe. */
#ifndef GM_IMAGE_PICTURE_H
#define GM_IMAGE_PICTURE_H

#include "base/assert.h"
#include "media.h"
#include "reason.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GM_PICTURE_MESSAGE_BYTES 192
/* Longer sides are refused in every format: no camera or scanner has them, bombs do. */
#define GM_PICTURE_MAX_SIDE 65535
/* Memory areas up to this size are kept from picture to picture. */
#define GM_PICTURE_KEPT_BYTES ((size_t)4 << 20)

enum gm_luma_mode {
    GM_LUMA_EXACT, /* through RGB, as Pillow */
    GM_LUMA_FAST   /* JPEG: the Y channel as it is stored; faster, differs by rounding */
};

enum gm_alpha_mode {
    GM_ALPHA_DROP,  /* as Pillow's convert: the color that is stored, however transparent */
    GM_ALPHA_WHITE, /* laid on white, or on black: as Pillow's paste with the alpha as mask */
    GM_ALPHA_BLACK
};

enum gm_sixteen_mode {
    GM_SIXTEEN_HIGH, /* gray of 16 bits: the high byte */
    GM_SIXTEEN_CLIP  /* as Pillow: everything above 255 is white */
};

struct gm_picture_limits {
    uint64_t max_pixels;
    uint64_t max_bytes;             /* memory that one picture may take in this process */
    uint64_t extra_bytes_per_pixel; /* what the caller needs for its own work, counted in */
};

struct gm_picture {
    /* Set by the caller before gm_picture_decode. */
    struct gm_picture_limits limits;
    enum gm_luma_mode luma_mode;
    enum gm_alpha_mode alpha;
    enum gm_sixteen_mode sixteen_bit;
    bool takes_partial; /* JPEG and PNG that are cut off: what is there, see is_partial */

    /* The file; set by gm_picture_decode for the decoders, valid during the call only. */
    const uint8_t *data;
    size_t n_bytes;

    /* The result. The plane has width x height bytes, rows without padding, 0 = black; it belongs
     * to the struct and is overwritten by the next decode. */
    uint32_t width, height;
    uint8_t channels;  /* in the file: 1 gray or palette, 2 gray+alpha, 3, 4 */
    uint8_t bit_depth; /* bits per channel or palette index in the file */
    const char *mode;  /* what Pillow calls such pixels: "1", "L", "LA", "P", "RGB" ...; static */
    uint8_t *plane;
    bool is_partial; /* the file ended early, and the plane is what Pillow makes of it when its
                      * LOAD_TRUNCATED_IMAGES is set */

    char message[GM_PICTURE_MESSAGE_BYTES]; /* why, if the reason is not NONE; NUL-terminated */

    /* Private: memory kept from picture to picture. */
    size_t plane_capacity_bytes;
    uint8_t *scratch;
    size_t scratch_capacity_bytes;
    struct libdeflate_decompressor *inflater; /* NULL until the first PNG */
};

void gm_picture_init(struct gm_picture *picture);
void gm_picture_fini(struct gm_picture *picture);
/* Gives back what a large picture needed. The plane may be gone then. */
void gm_picture_trim(struct gm_picture *picture);

/* Decodes data by the decoder of its media. GM_REASON_NONE: the result fields are set. Media
 * without a decoder: IMAGE_UNSUPPORTED for kinds of image, MEDIA_UNSUPPORTED for all else. */
enum gm_reason gm_picture_decode(struct gm_picture *picture, enum gm_media media,
                                 const uint8_t *data, size_t n_bytes);

/* ---- for decoders ---- */

struct gm_picture_shape {
    uint64_t width, height;
    uint8_t channels, bit_depth;
};

/* Checks a header's claims against the limits and sets the picture's shape; working_bytes: all that
 * will be allocated. IMAGE_BROKEN for an empty picture. Sets mode to
 * L, LA, RGB or RGBA by the number of channels; a decoder that knows better sets it afterwards.
 * _begin also gets the plane: its working_bytes are what the decoder and its library will allocate
 * beside the plane. */
enum gm_reason gm_picture_check(struct gm_picture *picture, const struct gm_picture_shape *shape,
                                uint64_t working_bytes);
enum gm_reason gm_picture_begin(struct gm_picture *picture, const struct gm_picture_shape *shape,
                                uint64_t working_bytes);
/* Whether so much more memory may be taken for the picture, by its limits and the system's. */
bool gm_picture_has_room(const struct gm_picture *picture, uint64_t n_bytes);
/* Memory beside the plane, reused from picture to picture, contents undefined; one area only: a
 * second call invalidates the first. NULL: no memory. */
uint8_t *gm_picture_scratch(struct gm_picture *picture, size_t n_bytes);
/* Makes the first width x height bytes of the scratch the plane, and the old plane the scratch. */
void gm_picture_swap(struct gm_picture *picture, uint32_t width, uint32_t height);
/* The plane turned and mirrored as the EXIF orientation says (1 to 8; others change nothing).
 * Invalidates the scratch; needs width x height bytes of it. LIMIT_MEMORY. */
enum gm_reason gm_picture_orient(struct gm_picture *picture, unsigned orientation);
/* Whether transparent pixels are laid on something, and the gray value of that. */
static inline bool gm_picture_is_over(const struct gm_picture *picture)
{
    return picture->alpha != GM_ALPHA_DROP;
}
static inline uint8_t gm_picture_background(const struct gm_picture *picture)
{
    return picture->alpha == GM_ALPHA_WHITE ? 255 : 0;
}
/* Sets the message and returns reason. */
enum gm_reason gm_picture_fail(struct gm_picture *picture, enum gm_reason reason,
                               const char *format, ...) GM_PRINTF(3, 4);
/* As gm_picture_fail(IMAGE_TRUNCATED) with the usual words; where: "in the header", "in row 17". */
enum gm_reason gm_picture_truncated(struct gm_picture *picture, const char *where);

/* What a decoder returns to leave the file to the next one for the same media. */
#define GM_PICTURE_PASS GM_REASON_COUNT

enum gm_reason gm_jpeg_decode(struct gm_picture *picture);
enum gm_reason gm_png_fast_decode(struct gm_picture *picture);
enum gm_reason gm_png_decode(struct gm_picture *picture);
enum gm_reason gm_webp_decode(struct gm_picture *picture);
enum gm_reason gm_bmp_decode(struct gm_picture *picture);
enum gm_reason gm_gif_decode(struct gm_picture *picture);
enum gm_reason gm_pnm_decode(struct gm_picture *picture);
enum gm_reason gm_tiff_decode(struct gm_picture *picture);
enum gm_reason gm_tga_decode(struct gm_picture *picture);
enum gm_reason gm_psd_decode(struct gm_picture *picture);

#endif
