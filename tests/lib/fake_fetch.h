/* A fetcher for tests of the feed: items of a made-up list get made-up outcomes, in an order that
 * the seed decides. It runs in the feed's real process; the test hears segments as the supervisor
 * does, and keeps what matters of each. */
#ifndef GM_TEST_FAKE_FETCH_H
#define GM_TEST_FAKE_FETCH_H

#include "fake_supervisor.h"
#include "run/feed.h"

struct fake_fetch {
    struct fake_supervisor supervisor;
    struct gm_feed_setup setup;
    struct gm_fetcher fetcher;
    /* set by the test */
    uint64_t n_items;
    uint32_t seed;       /* 0: outcomes in order */
    uint32_t n_open;     /* items in work at once; 0: all that the feed gives */
    uint32_t hold_back;  /* item that is finished last; 0: none */
    uint64_t stop_after; /* segments, then STOP; 0: never */
    /* The list's row, and the outcome of an item (n_bytes, media, reason...); the body is made here
     * unless there is a descriptor. Both must be pure functions of the number. */
    void (*describe)(uint64_t number, struct gm_item *item);
    void (*finish)(uint64_t number, struct gm_fetched *fetched);
    /* heard */
    struct fake_segment *segments;
    uint32_t n_segments;
    uint64_t n_tasks; /* as END said; UINT64_MAX: no END */
    uint32_t n_needs;
    uint64_t n_items_finished; /* for progress */
    struct gm_obituary obituary;
};

/* One SEGMENT message: the descriptor, and digests of what its block holds. */
struct fake_segment {
    uint64_t task;
    uint32_t segment, row_first, row_count;
    int route; /* -1: no content */
    bool last;
    uint32_t n_rows;       /* of the content */
    uint64_t content_hash; /* over its rows */
    uint64_t fd_bytes;     /* size of the file that came with it; UINT64_MAX: none */
    uint32_t block_bytes;  /* capacity that was taken for it */
    uint32_t n_lines, n_rejects;
    uint32_t n_in;       /* as the lines account for */
    uint64_t lines_hash; /* over items.jsonl without times */
};

void fake_fetch_open(struct fake_fetch *fetch);
void fake_fetch_close(struct fake_fetch *fetch);
/* From setup.start to the end. Segments are kept in the order of their arrival. */
void fake_fetch_run(struct fake_fetch *fetch);
/* Sorts by (task, segment). */
void fake_fetch_sort(struct fake_fetch *fetch);
/* The bytes that an item's body is made of. */
void fake_body(uint64_t number, uint8_t *body, uint64_t n_bytes);

#endif
