/* Token files, document by document, told by their names: .bin with .idx beside it, .npy with
 * .ends.npy, .ds with .ds.index, and JSON Lines with input_ids. What they say is checked against
 * their lengths; they may be anybody's. Memory is bounded by the largest document. One process. */
#ifndef GM_CLI_TOKENFILE_H
#define GM_CLI_TOKENFILE_H

#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gm_tokenfile; /* opaque */

bool gm_tokenfile_is_name(const char *name); /* of a file that has ids: not of an index file */
/* n_ids: of the vocabulary, for a .ds without .metadata. GM_INPUT: not such a file, or its index
 * does not fit. */
enum gm_status gm_tokenfile_open(struct gm_tokenfile **file, const char *path, uint64_t n_ids,
                                 struct gm_err *err);
void gm_tokenfile_close(struct gm_tokenfile *file); /* NULL allowed */
/* The ids of the next document; they live until the next call. GM_END after the last. */
enum gm_status gm_tokenfile_next(struct gm_tokenfile *file, const uint32_t **ids, size_t *n_ids,
                                 struct gm_err *err);

#endif
