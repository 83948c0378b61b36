/* A temporary folder with the archives of tests/lib/archives.sh, one per test program. */
#ifndef GM_TEST_ARCHIVE_DIR_H
#define GM_TEST_ARCHIVE_DIR_H

#include "base/buf.h"

/* Group fixtures for cmocka; 0: fine. To be run from the top of the tree. */
int archive_dir_make(void **state);
int archive_dir_remove(void **state);
/* Path of an archive; returns path. */
const char *archive_path(char *path, size_t path_bytes, const char *name);
/* Appends its bytes; stops the program if it cannot be read. */
void archive_read_all(const char *name, struct gm_buf *bytes);

#endif
