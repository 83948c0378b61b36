/* See turns.h. A level is put right in front of the one above it, so the list of folders is a walk
 * of the tree in which children come before their parents, and the first folder found in it is the
 * one that the walk reaches first. At most one level a thread, those being read, are passed over.
 */
#include "fetch/turns.h"

#include "base/assert.h"
#include "base/fs.h"
#include "fetch/ahead.h"

void gm_turns_init(struct gm_turns *turns, uint32_t root_set, size_t part_entries)
{
    *turns = (struct gm_turns){.part_entries = part_entries, .root_set = root_set};
    TAILQ_INIT(&turns->looks);
    TAILQ_INIT(&turns->folders);
}

static bool may_read_more(struct gm_turns *turns)
{
    size_t share = turns->is_full ? 2 : 1;
    turns->is_full = turns->n_folders_ahead >= GM_AHEAD_FOLDERS / share ||
                     turns->n_names_ahead >= GM_AHEAD_NAMES / share;
    return !turns->is_full;
}

bool gm_turns_has_any(struct gm_turns *turns)
{
    return turns->n_looks > 0 || (turns->n_folders > 0 && may_read_more(turns));
}

void gm_turns_drop_looks(struct gm_turns *turns, struct gm_level *level)
{
    if (!level->has_looks)
        return;
    TAILQ_REMOVE(&turns->looks, level, look_link);
    level->has_looks = false;
    turns->n_looks -= level->n_entries - level->n_claimed;
}

void gm_turns_drop_folders(struct gm_turns *turns, struct gm_level *level)
{
    if (!level->has_folders)
        return;
    TAILQ_REMOVE(&turns->folders, level, folder_link);
    level->has_folders = false;
}

bool gm_turns_claim_part(struct gm_turns *turns, struct gm_level *level, struct gm_part *part)
{
    size_t n_left = level->n_entries - level->n_claimed;
    size_t n = n_left < turns->part_entries ? n_left : turns->part_entries;
    *part = (struct gm_part){level, level->n_claimed, level->n_claimed + n};
    if (n_left == 0)
        return false;
    level->n_claimed = part->end;
    turns->n_looks -= part->end - part->first;
    if (part->end == level->n_entries)
        gm_turns_drop_looks(turns, level);
    return true;
}

void gm_turns_offer_looks(struct gm_turns *turns, struct gm_level *level)
{
    level->n_claimed = level->n_looked = 0;
    if (level->n_files == 0) {
        level->n_claimed = level->n_looked = level->n_entries;
        gm_close(&level->dir_fd);
        return;
    }
    TAILQ_INSERT_TAIL(&turns->looks, level, look_link);
    level->has_looks = true;
    turns->n_looks += level->n_entries;
}

size_t gm_turns_count_folders(const struct gm_level *level)
{
    size_t n = 0;
    for (size_t i = level->next_folder; i != GM_LEVEL_NONE; i = level->entries[i].next_folder)
        n++;
    return n;
}

void gm_turns_offer_folders(struct gm_turns *turns, struct gm_level *level)
{
    level->state = GM_LEVEL_READY;
    level->next_folder = level->first_folder;
    turns->n_folders += gm_turns_count_folders(level);
    if (level->next_folder == GM_LEVEL_NONE)
        gm_turns_drop_folders(turns, level);
}

struct gm_level *gm_turns_claim_folder(struct gm_turns *turns, struct gm_level *above, size_t place)
{
    struct gm_entry *entry = above ? &above->entries[place] : NULL;
    uint32_t set = above ? entry->set : turns->root_set;
    struct gm_level *level = gm_level_new(above, place, set);
    if (!level)
        return NULL;
    level->state = GM_LEVEL_READING;
    level->has_folders = true;
    if (!above) {
        turns->root = level;
        TAILQ_INSERT_HEAD(&turns->folders, level, folder_link);
        return level;
    }
    GM_ASSERT(above->next_folder == place);
    TAILQ_INSERT_BEFORE(above, level, folder_link);
    entry->inside = level;
    above->next_folder = entry->next_folder;
    turns->n_folders--;
    if (above->next_folder == GM_LEVEL_NONE)
        gm_turns_drop_folders(turns, above);
    return level;
}

void gm_turns_take_back(struct gm_turns *turns, struct gm_level *level)
{
    level->state = GM_LEVEL_READING;
    level->has_folders = true;
    TAILQ_INSERT_HEAD(&turns->folders, level, folder_link); /* all that came before are done */
}

struct gm_level *gm_turns_find_folder(struct gm_turns *turns)
{
    struct gm_level *each;
    if (turns->n_folders == 0 || !may_read_more(turns))
        return NULL;
    each = TAILQ_FIRST(&turns->folders);
    while (each && each->state != GM_LEVEL_READY)
        each = TAILQ_NEXT(each, folder_link);
    return each ? gm_turns_claim_folder(turns, each, each->next_folder) : NULL;
}
