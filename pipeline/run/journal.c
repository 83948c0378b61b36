/* The journal's file side: scanning frames, cutting off a torn end, appending commits.
 *
 * Frames are kept in memory only for complete files (one a shard), so that a journal of any length
 * is scanned in constant memory but for those. */
#include "run/journal.h"

#include "base/fs.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static uint64_t checksum_of(const struct gm_frame *frame)
{
    struct gm_frame copy = *frame;
    copy.checksum = 0;
    return gm_xxh64(&copy, sizeof copy, 0);
}

static void seal(struct gm_frame *frame, uint32_t kind, uint64_t number)
{
    frame->magic = GM_JOURNAL_MAGIC;
    frame->kind = kind;
    frame->number = number;
    frame->checksum = checksum_of(frame);
}

static bool counts(const struct gm_frame *frame, uint64_t number)
{
    return frame->magic == GM_JOURNAL_MAGIC && frame->number == number &&
           frame->checksum == checksum_of(frame) && frame->kind >= GM_FRAME_START &&
           frame->kind <= GM_FRAME_COMMIT && (frame->kind == GM_FRAME_START) == (number == 0);
}

static enum gm_status keep_file(struct gm_journal *journal, const struct gm_frame_file *file,
                                struct gm_err *err)
{
    size_t n = journal->n_files;
    if ((n & (n - 1)) == 0) {
        struct gm_frame_file *files = realloc(journal->files, (n ? n * 2 : 1) * sizeof *files);
        if (!files)
            return gm_err_set(err, GM_NOMEM, "journal: no memory for the list of files");
        journal->files = files;
    }
    journal->files[journal->n_files++] = *file;
    return GM_OK;
}

/* Reads frames up to the end or the first that does not count. On return n_frames is behind the
 * last commit (or the start frame), and *n_valid behind the last frame that counts. */
static enum gm_status scan(struct gm_journal *journal, uint64_t *n_valid, struct gm_err *err)
{
    size_t n_committed_files = 0;
    *n_valid = 0;
    for (;; ++*n_valid) {
        struct gm_frame frame;
        size_t n_read;
        enum gm_status status = gm_pread_full(journal->fd, &frame, sizeof frame,
                                              *n_valid * GM_FRAME_BYTES, &n_read, err);
        if (status != GM_OK)
            return status;
        if (n_read < sizeof frame || !counts(&frame, *n_valid))
            break;
        if (frame.kind == GM_FRAME_START) {
            journal->start = frame.start;
            journal->n_frames = 1;
        } else if (frame.kind == GM_FRAME_FILE) {
            status = keep_file(journal, &frame.file, err);
            if (status != GM_OK)
                return status;
        } else {
            journal->last = frame.commit;
            journal->last_number = frame.number;
            journal->n_frames = *n_valid + 1;
            n_committed_files = journal->n_files;
        }
    }
    journal->n_files = n_committed_files;
    return GM_OK;
}

static enum gm_status check_start(const struct gm_journal *journal,
                                  const struct gm_frame_start *want, struct gm_err *err)
{
    char have_hex[GM_SHA256_HEX_BYTES], want_hex[GM_SHA256_HEX_BYTES];
    const struct gm_frame_start *have = &journal->start;
    if (memcmp(have->config_digest, want->config_digest, GM_SHA256_BYTES) != 0 ||
        have->n_streams != want->n_streams)
        return gm_err_set(err, GM_CONFIG,
                          "it was begun with another configuration (digest %.12s, now %.12s): "
                          "give this job another out folder, or remove the old one",
                          gm_sha256_hex(have->config_digest, have_hex),
                          gm_sha256_hex(want->config_digest, want_hex));
    if (memcmp(have->input_digest, want->input_digest, GM_SHA256_BYTES) != 0 ||
        have->generation != want->generation)
        return gm_err_set(err, GM_CONFIG,
                          "it was begun with other input (digest %.12s, now %.12s): give this job "
                          "another out folder, or remove the old one",
                          gm_sha256_hex(have->input_digest, have_hex),
                          gm_sha256_hex(want->input_digest, want_hex));
    return GM_OK;
}

static enum gm_status sync_journal(struct gm_journal *journal, struct gm_err *err)
{
    return journal->sync ? gm_sync_data(journal->fd, GM_JOURNAL_NAME, err) : GM_OK;
}

static enum gm_status truncate_to(struct gm_journal *journal, uint64_t n_frames, struct gm_err *err)
{
    if (ftruncate(journal->fd, (off_t)(n_frames * GM_FRAME_BYTES)) != 0)
        return gm_err_sys(err, GM_IO, errno, "unable to truncate " GM_JOURNAL_NAME);
    if (lseek(journal->fd, 0, SEEK_END) < 0)
        return gm_err_sys(err, GM_IO, errno, "unable to seek in " GM_JOURNAL_NAME);
    return sync_journal(journal, err);
}

static enum gm_status begin(struct gm_journal *journal, int dir_fd,
                            const struct gm_frame_start *start, struct gm_err *err)
{
    struct gm_frame frame = {.start = *start};
    seal(&frame, GM_FRAME_START, 0);
    if (ftruncate(journal->fd, 0) != 0) /* a start that was torn; one sync is enough for both */
        return gm_err_sys(err, GM_IO, errno, "unable to truncate " GM_JOURNAL_NAME);
    lseek(journal->fd, 0, SEEK_SET);
    enum gm_status status = gm_write_full(journal->fd, &frame, sizeof frame, GM_JOURNAL_NAME, err);
    if (status == GM_OK)
        status = sync_journal(journal, err);
    if (status == GM_OK && journal->sync)
        status = gm_sync_dir(dir_fd, ".", err);
    journal->start = *start;
    journal->n_frames = 1;
    return status;
}

