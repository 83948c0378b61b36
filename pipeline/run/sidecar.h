/* What a shard gets when it is complete, besides its parts: the bytes of its head, and index files
 * made of its record sizes. All of it is computed from what is on disk, so that after a crash it is
 * computed again. Private to outfile.c and output.c; one process, one thread. */
#ifndef GM_RUN_SIDECAR_H
#define GM_RUN_SIDECAR_H

#include "base/err.h"
#include "run/journal.h"
#include "run/output.h"
#include <stdint.h>

/* Number of index files of a stream; 0 for most. */
uint32_t gm_sidecar_count(const struct gm_output_stream *def);

/* Makes all index files of the shard, durably, and notes them in the journal. shard: the complete
 * one, as it was noted; sizes_fd: its sizes, n_sizes of them. */
struct gm_sidecar_input {
    const struct gm_output_config *config;
    const struct gm_frame_file *shard;
    struct gm_shard_facts facts;
    int sizes_fd;
};
enum gm_status gm_sidecar_make(const struct gm_sidecar_input *input, struct gm_journal *journal,
                               struct gm_err *err);

/* Checks one part against the sizes of its records (any address, copied before): their number, and
 * that they add up to its length. */
bool gm_sizes_fit(const struct gm_output_stream *def, const struct gm_out_part *part,
                  const uint32_t *sizes, size_t n_bytes);

#endif
