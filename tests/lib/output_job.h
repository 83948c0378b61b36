/* A deterministic job for the output folder: block i of it is always the same bytes, so that a run
 * that was killed and resumed must leave the same files as one that was not. Records go to shards
 * with a trailer, rejects to one file, small files with clashing names to a folder, and items of
 * known sizes to shards with a head and two index files. */
#ifndef GM_TEST_OUTPUT_JOB_H
#define GM_TEST_OUTPUT_JOB_H

#include "out.h"
#include "run/output.h"

enum { JOB_RECORDS = GM_STREAM_FIRST_SINK, JOB_IMAGES, JOB_ITEMS, JOB_SIZES };

extern const struct gm_output_stream job_streams[GM_MAX_STREAMS];

/* What is in front of each shard of items: the number of its items, and the bytes of them. */
struct job_head {
    uint64_t n_items, n_bytes;
};
enum { JOB_UNIT_BYTES = 3, JOB_COUNTER = 5 }; /* the counter counts items */

/* Configuration over an open folder. SHARDS_ONLY leaves out the placed files and the items. */
enum job_kind { JOB_SHARDS_ONLY, JOB_WITH_FILES };
struct gm_output_config job_config(int dir_fd, const char *folder, enum job_kind kind);

void job_block(struct gm_out *out, uint64_t number, enum job_kind kind);

/* Runs or resumes the job of n_blocks blocks, with a commit after every group_blocks; group_blocks
 * 0: never before the end. */
enum gm_status job_run(const struct gm_output_config *config, uint64_t n_blocks,
                       uint64_t group_blocks, struct gm_err *err);

/* The digest that an undisturbed run leaves. */
void job_reference(enum job_kind kind, uint64_t n_blocks, char hex[GM_SHA256_HEX_BYTES]);

/* A new folder below /tmp; a failure ends the program. */
struct job_folder {
    char path[64];
    int fd;
};
void job_folder_make(struct job_folder *folder);
void job_folder_empty(struct job_folder *folder);
void job_folder_drop(struct job_folder *folder);

/* SHA-256 over the names and bytes of all files below a folder but the journal. */
void job_digest(const char *folder, char hex[GM_SHA256_HEX_BYTES]);

#endif
