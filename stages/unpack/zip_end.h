/* The end of a zip archive: is its directory there, and how large is it? */
#ifndef GM_UNPACK_ZIP_END_H
#define GM_UNPACK_ZIP_END_H

#include "base/err.h"
#include <stdbool.h>
#include <stdint.h>

struct gm_stream;

struct gm_zip_end {
    bool found;               /* an end record whose comment ends at or before the end */
    uint64_t directory_bytes; /* from the start that it states to the record; UINT64_MAX: unknown */
};

/* The stream must be able to seek; it is left at its start. Fails only if reading does. */
enum gm_status gm_zip_find_end(struct gm_stream *stream, struct gm_zip_end *end,
                               struct gm_err *err);

#endif
