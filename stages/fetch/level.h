/* One folder of a walk: opened, read, matched, sorted, and its files looked at.
 *
 *      gm_level_read     the names that the pattern wants, or the problem
 *      gm_level_look     size and time of some entries, in any order, by several threads at once
 *      gm_level_arrange  in the order of the walk
 *
 * Entries whose kind the file system does not tell with the name have to be looked at before they
 * can be arranged (is_unsorted); the others are arranged by gm_level_read. All names of a folder
 * are in memory. Nothing here locks: ahead.h says who does what. */
#ifndef GM_FETCH_LEVEL_H
#define GM_FETCH_LEVEL_H

#include "base/buf.h"
#include "base/err.h"
#include "fetch/pattern.h"
#include <stdatomic.h>
#include <sys/queue.h>
#include <sys/types.h>

#define GM_LEVEL_NONE         SIZE_MAX
#define GM_LEVEL_BUFFER_BYTES 65536u

/* What a thread needs to read folders. */
struct gm_level_reader {
    const struct gm_pattern *pattern;
    const atomic_bool *stop; /* once it is true, calls return early, with a part of the work done */
    _Alignas(8) char buffer[GM_LEVEL_BUFFER_BYTES];
};

enum gm_entry_kind {
    GM_ENTRY_FOLDER,
    GM_ENTRY_FILE,
    GM_ENTRY_OTHER,   /* no folder; whether it is a file is told by a look */
    GM_ENTRY_UNKNOWN, /* may be a folder */
    GM_ENTRY_NOTHING  /* seen to be neither: a device, a socket, a FIFO */
};

struct gm_entry {
    size_t name; /* offset in the level's names; that of a folder ends in '/' */
    union {
        uint64_t n_bytes;        /* a file's */
        struct gm_level *inside; /* a folder's, once somebody has begun to read it; ahead.c */
    };
    union {
        int64_t mtime_ns;
        size_t next_folder; /* entry, GM_LEVEL_NONE: there is none behind */
    };
    union {
        int problem;  /* a file's: errno */
        uint32_t set; /* a folder's: positions in the pattern */
    };
    uint8_t kind; /* enum gm_entry_kind */
    bool matches; /* as a file */
    bool looked;  /* at this entry and those behind it that belong together; ahead.c */
};

enum gm_level_state { GM_LEVEL_READING, GM_LEVEL_LOOKING, GM_LEVEL_READY, GM_LEVEL_LEFT };

struct gm_level {
    struct gm_level *above; /* NULL: the root */
    size_t place;           /* its entry there */
    unsigned depth;
    uint32_t set;
    char *path; /* with a final '/', or "" */
    size_t path_bytes;
    dev_t device; /* with the inode: which folder it is. Only if links are followed */
    ino_t inode;
    int dir_fd;  /* -1: closed */
    int problem; /* errno: it cannot be read, and has no entries */
    struct gm_buf names;
    struct gm_entry *entries;
    size_t n_entries, capacity;
    size_t n_files;      /* entries that have to be looked at, or were */
    size_t first_folder; /* GM_LEVEL_NONE */
    bool is_unsorted;

    /* Whose turn it is: ahead.c, under its lock. */
    enum gm_level_state state;
    bool is_ahead;      /* read, and not yet reached by the walk */
    bool has_looks;     /* is in the list of levels to look into */
    bool has_folders;   /* is in the list of levels with folders to read */
    size_t n_claimed;   /* entries that somebody looks at or has looked at */
    size_t n_looked;    /* entries that were looked at */
    size_t n_seen;      /* entries that the walk knows to be looked at; the walk's */
    size_t next_folder; /* the first that nobody has begun; GM_LEVEL_NONE */
    TAILQ_ENTRY(gm_level) look_link, folder_link;
};

/* A folder in entry `place` of above (NULL: the root). NULL: no memory. */
struct gm_level *gm_level_new(struct gm_level *above, size_t place, uint32_t set);
/* With the levels inside. NULL allowed. */
void gm_level_free(struct gm_level *level);
/* Closes it and forgets what was read. */
void gm_level_clear(struct gm_level *level);

/* Opens and reads; arranges too, unless it is_unsorted. path is copied; NULL: that of the level
 * above and the entry's name. Whatever keeps the folder from being read, to its end, is a `problem`
 * and GM_OK; one that leads back to a folder it is in, or lies too deep, has ELOOP. GM_NOMEM. */
enum gm_status gm_level_read(struct gm_level_reader *reader, const char *path,
                             struct gm_level *level, struct gm_err *err);
/* Entries first to end (exclusive). */
void gm_level_look(const struct gm_level_reader *reader, struct gm_level *level, size_t first,
                   size_t end);
/* Drops what looks have shown not to be wanted, sorts, links the folders. */
void gm_level_arrange(struct gm_level *level);

static inline char *gm_level_name(const struct gm_level *level, const struct gm_entry *entry)
{
    return (char *)level->names.data + entry->name;
}

#endif
