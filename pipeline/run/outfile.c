/* Growing files. Each keeps a running SHA-256 for the manifest; the beginning of what it is at a
 * commit proves the committed bytes to whoever opens the file again, and has to read them anyway,
 * for a hash cannot be saved half-way.
 *
 * A head is zeros until the shard is complete and stands outside of shard_bytes and of what the
 * journal has; SHA-256 then has to read the file once more, and XXH3 runs along instead, as it does
 * for files that are removed in the end. */
#include "run/outfile.h"

#include "base/fs.h"
#include "run/sidecar.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

enum { READ_BYTES = 256 * 1024 };
struct gm_outfile_state {
    XXH3_state_t *hash;
    struct gm_sha256 *sha256;
};

static void state_free(struct gm_outfile_state *state)
{
    if (!state)
        return;
    XXH3_freeState(state->hash);
    gm_sha256_free(state->sha256);
    free(state);
}

static struct gm_outfile_state *state_new(void)
{
    struct gm_outfile_state *state = calloc(1, sizeof *state);
    if (!state)
        return NULL;
    state->hash = XXH3_createState();
    state->sha256 = gm_sha256_new();
    if (!state->hash || !state->sha256) {
        state_free(state);
        return NULL;
    }
    return state;
}

static void state_reset(struct gm_outfile_state *state)
{
    XXH3_64bits_reset(state->hash);
    gm_sha256_reset(state->sha256);
}

static bool is_series(const struct gm_output_stream *def)
{
    return def->mode == GM_OUTPUT_SHARDS || def->mode == GM_OUTPUT_SIZES;
}

/* Whether SHA-256 can run along: not over a head that is written last, nor for what is removed. */
static bool hashes_along(const struct gm_output_stream *def)
{
    return def->head_bytes == 0 && def->mode != GM_OUTPUT_SIZES;
}

static void update(struct gm_outfile *file, const void *data, size_t n_bytes)
{
    if (hashes_along(file->def))
        gm_sha256_update(file->state->sha256, data, n_bytes);
    else
        XXH3_64bits_update(file->state->hash, data, n_bytes);
}

/* What the journal says of the bytes so far. */
static uint64_t journal_hash(const struct gm_outfile *file)
{
    uint8_t digest[GM_SHA256_BYTES];
    uint64_t hash;
    if (!hashes_along(file->def))
        return XXH3_64bits_digest(file->state->hash);
    gm_sha256_peek(file->state->sha256, digest);
    memcpy(&hash, digest, sizeof hash);
    return hash;
}

/* ---- names ---- */

void gm_output_file_name(const struct gm_output_stream *stream, const struct gm_frame_file *file,
                         struct gm_buf *name)
{
    const char *extension =
        file->sidecar > 0 ? stream->sidecars[file->sidecar - 1].extension : stream->extension;
    if (is_series(stream))
        gm_buf_printf(name, "%s-%05u%s", stream->name, file->shard, extension);
    else if (stream->mode == GM_OUTPUT_FILES)
        gm_buf_printf(name, "%s.sha256", stream->name);
    else
        gm_buf_printf(name, "%s%s", stream->name, stream->extension);
}

static enum gm_status set_path(struct gm_outfile *file, uint32_t shard, struct gm_err *err)
{
    struct gm_frame_file named = {.shard = shard};
    gm_buf_clear(&file->path);
    gm_buf_printf(&file->path, "%s/", file->config->folder);
    file->name_at = file->path.n_bytes;
    gm_output_file_name(file->def, &named, &file->path);
    gm_buf_cstr(&file->path);
    return file->path.failed ? gm_err_set(err, GM_NOMEM, "output: no memory") : GM_OK;
}

static const char *path_of(struct gm_outfile *file)
{
    return gm_buf_cstr(&file->path);
}

static const char *name_of(struct gm_outfile *file)
{
    return path_of(file) + file->name_at;
}

