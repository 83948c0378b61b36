/* Folders sort as if their name ended in '/', so it does here: that makes the order of a walk the
 * bytewise order of the whole paths ("a.txt" before "a/b", because '.' < '/').
 *
 * Folders are read by getdents64 itself: readdir would allocate a buffer for each and hold its
 * descriptor longer than it is needed. */
#include "fetch/level.h"

#include "base/fs.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct gm_level *gm_level_new(struct gm_level *above, size_t place, uint32_t set)
{
    struct gm_level *level = calloc(1, sizeof *level);
    if (!level)
        return NULL;
    level->above = above;
    level->place = place;
    level->depth = above ? above->depth + 1 : 0;
    level->set = set;
    level->dir_fd = -1;
    level->first_folder = level->next_folder = GM_LEVEL_NONE;
    return level;
}

void gm_level_clear(struct gm_level *level)
{
    gm_close(&level->dir_fd);
    gm_buf_free(&level->names);
    free(level->path);
    free(level->entries);
    level->path = NULL;
    level->entries = NULL;
    level->n_entries = level->capacity = level->n_files = 0;
    level->first_folder = level->next_folder = GM_LEVEL_NONE;
    level->problem = 0;
    level->is_unsorted = false;
}

void gm_level_free(struct gm_level *level)
{
    if (!level)
        return;
    if (level->state == GM_LEVEL_READY) /* else no entry is known to be a folder */
        for (size_t i = 0; i < level->n_entries; i++)
            if (level->entries[i].kind == GM_ENTRY_FOLDER)
                gm_level_free(level->entries[i].inside);
    gm_level_clear(level);
    free(level);
}

/* ---- opening ---- */

static bool set_path(struct gm_level *level, const char *path)
{
    const char *root = path ? path : level->above->path;
    const char *name =
        path ? "" : gm_level_name(level->above, &level->above->entries[level->place]);
    size_t n_root = strlen(root), n_name = strlen(name);
    free(level->path);
    level->path = malloc(n_root + n_name + 1);
    if (!level->path)
        return false;
    memcpy(level->path, root, n_root);
    memcpy(level->path + n_root, name, n_name + 1);
    level->path_bytes = n_root + n_name;
    return true;
}

/* A link has led back to a folder that the walk is in: without this check its files would come
 * again at each level down to the deepest, and with two such links there is no end. */
static bool is_loop(const struct gm_pattern *pattern, struct gm_level *level)
{
    struct stat info;
    if (!(pattern->flags & GM_GLOB_FOLLOW) || fstat(level->dir_fd, &info) != 0)
        return false;
    level->device = info.st_dev;
    level->inode = info.st_ino;
    for (const struct gm_level *each = level->above; each; each = each->above)
        if (each->device == info.st_dev && each->inode == info.st_ino)
            return true;
    return false;
}

static enum gm_status open_folder(const struct gm_pattern *pattern, const char *path,
                                  struct gm_level *level, struct gm_err *err)
{
    struct gm_err problem = {0};
    if (!set_path(level, path))
        return gm_err_set(err, GM_NOMEM, "no memory for a path");
    const char *name = level->path_bytes > 0 ? level->path : ".";
    if (gm_open_at(AT_FDCWD, name, O_RDONLY | O_DIRECTORY, &level->dir_fd, &problem) != GM_OK) {
        level->problem = problem.sys_errno;
    } else if (level->depth > GM_GLOB_MAX_DEPTH || is_loop(pattern, level)) {
        gm_close(&level->dir_fd);
        level->problem = ELOOP;
    }
    return GM_OK;
}

/* ---- reading ---- */

static enum gm_entry_kind kind_of(const struct gm_pattern *pattern, unsigned char type)
{
    switch (type) {
    case DT_DIR:
        return GM_ENTRY_FOLDER;
    case DT_REG:
        return GM_ENTRY_FILE;
    case DT_UNKNOWN:
        return GM_ENTRY_UNKNOWN;
    case DT_LNK:
        return pattern->flags & GM_GLOB_FOLLOW ? GM_ENTRY_UNKNOWN : GM_ENTRY_OTHER;
    default:
        return GM_ENTRY_OTHER;
    }
}

static bool is_wanted(const struct gm_entry *entry)
{
    if (entry->kind == GM_ENTRY_UNKNOWN)
        return entry->matches || entry->set != 0;
    return entry->kind == GM_ENTRY_FOLDER ? entry->set != 0 : entry->matches;
}

static bool add_entry(struct gm_level *level, const char *name, const struct gm_entry *entry)
{
    if (level->n_entries == level->capacity) {
        size_t capacity = level->capacity ? 2 * level->capacity : 64;
        struct gm_entry *entries = reallocarray(level->entries, capacity, sizeof *entries);
        if (!entries)
            return false;
        level->entries = entries;
        level->capacity = capacity;
    }
    level->entries[level->n_entries] = *entry;
    level->entries[level->n_entries++].name = level->names.n_bytes;
    gm_buf_text(&level->names, name);
    if (entry->kind == GM_ENTRY_FOLDER)
        gm_buf_char(&level->names, '/');
    else if (entry->kind == GM_ENTRY_UNKNOWN)
        gm_buf_char(&level->names, '\0'); /* room for a '/' */
    gm_buf_char(&level->names, '\0');
    level->n_files += entry->kind != GM_ENTRY_FOLDER;
    level->is_unsorted = level->is_unsorted || entry->kind == GM_ENTRY_UNKNOWN;
    return !level->names.failed;
}

