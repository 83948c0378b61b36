/* Numbers over a gray plane, in integers, so that the order of pixels never shows. Pure functions.
 */
#ifndef GM_IMAGE_PLANE_STATS_H
#define GM_IMAGE_PLANE_STATS_H

#include "image/encode.h"

/* How many pixels have each value. */
void gm_plane_histogram(const struct gm_gray *gray, uint64_t histogram[256]);

/* Sums over the Laplacian l = left + right + above + below - 4 x center. Neighbours beyond the
 * border are those inside, mirrored about the border pixel (reflect-101, the default of OpenCV); in
 * a picture that is one pixel wide or high, the pixel itself. */
struct gm_laplacian {
    int64_t sum;
    uint64_t squares;
};
void gm_plane_laplacian(const struct gm_gray *gray, struct gm_laplacian *laplacian);
/* The same in plain C, for tests. */
void gm_plane_laplacian_plain(const struct gm_gray *gray, struct gm_laplacian *laplacian);
/* Its variance (population). */
double gm_laplacian_variance(const struct gm_laplacian *laplacian, const struct gm_gray *gray);

#endif
