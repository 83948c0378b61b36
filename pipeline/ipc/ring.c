/* The two ends of the ring. Everything an end decides on is in its own struct gm_ring; from shared
 * memory come only the peer's index, which is checked, and the peer's sleeping flag, which at worst
 * costs a needless bell. A slot is copied out once and looked at only then, so a peer that changes
 * it meanwhile cannot make a check and a use disagree.
 *
 * Orders: tail and head are stored seq_cst because each store is followed by a load of the peer's
 * sleeping flag that must not move in front of it (on x86 one locked instruction a batch). Reading
 * the peer's index needs acquire only; its partner is that store. */
#include "ipc/ring.h"

#include <stdatomic.h>
#include <string.h>

_Static_assert(sizeof(struct gm_ring_shared) ==
                   4 * GM_RING_LINE_BYTES + GM_RING_SLOTS * GM_RING_SLOT_BYTES,
               "both ends must agree on the layout");
_Static_assert((GM_RING_SLOTS & (GM_RING_SLOTS - 1)) == 0, "slot = index % GM_RING_SLOTS");

void gm_ring_reset(struct gm_ring_shared *shared)
{
    atomic_store_explicit(&shared->tail, 0, memory_order_relaxed);
    atomic_store_explicit(&shared->head, 0, memory_order_relaxed);
    atomic_store_explicit(&shared->consumer_sleeping, 0, memory_order_relaxed);
    atomic_store_explicit(&shared->producer_sleeping, 0, memory_order_relaxed);
    memset(shared->slots, 0, sizeof shared->slots);
}

void gm_ring_attach(struct gm_ring *ring, struct gm_ring_shared *shared)
{
    *ring = (struct gm_ring){.shared = shared};
}

/* Takes the flag down; true for whoever took it down, so that one sleep gets one bell. */
static bool take_flag(_Atomic uint32_t *sleeping)
{
    return atomic_load_explicit(sleeping, memory_order_seq_cst) != 0 &&
           atomic_exchange_explicit(sleeping, 0, memory_order_seq_cst) != 0;
}

/* ---- producer ---- */

/* Looks at head again. It may not run backwards, nor overtake what was published. */
static enum gm_status refresh_head(struct gm_ring *ring, struct gm_err *err)
{
    /* acquire: partner of the store in gm_ring_release; the slots are free to be overwritten. */
    uint64_t head = atomic_load_explicit(&ring->shared->head, memory_order_acquire);
    if (head < ring->peer || head > ring->published)
        return gm_err_set(err, GM_INTERNAL,
                          "ring is corrupt: head %llu is not between %llu and tail %llu",
                          (unsigned long long)head, (unsigned long long)ring->peer,
                          (unsigned long long)ring->published);
    ring->peer = head;
    return GM_OK;
}

enum gm_status gm_ring_push(struct gm_ring *ring, const void *descriptor, struct gm_err *err)
{
    if (ring->own - ring->peer == GM_RING_SLOTS) {
        enum gm_status status = refresh_head(ring, err);
        if (status != GM_OK)
            return status;
        if (ring->own - ring->peer == GM_RING_SLOTS)
            return GM_AGAIN;
    }
    memcpy(ring->shared->slots[ring->own % GM_RING_SLOTS], descriptor, GM_RING_SLOT_BYTES);
    ring->own++;
    return GM_OK;
}

bool gm_ring_publish(struct gm_ring *ring)
{
    if (ring->own == ring->published)
        return false;
    ring->published = ring->own;
    /* seq_cst, and before the flag: partner is gm_ring_consumer_sleep. */
    atomic_store_explicit(&ring->shared->tail, ring->own, memory_order_seq_cst);
    return take_flag(&ring->shared->consumer_sleeping);
}

uint32_t gm_ring_free_slots(struct gm_ring *ring)
{
    if (ring->own - ring->peer == GM_RING_SLOTS)
        refresh_head(ring, NULL);
    return (uint32_t)(GM_RING_SLOTS - (ring->own - ring->peer));
}

bool gm_ring_producer_sleep(struct gm_ring *ring)
{
    GM_ASSERT(ring->own == ring->published); /* else both ends could wait for the other */
    atomic_store_explicit(&ring->shared->producer_sleeping, 1, memory_order_seq_cst);
    /* seq_cst, and behind the flag: partner is gm_ring_release. */
    uint64_t head = atomic_load_explicit(&ring->shared->head, memory_order_seq_cst);
    if (ring->own - head == GM_RING_SLOTS)
        return true;
    atomic_store_explicit(&ring->shared->producer_sleeping, 0, memory_order_relaxed);
    return false;
}

/* ---- consumer ---- */

/* Looks at tail again. It may not run backwards, nor be more than a ring ahead of what was
 * released. */
static enum gm_status refresh_tail(struct gm_ring *ring, struct gm_err *err)
{
    /* acquire: partner of the store in gm_ring_publish; the slots below tail are complete. */
    uint64_t tail = atomic_load_explicit(&ring->shared->tail, memory_order_acquire);
    if (tail < ring->peer || tail - ring->published > GM_RING_SLOTS)
        return gm_err_set(err, GM_INTERNAL,
                          "ring is corrupt: tail %llu is not between %llu and head %llu + %u",
                          (unsigned long long)tail, (unsigned long long)ring->peer,
                          (unsigned long long)ring->published, GM_RING_SLOTS);
    ring->peer = tail;
    return GM_OK;
}

enum gm_status gm_ring_pop(struct gm_ring *ring, void *descriptor, struct gm_err *err)
{
    if (ring->own == ring->peer) {
        enum gm_status status = refresh_tail(ring, err);
        if (status != GM_OK)
            return status;
        if (ring->own == ring->peer)
            return GM_AGAIN;
    }
    memcpy(descriptor, ring->shared->slots[ring->own % GM_RING_SLOTS], GM_RING_SLOT_BYTES);
    ring->own++;
    return GM_OK;
}

bool gm_ring_release(struct gm_ring *ring)
{
    if (ring->own == ring->published)
        return false;
    ring->published = ring->own;
    /* seq_cst, and before the flag: partner is gm_ring_producer_sleep. */
    atomic_store_explicit(&ring->shared->head, ring->own, memory_order_seq_cst);
    /* What we know of tail may be old; then less seems used and the bell is rung early. It is
     * never too late: once everything known is popped, nothing seems used. */
    if (ring->peer - ring->own > GM_RING_SLOTS / 2)
        return false;
    return take_flag(&ring->shared->producer_sleeping);
}

bool gm_ring_consumer_sleep(struct gm_ring *ring)
{
    GM_ASSERT(ring->own == ring->published); /* else both ends could wait for the other */
    atomic_store_explicit(&ring->shared->consumer_sleeping, 1, memory_order_seq_cst);
    /* seq_cst, and behind the flag: partner is gm_ring_publish. */
    uint64_t tail = atomic_load_explicit(&ring->shared->tail, memory_order_seq_cst);
    if (ring->own == ring->peer && tail == ring->own)
        return true;
    gm_ring_awake(ring);
    return false;
}

void gm_ring_awake(struct gm_ring *ring)
{
    atomic_store_explicit(&ring->shared->consumer_sleeping, 0, memory_order_relaxed);
}
