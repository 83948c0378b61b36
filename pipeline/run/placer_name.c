/* Choosing names. A path is walked component by component with descriptors; what is taken is what
 * exists on disk or is noted for this group. The folder of the last file is kept open, because the
 * next file is mostly in the same one. A table of hints remembers how many suffixes of a name are
 * taken, so that a million files of one name do not cost a million looks each. */
#include "run/placer_name.h"

#include "base/assert.h"
#include "base/fs.h"
#include "base/hash.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { COMPONENT_BYTES = 255, N_HINTS = 4096, SUFFIX_BYTES = 24 };

struct gm_placer_hint {
    uint64_t hash; /* of the path without suffix */
    uint64_t n_taken;
};

static bool components_ok(const uint8_t *name, size_t n_bytes)
{
    size_t start = 0;
    for (size_t i = 0; i <= n_bytes; i++) {
        if (i < n_bytes && name[i] == '\0')
            return false;
        if (i < n_bytes && name[i] != '/')
            continue;
        size_t n = i - start;
        const uint8_t *part = name + start;
        if (n == 0 || n > COMPONENT_BYTES || (n == 1 && part[0] == '.') ||
            (n == 2 && part[0] == '.' && part[1] == '.'))
            return false;
        start = i + 1;
    }
    return true;
}

bool gm_placer_name_ok(const uint8_t *name, size_t n_bytes)
{
    return n_bytes > 0 && n_bytes <= GM_PLACER_NAME_BYTES && components_ok(name, n_bytes);
}

bool gm_placer_path_ok(const uint8_t *path, size_t n_bytes)
{
    return n_bytes > 0 && n_bytes < 2 * GM_PLACER_NAME_BYTES && components_ok(path, n_bytes);
}

/* ---- the paths of this group ---- */

static bool is_noted(const struct gm_placer *place, const uint8_t *path, size_t n_bytes)
{
    if (place->n_entries == 0)
        return false;
    size_t mask = 2 * place->capacity - 1;
    uint64_t hash = gm_xxh64(path, n_bytes, 0);
    for (size_t i = hash & mask; place->table[i] != 0; i = (i + 1) & mask) {
        const struct gm_placer_entry *entry = &place->entries[place->table[i] - 1];
        const char *noted = (const char *)place->paths.data + entry->path_at;
        if (entry->hash == hash && strlen(noted) == n_bytes && memcmp(noted, path, n_bytes) == 0)
            return true;
    }
    return false;
}

static void insert(struct gm_placer *place, size_t index)
{
    size_t mask = 2 * place->capacity - 1;
    size_t i = place->entries[index].hash & mask;
    while (place->table[i] != 0)
        i = (i + 1) & mask;
    place->table[i] = (uint32_t)index + 1;
}

static bool grow(struct gm_placer *place)
{
    size_t capacity = place->capacity ? place->capacity * 2 : 256;
    struct gm_placer_entry *entries = realloc(place->entries, capacity * sizeof *entries);
    if (entries)
        place->entries = entries;
    uint32_t *table = calloc(2 * capacity, sizeof *table);
    if (!entries || !table) {
        free(table);
        return false;
    }
    free(place->table);
    place->table = table;
    place->capacity = capacity;
    for (size_t i = 0; i < place->n_entries; i++)
        insert(place, i);
    return true;
}

enum gm_status gm_placer_note(struct gm_placer *place, const char *path, size_t path_bytes,
                              struct gm_err *err)
{
    struct gm_placer_entry entry = {.sequence = place->sequence,
                                    .hash = gm_xxh64(path, path_bytes, 0),
                                    .path_at = place->paths.n_bytes};
    gm_buf_append(&place->paths, path, path_bytes);
    gm_buf_char(&place->paths, '\0');
    if (place->paths.failed || (place->n_entries == place->capacity && !grow(place)))
        return gm_err_set(err, GM_NOMEM, "output: no memory for the names of a group");
    place->entries[place->n_entries] = entry;
    insert(place, place->n_entries++);
    return GM_OK;
}

/* ---- candidates ---- */

/* Where the extension starts in a component; its length if there is none. */
static size_t extension_at(const uint8_t *name, size_t n_bytes)
{
    for (size_t i = n_bytes; i > 1; i--)
        if (name[i - 1] == '.')
            return n_bytes - i < 16 ? i - 1 : n_bytes;
    return n_bytes;
}

/* Appends the k-th candidate for a component: itself, then with "~2", "~3" ... */
static void put_candidate(struct gm_buf *path, const uint8_t *name, size_t n_bytes, uint64_t k)
{
    if (k == 1) {
        gm_buf_append(path, name, n_bytes);
        return;
    }
    char suffix[SUFFIX_BYTES];
    size_t n_suffix = (size_t)snprintf(suffix, sizeof suffix, "~%llu", (unsigned long long)k);
    size_t stem = extension_at(name, n_bytes);
    size_t n_extension = n_bytes - stem;
    size_t n_stem = stem;
    if (n_stem + n_suffix + n_extension > COMPONENT_BYTES) {
        n_stem = COMPONENT_BYTES - n_suffix - n_extension;
        while (n_stem > 0 && (name[n_stem] & 0xC0) == 0x80)
            n_stem--; /* not inside a character */
    }
    gm_buf_append(path, name, n_stem);
    gm_buf_text(path, suffix);
    gm_buf_append(path, name + stem, n_extension);
}