/* A journal, but not as this version writes it: the last letter of the magic says so. */
static bool is_foreign(int fd)
{
    uint32_t magic = 0;
    return pread(fd, &magic, sizeof magic, 0) == sizeof magic && magic != GM_JOURNAL_MAGIC &&
           (magic & 0xffffffu) == (GM_JOURNAL_MAGIC & 0xffffffu);
}

static enum gm_status open_or_begin(struct gm_journal *journal, int dir_fd,
                                    const struct gm_frame_start *start, bool *existed,
                                    struct gm_err *err)
{
    enum gm_status status =
        gm_open_at(dir_fd, GM_JOURNAL_NAME, O_RDWR | O_CREAT | O_NOFOLLOW, &journal->fd, err);
    if (status != GM_OK)
        return status;
    struct stat info;
    if (fstat(journal->fd, &info) != 0)
        return gm_err_sys(err, GM_IO, errno, "unable to look at " GM_JOURNAL_NAME);
    uint64_t n_valid;
    status = scan(journal, &n_valid, err);
    if (status != GM_OK)
        return status;
    if (n_valid == 0) {
        if (info.st_size > (off_t)GM_FRAME_BYTES)
            return gm_err_set(
                err, GM_INPUT, GM_JOURNAL_NAME " %s, or remove the folder and run again",
                is_foreign(journal->fd) ? "is of another version of gristmill: go on with that one"
                                        : "is damaged at its start: restore it");
        return begin(journal, dir_fd, start, err);
    }
    *existed = true;
    status = check_start(journal, start, err);
    if (status != GM_OK || info.st_size == (off_t)(journal->n_frames * GM_FRAME_BYTES)) {
        lseek(journal->fd, 0, SEEK_END);
        return status;
    }
    return truncate_to(journal, journal->n_frames, err);
}

enum gm_status gm_journal_open(struct gm_journal *journal, int dir_fd, const char *folder,
                               const struct gm_frame_start *start, bool sync, bool *existed,
                               struct gm_err *err)
{
    *journal = (struct gm_journal)GM_JOURNAL_INIT;
    journal->sync = sync;
    *existed = false;
    enum gm_status status = open_or_begin(journal, dir_fd, start, existed, err);
    if (status != GM_OK) {
        gm_journal_close(journal);
        gm_err_add(err, "%s", folder);
    }
    return status;
}

void gm_journal_close(struct gm_journal *journal)
{
    if (!journal)
        return;
    gm_close(&journal->fd);
    free(journal->files);
    free(journal->pending);
    *journal = (struct gm_journal)GM_JOURNAL_INIT;
}

/* Room for n more frames behind the pending ones. */
static enum gm_status reserve(struct gm_journal *journal, size_t n, struct gm_err *err)
{
    if (journal->n_pending + n <= journal->pending_capacity)
        return GM_OK;
    size_t capacity = (journal->n_pending + n) * 2;
    struct gm_frame *pending = realloc(journal->pending, capacity * sizeof *pending);
    if (!pending)
        return gm_err_set(err, GM_NOMEM, "journal: no memory for %zu frames", capacity);
    journal->pending = pending;
    journal->pending_capacity = capacity;
    return GM_OK;
}

uint64_t gm_journal_next_number(const struct gm_journal *journal)
{
    return journal->n_frames + journal->n_pending;
}

enum gm_status gm_journal_add_file(struct gm_journal *journal, const struct gm_frame_file *file,
                                   struct gm_err *err)
{
    enum gm_status status = reserve(journal, 2, err);
    if (status == GM_OK)
        status = keep_file(journal, file, err);
    if (status != GM_OK)
        return status;
    struct gm_frame *frame = &journal->pending[journal->n_pending];
    memset(frame, 0, sizeof *frame);
    frame->file = *file;
    seal(frame, GM_FRAME_FILE, gm_journal_next_number(journal));
    journal->n_pending++;
    return GM_OK;
}

enum gm_status gm_journal_commit(struct gm_journal *journal, const struct gm_frame_commit *commit,
                                 enum gm_journal_sync sync, struct gm_err *err)
{
    enum gm_status status = reserve(journal, 1, err);
    if (status != GM_OK)
        return status;
    struct gm_frame *frame = &journal->pending[journal->n_pending];
    memset(frame, 0, sizeof *frame);
    frame->commit = *commit;
    seal(frame, GM_FRAME_COMMIT, gm_journal_next_number(journal));
    size_t n_frames = journal->n_pending + 1;
    status = gm_write_full(journal->fd, journal->pending, n_frames * sizeof *frame, GM_JOURNAL_NAME,
                           err);
    if (status == GM_OK && sync == GM_JOURNAL_SYNC)
        status = sync_journal(journal, err);
    if (status != GM_OK)
        return status;
    journal->n_frames += n_frames;
    journal->n_pending = 0;
    journal->last = *commit;
    journal->last_number = journal->n_frames - 1;
    return GM_OK;
}

enum gm_status gm_journal_read(struct gm_journal *journal, int dir_fd, const char *folder,
                               struct gm_err *err)
{
    *journal = (struct gm_journal)GM_JOURNAL_INIT;
    uint64_t n_valid = 0;
    enum gm_status status =
        gm_open_at(dir_fd, GM_JOURNAL_NAME, O_RDONLY | O_NOFOLLOW, &journal->fd, err);
    if (status == GM_OK)
        status = scan(journal, &n_valid, err);
    gm_close(&journal->fd);
    if (status == GM_OK && n_valid == 0)
        status = gm_err_set(err, GM_INPUT, GM_JOURNAL_NAME " is not a journal of gristmill");
    if (status != GM_OK) {
        gm_journal_close(journal);
        gm_err_add(err, "%s", folder);
    }
    return status;
}
