/* The supervisor's state, and what its files do with it. One thread, one epoll loop; no payload is
 * touched here, no codec loaded, no socket opened.
 *
 *   units.c       what is to be done: tasks -> segments -> units, in input order
 *   dispatch.c    units to workers: leases, depth, CPU tokens, empty blocks
 *   death.c       what a dead worker held; suspects, probes, poison
 *   gate.c        ordered gate: keys in order, duplicates marked
 *   commit.c      finished units to the writer, in order; spilling what must wait
 *   spawn.c       arenas, links, processes
 *   supervisor.c  the loop: messages, signals, tick, drain, end
 *
 *   unit:  READY -> LEASED -> DONE -> WRITING -> (freed)
 *            ^        |        | \-> SPILLING -> SPILLED -> WRITING
 *            |        v        v
 *            +--- requeued    GATED (hop 1 done) -> READY for hop 2
 */
#ifndef GM_RUN_ENGINE_H
#define GM_RUN_ENGINE_H

#include "base/err.h"
#include "ipc/child.h"
#include "run/feed.h"
#include "run/gate.h"
#include "run/link.h"
#include "run/plan.h"
#include "run/pool.h"
#include "run/progress.h"
#include "run/proto.h"
#include "run/worker.h"
#include "run/writer.h"
#include <stdbool.h>
#include <signal.h>
#include <stdint.h>

#define GM_MAX_LEASES  4   /* per worker */
#define GM_MAX_FILES   256 /* open containers; above it fetch's ring is left alone */
#define GM_MAX_GRANTED 8
#define GM_SOLO_DEATHS 3 /* alone, then the record is poison */
#define GM_ARENA_FETCH 0u

enum gm_unit_state {
    GM_UNIT_READY,
    GM_UNIT_LEASED,
    GM_UNIT_GATED,
    GM_UNIT_DONE,
    GM_UNIT_SPILLING,
    GM_UNIT_SPILLED,
    GM_UNIT_WRITING
};

struct gm_block_ref {
    uint32_t arena, page, n_bytes;
    bool held;
};

struct gm_slot;
struct gm_segment;

struct gm_unit {
    uint64_t id;
    uint64_t task;
    uint32_t segment, sub;
    enum gm_unit_state state;
    int route; /* -1: lines of fetch, ready to be written */
    struct gm_segment *owner;
    struct gm_unit *next; /* in its segment */
    struct gm_block_ref in, out;
    uint64_t out_checksum; /* as the block stated it when it was handed over */
    bool in_shared;        /* input block is the segment's */
    bool out_shared;
    bool gated;      /* hop 1 is behind it */
    bool wants_heap; /* ran out of its worker's memory: leased alone, with all of the limit */
    uint8_t *keys;   /* what hop 1 handed out, until the gate has seen it; owned */
    uint32_t n_keys;

    bool container;      /* in.* is a container; emits units of its own */
    int fd;              /* of a container; -1: inline */
    uint32_t n_emitted;  /* blocks accepted from it */
    uint32_t stop_at;    /* member that must not be opened; GM_NO_LIMIT */
    uint32_t lost_block; /* told as lost, and the container read no further; 0: none */

    uint64_t lease; /* 0: none */
    struct gm_slot *slot;
    uint64_t leased_ns;
    bool probe; /* leased, or to be leased, alone for the suspect row */
    bool has_suspect;
    uint64_t suspect; /* row or member */
    uint32_t solo_deaths, probe_passes, blind_deaths;
    bool searching; /* nobody knows the row: all are probed in turn, suspect is where we are */
    bool by_deadline;
    bool keep_in; /* the input block is still needed by the writer (quarantine) */
    uint64_t spill_offset;
};

struct gm_segment {
    uint32_t number;
    uint32_t row_first, row_count;
    bool last;           /* of its task */
    uint32_t block_page; /* fetch's block, shared by lines and content */
    uint32_t block_refs;
    struct gm_unit *first, *last_unit;
    struct gm_unit *container; /* still emitting; NULL: all units are known */
    uint32_t n_subs;           /* units known so far, counting committed ones */
    struct gm_segment *next;
};

struct gm_task {
    uint64_t number;
    bool used;
    struct gm_segment *first, *last;
};

/* Where the next unit is; the same walk serves committing and the gate. */
struct gm_cursor {
    uint64_t task;
    uint32_t segment, sub;
};

struct gm_unit_heap {
    struct gm_unit **units;
    uint32_t n_units, capacity;
};

enum gm_slot_state { GM_SLOT_DOWN, GM_SLOT_UP };

