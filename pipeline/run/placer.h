/* Placed files: many small files that appear under their names all at once, at a commit.
 *
 *      .tmp/0, .tmp/1 ...       written as parts come
 *      sync the file system     all of a group are durable
 *      files.pending            the intent, durable: commit frame number, and temporary -> final
 *      rename each
 *      (journal frame)          the caller's commit
 *
 * After a crash the intent is carried out if its frame is in the journal (a rename may not have
 * reached the disk), and taken back if not. Then .tmp is emptied.
 *
 * A name that is taken gets "~2", "~3" ... in front of its extension, so that two items of one
 * name both survive; a folder whose name is taken by a file likewise. Names are chosen in commit
 * order and depend on nothing else, so a resumed run chooses the same. Paths never lead out of the
 * folder: every component is opened beneath the last, without following links. */
#ifndef GM_RUN_PLACER_H
#define GM_RUN_PLACER_H

#include "base/buf.h"
#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GM_PLACER_INTENT     "files.pending"
#define GM_PLACER_TEMPORARY  ".tmp"
#define GM_PLACER_NAME_BYTES 1024

struct gm_placer_file {
    const uint8_t *name;
    size_t name_bytes;
    const uint8_t *data;
    size_t n_bytes;
};

struct gm_placer_entry; /* placer.c */
struct gm_placer_hint;

struct gm_placer {
    int dir_fd;         /* the output folder, not owned */
    const char *folder; /* for messages, not owned */
    bool sync;
    int temporary_fd; /* .tmp; -1: not made yet */
    uint64_t sequence;
    struct gm_placer_entry *entries; /* of this group */
    size_t n_entries, capacity;
    struct gm_buf paths;  /* their final paths, each with a NUL */
    uint32_t *table;      /* open addressing: entry index + 1 by path; 2^k >= 2 x capacity */
    struct gm_buf parent; /* folder of the last file as it was asked for, and */
    struct gm_buf found;  /* as it is, and */
    int parent_fd;        /* opened; -1: none */
    struct gm_placer_hint *hints; /* path -> suffixes that are known to be taken */
};

/* Carries out or takes back the intent that is left; committed_frame: number of the last commit
 * frame in the journal. */
enum gm_status gm_placer_open(struct gm_placer *place, int dir_fd, const char *folder, bool sync,
                              uint64_t committed_frame, struct gm_err *err);
/* Removes the temporary files of an uncommitted group. */
void gm_placer_close(struct gm_placer *place);

/* True for a relative path of 1 to GM_PLACER_NAME_BYTES bytes with components of 1 to 255 bytes,
 * none of them "." or "..", and no NUL. */
bool gm_placer_name_ok(const uint8_t *name, size_t n_bytes);

/* Writes one file for BASE/name (name_ok is asserted) and appends the path that it will have,
 * relative to the output folder, to final_path. */
enum gm_status gm_placer_add(struct gm_placer *place, const char *base, struct gm_buf *final_path,
                             const struct gm_placer_file *file, struct gm_err *err);

/* Makes the group durable and renames it; then the caller commits the frame of that number and
 * calls gm_placer_committed. An empty group costs nothing. */
enum gm_status gm_placer_move(struct gm_placer *place, uint64_t frame_number, struct gm_err *err);
void gm_placer_committed(struct gm_placer *place);
/* Removes .tmp and the intent, after the last commit. */
enum gm_status gm_placer_finish(struct gm_placer *place, struct gm_err *err);

#endif
