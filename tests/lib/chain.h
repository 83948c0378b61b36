/* Runs stages over rows as a worker does, in the test's own process. */
#ifndef GM_TEST_CHAIN_H
#define GM_TEST_CHAIN_H

#include "media.h"
#include "stage.h"

#define CHAIN_MAX_STAGES  8
#define CHAIN_MAX_COLUMNS 32

struct chain_link {
    const struct gm_stage *stage;
    void *opts;
    struct gm_prepared prepared;
    void *ctx;
    int in[CHAIN_MAX_COLUMNS], out[CHAIN_MAX_COLUMNS];
    struct gm_bind bind;
};

struct chain {
    struct chain_link links[CHAIN_MAX_STAGES];
    size_t n_links;
    struct gm_batch batch;
    bool is_open;
};

struct chain_row {
    enum gm_media media;
    const void *body;
    size_t n_bytes;
};

void chain_init(struct chain *chain);
/* settings: "option=value option=value" (values without spaces), or NULL. Asserts that they are
 * right and that stage->check and stage->prepare accept them. */
void chain_add(struct chain *chain, const struct gm_stage *stage, const char *settings);
void chain_free(struct chain *chain);

/* Fills chain->batch with the rows. The bodies must live until the next begin or run. */
void chain_begin(struct chain *chain, const struct chain_row *rows, size_t n_rows);
/* Runs one stage over one row. Asserts that it reports no error. */
void chain_step(struct chain *chain, size_t link, uint32_t row);
/* begin, and every stage over each row that is still in. */
void chain_run(struct chain *chain, const struct chain_row *rows, size_t n_rows);
/* One row; a NUL-terminated body. */
void chain_run_text(struct chain *chain, enum gm_media media, const char *body);

/* Of row `row` after a run; the column must exist and, for the values, not be null. */
enum gm_reason chain_reason(const struct chain *chain, uint32_t row);
bool chain_is_null(const struct chain *chain, const char *column, uint32_t row);
uint64_t chain_u64(const struct chain *chain, const char *column, uint32_t row);
double chain_f64(const struct chain *chain, const char *column, uint32_t row);
struct gm_view chain_view(const struct chain *chain, const char *column, uint32_t row);
/* Is the value, or with column NULL the reject message, exactly this? Prints it if not. */
bool chain_equals(const struct chain *chain, const char *column, uint32_t row, const char *wanted);

#endif
