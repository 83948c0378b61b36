/* The feed: the fetch process's side of the engine. It hands out items in order, takes outcomes in
 * any order, and turns whole tasks (64 consecutive items) into segments of blocks:
 *
 *      task 7:  rows 0..63   [ text text fail text | image | text ... ]
 *      segment               ^0                    ^1      ^2
 *
 * A segment is a run of rows for one route that fits one block, plus the lines of items.jsonl and
 * rejects.jsonl of all its rows. Segments depend on the items and their bodies only, never on
 * timing, so that a resumed run cuts them at the same places.
 *
 * Bodies that wait for their task go to a hold file on disk when they are more than the process's
 * share of memory. feed.c holds the window, segment.c cuts and packs. */
#ifndef GM_RUN_FEED_H
#define GM_RUN_FEED_H

#include "base/buf.h"
#include "block.h"
#include "out.h"
#include "run/link.h"
#include "run/plan.h"
#include "run/pool.h"
#include "run/snapshot.h"
#include "source.h"

#define GM_FEED_BLOCKS 64
#define GM_FEED_FILES  256 /* open files that wait for their task; at least one task's worth */

/* Where to begin: the first row that is not committed. */
struct gm_feed_start {
    uint64_t task;
    uint32_t segment;
    uint32_t row;
};

struct gm_feed_setup {
    const struct gm_plan *plan;
    struct gm_link *link;
    struct gm_pool *arena; /* fetch's own */
    int snapshot_fd;
    int spool_fd; /* folder */
    int hold_fd;  /* unlinked file */
    uint64_t n_items;
    struct gm_feed_start start;
    bool in_order; /* tasks are handed over in order only (an ordered gate waits behind) */
};

enum gm_feed_item_state { GM_FEED_OPEN, GM_FEED_DONE };

/* The line of an item in items.jsonl, written when its task is complete. */
struct gm_feed_line {
    size_t at, n_bytes; /* in gm_feed.lines */
    size_t most_bytes;  /* what it could take with other times and tries; decides the cuts */
};

struct gm_feed_item {
    struct gm_fetched fetched;
    char *locator, *name, *meta; /* owned */
    char *key;                   /* owned; what run.db calls it, NULL: the locator */
    bool is_url;
    bool lost_late; /* while its block was filled: its line is written anew */
    bool held;      /* body is in the hold file at hold_offset */
    uint64_t hold_offset;
    uint64_t file_bytes; /* of a local file, while it counts in gm_feed.file_bytes */
    enum gm_feed_item_state state;
    bool has_previous;
    bool repeated; /* did not come out, for the reason of the last generation: no news */
    enum gm_reason previous_reason;
    uint16_t previous_http;
    uint8_t previous_sha256[GM_SHA256_BYTES];
    int64_t file_mtime_ns;
};

struct gm_feed_task {
    uint64_t number;
    uint32_t n_items; /* given out so far; 64 or fewer when complete */
    uint32_t n_done;
    uint32_t n_expected;
    struct gm_feed_item *items; /* GM_TASK_ITEMS; NULL: slot free */
};

struct gm_feed {
    const struct gm_feed_setup *setup;
    const struct gm_plan *plan;
    struct gm_port port;
    struct gm_snapshot snapshot;
    uint64_t next_item;
    uint64_t head_task;                        /* oldest that is not committed */
    struct gm_feed_task tasks[GM_TASK_WINDOW]; /* task % GM_TASK_WINDOW */
    uint64_t complete[GM_TASK_WINDOW];         /* queue of task numbers ready to be cut */
    uint32_t n_complete;
    uint32_t n_files_asked; /* files given out and not handed in yet */
    uint32_t n_files;       /* bodies that are open files */
    uint64_t body_bytes;    /* held in memory */
    uint64_t file_bytes;    /* of local files that are given out, or held in memory */
    uint64_t hold_end;      /* of the hold file */
    uint32_t n_held;
    uint64_t next_task_out; /* for in_order */
    uint64_t n_tasks_out;
    uint64_t n_tasks; /* in all, from the first */
    bool stopping, end_sent;

    /* cutting */
    uint64_t cut_task; /* UINT64_MAX: none */
    uint32_t cut_row, cut_segment;
    struct gm_block_builder builder;
    struct gm_buf lines; /* of the task that is cut */
    struct gm_feed_line line_of[GM_TASK_ITEMS];
    struct gm_buf items, rejects, scratch;
    struct gm_out out;
    struct gm_span blocks[GM_FEED_BLOCKS]; /* small ones that may be filled */
    uint32_t n_blocks, n_asked;
    struct gm_span large; /* n_bytes 0: none */
    bool large_asked;
    uint64_t next_fd_key;
    uint64_t *spooled; /* item numbers whose spool files go when committed */
    uint32_t n_spooled, spooled_capacity;
};

/* main of the fetch process; context is a struct gm_feed_setup. */
int gm_feed_main(void *setup);

/* segment.c: cuts and sends as much as there are blocks and ring slots for. GM_AGAIN: waits. */
enum gm_status gm_feed_cut(struct gm_feed *feed, struct gm_err *err);
/* Frees an item's body, strings and descriptors. */
void gm_feed_item_free(struct gm_feed *feed, struct gm_feed_item *item);

#endif
