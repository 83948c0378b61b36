/* Choosing the names of placed files. Private to placer.c; the rules stand in placer.h. */
#ifndef GM_RUN_PLACER_NAME_H
#define GM_RUN_PLACER_NAME_H

#include "run/placer.h"

struct gm_placer_entry {
    uint64_t sequence; /* name of the temporary file */
    uint64_t hash;     /* of the path */
    size_t path_at;    /* in gm_placer.paths */
};

/* As gm_placer_name_ok, for a whole path (base and name together, with suffixes). */
bool gm_placer_path_ok(const uint8_t *path, size_t n_bytes);
/* Appends BASE/name, or what comes nearest and is free, to path; creates the folders. */
enum gm_status gm_placer_choose(struct gm_placer *place, const char *base,
                                const struct gm_placer_file *file, struct gm_buf *path,
                                struct gm_err *err);
/* Adds the path to the group under place->sequence. */
enum gm_status gm_placer_note(struct gm_placer *place, const char *path, size_t path_bytes,
                              struct gm_err *err);

#endif
