/* Placed files: temporary files, the intent, renames. Choosing names is in placer_name.c. */
#include "run/placer.h"

#include "base/assert.h"
#include "base/fs.h"
#include "run/placer_name.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define INTENT_MAGIC     "gristmill files 1\n"
#define INTENT_MAX_BYTES (512u * 1024u * 1024u)

enum { SEQUENCE_TEXT_BYTES = 24 };

static const char *sequence_name(uint64_t sequence, char text[SEQUENCE_TEXT_BYTES])
{
    snprintf(text, SEQUENCE_TEXT_BYTES, "%" PRIu64, sequence);
    return text;
}

static enum gm_status sync_all(struct gm_placer *place, struct gm_err *err)
{
    if (place->sync && syncfs(place->dir_fd) != 0)
        return gm_err_sys(err, GM_IO, errno, "unable to sync the file system of %s", place->folder);
    return GM_OK;
}

static enum gm_status remove_intent(struct gm_placer *place, struct gm_err *err)
{
    if (unlinkat(place->dir_fd, GM_PLACER_INTENT, 0) != 0 && errno != ENOENT)
        return gm_err_sys(err, GM_IO, errno, "unable to remove %s/" GM_PLACER_INTENT,
                          place->folder);
    return GM_OK;
}

/* ---- the intent that a crash left ---- */

static enum gm_status redo(struct gm_placer *place, const char *sequence, const char *path,
                           struct gm_err *err)
{
    struct stat info;
    if (fstatat(place->temporary_fd, sequence, &info, AT_SYMLINK_NOFOLLOW) != 0)
        return GM_OK; /* renamed already */
    const char *slash = strrchr(path, '/');
    char parent[2 * GM_PLACER_NAME_BYTES];
    snprintf(parent, sizeof parent, "%.*s", slash ? (int)(slash - path) : 0, path);
    enum gm_status status = gm_make_dirs(place->dir_fd, parent, err);
    if (status == GM_OK && renameat(place->temporary_fd, sequence, place->dir_fd, path) != 0)
        status = gm_err_sys(err, GM_IO, errno, "unable to create %s/%s", place->folder, path);
    return status;
}

static enum gm_status undo(struct gm_placer *place, const char *sequence, const char *path,
                           struct gm_err *err)
{
    struct stat info;
    if (fstatat(place->temporary_fd, sequence, &info, AT_SYMLINK_NOFOLLOW) == 0)
        return GM_OK; /* not renamed yet */
    if (unlinkat(place->dir_fd, path, 0) != 0 && errno != ENOENT && errno != ENOTDIR)
        return gm_err_sys(err, GM_IO, errno, "unable to remove %s/%s", place->folder, path);
    return GM_OK;
}

/* The text up to the next NUL, and steps over it; NULL: the list is malformed. */
static const char *next_text(const char **at, const char *end)
{
    const char *text = *at;
    const char *nul = text < end ? memchr(text, '\0', (size_t)(end - text)) : NULL;
    if (!nul || nul == text)
        return NULL;
    *at = nul + 1;
    return text;
}

static enum gm_status settle_list(struct gm_placer *place, const struct gm_buf *list,
                                  uint64_t committed_frame, struct gm_err *err)
{
    const char *at = (const char *)list->data;
    const char *end = at + list->n_bytes;
    size_t magic_bytes = sizeof INTENT_MAGIC - 1;
    if (list->n_bytes < magic_bytes || memcmp(at, INTENT_MAGIC, magic_bytes) != 0)
        return gm_err_set(err, GM_INPUT, "%s/" GM_PLACER_INTENT " is not a list of this program",
                          place->folder);
    at += magic_bytes;
    const char *frame_text = next_text(&at, end);
    char *rest = NULL;
    uint64_t frame = frame_text ? strtoull(frame_text, &rest, 10) : 0;
    enum gm_status status = GM_OK;
    while (status == GM_OK && frame_text && at < end) {
        const char *sequence = next_text(&at, end);
        const char *path = sequence ? next_text(&at, end) : NULL;
        if (!path || strchr(sequence, '/') ||
            !gm_placer_path_ok((const uint8_t *)path, strlen(path)))
            return gm_err_set(err, GM_INPUT, "%s/" GM_PLACER_INTENT " is damaged", place->folder);
        status = frame <= committed_frame ? redo(place, sequence, path, err)
                                          : undo(place, sequence, path, err);
    }
    return status;
}

