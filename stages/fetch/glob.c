/* The walk keeps a set of positions in the pattern (one bit a component) for each folder, as a
 * nondeterministic automaton: "**" stays where it is and lets the next component try, too. So a
 * file is reported once, however many ways there are to match it.
 *
 * Folders sort as if their name ended in '/': that makes the order of a walk the bytewise order of
 * the whole paths ("a.txt" before "a/b", because '.' < '/'). */
#include "fetch/glob.h"

#include "base/buf.h"
#include "base/fs.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct entry {
    size_t name; /* offset in the level's names */
    bool is_dir;
    bool is_file; /* known to be one; else it has to be looked at */
};

struct level {
    const struct level *above; /* NULL: the root */
    int dir_fd;
    uint32_t set; /* positions in the pattern */
    unsigned depth;
    dev_t device; /* with the inode: which folder it is. Only if links are followed */
    ino_t inode;
    struct gm_buf names;
    struct entry *entries;
    size_t n_entries, capacity;
};

struct walk {
    char *text; /* the pattern, cut into parts */
    const char *parts[GM_GLOB_MAX_PARTS];
    unsigned n_parts;
    unsigned flags;
    size_t root_bytes; /* of path, up to where names begin */
    struct gm_buf path;
    gm_glob_visit *visit;
    void *context;
};

static bool is_any_depth(const char *part)
{
    return strcmp(part, "**") == 0;
}

/* Positions that are reached without eating a name: "**" may stand for no folder. */
static uint32_t close_set(const struct walk *walk, uint32_t set)
{
    for (unsigned i = 0; i + 1 < walk->n_parts; i++)
        if (set & (1u << i) && is_any_depth(walk->parts[i]))
            set |= 1u << (i + 1);
    return set;
}

static bool name_matches(const struct walk *walk, unsigned part, const char *name)
{
    int flags = walk->flags & GM_GLOB_HIDDEN ? 0 : FNM_PERIOD;
    return fnmatch(walk->parts[part], name, flags) == 0;
}

/* What is left of the set inside the folder `name`; *matches: a file of that name is wanted. */
static uint32_t step(const struct walk *walk, uint32_t set, const char *name, bool *matches)
{
    uint32_t next = 0;
    bool hidden = name[0] == '.' && !(walk->flags & GM_GLOB_HIDDEN);
    *matches = false;
    for (unsigned i = 0; i < walk->n_parts; i++) {
        if (!(set & (1u << i)))
            continue;
        bool last = i + 1 == walk->n_parts;
        if (is_any_depth(walk->parts[i])) {
            if (!hidden)
                next |= 1u << i;
            *matches = *matches || (last && !hidden);
        } else if (name_matches(walk, i, name)) {
            if (!last)
                next |= 1u << (i + 1);
            *matches = *matches || last;
        }
    }
    return close_set(walk, next);
}

/* ---- one folder ---- */

static const char *entry_name(const struct level *level, const struct entry *entry)
{
    return (const char *)level->names.data + entry->name;
}

static int by_path(const void *a, const void *b, void *data)
{
    const struct level *level = data;
    const struct entry *x = a, *y = b;
    const unsigned char *s = (const unsigned char *)entry_name(level, x);
    const unsigned char *t = (const unsigned char *)entry_name(level, y);
    while (*s && *s == *t)
        s++, t++;
    int c = *s ? *s : x->is_dir ? '/' : 0;
    int d = *t ? *t : y->is_dir ? '/' : 0;
    return c - d;
}

static void level_free(struct level *level)
{
    gm_buf_free(&level->names);
    free(level->entries);
}

static bool level_add(struct level *level, const char *name, const struct entry *kind)
{
    if (level->n_entries == level->capacity) {
        size_t capacity = level->capacity ? 2 * level->capacity : 64;
        struct entry *entries = reallocarray(level->entries, capacity, sizeof *entries);
        if (!entries)
            return false;
        level->entries = entries;
        level->capacity = capacity;
    }
    level->entries[level->n_entries] = *kind;
    level->entries[level->n_entries++].name = level->names.n_bytes;
    gm_buf_append(&level->names, name, strlen(name) + 1);
    return !level->names.failed;
}

static void tell_kind(const struct walk *walk, int dir_fd, const struct dirent *found,
                      struct entry *kind)
{
    struct stat info;
    *kind = (struct entry){.is_dir = found->d_type == DT_DIR, .is_file = found->d_type == DT_REG};
    if (found->d_type == DT_UNKNOWN || found->d_type == DT_LNK) {
        int flags = found->d_type == DT_LNK ? 0 : AT_SYMLINK_NOFOLLOW;
        if (fstatat(dir_fd, found->d_name, &info, flags) != 0)
            return;
        bool link = found->d_type == DT_LNK || S_ISLNK(info.st_mode);
        kind->is_file = S_ISREG(info.st_mode);
        kind->is_dir = S_ISDIR(info.st_mode) && (!link || walk->flags & GM_GLOB_FOLLOW);
    }
}

static enum gm_status read_level(const struct walk *walk, DIR *dir, struct level *level,
                                 struct gm_err *err)
{
    struct dirent *found;
    struct entry kind;
    bool matches;
    while ((found = readdir(dir))) {
        if (strcmp(found->d_name, ".") == 0 || strcmp(found->d_name, "..") == 0)
            continue;
        uint32_t inside = step(walk, level->set, found->d_name, &matches);
        if (!matches && !inside)
            continue;
        tell_kind(walk, dirfd(dir), found, &kind);
        if (kind.is_dir ? inside == 0 : !matches)
            continue;
        if (!level_add(level, found->d_name, &kind))
            return gm_err_set(err, GM_NOMEM, "no memory for the names in %s",
                              gm_buf_cstr((struct gm_buf *)&walk->path));
    }
    if (level->n_entries)
        qsort_r(level->entries, level->n_entries, sizeof *level->entries, by_path, level);
    return GM_OK;
}