/* Files of a series: NAME-NNNNN.EXT with a number from `first` on, but not `but`. */
struct series {
    const char *name, *extension;
    uint32_t first;
    uint64_t but;
};
#define ALL UINT64_MAX

static bool is_in_series(const struct series *series, const char *name)
{
    size_t n = strlen(series->name);
    if (strncmp(name, series->name, n) != 0 || name[n] != '-')
        return false;
    uint64_t number = 0;
    const char *digit = name + n + 1;
    for (; *digit >= '0' && *digit <= '9' && number < UINT32_MAX; digit++)
        number = number * 10 + (uint64_t)(*digit - '0');
    if (digit - (name + n + 1) < 5 || number > UINT32_MAX || strcmp(digit, series->extension) != 0)
        return false;
    return number >= series->first && number != series->but;
}

/* Removes the files of a series, or tells whether there is one if found is given. */
static enum gm_status remove_series(const struct gm_output_config *config,
                                    const struct series *series, bool *found, struct gm_err *err)
{
    int fd = -1;
    enum gm_status status = gm_open_at(config->dir_fd, ".", O_RDONLY | O_DIRECTORY, &fd, err);
    if (status != GM_OK)
        return status;
    DIR *dir = fdopendir(fd);
    if (!dir) {
        gm_close(&fd);
        return gm_err_sys(err, GM_IO, errno, "unable to list %s", config->folder);
    }
    const struct dirent *entry;
    while (status == GM_OK && (entry = readdir(dir))) {
        if (!is_in_series(series, entry->d_name))
            continue;
        if (found)
            *found = true;
        else if (unlinkat(config->dir_fd, entry->d_name, 0) != 0)
            status = gm_err_sys(err, GM_IO, errno, "unable to remove %s/%s", config->folder,
                                entry->d_name);
    }
    closedir(dir);
    return status;
}

/* Everything of a stream of shards that does not belong to its last commit. */
static enum gm_status sweep(const struct gm_output_config *config,
                            const struct gm_output_stream *def,
                            const struct gm_frame_stream *committed, bool *found,
                            struct gm_err *err)
{
    bool has_bytes = committed->shard_bytes > 0;
    struct series series = {def->name, def->extension, committed->shard + has_bytes, ALL};
    if (def->mode == GM_OUTPUT_SIZES)
        series = (struct series){def->name, def->extension, 0, has_bytes ? committed->shard : ALL};
    enum gm_status status = remove_series(config, &series, found, err);
    for (uint32_t i = 0; i < gm_sidecar_count(def) && status == GM_OK; i++) {
        series = (struct series){def->name, def->sidecars[i].extension, committed->shard, ALL};
        status = remove_series(config, &series, found, err);
    }
    return status;
}

enum gm_status gm_outfile_check_new(const struct gm_output_config *config, uint32_t stream,
                                    struct gm_err *err)
{
    const struct gm_output_stream *def = &config->streams[stream];
    bool found = false;
    struct stat info;
    if (is_series(def)) {
        enum gm_status status = sweep(config, def, &(const struct gm_frame_stream){0}, &found, err);
        if (status != GM_OK)
            return status;
    } else {
        struct gm_buf name = GM_BUF_INIT;
        gm_output_file_name(def, &(struct gm_frame_file){0}, &name);
        found = fstatat(config->dir_fd, gm_buf_cstr(&name), &info, AT_SYMLINK_NOFOLLOW) == 0;
        gm_buf_free(&name);
        if (def->mode == GM_OUTPUT_FILES)
            found |= fstatat(config->dir_fd, def->name, &info, AT_SYMLINK_NOFOLLOW) == 0;
    }
    if (found)
        return gm_err_set(err, GM_CONFIG,
                          "%s: there are files of \"%s\" here that no run of this folder wrote: "
                          "choose another out folder, or remove them",
                          config->folder, def->name);
    return GM_OK;
}

/* ---- opening and closing ---- */

