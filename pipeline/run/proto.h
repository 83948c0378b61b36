/* The 64-byte descriptors that travel through the rings between the supervisor and its children.
 * They name shared memory by arena and page; payload itself never moves.
 *
 *   supervisor -> worker   LEASE  GRANT  STOP
 *   worker -> supervisor   DONE   NEED   EMIT
 *   supervisor -> fetch    GRANT  HEAD   STOP
 *   fetch -> supervisor    SEGMENT  NEED  END
 *   supervisor -> writer   WRITE  QUARANTINE  SPILL  WRITE_SPILLED  FINISH  STOP
 *   writer -> supervisor   WRITTEN  SPILLED  COMMITTED  FINISHED
 *
 * The supervisor checks everything that a child sends: lease ids against its private table, pages
 * and lengths against its own allocation; what does not fit marks the child as corrupt. */
#ifndef GM_RUN_PROTO_H
#define GM_RUN_PROTO_H

#include <stdint.h>

#define GM_PAGE_BYTES 4096u
/* Items of one task: the unit of ordering on the input side. */
#define GM_TASK_ITEMS 64u
/* Tasks beyond the oldest uncommitted one that may be under way. */
#define GM_TASK_WINDOW 64u

enum gm_desc_kind {
    GM_DESC_LEASE = 1,
    GM_DESC_GRANT,
    GM_DESC_STOP,
    GM_DESC_DONE,
    GM_DESC_NEED,
    GM_DESC_EMIT,
    GM_DESC_HEAD,
    GM_DESC_SEGMENT,
    GM_DESC_END,
    GM_DESC_WRITE,
    GM_DESC_QUARANTINE,
    GM_DESC_SPILL,
    GM_DESC_WRITE_SPILLED,
    GM_DESC_FINISH,
    GM_DESC_WRITTEN,
    GM_DESC_SPILLED,
    GM_DESC_COMMITTED,
    GM_DESC_FINISHED
};

enum gm_desc_flags {
    GM_DESC_FD = 1,   /* the container is a descriptor, sent on the control channel under `lease` */
    GM_DESC_LAST = 2, /* SEGMENT: last of its task */
    GM_DESC_PROBE = 4,    /* LEASE: only rows row_first.., the output is thrown away */
    GM_DESC_HOP1 = 8,     /* LEASE, DONE: stop before the ordered gate and hand out keys */
    GM_DESC_HOP2 = 16,    /* LEASE: the gate has been passed */
    GM_DESC_CONTENT = 32, /* SEGMENT: has a content block */
    GM_DESC_DRAIN = 64,   /* FINISH: commit and stop, but do not complete the run */
    GM_DESC_BAD = 128,    /* DONE, WRITTEN: not done, the block is malformed or was changed */
    GM_DESC_HEAP = 256,   /* LEASE: alone, with all its memory. DONE: not done, it needs that */
    GM_DESC_AHEAD = 512   /* NEED: nobody waits for it. GRANT: the answer to that */
};

struct gm_desc {
    uint16_t kind;  /* enum gm_desc_kind */
    uint16_t flags; /* enum gm_desc_flags */
    uint32_t value; /* LEASE of a container: blocks to skip. EMIT, SEGMENT: route. NEED: bytes */
    uint64_t lease; /* lease id; WRITE, SPILL: unit id; FD: key of the descriptor */
    uint64_t task;
    uint32_t segment;
    uint32_t sub;
    uint32_t in_arena; /* index of the arena that in_page is in */
    uint32_t in_page;
    uint32_t in_bytes;
    uint32_t out_page;  /* in the worker's (SEGMENT: fetch's) own arena; WRITE: low half of */
    uint32_t out_bytes; /* the checksum that the block had when it was handed over, high half */
    uint32_t row_first; /* SEGMENT: first item. LEASE of a container: block that is lost; 0: none */
    uint32_t row_count; /* LEASE of a container: first member that must not be opened */
};
_Static_assert(sizeof(struct gm_desc) == 64, "a descriptor fills one ring slot");

#define GM_NO_LIMIT UINT32_MAX

#endif
