/* The journal: which bytes of the output are committed, and what comes next.
 *
 *      | start | commit | commit | file | commit | ... | file | file | commit (finished) |
 *
 * A file of frames of GM_FRAME_BYTES, little-endian, appended by the writer process alone. A frame
 * counts if its number is its place in the file and its checksum is right; the journal ends before
 * the first that does not count, and behind the last commit frame before it. So a commit is the
 * one durable append of a commit frame (with the file frames in front of it), and a torn write is
 * as if it had never begun.
 *
 * The caller makes the data durable first: gm_journal_commit trusts it. One process at a time (the
 * run folder's lock). A failed write or sync is final: close the journal, stop, and resume later.
 */
#ifndef GM_RUN_JOURNAL_H
#define GM_RUN_JOURNAL_H

#include "base/err.h"
#include "base/hash.h"
#include "out.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GM_JOURNAL_NAME  "journal"
#define GM_JOURNAL_MAGIC 0x334a4d47u /* "GMJ3" */
#define GM_FRAME_BYTES   2048u

/* A place in the order of all records: what has not been committed yet starts here. */
struct gm_order_key {
    uint64_t task;    /* number of the source task (item) */
    uint32_t segment; /* block within the task */
    uint32_t sub;     /* part of a block that was split up */
    uint32_t rows;    /* rows of the task that are committed already */
    uint32_t reserved;
};

enum gm_frame_kind { GM_FRAME_START = 1, GM_FRAME_FILE, GM_FRAME_COMMIT };

/* What the folder holds; frame 0. */
struct gm_frame_start {
    uint8_t config_digest[GM_SHA256_BYTES];
    uint8_t input_digest[GM_SHA256_BYTES];
    uint32_t generation;
    uint32_t n_streams;
};

/* A file that is complete: nothing will be appended to it. */
struct gm_frame_file {
    uint32_t stream;
    uint32_t shard;
    uint64_t n_bytes;
    uint64_t n_records;
    uint8_t sha256[GM_SHA256_BYTES];
    uint32_t sidecar; /* 0: the shard itself; else the number of an index file of it, from 1 */
    uint32_t reserved;
};

/* A stream at a commit. */
struct gm_frame_stream {
    uint32_t shard; /* the shard that is being written, or that will be created next */
    uint32_t reserved;
    uint64_t shard_bytes;   /* its committed length, without a head */
    uint64_t shard_records; /* and the records in it */
    uint64_t shard_hash;    /* of these bytes: see outfile.c */
    uint64_t total_records; /* of the whole stream */
    uint64_t total_files;   /* FILES streams: committed files */
};

struct gm_frame_commit {
    struct gm_order_key next;
    uint32_t finished; /* 1: every file is complete, nothing follows */
    uint32_t reserved;
    uint64_t n_in, n_written;
    uint64_t reasons[GM_REASON_SLOTS]; /* the others, by enum gm_reason */
    uint64_t counters[GM_COUNTER_SLOTS];
    struct gm_frame_stream streams[GM_MAX_STREAMS];
};

struct gm_frame {
    uint32_t magic;
    uint32_t kind;     /* enum gm_frame_kind */
    uint64_t number;   /* place in the file, from 0 */
    uint64_t checksum; /* XXH3-64 of the frame with this field 0 */
    union {
        struct gm_frame_start start;
        struct gm_frame_file file;
        struct gm_frame_commit commit;
        uint8_t bytes[GM_FRAME_BYTES - 24];
    };
};
_Static_assert(sizeof(struct gm_frame) == GM_FRAME_BYTES, "frames are part of the format");

struct gm_journal {
    int fd; /* -1: closed */
    bool sync;
    uint64_t n_frames; /* durable, or on their way to be */
    struct gm_frame_start start;
    struct gm_frame_commit last; /* the last commit; zeros: none yet */
    uint64_t last_number;        /* its frame number; 0: none yet */
    struct gm_frame_file *files; /* complete files, in the order in which they were completed */
    size_t n_files;
    struct gm_frame *pending; /* file frames for the next commit, and room for it */
    size_t n_pending, pending_capacity;
};
#define GM_JOURNAL_INIT                                                                            \
    {                                                                                              \
        .fd = -1                                                                                   \
    }

/* Opens the journal in a folder, or creates it with a durable start frame. *existed tells which.
 * An existing one is read to its end and cut off there. sync false: never waits for the disk
 * (durability none). GM_CONFIG: it belongs to another configuration or other input; GM_INPUT: it
 * is damaged where a torn write cannot explain it. folder is for messages. */
enum gm_status gm_journal_open(struct gm_journal *journal, int dir_fd, const char *folder,
                               const struct gm_frame_start *start, bool sync, bool *existed,
                               struct gm_err *err);
void gm_journal_close(struct gm_journal *journal); /* NULL or closed allowed */

/* Notes a complete file for the next commit. GM_NOMEM. */
enum gm_status gm_journal_add_file(struct gm_journal *journal, const struct gm_frame_file *file,
                                   struct gm_err *err);
/* Appends the noted files and the commit in one durable write; LATER: the caller syncs the whole
 * file system next, and nothing counts as committed before. */
enum gm_journal_sync { GM_JOURNAL_SYNC, GM_JOURNAL_SYNC_LATER };
enum gm_status gm_journal_commit(struct gm_journal *journal, const struct gm_frame_commit *commit,
                                 enum gm_journal_sync sync, struct gm_err *err);
/* The number that the next commit frame will have. */
uint64_t gm_journal_next_number(const struct gm_journal *journal);

/* Reads a journal without changing anything, for `status`: *journal as after gm_journal_open, with
 * fd -1; free with gm_journal_close. GM_MISSING: there is none. GM_INPUT: not a journal. */
enum gm_status gm_journal_read(struct gm_journal *journal, int dir_fd, const char *folder,
                               struct gm_err *err);

#endif