/* A worker process and what it holds. */
struct gm_slot {
    char title[24];
    uint32_t route;
    uint32_t index; /* among slots */
    uint32_t arena;
    enum gm_slot_state state;
    struct gm_worker_setup setup;
    struct gm_link link;
    bool link_used; /* by a process that is gone, or by this one */
    struct gm_child child;
    struct gm_unit *leases[GM_MAX_LEASES];
    uint32_t n_leases;
    bool needs;       /* waits for a block */
    bool wants_ahead; /* will need one */
    uint64_t need_lease;
    uint32_t need_bytes;
    uint32_t granted[GM_MAX_GRANTED]; /* blocks for a container that have not come back yet */
    uint32_t n_granted;
    uint64_t seen_lease, seen_row, seen_beat, seen_ms; /* for the deadline */
    bool deadline_kill;
    bool broken;   /* said something impossible and is being killed for it */
    bool retiring; /* has had all the memory: told to stop, so that none of it stays in use */
    uint32_t n_early_deaths; /* in a row, without a finished lease */
    uint64_t respawn_ms;
    double block_ns; /* smoothed time of one lease */
    uint64_t last_done_ns;
};

struct gm_engine {
    const struct gm_plan *plan;
    struct gm_progress *progress;
    struct gm_progress_state shown;

    /* order */
    struct gm_task tasks[GM_TASK_WINDOW + 1];
    struct gm_cursor gate_at;   /* next unit for the gate; the first of the three */
    struct gm_cursor sent;      /* next unit for the writer */
    struct gm_cursor committed; /* next unit that the writer has to acknowledge; the last */
    struct gm_cursor resume;    /* as the journal said at the start */
    uint64_t durable_task;
    uint64_t n_tasks; /* UINT64_MAX until fetch has ended */
    struct gm_unit_heap ready[GM_MAX_ROUTES];
    uint64_t next_unit, next_lease;
    uint32_t n_units;
    uint32_t n_writing;
    uint32_t n_files;                             /* open containers */
    struct gm_unit *in_writer[GM_RING_SLOTS * 2]; /* id % size -> unit, for its answers */

    /* processes */
    struct gm_large_budget large;
    struct gm_pool **arenas;
    uint32_t n_arenas;
    struct gm_slot *slots;
    uint32_t n_slots;
    struct gm_link fetch_link, writer_link;
    struct gm_child fetch, writer;
    pid_t index_pid; /* works beside us, and counts against the memory */
    struct gm_feed_setup feed_setup;
    struct gm_writer_setup writer_setup;
    struct gm_gate gate;
    bool has_gate;
    uint64_t moved_ms; /* last time that the commit cursor moved */
    uint32_t fetch_needs_small, fetch_needs_large;
    uint32_t fetch_granted[GM_MAX_GRANTED]; /* blocks that fetch has and has not sent back */
    uint32_t n_fetch_granted;
    uint64_t head_sent, durable_sent;
    int epoll_fd, signal_fd;
    sigset_t old_mask;

    /* how it goes */
    enum { GM_ENGINE_RUNNING, GM_ENGINE_DRAINING, GM_ENGINE_FINISHING, GM_ENGINE_OVER } phase;
    uint64_t drain_deadline_ms;
    bool restart;                 /* fetch or writer died: all down, resume from the journal */
    bool restart_external;        /* somebody else killed it */
    struct gm_cursor bad;         /* block that a container's worker spoiled; sub 0: none */
    const struct gm_cursor *lost; /* such blocks that are given up; of the caller */
    uint32_t n_lost;
    uint64_t next_sample_ms;
    uint64_t peak_memory_bytes, cpu_ns;
    enum gm_sandbox_state sandbox;
    uint32_t n_deaths;
    bool fetch_ended;
    bool failed;
    struct gm_err fatal;               /* why, if failed */
    struct gm_control_message message; /* scratch */
    struct { /* descriptors of containers whose segments have not arrived yet */
        uint64_t key;
        int fd;
    } received[2 * GM_RING_SLOTS];
    uint32_t n_received;
};

/* ---- units.c ---- */
int gm_cursor_compare(uint64_t task, uint32_t segment, uint32_t sub, const struct gm_cursor *at);
/* Records a segment as fetch reported it; units before the resume point are dropped. */
enum gm_status gm_units_segment(struct gm_engine *engine, const struct gm_desc *desc, int fd,
                                struct gm_err *err);
/* A block that a container emitted. */
enum gm_status gm_units_emit(struct gm_engine *engine, struct gm_unit *container,
                             const struct gm_desc *desc, uint32_t arena, struct gm_err *err);
/* Next unit at the cursor, which steps over finished segments; NULL: not known yet. */
struct gm_unit *gm_units_at(struct gm_engine *engine, struct gm_cursor *cursor);
void gm_units_container_done(struct gm_engine *engine, struct gm_unit *container);
void gm_units_release_in(struct gm_engine *engine, struct gm_unit *unit);
void gm_units_release_out(struct gm_engine *engine, struct gm_unit *unit);
/* After its commit. It must be the first of its segment. */
void gm_units_free(struct gm_engine *engine, struct gm_unit *unit);
void gm_units_fini(struct gm_engine *engine);
enum gm_status gm_heap_push(struct gm_unit_heap *heap, struct gm_unit *unit, struct gm_err *err);
struct gm_unit *gm_heap_pop(struct gm_unit_heap *heap);
struct gm_unit *gm_heap_peek(const struct gm_unit_heap *heap);