static bool add_found(const struct gm_pattern *pattern, struct gm_level *level,
                      const struct dirent64 *found)
{
    struct gm_entry entry = {.kind = (uint8_t)kind_of(pattern, found->d_type)};
    const char *name = found->d_name;
    if (name[0] == '.' && (name[1] == '\0' || (name[1] == '.' && name[2] == '\0')))
        return true;
    entry.set = gm_pattern_step(pattern, level->set, name, &entry.matches);
    return !is_wanted(&entry) || add_entry(level, name, &entry);
}

static bool is_stopped(const struct gm_level_reader *reader)
{
    return atomic_load_explicit(reader->stop, memory_order_relaxed);
}

static enum gm_status read_names(struct gm_level_reader *reader, struct gm_level *level,
                                 struct gm_err *err)
{
    for (;;) {
        ssize_t n = getdents64(level->dir_fd, reader->buffer, sizeof reader->buffer);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno != ENOENT) { /* which says that it was removed, and is empty */
            int problem = errno;
            gm_close(&level->dir_fd);
            level->n_entries = level->n_files = 0;
            level->is_unsorted = false;
            level->problem = problem;
        }
        if (n <= 0 || is_stopped(reader))
            return GM_OK;
        for (ssize_t at = 0; at < n;) {
            const struct dirent64 *found = (const void *)(reader->buffer + at);
            at += found->d_reclen;
            if (!add_found(reader->pattern, level, found))
                return gm_err_set(err, GM_NOMEM, "no memory for the names in %s", level->path);
        }
    }
}

/* ---- looking ---- */

/* Of something that is a folder. One behind a link is walked into only if asked for. */
static void see_folder(const struct gm_pattern *pattern, const struct gm_level *level,
                       struct gm_entry *entry)
{
    struct stat info;
    char *name = gm_level_name(level, entry);
    entry->kind = GM_ENTRY_NOTHING;
    if (!(pattern->flags & GM_GLOB_FOLLOW) &&
        (fstatat(level->dir_fd, name, &info, AT_SYMLINK_NOFOLLOW) != 0 || S_ISLNK(info.st_mode)))
        return;
    entry->kind = GM_ENTRY_FOLDER;
    name[strlen(name)] = '/'; /* add_entry has left room */
}

static void look_at(const struct gm_pattern *pattern, const struct gm_level *level,
                    struct gm_entry *entry)
{
    struct stat info;
    bool known = entry->kind == GM_ENTRY_FILE;
    if (fstatat(level->dir_fd, gm_level_name(level, entry), &info, 0) != 0) {
        entry->kind = GM_ENTRY_FILE; /* a dangling link or a file that just went */
        entry->problem = errno;
    } else if (entry->kind == GM_ENTRY_UNKNOWN && S_ISDIR(info.st_mode)) {
        see_folder(pattern, level, entry);
    } else {
        entry->kind = known || S_ISREG(info.st_mode) ? GM_ENTRY_FILE : GM_ENTRY_NOTHING;
        entry->problem = 0;
        entry->n_bytes = (uint64_t)info.st_size;
        entry->mtime_ns = (int64_t)info.st_mtim.tv_sec * 1000000000 + info.st_mtim.tv_nsec;
    }
}

void gm_level_look(const struct gm_level_reader *reader, struct gm_level *level, size_t first,
                   size_t end)
{
    for (size_t i = first; i < end && !is_stopped(reader); i++)
        if (level->entries[i].kind != GM_ENTRY_FOLDER)
            look_at(reader->pattern, level, &level->entries[i]);
}

/* ---- arranging ---- */

static int by_name(const void *a, const void *b, void *data)
{
    const struct gm_level *level = data;
    return strcmp(gm_level_name(level, a), gm_level_name(level, b));
}

static void drop_unwanted(struct gm_level *level)
{
    size_t n_kept = 0;
    for (size_t i = 0; i < level->n_entries; i++)
        if (is_wanted(&level->entries[i]))
            level->entries[n_kept++] = level->entries[i];
    level->n_entries = n_kept;
}

void gm_level_arrange(struct gm_level *level)
{
    if (level->is_unsorted)
        drop_unwanted(level);
    if (level->n_entries > 0)
        qsort_r(level->entries, level->n_entries, sizeof *level->entries, by_name, level);
    level->first_folder = GM_LEVEL_NONE;
    for (size_t i = level->n_entries; i-- > 0;) {
        struct gm_entry *entry = &level->entries[i];
        if (entry->kind != GM_ENTRY_FOLDER)
            continue;
        entry->inside = NULL;
        entry->next_folder = level->first_folder;
        level->first_folder = i;
    }
    level->is_unsorted = false;
}

enum gm_status gm_level_read(struct gm_level_reader *reader, const char *path,
                             struct gm_level *level, struct gm_err *err)
{
    enum gm_status status = open_folder(reader->pattern, path, level, err);
    if (status == GM_OK && !level->problem)
        status = read_names(reader, level, err);
    if (status == GM_OK && !level->is_unsorted)
        gm_level_arrange(level);
    return status;
}
