/* For tests of the output folder: the job of output_job.h in a folder of its own, opened, with an
 * output block to fill. Every step that must succeed is asserted. */
#ifndef GM_TEST_OPEN_OUTPUT_H
#define GM_TEST_OPEN_OUTPUT_H

#include "output_job.h"

struct open_output {
    struct job_folder folder;
    struct gm_output_config config;
    struct gm_output *output;
    struct gm_out out; /* the block at hand, empty at first */
    struct gm_err err;
};

void assert_ok(enum gm_status status, const struct gm_err *err);

void open_output_begin(struct open_output *open, enum job_kind kind);
/* Closes without a commit. */
void open_output_close(struct open_output *open);
/* The same, and opens what is there then. */
void open_output_again(struct open_output *open);
/* Appends the block, which is complete; next: the task behind it. */
enum gm_status open_output_append(struct open_output *open, uint64_t next);
/* Finishes and closes the output; the folder and its files are still there. */
void open_output_finish(struct open_output *open);
/* Removes everything. */
void open_output_drop(struct open_output *open);

#endif
