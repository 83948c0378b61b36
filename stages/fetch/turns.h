/* What is to be done next for a walk, and what nobody has begun: two lists of levels.
 *
 *      looks     with entries to look at; what the walk is in comes first
 *      folders   being read, or with folders to read, in the order in which the walk leaves them
 *
 * Nothing here locks: ahead.c calls it under its mutex. */
#ifndef GM_FETCH_TURNS_H
#define GM_FETCH_TURNS_H

#include "fetch/level.h"

TAILQ_HEAD(gm_level_list, gm_level);

struct gm_turns {
    struct gm_level_list looks, folders;
    size_t n_looks;   /* entries that nobody looks at, in all levels */
    size_t n_folders; /* folders that nobody has begun */
    size_t n_folders_ahead, n_names_ahead;
    bool is_full; /* nothing more is read ahead until the walk has used up half */
    size_t part_entries;
    uint32_t root_set; /* positions in the pattern */
    struct gm_level *root;
};

/* Entries that are looked at in one go. */
struct gm_part {
    struct gm_level *level;
    size_t first, end;
};

/* part_entries: of a part, which begins at a multiple of it. */
void gm_turns_init(struct gm_turns *turns, uint32_t root_set, size_t part_entries);
/* Is there something that may be done ahead of the walk? */
bool gm_turns_has_any(struct gm_turns *turns);

/* A level was read: its entries are to be looked at. If none has to be, it is closed. */
void gm_turns_offer_looks(struct gm_turns *turns, struct gm_level *level);
/* The next part of the level is the caller's. false: nothing is left. */
bool gm_turns_claim_part(struct gm_turns *turns, struct gm_level *level, struct gm_part *part);
void gm_turns_drop_looks(struct gm_turns *turns, struct gm_level *level);

/* A level is in order: READY, and its folders are to be read. */
void gm_turns_offer_folders(struct gm_turns *turns, struct gm_level *level);
/* A new level for entry `place` of above, which nobody has begun (above NULL: the root), READING
 * and the caller's. NULL: no memory. */
struct gm_level *gm_turns_claim_folder(struct gm_turns *turns, struct gm_level *above,
                                       size_t place);
/* The same for the first that the walk reaches. NULL: there is none, or enough is read ahead. */
struct gm_level *gm_turns_find_folder(struct gm_turns *turns);
/* The level, which somebody could not read, is the walk's to read. */
void gm_turns_take_back(struct gm_turns *turns, struct gm_level *level);
/* No folders of the level are to be read. */
void gm_turns_drop_folders(struct gm_turns *turns, struct gm_level *level);
/* Folders that nobody has begun. */
size_t gm_turns_count_folders(const struct gm_level *level);

#endif
