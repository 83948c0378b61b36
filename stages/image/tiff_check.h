/* Whether a TIFF file is whole and modest, told from its tag lists before any library sees it. */
#ifndef GM_IMAGE_TIFF_CHECK_H
#define GM_IMAGE_TIFF_CHECK_H

#include "image/picture.h"

/* IMAGE_TRUNCATED if a directory, a tag's value or a strip or tile of any page lies beyond the end
 * of the file; IMAGE_BROKEN for no TIFF or a loop of pages; IMAGE_UNSUPPORTED beyond the limits of
 * pages, tags and strips. */
enum gm_reason gm_tiff_check(struct gm_picture *picture);

#endif
