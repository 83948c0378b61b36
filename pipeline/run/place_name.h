/* Choosing the names of placed files. Private to place.c; the rules stand in place.h. */
#ifndef GM_RUN_PLACE_NAME_H
#define GM_RUN_PLACE_NAME_H

#include "run/place.h"

struct gm_place_entry {
    uint64_t sequence; /* name of the temporary file */
    uint64_t hash;     /* of the path */
    size_t path_at;    /* in gm_place.paths */
};

/* As gm_place_name_ok, for a whole path (base and name together, with suffixes). */
bool gm_place_path_ok(const uint8_t *path, size_t n_bytes);
/* Appends BASE/name, or what comes nearest and is free, to path; creates the folders. */
enum gm_status gm_place_choose(struct gm_place *place, const char *base,
                               const struct gm_place_file *file, struct gm_buf *path,
                               struct gm_err *err);
/* Adds the path to the group under place->sequence. */
enum gm_status gm_place_note(struct gm_place *place, const char *path, size_t path_bytes,
                             struct gm_err *err);

#endif
