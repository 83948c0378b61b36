/* The contracts of the input side, two steps in two processes:
 *
 *  1. a lister turns each `source:` entry into items, in order, once, streamed into the run
 *     folder's snapshot. From then on the snapshot is the input: numbering, resuming and ETA
 *     hang on it.
 *  2. the fetcher (one process, the only one with threads) takes items from the feed in order and
 *     gives each back, in any order, with a body or a reason.
 *
 *         lister -> snapshot file -> gm_feed_next -> (threads, libcurl) -> gm_feed_done -> blocks
 *
 * The feed packs bodies into blocks, keeps the order, spills what waits behind a slow item. Its
 * functions are called from the fetch process's main thread only. */
#ifndef GM_SOURCE_H
#define GM_SOURCE_H

#include "base/err.h"
#include "base/hash.h"
#include "base/opt.h"
#include "media.h"
#include "reason.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum gm_item_kind { GM_ITEM_URL, GM_ITEM_FILE };

/* One row of a list or one file. Strings are NUL-terminated and owned by whoever fills the struct;
 * the receiver of a call copies what it keeps. */
struct gm_item {
    uint64_t number; /* 0-based over all sources; set by the engine */
    enum gm_item_kind kind;
    const char *locator;     /* URL or path */
    const char *name;        /* name to mirror: path below the glob's root; NULL for URLs */
    const char *meta_json;   /* other columns of the list row as a JSON object, or NULL */
    uint64_t expected_bytes; /* UINT64_MAX: not stated */
    uint8_t expected_sha256[GM_SHA256_BYTES];
    bool has_sha256;
    uint64_t file_bytes; /* FILE: size and mtime when listed, for re-runs */
    int64_t file_mtime_ns;
    enum gm_reason reason; /* not NONE: the row is unusable (message says why); never fetched */
    const char *message;
    /* From the last generation, set by the engine for the fetcher's conditional request; NULL or 0:
     * none */
    const char *etag;
    const char *last_modified;
};

/* ---- listing ---- */

struct gm_lister_sink; /* opaque; pipeline/run/snapshot.c, faked in tests */
/* Appends one item to the snapshot; item->number is ignored. */
enum gm_status gm_lister_add(struct gm_lister_sink *sink, const struct gm_item *item,
                             struct gm_err *err);

/* One kind of `source:` entry; table in stages/table.def (urls, files). */
struct gm_lister {
    const char *name; /* the key of the entry: "urls", "files"; its scalar value is opts[0] */
    const char *summary;
    const struct gm_opt *opts;
    size_t opts_bytes;
    /* planner: does the file exist...? */
    enum gm_status (*check)(const void *opts, struct gm_err *err);
    /* Streams items in a deterministic order. stdin_fd: the saved standard input for "-", else -1.
     * A row that cannot be used is added with a reason, not an error. */
    enum gm_status (*list)(const void *opts, int stdin_fd, struct gm_lister_sink *sink,
                           struct gm_err *err);
};
extern const struct gm_lister *const gm_listers[]; /* ended by NULL */

/* ---- fetching ---- */

/* The outcome of one item. Ownership of body (malloc) and fd passes to the feed. */
struct gm_fetched {
    uint64_t number;       /* of the item */
    enum gm_reason reason; /* NONE: there is a body (or unchanged) */
    char message[256];     /* for a reason: what happened, NUL-terminated */
    uint8_t *body;         /* malloc'ed, n_bytes; NULL if fd >= 0 or no body */
    int fd;                /* regular file to read from offset 0; -1 if body */
    uint64_t n_bytes;      /* of the body or file */
    enum gm_media media;
    bool has_sha256; /* of the body */
    uint8_t sha256[GM_SHA256_BYTES];
    bool unchanged;        /* 304 Not Modified, or the same bytes as last generation */
    bool complete_unknown; /* no length was stated: a cut-off body cannot be told */
    /* for items.jsonl and run.db only; never in a record */
    unsigned http_status; /* 0: none */
    unsigned n_tries;
    uint64_t wire_bytes;
    uint64_t elapsed_ms;
    char *final_url;     /* malloc'ed or NULL (= the locator) */
    char *etag;          /* malloc'ed or NULL */
    char *last_modified; /* malloc'ed or NULL */
    char *content_type;  /* malloc'ed or NULL */
};
#define GM_FETCHED_INIT                                                                            \
    {                                                                                              \
        .fd = -1                                                                                   \
    }

struct gm_feed; /* opaque; pipeline/run/feed.c, faked in tests */

/* The next item in order. GM_AGAIN: not now (window or memory full): wait for gm_feed_fd.
 * GM_END: no more items. The item's strings live until the next call. */
enum gm_status gm_feed_next(struct gm_feed *feed, struct gm_item *item, struct gm_err *err);
/* Hands in an outcome; *fetched is emptied (ownership taken) whatever the return. */
enum gm_status gm_feed_done(struct gm_feed *feed, struct gm_fetched *fetched, struct gm_err *err);
/* Readable when the supervisor has sent something; then call gm_feed_pump, which never blocks.
 * GM_END: everything was handed over, or the run is stopping: return from run. */
int gm_feed_fd(const struct gm_feed *feed);
enum gm_status gm_feed_pump(struct gm_feed *feed, struct gm_err *err);
/* Bodies up to this size are given inline, larger ones as a file. */
uint64_t gm_feed_inline_bytes(const struct gm_feed *feed);
/* A folder descriptor for partial downloads, private to this run, kept across crashes and resumes:
 * files are named by the fetcher ("item-NNN.part", "item-NNN.meta"); the engine removes them when
 * the item is committed. */
int gm_feed_spool_fd(const struct gm_feed *feed);
/* Counters for progress; any thread. */
void gm_feed_count(struct gm_feed *feed, uint64_t requests, uint64_t bytes, uint64_t retries);

struct gm_fetcher {
    const char *name;
    const struct gm_opt *opts; /* the `fetch:` section */
    size_t opts_bytes;
    enum gm_status (*check)(const void *opts, struct gm_err *err);
    /* The fetch process's main loop; returns GM_OK when the feed says GM_END. Threads that it
     * starts have ended then. */
    enum gm_status (*run)(const void *opts, struct gm_feed *feed, struct gm_err *err);
};
extern const struct gm_fetcher gm_fetch; /* stages/fetch/fetch.c */

#endif
