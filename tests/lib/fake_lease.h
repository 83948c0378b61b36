/* Blocks and leases for tests of workers: what a supervisor would hand out, and a reader for what
 * comes back. */
#ifndef GM_TEST_FAKE_LEASE_H
#define GM_TEST_FAKE_LEASE_H

#include "fake_supervisor.h"
#include "out.h"

struct fake_row {
    uint64_t item;
    uint64_t member; /* UINT64_MAX: none */
    enum gm_media media;
    const char *name; /* may be NULL */
    const void *body;
    size_t n_bytes;
    enum gm_reason reason;
};

/* Packs rows into a block of the pool that it takes; the source of each is "src". Returns a
 * descriptor with in_page and in_bytes set. */
struct gm_desc fake_block(struct gm_pool *pool, const struct fake_row *rows, uint32_t n_rows);
/* A LEASE over such a block, with a small output block of the worker unless it is a container. */
struct gm_desc fake_lease(struct fake_supervisor *fake, uint64_t lease, struct gm_desc block);

/* All payload of one stream of a finished output block, as text; the block must be sound. */
struct gm_buf fake_stream(const struct fake_supervisor *fake, const struct gm_desc *done,
                          uint32_t stream);
struct gm_out_header fake_header(const struct fake_supervisor *fake, const struct gm_desc *done);

#endif