static enum gm_status open_temporary(struct gm_placer *place, struct gm_err *err)
{
    if (place->temporary_fd >= 0)
        return GM_OK;
    enum gm_status status = gm_make_dirs(place->dir_fd, GM_PLACER_TEMPORARY, err);
    if (status == GM_OK)
        status = gm_open_at(place->dir_fd, GM_PLACER_TEMPORARY, O_RDONLY | O_DIRECTORY | O_NOFOLLOW,
                            &place->temporary_fd, err);
    return status == GM_OK ? GM_OK : gm_err_add(err, "%s", place->folder);
}

static enum gm_status settle(struct gm_placer *place, uint64_t committed_frame, struct gm_err *err)
{
    struct gm_buf list = GM_BUF_INIT;
    struct stat info;
    if (fstatat(place->dir_fd, GM_PLACER_INTENT, &info, AT_SYMLINK_NOFOLLOW) != 0)
        return GM_OK;
    enum gm_status status =
        gm_read_file(place->dir_fd, GM_PLACER_INTENT, INTENT_MAX_BYTES, &list, err);
    if (status == GM_OK)
        status = open_temporary(place, err);
    if (status == GM_OK)
        status = settle_list(place, &list, committed_frame, err);
    gm_buf_free(&list);
    if (status == GM_OK)
        status = sync_all(place, err);
    return status == GM_OK ? remove_intent(place, err) : status;
}

/* ---- opening and closing ---- */

enum gm_status gm_placer_open(struct gm_placer *place, int dir_fd, const char *folder, bool sync,
                              uint64_t committed_frame, struct gm_err *err)
{
    memset(place, 0, sizeof *place);
    place->dir_fd = dir_fd;
    place->folder = folder;
    place->sync = sync;
    place->temporary_fd = -1;
    place->parent_fd = -1;
    gm_buf_init(&place->paths);
    gm_buf_init(&place->parent);
    gm_buf_init(&place->found);
    enum gm_status status = settle(place, committed_frame, err);
    gm_close(&place->temporary_fd);
    if (status == GM_OK)
        status = gm_remove_tree(dir_fd, GM_PLACER_TEMPORARY, err);
    return status;
}

static void drop_entries(struct gm_placer *place)
{
    place->n_entries = 0;
    gm_buf_clear(&place->paths);
    if (place->table)
        memset(place->table, 0, 2 * place->capacity * sizeof *place->table);
}

void gm_placer_close(struct gm_placer *place)
{
    char text[SEQUENCE_TEXT_BYTES];
    for (size_t i = 0; i < place->n_entries && place->temporary_fd >= 0; i++)
        unlinkat(place->temporary_fd, sequence_name(place->entries[i].sequence, text), 0);
    gm_close(&place->temporary_fd);
    gm_close(&place->parent_fd);
    free(place->entries);
    free(place->table);
    free(place->hints);
    gm_buf_free(&place->paths);
    gm_buf_free(&place->parent);
    gm_buf_free(&place->found);
    memset(place, 0, sizeof *place);
    place->temporary_fd = -1;
    place->parent_fd = -1;
}

/* ---- a group ---- */

