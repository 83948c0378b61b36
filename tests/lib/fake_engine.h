/* A supervisor's state put together by hand, without processes: the test holds the other ends of
 * all links and plays fetch, the workers and the writer. Slots 0 .. n_text-1 are workers of
 * ROUTE_TEXT, those behind of ROUTE_UNPACK. */
#ifndef GM_TEST_FAKE_ENGINE_H
#define GM_TEST_FAKE_ENGINE_H

#include "fake_lease.h"
#include "run/engine.h"

#define FAKE_MAX_SLOTS 6
#define FAKE_NO_ROUTE  (-1)

struct fake_engine {
    struct gm_engine *engine;
    struct gm_plan *plan;
    struct gm_err err;
    struct gm_port fetch, writer, workers[FAKE_MAX_SLOTS]; /* the children's ends */
    uint64_t next_item;
    const char *const *bodies; /* of the rows of a segment; NULL: any */
};

struct fake_sizes {
    uint32_t n_text, n_unpack; /* workers */
    uint32_t n_small, n_fetch; /* blocks in each worker's arena, and in fetch's */
};
void fake_engine_open_sized(struct fake_engine *fake, const struct fake_sizes *sizes);
/* The same with room for a whole window of tasks in fetch's arena. */
void fake_engine_open(struct fake_engine *fake, uint32_t n_text, uint32_t n_unpack,
                      uint32_t n_small);
/* Frees everything, after a check that every block has been given back but those that the test's
 * children still hold. */
void fake_engine_close(struct fake_engine *fake);
/* Says from where on this run goes. Before the first segment. */
void fake_engine_resume(struct fake_engine *fake, uint64_t task, uint32_t segment, uint32_t sub);
/* Lets the engine work until nothing moves any more. */
enum gm_status fake_engine_turn(struct fake_engine *fake);

struct fake_place {
    uint64_t task;
    uint32_t segment;
    enum { MORE, LAST } last;
};
/* A segment with lines and, but for FAKE_NO_ROUTE, n_rows rows of content for the route, as fetch
 * would send it. */
struct gm_desc fake_segment(struct fake_engine *fake, struct fake_place place, int route,
                            uint32_t n_rows);
/* Sends it. */
void fake_engine_feed(struct fake_engine *fake, struct fake_place place, int route,
                      uint32_t n_rows);

/* Next message for a child; false: none. */
bool fake_hear(struct gm_port *port, struct gm_desc *desc);
void fake_say(struct gm_port *port, const struct gm_desc *desc);
/* A worker finishes a lease: n_rows written. HOP1 leases get keys, 16 bytes a row (NULL: zeros). */
void fake_worker_done(struct fake_engine *fake, uint32_t slot, const struct gm_desc *lease,
                      const uint8_t *keys, uint32_t n_rows);
/* An unpack worker's whole exchange for one emitted block of n_rows for ROUTE_TEXT. */
void fake_worker_emit(struct fake_engine *fake, uint32_t slot, const struct gm_desc *lease,
                      uint32_t sub, uint32_t n_rows);
/* The writer takes one WRITE, tells it in *desc and answers; false: there is none. */
bool fake_writer_write(struct fake_engine *fake, struct gm_desc *desc);

#endif