static struct gm_placer_hint *hint_of(struct gm_placer *place, uint64_t hash)
{
    if (!place->hints)
        place->hints = calloc(N_HINTS, sizeof *place->hints);
    if (!place->hints)
        return NULL;
    struct gm_placer_hint *hint = &place->hints[hash % N_HINTS];
    if (hint->hash != hash)
        *hint = (struct gm_placer_hint){hash, 0};
    return hint;
}

enum taken { FREE, IS_FOLDER, IS_TAKEN };

static enum taken look(const struct gm_placer *place, int fd, const struct gm_buf *path, size_t at)
{
    struct stat info;
    if (is_noted(place, path->data, path->n_bytes))
        return IS_TAKEN;
    if (fstatat(fd, (const char *)path->data + at, &info, AT_SYMLINK_NOFOLLOW) != 0)
        return FREE; /* or a real error, which creating it will tell */
    return S_ISDIR(info.st_mode) ? IS_FOLDER : IS_TAKEN;
}

/* Appends "/" and the first candidate for the component that is free, or for a folder also one
 * that is a folder already, to path. */
static enum taken choose_component(struct gm_placer *place, int fd, struct gm_buf *path,
                                   const struct gm_placer_file *part, enum taken wanted)
{
    if (path->n_bytes > 0)
        gm_buf_char(path, '/');
    size_t at = path->n_bytes;
    gm_buf_append(path, part->name, part->name_bytes);
    struct gm_placer_hint *hint =
        hint_of(place, gm_xxh64(path->data, path->failed ? 0 : path->n_bytes, (uint64_t)wanted));
    for (uint64_t k = hint ? hint->n_taken + 1 : 1; !path->failed; k++) {
        path->n_bytes = at;
        put_candidate(path, part->name, part->name_bytes, k);
        gm_buf_cstr(path);
        enum taken taken = path->failed ? FREE : look(place, fd, path, at);
        if (taken == FREE || taken == wanted) {
            if (hint)
                hint->n_taken = wanted == IS_FOLDER ? k - 1 : k;
            return taken;
        }
    }
    return FREE;
}

/* ---- folders ---- */

/* Steps from *fd (owned) into the folder at the end of path, creating it if need be. */
static enum gm_status enter(struct gm_placer *place, int *fd, const struct gm_buf *path, size_t at,
                            struct gm_err *err)
{
    const char *name = (const char *)path->data + at;
    if (mkdirat(*fd, name, 0777) != 0 && errno != EEXIST)
        return gm_err_sys(err, GM_IO, errno, "unable to create folder %s/%s", place->folder,
                          (const char *)path->data);
    int next = -1;
    enum gm_status status = gm_open_at(*fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, &next, err);
    if (status != GM_OK)
        return gm_err_add(err, "%s/%s", place->folder, (const char *)path->data);
    gm_close(fd);
    *fd = next;
    return GM_OK;
}

/* Walks to the folder of a file: place->parent_fd, with its path in place->found. */
static enum gm_status walk(struct gm_placer *place, const uint8_t *parent, size_t n_bytes,
                           struct gm_err *err)
{
    gm_close(&place->parent_fd);
    gm_buf_clear(&place->found);
    int fd = -1;
    enum gm_status status = gm_open_at(place->dir_fd, ".", O_RDONLY | O_DIRECTORY, &fd, err);
    for (size_t start = 0; status == GM_OK && start < n_bytes;) {
        const uint8_t *slash = memchr(parent + start, '/', n_bytes - start);
        size_t end = slash ? (size_t)(slash - parent) : n_bytes;
        struct gm_placer_file part = {.name = parent + start, .name_bytes = end - start};
        size_t at = place->found.n_bytes > 0 ? place->found.n_bytes + 1 : 0;
        choose_component(place, fd, &place->found, &part, IS_FOLDER);
        if (place->found.failed)
            status = gm_err_set(err, GM_NOMEM, "output: no memory");
        else
            status = enter(place, &fd, &place->found, at, err);
        start = end + 1;
    }
    if (status != GM_OK)
        gm_close(&fd);
    place->parent_fd = fd;
    gm_buf_clear(&place->parent);
    gm_buf_append(&place->parent, parent, n_bytes);
    return status;
}

enum gm_status gm_placer_choose(struct gm_placer *place, const char *base,
                                const struct gm_placer_file *file, struct gm_buf *path,
                                struct gm_err *err)
{
    GM_ASSERT(path->n_bytes == 0);
    const uint8_t *slash = memrchr(file->name, '/', file->name_bytes);
    size_t dir_bytes = slash ? (size_t)(slash - file->name) : 0;
    gm_buf_text(path, base);
    if (slash) {
        gm_buf_char(path, '/');
        gm_buf_append(path, file->name, dir_bytes);
    }
    if (path->failed)
        return gm_err_set(err, GM_NOMEM, "output: no memory");
    if (place->parent_fd < 0 || path->n_bytes != place->parent.n_bytes ||
        memcmp(path->data, place->parent.data, path->n_bytes) != 0) {
        enum gm_status status = walk(place, path->data, path->n_bytes, err);
        if (status != GM_OK)
            return status;
    }
    gm_buf_clear(path);
    gm_buf_append(path, place->found.data, place->found.n_bytes);
    struct gm_placer_file part = {.name = slash ? slash + 1 : file->name};
    part.name_bytes = (size_t)(file->name + file->name_bytes - part.name);
    choose_component(place, place->parent_fd, path, &part, FREE);
    return path->failed ? gm_err_set(err, GM_NOMEM, "output: no memory") : GM_OK;
}