static enum gm_status write_temporary(struct gm_placer *place, const struct gm_placer_file *file,
                                      const char *path, struct gm_err *err)
{
    char text[SEQUENCE_TEXT_BYTES];
    enum gm_status status = open_temporary(place, err);
    if (status != GM_OK)
        return status;
    int fd = openat(place->temporary_fd, sequence_name(place->sequence, text),
                    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (fd < 0)
        return gm_err_sys(err, GM_IO, errno, "unable to create %s/%s", place->folder, path);
    status = gm_write_full(fd, file->data, file->n_bytes, path, err);
    if (status != GM_OK)
        gm_err_add(err, "%s", place->folder);
    else if (place->sync) /* only a hint: the sync of the group has less to wait for */
        sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);
    gm_close(&fd);
    return status;
}

enum gm_status gm_placer_add(struct gm_placer *place, const char *base, struct gm_buf *final_path,
                             const struct gm_placer_file *file, struct gm_err *err)
{
    GM_ASSERT(gm_placer_name_ok(file->name, file->name_bytes));
    size_t path_at = final_path->n_bytes;
    enum gm_status status = gm_placer_choose(place, base, file, final_path, err);
    if (status != GM_OK)
        return status;
    gm_buf_cstr(final_path);
    if (final_path->failed)
        return gm_err_set(err, GM_NOMEM, "output: no memory");
    const char *path = (const char *)final_path->data + path_at;
    status = gm_placer_note(place, path, final_path->n_bytes - path_at, err);
    if (status == GM_OK)
        status = write_temporary(place, file, path, err);
    place->sequence++;
    return status;
}

static enum gm_status write_intent(struct gm_placer *place, uint64_t frame_number,
                                   struct gm_err *err)
{
    struct gm_buf list = GM_BUF_INIT;
    char text[SEQUENCE_TEXT_BYTES];
    gm_buf_text(&list, INTENT_MAGIC);
    gm_buf_text(&list, sequence_name(frame_number, text));
    gm_buf_char(&list, '\0');
    for (size_t i = 0; i < place->n_entries; i++) {
        gm_buf_text(&list, sequence_name(place->entries[i].sequence, text));
        gm_buf_char(&list, '\0');
        gm_buf_text(&list, (const char *)place->paths.data + place->entries[i].path_at);
        gm_buf_char(&list, '\0');
    }
    enum gm_status status = list.failed ? gm_err_set(err, GM_NOMEM, "output: no memory")
                                        : gm_write_file_durable(place->dir_fd, GM_PLACER_INTENT,
                                                                list.data, list.n_bytes, err);
    gm_buf_free(&list);
    return status == GM_OK ? GM_OK : gm_err_add(err, "%s", place->folder);
}

enum gm_status gm_placer_move(struct gm_placer *place, uint64_t frame_number, struct gm_err *err)
{
    if (place->n_entries == 0)
        return GM_OK;
    enum gm_status status = sync_all(place, err);
    if (status == GM_OK)
        status = write_intent(place, frame_number, err);
    for (size_t i = 0; i < place->n_entries && status == GM_OK; i++) {
        char text[SEQUENCE_TEXT_BYTES];
        const char *path = (const char *)place->paths.data + place->entries[i].path_at;
        if (renameat(place->temporary_fd, sequence_name(place->entries[i].sequence, text),
                     place->dir_fd, path) != 0)
            status = gm_err_sys(err, GM_IO, errno, "unable to create %s/%s", place->folder, path);
    }
    return status;
}

void gm_placer_committed(struct gm_placer *place)
{
    drop_entries(place);
}

enum gm_status gm_placer_finish(struct gm_placer *place, struct gm_err *err)
{
    GM_ASSERT(place->n_entries == 0);
    /* The last renames must be on disk before the intent that could repeat them goes away. */
    struct stat info;
    enum gm_status status = GM_OK;
    if (fstatat(place->dir_fd, GM_PLACER_INTENT, &info, AT_SYMLINK_NOFOLLOW) == 0)
        status = sync_all(place, err);
    if (status == GM_OK)
        status = remove_intent(place, err);
    gm_close(&place->temporary_fd);
    if (status == GM_OK)
        status = gm_remove_tree(place->dir_fd, GM_PLACER_TEMPORARY, err);
    return status;
}
