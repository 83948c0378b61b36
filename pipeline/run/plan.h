/* The plan: a job after every user mistake has been found. Immutable from then on; made before the
 * first fork and inherited by every child.
 *
 *   config.c  YAML text -> tree with positions          (syntax)
 *   plan.c    tree + tables -> struct gm_plan, or all mistakes at once with file:line:column
 *
 * The engine knows routes, not text or images: a route is one family of stages with its chain, its
 * worker processes and the sinks that its rows go to. */
#ifndef GM_RUN_PLAN_H
#define GM_RUN_PLAN_H

#include "base/err.h"
#include "base/hash.h"
#include "ipc/sandbox.h"
#include "out.h"
#include "sink.h"
#include "source.h"
#include "split.h"
#include "stage.h"
#include <stdbool.h>
#include <stdint.h>

#define GM_MAX_ROUTES 4
#define GM_MAX_CHAIN  32

/* The job's own options (top level of the YAML); table in plan_opts.c. */
extern const struct gm_opt gm_job_opts[];
enum gm_durability { GM_DURABILITY_GROUP, GM_DURABILITY_NONE, GM_DURABILITY_RECORD };
struct gm_job_opts {
    char *job;             /* name; default: the file's name without extension */
    char *out;             /* run folder */
    uint64_t memory_bytes; /* 512MB */
    char *workers;         /* "auto" or a number: processes per route */
    int sandbox;           /* enum gm_sandbox_mode */
    int durability;        /* enum gm_durability */
    uint64_t max_failed;   /* items that may fail before the exit code is 1; default: no bound */
    uint64_t record_deadline_ms; /* 60s: a record may not be worked on for longer */
    uint64_t drain_deadline_ms;  /* 20s after the first SIGTERM */
    uint64_t max_record_bytes;   /* 15MB: one record */
};

struct gm_plan_source {
    const struct gm_lister *lister;
    void *opts;
};

struct gm_plan_stage {
    const struct gm_stage *stage;
    void *opts;
    struct gm_prepared prepared; /* zeroed if the stage prepares nothing */
    int *in;                     /* column indices for struct gm_bind */
    int *out;
};

struct gm_plan_sink {
    const struct gm_sink *sink;
    void *opts;
    uint32_t stream;        /* >= GM_STREAM_FIRST_SINK; 0: it writes nothing */
    uint32_t sizes_stream;  /* > stream; 0: none */
    uint32_t first_counter; /* of its counters among all */
    uint32_t n_counters;
};

enum gm_route_kind { GM_ROUTE_CHAIN, GM_ROUTE_SPLIT };

struct gm_plan_route {
    char family[16]; /* "text", "image", "files", "unpack" */
    enum gm_route_kind kind;
    uint32_t n_workers;
    uint32_t n_stages;
    struct gm_plan_stage stages[GM_MAX_CHAIN]; /* empty for "files" and "unpack" */
    int gate_stage; /* index of the ordered gate in stages, or -1. Stages before it and the
                       hidden key run in hop 1, the rest in hop 2 */
    int gate_key_column;
    bool reads_sha256;  /* a stage reads the input column of the body's hash */
    uint32_t n_columns; /* schema: input columns first, then each stage's out columns */
    const struct gm_column_def *columns[GM_MAX_COLUMNS];
    uint32_t n_sinks;
    uint32_t sinks[GM_MAX_STREAMS]; /* indices into plan->sinks */
    uint64_t heap_bytes;            /* private memory that one worker is expected to use */
    uint64_t limit_bytes;           /* private memory that one worker may use at most */
};

/* How the budget is split; printed by `gristmill check`. All in bytes. */
struct gm_memory_plan {
    uint64_t total;
    uint64_t fixed;        /* supervisor, rings, tables, what stages have loaded for all workers */
    uint64_t fetch_heap;   /* fetch process: buffers and connections */
    uint64_t fetch_arena;  /* blocks that fetch fills */
    uint64_t unpack_arena; /* per unpack worker */
    uint64_t worker_arena; /* output blocks per worker */
    uint64_t large;        /* for blocks above 256 KB, shared by all, taken and given back */
    uint64_t writer;
    uint64_t heaps;           /* sum of the routes' n_workers x heap_bytes */
    uint64_t inline_bytes;    /* bodies up to this size travel inline */
    uint64_t max_block_bytes; /* largest block class that fits */
    uint32_t fetch_blocks, unpack_blocks, worker_blocks; /* small blocks in each arena */
};

struct gm_plan {
    struct gm_job_opts job;
    char *file;      /* path of the YAML, or "(command line)" */
    uint32_t n_cpus; /* that this process may use: affinity and cgroup quota */
    uint32_t n_sources;
    struct gm_plan_source *sources;
    const struct gm_fetcher *fetcher;
    void *fetch_opts;
    const struct gm_splitter *splitter;
    void *unpack_opts;
    uint32_t n_routes;
    struct gm_plan_route routes[GM_MAX_ROUTES];
    int route_of_media[GM_MEDIA_COUNT]; /* index into routes, -1: rejected as media.unsupported */
    uint32_t n_sinks;
    struct gm_plan_sink sinks[GM_MAX_STREAMS];
    uint32_t n_streams; /* GM_STREAM_FIRST_SINK and those of the sinks */
    uint32_t n_counters;
    struct gm_memory_plan memory;
    uint8_t config_digest[GM_SHA256_BYTES]; /* of everything that can change an output byte */
};

/* Mistakes of a job, all of them. */
struct gm_mistakes {
    uint32_t n_mistakes;
    struct gm_buf
        text; /* one paragraph each: "job.yaml:12:9: message", the line, a caret, a hint */
};

struct gm_setting { /* one --set a.b=c */
    const char *text;
};

/* From a file / from YAML text (the short commands build such text). Returns GM_CONFIG with
 * mistakes filled (err says how many), else GM_OK and *plan (free with gm_plan_free). settings are
 * applied on top; a path into the stages of a chain uses the stage's name: text.stats.x=y. */
enum gm_status gm_plan_load(const char *path, const struct gm_setting *settings,
                            unsigned n_settings, struct gm_plan **plan,
                            struct gm_mistakes *mistakes, struct gm_err *err);
enum gm_status gm_plan_parse(const char *yaml, size_t n_bytes, const char *file_name,
                             const struct gm_setting *settings, unsigned n_settings,
                             struct gm_plan **plan, struct gm_mistakes *mistakes,
                             struct gm_err *err);
/* The job of gm_plan_parse as YAML with its settings and implicit stages in place. Only for what
 * gm_plan_parse has accepted with the same arguments. GM_NOMEM. */
enum gm_status gm_plan_print(const char *yaml, size_t n_bytes, const struct gm_setting *settings,
                             unsigned n_settings, struct gm_buf *text, struct gm_err *err);
void gm_plan_free(struct gm_plan *plan); /* NULL allowed */
/* What `gristmill check` shows: sources, routes with their chains and columns, memory, sinks. */
void gm_plan_describe(const struct gm_plan *plan, struct gm_buf *text);

/* What one record of the route may have beyond its worker's share of memory; 0: nothing, or the
 * worker has it always. */
uint64_t gm_plan_spare_bytes(const struct gm_plan_route *route);

#endif
