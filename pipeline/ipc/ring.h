/* A single-producer, single-consumer ring of 64-byte descriptors in shared memory, and the
 * sleeping-flag protocol that goes with it.
 *
 *      slots     [ .. | d3 | d4 | d5 | .. ]      64 of them
 *                      ^head (consumer)  ^tail (producer)     both only grow; slot = index % 64
 *
 *   shared part (struct gm_ring_shared)  head and tail on cache lines of their own, one writer each
 *   local part  (struct gm_ring)         own index and a cached copy of the peer's; capacity is a
 *                                        constant, nothing is ever re-read from shared memory to be
 * trusted
 *
 * Publication: write slots, then store tail (release). Wake protocol, model-checked in
 * tests/models/wake.pml: the producer stores tail seq_cst, then looks at consumer_sleeping; the
 * consumer sets consumer_sleeping seq_cst, then looks at tail again before it blocks. Either the
 * producer sees the flag or the consumer sees the item. The same holds for "full", with roles
 * exchanged. Ringing the bell (an eventfd) is the caller's part: see wake.h.
 *
 * The shared part is input: a tail that runs backwards or more than 64 ahead is reported as
 * GM_INTERNAL and the peer must be treated as corrupt. The memory is a parameter, so that tests
 * run both ends as threads under ThreadSanitizer. */
#ifndef GM_IPC_RING_H
#define GM_IPC_RING_H

#include "base/err.h"
#include <stdbool.h>
#include <stdint.h>

#define GM_RING_SLOTS      64u
#define GM_RING_SLOT_BYTES 64u
#define GM_RING_LINE_BYTES 128 /* two lines: the adjacent-line prefetcher */

struct gm_ring_shared {
    _Alignas(GM_RING_LINE_BYTES) _Atomic uint64_t tail;
    _Alignas(GM_RING_LINE_BYTES) _Atomic uint64_t head;
    _Alignas(GM_RING_LINE_BYTES) _Atomic uint32_t consumer_sleeping;
    _Alignas(GM_RING_LINE_BYTES) _Atomic uint32_t producer_sleeping;
    _Alignas(GM_RING_LINE_BYTES) uint8_t slots[GM_RING_SLOTS][GM_RING_SLOT_BYTES];
};

struct gm_ring {
    struct gm_ring_shared *shared; /* not owned */
    uint64_t own;                  /* producer: tail not yet published; consumer: head */
    uint64_t published;            /* producer: tail as stored; consumer: head as stored */
    uint64_t peer;                 /* last seen index of the other side */
};

/* Zeroes the shared part. Only while nobody uses it: before the fork, or after the peer is dead
 * (not doing so duplicates records: tests/models/crash.pml has the counterexample). */
void gm_ring_reset(struct gm_ring_shared *shared);
/* Attaches one end; the shared part must be freshly reset. Each process attaches exactly one end.
 */
void gm_ring_attach(struct gm_ring *ring, struct gm_ring_shared *shared);

/* ---- producer ---- */
/* Copies one descriptor into the next slot without publishing it. GM_AGAIN: full (err is not
 * filled). GM_INTERNAL: the consumer broke the invariant. */
enum gm_status gm_ring_push(struct gm_ring *ring, const void *descriptor, struct gm_err *err);
/* Makes everything pushed visible. True: the consumer sleeps, ring its bell. */
bool gm_ring_publish(struct gm_ring *ring);
/* Free slots that are known of; 0 only after a fresh look. */
uint32_t gm_ring_free_slots(struct gm_ring *ring);
/* Announces that the producer wants to be woken when at least half is free; true: still full, may
 * block now. Everything pushed must have been published. */
bool gm_ring_producer_sleep(struct gm_ring *ring);

/* ---- consumer ---- */
/* Copies the next descriptor out. GM_AGAIN: empty (err is not filled). GM_INTERNAL: the producer
 * broke the invariant. */
enum gm_status gm_ring_pop(struct gm_ring *ring, void *descriptor, struct gm_err *err);
/* Gives the popped slots back. True: the producer sleeps and half the ring is free, ring its bell.
 */
bool gm_ring_release(struct gm_ring *ring);
/* Announces sleep; true: still empty, the caller may block on the bell. False: items are there.
 * Everything popped must have been released. */
bool gm_ring_consumer_sleep(struct gm_ring *ring);
/* Withdraws an announced sleep (after any wake-up). */
void gm_ring_awake(struct gm_ring *ring);

#endif
