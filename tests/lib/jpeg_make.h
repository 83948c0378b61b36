/* JPEG files made to order with libjpeg-turbo: every way of coding that its compressor knows. */
#ifndef JPEG_MAKE_H
#define JPEG_MAKE_H

#include "base/buf.h"
#include <stdbool.h>

struct jpeg_recipe {
    unsigned width, height;
    int n_components; /* 1, 3; 4: YCCK */
    bool is_rgb;      /* stored without conversion, Adobe transform 0 */
    int h[4], v[4];   /* sampling; 0: 1 */
    int quality;      /* 0: 85 */
    int restart;      /* in MCUs; 0: none */
    bool progressive, optimize, arithmetic;
    const char *script; /* scans, as cjpeg's -scans reads them; NULL: the library's */
    int quant_scale;    /* percent of the standard table, with 16-bit values; 0: by quality */
    unsigned seed;      /* of the noise in the picture */
    int noise;          /* 0..255 */
};

/* Appends the file to out. Exits the program if the library refuses. */
void jpeg_make(const struct jpeg_recipe *recipe, struct gm_buf *out);

#endif
