/* The walk: which entries are visited, in which order, under which names. What matches is told by
 * pattern.c, a folder is read by level.c, and when and by whom by ahead.c. */
#include "fetch/glob.h"

#include "base/buf.h"
#include "fetch/ahead.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct walk {
    char *text; /* the pattern, cut into parts */
    struct gm_pattern pattern;
    size_t root_bytes; /* of path, up to where names begin */
    struct gm_buf path;
    struct gm_ahead *ahead;
    gm_glob_visit *visit;
    void *context;
};

/* ---- the walk ---- */

static enum gm_status report(struct walk *walk, int problem, const struct gm_entry *file,
                             struct gm_err *err)
{
    const char *path = gm_buf_cstr(&walk->path);
    struct gm_glob_entry entry = {
        .path = path, .name = path + walk->root_bytes, .problem = problem};
    if (walk->path.failed)
        return gm_err_set(err, GM_NOMEM, "no memory for a path");
    if (!problem) {
        entry.n_bytes = file->n_bytes;
        entry.mtime_ns = file->mtime_ns;
    }
    return walk->visit(walk->context, &entry, err);
}

static enum gm_status walk_folder(struct walk *walk, struct gm_level *above, size_t place,
                                  struct gm_err *err);

static enum gm_status visit_file(struct walk *walk, struct gm_level *level, size_t place,
                                 struct gm_err *err)
{
    const struct gm_entry *entry = &level->entries[place];
    gm_ahead_look(walk->ahead, level, place);
    if (entry->kind == GM_ENTRY_NOTHING)
        return GM_OK;
    gm_buf_text(&walk->path, gm_level_name(level, entry));
    return report(walk, entry->problem, entry, err);
}

static enum gm_status visit_entries(struct walk *walk, struct gm_level *level, struct gm_err *err)
{
    enum gm_status status = GM_OK;
    size_t folder = level->first_folder;
    for (size_t i = 0; status == GM_OK && i < level->n_entries; i++) {
        if (i != folder) {
            status = visit_file(walk, level, i, err);
        } else {
            gm_buf_text(&walk->path, gm_level_name(level, &level->entries[i]));
            status = walk_folder(walk, level, i, err);
            folder = level->entries[i].next_folder;
        }
        walk->path.n_bytes = level->path_bytes;
    }
    return status;
}

/* The folder in entry `place` of above; its path is walk->path. */
static enum gm_status walk_folder(struct walk *walk, struct gm_level *above, size_t place,
                                  struct gm_err *err)
{
    struct gm_level *level;
    const char *path = gm_buf_cstr(&walk->path);
    enum gm_status status = gm_ahead_enter(walk->ahead, above, place, path, &level, err);
    if (status != GM_OK)
        return status;
    status =
        level->problem ? report(walk, level->problem, NULL, err) : visit_entries(walk, level, err);
    if (status == GM_OK)
        gm_ahead_leave(walk->ahead, level);
    return status;
}

/* ---- the pattern ---- */

static bool has_wildcard(const char *part)
{
    return strpbrk(part, "*?[\\") != NULL;
}

static enum gm_status check_root(const struct walk *walk, const char *pattern, bool *is_dir,
                                 struct gm_err *err)
{
    struct stat info;
    const char *root = gm_buf_cstr((struct gm_buf *)&walk->path);
    if (stat(*root ? root : ".", &info) != 0)
        return gm_err_sys(err, GM_MISSING, errno, "%s: unable to look into %s", pattern,
                          *root ? root : "the current folder");
    *is_dir = S_ISDIR(info.st_mode);
    return GM_OK;
}

/* Splits the pattern into its fixed root (in walk->path, with a final '/') and parts. */
static enum gm_status split(struct walk *walk, const char *pattern, struct gm_err *err)
{
    char *rest = walk->text, *part;
    bool fixed = true, is_dir = false;
    if (*pattern == '/')
        gm_buf_char(&walk->path, '/');
    while ((part = strsep(&rest, "/"))) {
        if (!*part || strcmp(part, ".") == 0)
            continue;
        fixed = fixed && !has_wildcard(part) && rest;
        if (fixed) {
            gm_buf_text(&walk->path, part);
            gm_buf_char(&walk->path, '/');
            continue;
        }
        if (walk->pattern.n_parts == GM_GLOB_MAX_PARTS)
            return gm_err_set(err, GM_CONFIG, "'%s': more than %d parts", pattern,
                              GM_GLOB_MAX_PARTS);
        walk->pattern.parts[walk->pattern.n_parts++] = part;
    }
    if (strlen(pattern) == 0)
        return gm_err_set(err, GM_CONFIG, "an empty pattern names no files");
    walk->root_bytes = walk->path.n_bytes;
    /* "corpus" and "corpus/" mean what lies below if they name a folder */
    if (walk->pattern.n_parts == 1 && !has_wildcard(walk->pattern.parts[0])) {
        gm_buf_text(&walk->path, walk->pattern.parts[0]);
        enum gm_status status = check_root(walk, pattern, &is_dir, err);
        if (status != GM_OK)
            return status;
        if (!is_dir) {
            walk->path.n_bytes = walk->root_bytes;
            return GM_OK;
        }
        gm_buf_char(&walk->path, '/');
        walk->pattern.n_parts = 0;
        walk->root_bytes = walk->path.n_bytes;
    }
    if (walk->pattern.n_parts == 0)
        walk->pattern.parts[walk->pattern.n_parts++] = "**";
    return check_root(walk, pattern, &is_dir, err);
}

enum gm_status gm_glob_walk(const char *pattern, unsigned flags, gm_glob_visit *visit,
                            void *context, struct gm_err *err)
{
    struct walk walk = {.pattern.flags = flags, .visit = visit, .context = context};
    walk.text = strdup(pattern);
    enum gm_status status =
        walk.text ? split(&walk, pattern, err) : gm_err_set(err, GM_NOMEM, "no memory");
    if (status == GM_OK) {
        walk.ahead = gm_ahead_new(&walk.pattern, flags & GM_GLOB_AHEAD ? GM_AHEAD_THREADS : 0);
        status =
            walk.ahead ? walk_folder(&walk, NULL, 0, err) : gm_err_set(err, GM_NOMEM, "no memory");
    }
    gm_ahead_free(walk.ahead);
    gm_buf_free(&walk.path);
    free(walk.text);
    return status == GM_END ? GM_OK : status;
}