static enum gm_status create(struct gm_outfile *file, struct gm_err *err)
{
    enum gm_status status = set_path(file, file->now.shard, err);
    if (status != GM_OK)
        return status;
    int fd = openat(file->config->dir_fd, name_of(file),
                    O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (fd < 0)
        return gm_err_sys(err, GM_IO, errno, "unable to create %s", path_of(file));
    file->fd = fd;
    file->created = true;
    gm_append_restart(&file->append, file->def->head_bytes);
    off_t head_bytes = (off_t)file->def->head_bytes;
    if (head_bytes > 0 &&
        (ftruncate(fd, head_bytes) != 0 || lseek(fd, head_bytes, SEEK_SET) != head_bytes))
        return gm_err_sys(err, GM_IO, errno, "unable to write %s", path_of(file));
    return GM_OK;
}

/* Reads the committed bytes into the hashes. */
static enum gm_status read_back(struct gm_outfile *file, struct gm_err *err)
{
    uint8_t *chunk = malloc(READ_BYTES);
    if (!chunk)
        return gm_err_set(err, GM_NOMEM, "output: no memory");
    enum gm_status status = GM_OK;
    uint64_t n_left = file->committed.shard_bytes;
    while (status == GM_OK && n_left > 0) {
        size_t n_read;
        size_t n_wanted = n_left < READ_BYTES ? (size_t)n_left : READ_BYTES;
        status = gm_read_full(file->fd, chunk, n_wanted, &n_read, err);
        if (status == GM_OK && n_read < n_wanted)
            status = gm_err_set(err, GM_INPUT,
                                "%s is shorter than the %llu bytes that were committed: restore "
                                "it, or remove the folder and run again",
                                path_of(file), (unsigned long long)file->committed.shard_bytes);
        else if (status != GM_OK)
            gm_err_add(err, "%s", path_of(file));
        update(file, chunk, n_read);
        n_left -= n_read;
    }
    free(chunk);
    if (status == GM_OK && journal_hash(file) != file->committed.shard_hash)
        status = gm_err_set(err, GM_INPUT,
                            "%s was changed or damaged in its first %llu bytes, which were "
                            "committed: restore it, or remove the folder and run again",
                            path_of(file), (unsigned long long)file->committed.shard_bytes);
    return status;
}

static enum gm_status reopen(struct gm_outfile *file, struct gm_err *err)
{
    enum gm_status status = set_path(file, file->now.shard, err);
    if (status == GM_OK)
        status =
            gm_open_at(file->config->dir_fd, name_of(file), O_RDWR | O_NOFOLLOW, &file->fd, err);
    if (status != GM_OK)
        return gm_err_add(err, "%s", file->config->folder);
    off_t head_bytes = (off_t)file->def->head_bytes;
    if (lseek(file->fd, head_bytes, SEEK_SET) != head_bytes)
        return gm_err_sys(err, GM_IO, errno, "unable to read %s", path_of(file));
    status = read_back(file, err);
    if (status != GM_OK)
        return status;
    off_t n_bytes = head_bytes + (off_t)file->committed.shard_bytes;
    gm_append_restart(&file->append, (uint64_t)n_bytes);
    if (ftruncate(file->fd, n_bytes) != 0)
        return gm_err_sys(err, GM_IO, errno, "unable to truncate %s", path_of(file));
    return GM_OK;
}

enum gm_status gm_outfile_open(struct gm_outfile *file, const struct gm_output_config *config,
                               uint32_t stream, const struct gm_frame_stream *committed,
                               struct gm_err *err)
{
    *file = (struct gm_outfile){.config = config,
                                .def = &config->streams[stream],
                                .stream = stream,
                                .fd = -1,
                                .first_kept = committed->shard,
                                .now = *committed,
                                .committed = *committed};
    gm_buf_init(&file->path);
    file->state = state_new();
    if (!file->state)
        return gm_err_set(err, GM_NOMEM, "output: no memory");
    state_reset(file->state);
    bool has_bytes = committed->shard_bytes > 0;
    enum gm_status status = GM_OK;
    if (is_series(file->def)) {
        status = sweep(config, file->def, committed, NULL, err);
    } else if (!has_bytes && committed->shard == 0) {
        status = set_path(file, 0, err);
        if (status == GM_OK && unlinkat(config->dir_fd, name_of(file), 0) != 0 && errno != ENOENT)
            status = gm_err_sys(err, GM_IO, errno, "unable to remove %s", path_of(file));
        if (status == GM_OK)
            status = create(file, err);
    }
    if (status == GM_OK && has_bytes)
        status = reopen(file, err);
    return status;
}

void gm_outfile_close(struct gm_outfile *file)
{
    gm_append_release(&file->append, file->fd);
    gm_close(&file->fd);
    gm_buf_free(&file->path);
    gm_append_free(&file->append);
    state_free(file->state);
    file->state = NULL;
}

void gm_outfile_rollback(struct gm_outfile *file)
{
    const struct gm_frame_stream *committed = &file->committed;
    if (!file->state)
        return;
    gm_close(&file->fd);
    if (is_series(file->def))
        sweep(file->config, file->def, committed, NULL, NULL);
    if (is_series(file->def) && committed->shard_bytes == 0)
        return;
    if (committed->shard > 0 && committed->shard_bytes == 0)
        return;
    int fd = -1;
    if (set_path(file, committed->shard, NULL) == GM_OK &&
        gm_open_at(file->config->dir_fd, name_of(file), O_WRONLY | O_NOFOLLOW, &fd, NULL) == GM_OK)
        while (ftruncate(fd, (off_t)(file->def->head_bytes + committed->shard_bytes)) != 0 &&
               errno == EINTR)
            ;
    gm_close(&fd);
}

/* ---- growing ---- */

/* A file with a head is read once more when that is known: it is in the cache, and in the file. */
static struct gm_append_ways ways_of(const struct gm_outfile *file)
{
    const struct gm_output_config *config = file->config;
    bool shards = file->def->mode == GM_OUTPUT_SHARDS;
    bool holds = (shards || file->def->mode == GM_OUTPUT_APPEND) && file->def->head_bytes == 0 &&
                 config->durability == GM_DURABILITY_GROUP;
    bool directly = shards && holds && file->appended_bytes > config->cached_bytes;
    return (struct gm_append_ways){.reserves = shards,
                                   .holds = holds,
                                   .starts = config->durability != GM_DURABILITY_NONE,
                                   .piece_bytes = directly ? config->piece_bytes : 0};
}

static enum gm_status write_bytes(struct gm_outfile *file, const void *data, size_t n_bytes,
                                  struct gm_err *err)
{
    const struct gm_direct_file target = {file->fd, path_of(file)};
    file->dirty = true;
    file->append.ways = ways_of(file);
    enum gm_status status =
        gm_append(&file->append, &target, file->def->head_bytes + file->now.shard_bytes,
                  (struct gm_view){data, n_bytes}, err);
    if (status != GM_OK)
        return status;
    update(file, data, n_bytes);
    file->now.shard_bytes += n_bytes;
    file->appended_bytes += n_bytes;
    return GM_OK;
}

enum gm_status gm_outfile_flush(struct gm_outfile *file, struct gm_err *err)
{
    return gm_append_flush(&file->append, &(struct gm_direct_file){file->fd, path_of(file)}, err);
}

enum gm_status gm_outfile_sync(struct gm_outfile *file, struct gm_err *err)
{
    if (!file->dirty)
        return GM_OK;
    file->dirty = false;
    if (file->config->durability == GM_DURABILITY_NONE || file->fd < 0)
        return GM_OK;
    if (gm_outfile_flush(file, err) != GM_OK)
        return GM_IO;
    return gm_sync_data(file->fd, path_of(file), err);
}

/* Fills in the head, and hashes the whole file as it will stay. */
static enum gm_status write_head(struct gm_outfile *file, const struct gm_shard_facts *facts,
                                 struct gm_err *err)
{
    uint8_t *chunk = calloc(1, READ_BYTES);
    if (!chunk)
        return gm_err_set(err, GM_NOMEM, "output: no memory");
    file->def->head(file->def->opts, facts, chunk);
    enum gm_status status = GM_OK;
    size_t n_read = READ_BYTES;
    file->dirty = true;
    if (pwrite(file->fd, chunk, file->def->head_bytes, 0) != (ssize_t)file->def->head_bytes)
        status = gm_err_sys(err, GM_IO, errno, "unable to write %s", path_of(file));
    for (uint64_t at = 0; status == GM_OK && n_read == READ_BYTES; at += n_read) {
        status = gm_pread_full(file->fd, chunk, READ_BYTES, at, &n_read, err);
        if (status == GM_OK)
            gm_sha256_update(file->state->sha256, chunk, n_read);
    }
    free(chunk);
    return status;
}

enum gm_status gm_outfile_complete(struct gm_outfile *file, enum gm_outfile_sync sync,
                                   struct gm_frame_file *complete, struct gm_shard_facts *facts,
                                   struct gm_err *err)
{
    if (file->fd < 0)
        return GM_END;
    const struct gm_output_stream *def = file->def;
    enum gm_status status = GM_OK;
    *facts = (struct gm_shard_facts){file->now.shard_records, file->now.shard_bytes};
    if (def->mode == GM_OUTPUT_SHARDS && def->trailer_bytes > 0)
        status = write_bytes(file, def->trailer, def->trailer_bytes, err);
    if (status == GM_OK && def->head_bytes > 0)
        status = write_head(file, facts, err);
    if (def->mode == GM_OUTPUT_SIZES)
        file->dirty = false; /* used already, and removed when that is committed */
    if (status == GM_OK)
        status = gm_outfile_flush(file, err);
    if (status == GM_OK)
        gm_append_release(&file->append, file->fd);
    if (status == GM_OK && sync == GM_OUTFILE_SYNC)
        status = gm_outfile_sync(file, err);
    if (status != GM_OK)
        return status;
    *complete = (struct gm_frame_file){.stream = file->stream,
                                       .shard = file->now.shard,
                                       .n_bytes = def->head_bytes + file->now.shard_bytes,
                                       .n_records = file->now.shard_records};
    gm_sha256_final(file->state->sha256, complete->sha256);
    gm_close(&file->fd);
    state_reset(file->state);
    file->now.shard++;
    file->now.shard_bytes = 0;
    file->now.shard_records = 0;
    return GM_OK;
}

bool gm_outfile_is_full(const struct gm_outfile *file, size_t n_bytes)
{
    return file->def->mode == GM_OUTPUT_SHARDS && n_bytes > 0 && file->now.shard_bytes > 0 &&
           file->now.shard_bytes + n_bytes > file->def->shard_bytes;
}

enum gm_status gm_outfile_append(struct gm_outfile *file, const void *data, size_t n_bytes,
                                 uint32_t n_records, struct gm_err *err)
{
    enum gm_status status = GM_OK;
    if (n_bytes > 0 && file->fd < 0)
        status = create(file, err);
    if (status == GM_OK && n_bytes > 0)
        status = write_bytes(file, data, n_bytes, err);
    if (n_bytes > 0)
        file->now.shard_records += n_records;
    file->now.total_records += n_records;
    return status;
}

struct gm_frame_stream gm_outfile_frame(const struct gm_outfile *file)
{
    struct gm_frame_stream frame = file->now;
    frame.shard_hash = journal_hash(file);
    return frame;
}

void gm_outfile_committed(struct gm_outfile *file)
{
    file->committed = file->now;
    file->created = false;
    file->dirty = false;
    if (file->def->mode != GM_OUTPUT_SIZES)
        return;
    /* A file that stays is swept when the folder is opened again. */
    for (; file->first_kept < file->now.shard; file->first_kept++)
        if (set_path(file, file->first_kept, NULL) == GM_OK)
            unlinkat(file->config->dir_fd, name_of(file), 0);
    set_path(file, file->now.shard, NULL);
}