/* ---- the walk ---- */

static enum gm_status report(struct walk *walk, int problem, const struct stat *info,
                             struct gm_err *err)
{
    const char *path = gm_buf_cstr(&walk->path);
    struct gm_glob_entry entry = {
        .path = path, .name = path + walk->root_bytes, .problem = problem};
    if (walk->path.failed)
        return gm_err_set(err, GM_NOMEM, "no memory for a path");
    if (info) {
        entry.n_bytes = (uint64_t)info->st_size;
        entry.mtime_ns = (int64_t)info->st_mtim.tv_sec * 1000000000 + info->st_mtim.tv_nsec;
    }
    return walk->visit(walk->context, &entry, err);
}

static enum gm_status visit_file(struct walk *walk, int dir_fd, const char *name, bool is_file,
                                 struct gm_err *err)
{
    struct stat info;
    if (fstatat(dir_fd, name, &info, 0) != 0) /* a dangling link or a file that just went */
        return report(walk, errno, NULL, err);
    if (!is_file && !S_ISREG(info.st_mode))
        return GM_OK; /* a device, socket or FIFO is not input */
    return report(walk, 0, &info, err);
}

static enum gm_status walk_folder(struct walk *walk, uint32_t set, const struct level *above,
                                  struct gm_err *err);

static enum gm_status visit_entry(struct walk *walk, const struct level *level,
                                  const struct entry *entry, struct gm_err *err)
{
    bool matches;
    const char *name = entry_name(level, entry);
    size_t path_bytes = walk->path.n_bytes;
    enum gm_status status;
    gm_buf_text(&walk->path, name);
    if (entry->is_dir) {
        gm_buf_char(&walk->path, '/');
        status = walk_folder(walk, step(walk, level->set, name, &matches), level, err);
    } else {
        status = visit_file(walk, level->dir_fd, name, entry->is_file, err);
    }
    walk->path.n_bytes = path_bytes;
    return status;
}

/* A link has led back to a folder that the walk is in: without this check its files would come
 * again at each level down to the deepest, and with two such links there is no end. */
static bool is_loop(const struct walk *walk, struct level *level)
{
    struct stat info;
    if (!(walk->flags & GM_GLOB_FOLLOW) || fstat(level->dir_fd, &info) != 0)
        return false;
    level->device = info.st_dev;
    level->inode = info.st_ino;
    for (const struct level *each = level->above; each; each = each->above)
        if (each->device == info.st_dev && each->inode == info.st_ino)
            return true;
    return false;
}

static enum gm_status walk_folder(struct walk *walk, uint32_t set, const struct level *above,
                                  struct gm_err *err)
{
    struct level level = {.above = above, .set = set, .depth = above ? above->depth + 1 : 0};
    struct gm_err problem = {0};
    const char *path = gm_buf_cstr(&walk->path);
    enum gm_status status =
        gm_open_at(AT_FDCWD, *path ? path : ".", O_RDONLY | O_DIRECTORY, &level.dir_fd, &problem);
    if (status != GM_OK)
        return report(walk, problem.sys_errno, NULL, err);
    if (level.depth > GM_GLOB_MAX_DEPTH || is_loop(walk, &level)) {
        gm_close(&level.dir_fd);
        return report(walk, ELOOP, NULL, err);
    }
    DIR *dir = fdopendir(level.dir_fd);
    if (!dir) {
        gm_close(&level.dir_fd);
        return gm_err_set(err, GM_NOMEM, "no memory to read a folder");
    }
    status = read_level(walk, dir, &level, err);
    for (size_t i = 0; status == GM_OK && i < level.n_entries; i++)
        status = visit_entry(walk, &level, &level.entries[i], err);
    closedir(dir);
    level_free(&level);
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
        if (walk->n_parts == GM_GLOB_MAX_PARTS)
            return gm_err_set(err, GM_CONFIG, "'%s': more than %d parts", pattern,
                              GM_GLOB_MAX_PARTS);
        walk->parts[walk->n_parts++] = part;
    }
    if (strlen(pattern) == 0)
        return gm_err_set(err, GM_CONFIG, "an empty pattern names no files");
    walk->root_bytes = walk->path.n_bytes;
    /* "corpus" and "corpus/" mean what lies below if they name a folder */
    if (walk->n_parts == 1 && !has_wildcard(walk->parts[0])) {
        gm_buf_text(&walk->path, walk->parts[0]);
        enum gm_status status = check_root(walk, pattern, &is_dir, err);
        if (status != GM_OK)
            return status;
        if (!is_dir) {
            walk->path.n_bytes = walk->root_bytes;
            return GM_OK;
        }
        gm_buf_char(&walk->path, '/');
        walk->n_parts = 0;
        walk->root_bytes = walk->path.n_bytes;
    }
    if (walk->n_parts == 0)
        walk->parts[walk->n_parts++] = "**";
    return check_root(walk, pattern, &is_dir, err);
}

enum gm_status gm_glob_walk(const char *pattern, unsigned flags, gm_glob_visit *visit,
                            void *context, struct gm_err *err)
{
    struct walk walk = {.flags = flags, .visit = visit, .context = context};
    walk.text = strdup(pattern);
    enum gm_status status =
        walk.text ? split(&walk, pattern, err) : gm_err_set(err, GM_NOMEM, "no memory");
    if (status == GM_OK)
        status = walk_folder(&walk, close_set(&walk, 1), NULL, err);
    gm_buf_free(&walk.path);
    free(walk.text);
    return status == GM_END ? GM_OK : status;
}
