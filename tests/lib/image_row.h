/* Runs the image stages over one row at a time, as a worker would: for tests and helper programs
 * only. A failed set-up ends the program. */
#ifndef GM_TESTS_IMAGE_ROW_H
#define GM_TESTS_IMAGE_ROW_H

#include "batch.h"
#include "media.h"
#include "stage.h"

struct image_row_input {
    const uint8_t *data;
    size_t n_bytes;
    uint64_t item;
    uint64_t member;  /* UINT64_MAX: none */
    const char *name; /* NULL: none */
};

struct image_row;

/* settings: "option=value" for gray or features, ended by NULL; NULL: defaults. */
struct image_row *image_row_new(const char *const *settings);
void image_row_free(struct image_row *row);
/* Runs gray and features over a row of its own. The batch holds the results until the next run;
 * gray_plane is still set. */
enum gm_reason image_row_run(struct image_row *row, const struct image_row_input *input);
/* Ends the block: what a sink would see from here on. */
void image_row_end_block(struct image_row *row);
const struct gm_batch *image_row_batch(const struct image_row *row);
const char *image_row_message(struct image_row *row); /* of a rejected row, else "" */
struct gm_view image_row_view(const struct image_row *row, const char *column);
uint64_t image_row_u64(const struct image_row *row, const char *column);
double image_row_f64(const struct image_row *row, const char *column);

/* The whole file in malloc'ed memory; ends the program if it cannot be read. */
uint8_t *image_row_read(const char *path, size_t *n_bytes);

#endif
