/* libjpeg-turbo as the judge: the Y channel of a JPEG as it decodes it when asked for gray, without
 * anything of this project in between. */
#ifndef JPEG_REFERENCE_H
#define JPEG_REFERENCE_H

#include <stddef.h>
#include <stdint.h>

struct jpeg_reference {
    uint32_t width, height;
    int n_components;
    long n_warnings;   /* damage that the library papered over */
    char message[200]; /* why there is no plane */
    uint8_t *plane;    /* malloc; NULL: refused */
};

/* max_pixels: larger pictures are refused. */
void jpeg_reference_decode(struct jpeg_reference *reference, const uint8_t *data, size_t n_bytes,
                           uint64_t max_pixels);
void jpeg_reference_free(struct jpeg_reference *reference);

#endif
