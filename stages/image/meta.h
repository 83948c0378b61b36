/* What a picture's file says beside its pixels: frames, EXIF orientation and date, the color
 * profile. A reader of its own that allocates nothing, stays within the bytes and takes what it
 * finds: damage here never rejects a picture, it only leaves a field empty. Pure functions. */
#ifndef GM_IMAGE_META_H
#define GM_IMAGE_META_H

#include "base/hash.h"
#include "batch.h"
#include "media.h"

#define GM_META_DATE_BYTES 20 /* "2023-04-01T12:34:56" and a NUL */

enum gm_icc_kind {
    GM_ICC_NONE,
    GM_ICC_PLAIN,   /* icc is the profile */
    GM_ICC_ZLIB,    /* icc is the profile, packed */
    GM_ICC_SEGMENTS /* in the segments of a JPEG */
};

struct gm_meta {
    uint64_t n_frames;    /* of an animation, pages of a TIFF, layers of a PSD; 1 for all else */
    unsigned orientation; /* EXIF, 1 to 8; 0: none */
    char date[GM_META_DATE_BYTES]; /* DateTimeOriginal in ISO 8601, no zone; "": none */
    enum gm_icc_kind icc_kind;
    struct gm_view icc; /* points into the file */
};

void gm_meta_read(struct gm_meta *meta, enum gm_media media, const uint8_t *data, size_t n_bytes);
/* SHA-256 of the color profile, unpacked and put together. data: the file that meta was read from.
 * false: no profile, or it is damaged or larger than 16 MB. */
bool gm_meta_icc_sha256(const struct gm_meta *meta, const uint8_t *data, size_t n_bytes,
                        uint8_t digest[GM_SHA256_BYTES]);

/* ---- parts of it ---- */

/* The EXIF block (a TIFF header and its directories), with or without "Exif\0\0" in front. */
void gm_meta_exif(struct gm_meta *meta, const uint8_t *data, size_t n_bytes);

#endif