/* ---- dispatch.c ---- */
/* Leases what can be leased and grants what can be granted. */
enum gm_status gm_dispatch(struct gm_engine *engine, struct gm_err *err);
enum gm_status gm_requeue(struct gm_engine *engine, struct gm_unit *unit, struct gm_err *err);
/* The slot's unit with that lease, or NULL. */
struct gm_unit *gm_slot_unit(const struct gm_slot *slot, uint64_t lease);
void gm_slot_forget(struct gm_slot *slot, struct gm_unit *unit);
uint32_t gm_busy_slots(const struct gm_engine *engine);

/* ---- death.c ---- */
enum gm_status gm_slot_died(struct gm_engine *engine, struct gm_slot *slot, struct gm_err *err);
/* A probe has come back alive. */
enum gm_status gm_probe_passed(struct gm_engine *engine, struct gm_unit *unit, struct gm_err *err);
/* Kills workers that sit on one record for too long; respawns those whose time has come. */
enum gm_status gm_check_deadlines(struct gm_engine *engine, uint64_t now_ms, struct gm_err *err);

/* ---- commit.c ---- */
/* Hop 1 of a unit has come back: its keys are taken out of the worker's arena. */
enum gm_status gm_take_keys(struct gm_engine *engine, struct gm_unit *unit, struct gm_err *err);
/* Finished units to the gate and to the writer, as far as their turn has come. */
enum gm_status gm_commit(struct gm_engine *engine, struct gm_err *err);
enum gm_status gm_spill_waiting(struct gm_engine *engine, struct gm_err *err);
enum gm_status gm_writer_message(struct gm_engine *engine, const struct gm_desc *desc,
                                 struct gm_err *err);
/* Lets the writer copy the suspect record's bytes into quarantine/. */
enum gm_status gm_quarantine(struct gm_engine *engine, struct gm_unit *unit, struct gm_err *err);
enum gm_status gm_finish_writer(struct gm_engine *engine, unsigned flags, struct gm_err *err);

/* ---- spawn.c ---- */
/* All that is shared, and the workers; fetch and the writer. */
enum gm_status gm_spawn_workers(struct gm_engine *engine, struct gm_err *err);
enum gm_status gm_spawn_keepers(struct gm_engine *engine, struct gm_err *err);
enum gm_status gm_spawn_slot(struct gm_engine *engine, struct gm_slot *slot, struct gm_err *err);
/* Asks all children to stop, kills what is left after a moment, reaps all. */
void gm_stop_all(struct gm_engine *engine);
void gm_kill_all(struct gm_engine *engine);
/* What an epoll event is about: kind in the upper half, slot number (or GM_EVENT_FETCH, _WRITER)
 * below. */
enum gm_event_kind { GM_EVENT_SIGNAL, GM_EVENT_BELL, GM_EVENT_DEATH, GM_EVENT_CONTROL };
#define GM_EVENT_FETCH  0xfffffff0u
#define GM_EVENT_WRITER 0xfffffff1u
void gm_engine_free_shared(struct gm_engine *engine);

/* ---- messages.c ---- */
/* Takes everything that children have put into their rings; *any tells whether there was something.
 */
enum gm_status gm_take_messages(struct gm_engine *engine, bool *any, struct gm_err *err);
/* The worker has said something impossible, or what it shares with us is garbage: it is killed. Its
 * death counts as its own doing. GM_OK. */
enum gm_status gm_slot_corrupt(struct gm_slot *slot, const char *what);
/* Shared memory holds something that cannot be and cannot be made again from what we have: all go
 * on from the journal. GM_AGAIN. */
enum gm_status gm_start_over(struct gm_engine *engine, const char *title, const char *what,
                             struct gm_err *err);
/* Log lines, hello, last words. false: the child has closed its end, nothing more will come. */
bool gm_take_control(struct gm_engine *engine, struct gm_port *port, const char *title);

/* ---- supervisor.c ---- */
/* In this order, each only after the one before succeeded. The caller has set plan, progress and
 * lost. open: signals are blocked and heard from now on. staff: shared memory and workers, which
 * know nothing of the items; whatever is done meanwhile is done while they start. run: the caller
 * has set feed_setup (snapshot, folders, start), writer_setup (output) and resume as well; runs
 * until done, drained, failed, or until a restart is needed (engine->restart). GM_STOPPED after a
 * drain or a second signal.
 *
 * Everything is taken down by gm_engine_run, or, if it is not called, by gm_engine_abandon, but for
 * the shared memory: unmapping it takes a while, and gm_engine_free_shared may be called when that
 * keeps nobody waiting. */
enum gm_status gm_engine_open(struct gm_engine *engine, struct gm_err *err);
enum gm_status gm_engine_staff(struct gm_engine *engine, struct gm_err *err);
enum gm_status gm_engine_run(struct gm_engine *engine, struct gm_err *err);
void gm_engine_abandon(struct gm_engine *engine);

#endif
