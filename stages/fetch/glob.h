/* Patterns for files: '*', '?' and '[...]' within one name, '**' for any number of folders. Entries
 * come in bytewise order of their whole path, whatever the file system's order. The entries of one
 * folder for each level are in memory, and with threads what ahead.h allows them.
 *
 *      corpus/2024/x/y.txt       pattern corpus/(**)/(*.txt)
 *      ------ fixed root
 *             ------------ name
 *
 * Names that start with a dot match only if the pattern says so or hidden is set. Symbolic links to
 * files are followed; those to folders only if asked for, and one that leads back to a folder that
 * the walk is in is reported with ELOOP. */
#ifndef GM_FETCH_GLOB_H
#define GM_FETCH_GLOB_H

#include "base/err.h"
#include <stdint.h>

#define GM_GLOB_MAX_PARTS 32  /* components of a pattern behind its fixed root */
#define GM_GLOB_MAX_DEPTH 128 /* folders below the root */

enum gm_glob_flags {
    GM_GLOB_HIDDEN = 1,
    GM_GLOB_FOLLOW = 2,
    GM_GLOB_AHEAD = 4 /* threads read ahead (ahead.h): for who wants it all, and never forks */
};

struct gm_glob_entry {
    const char *path; /* root + name */
    const char *name; /* below the root */
    uint64_t n_bytes;
    int64_t mtime_ns;
    int problem; /* errno: a folder that cannot be read, a file that cannot be looked at; 0: a file
                  */
};

/* Called for each file, and for each folder that cannot be read. GM_END: stop, the walk then
 * returns GM_OK. */
typedef enum gm_status gm_glob_visit(void *context, const struct gm_glob_entry *entry,
                                     struct gm_err *err);

/* GM_CONFIG: the pattern is malformed. GM_MISSING: its fixed root is not there. A pattern that
 * names a folder means all files below it. */
enum gm_status gm_glob_walk(const char *pattern, unsigned flags, gm_glob_visit *visit,
                            void *context, struct gm_err *err);

#endif
