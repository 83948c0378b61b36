/* Archives. libarchive gets exactly one format, no filter and no file name: it reads through
 * callbacks from a stream of ours, so compression, limits and seeking stay here. Members are read
 * through, never extracted; their names are data.
 *
 * A zip is read by its central directory. If that is missing (cut off) or unusable, the members are
 * read in a row instead, as far as they go. */
#include "unpack/archive.h"

#include "split.h"
#include "unpack/stream.h"
#include "unpack/unpacking.h"
#include "unpack/zip_end.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_MAX_BYTES  4096
#define MEMBER_BYTES    (64 * 1024)
#define TAR_BLOCK_BYTES 512

struct reader {
    struct gm_stream stream; /* of the current member's data */
    struct gm_unpacking *unpacking;
    const struct gm_place *place;
    struct gm_stream *input;
    enum gm_media media;
    struct archive *archive;
    struct archive_entry *entry;
    bool counts_members; /* member data is decoded data: it counts for the ratio */
    bool is_fatal;       /* the archive cannot be read on */
    bool member_ended;
    uint64_t n_zeros;     /* at the end of what was read: a tar ends with blocks of them */
    uint64_t n_members;   /* entries that were met */
    enum gm_status cause; /* the input itself failed: why */
    enum gm_reason cause_reason;
    struct gm_err cause_err;
    struct gm_buf name;
    uint8_t *buffer;
};

/* ---- libarchive reads from a stream ---- */

static void count_zeros(struct reader *reader, const uint8_t *data, size_t n_bytes)
{
    size_t n = 0;
    while (n < n_bytes && n < TAR_BLOCK_BYTES && data[n_bytes - 1 - n] == 0)
        n++;
    reader->n_zeros = n == n_bytes ? reader->n_zeros + n : n;
}

static la_ssize_t on_read(struct archive *archive, void *context, const void **buffer)
{
    struct reader *reader = context;
    const uint8_t *data = NULL;
    size_t n_bytes = 0;
    reader->cause = gm_stream_next(reader->input, &data, &n_bytes, &reader->cause_err);
    reader->cause_reason = reader->unpacking->reason;
    *buffer = data;
    if (reader->cause != GM_OK) {
        archive_set_error(archive, EIO, "%s", reader->cause_err.text);
        return -1;
    }
    count_zeros(reader, data, n_bytes);
    return (la_ssize_t)n_bytes;
}

static la_int64_t on_skip(struct archive *archive, void *context, la_int64_t request)
{
    struct reader *reader = context;
    struct gm_stream *input = reader->input;
    (void)archive;
    if (!input->seek || request <= 0)
        return 0;
    uint64_t left = input->n_bytes - input->at;
    uint64_t n_skip = (uint64_t)request < left ? (uint64_t)request : left;
    gm_emit_alive(reader->unpacking->emit);
    gm_stream_seek(input, input->at + n_skip);
    reader->n_zeros = 0;
    return (la_int64_t)n_skip;
}

static la_int64_t on_seek(struct archive *archive, void *context, la_int64_t offset, int whence)
{
    struct gm_stream *input = ((struct reader *)context)->input;
    uint64_t base = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? input->at : input->n_bytes;
    uint64_t target = base + (uint64_t)offset; /* wraps for a negative offset, as meant */
    if (target > input->n_bytes) {
        archive_set_error(archive, EINVAL, "a place outside of the archive is referred to");
        return ARCHIVE_FATAL;
    }
    gm_stream_seek(input, target);
    return (la_int64_t)target;
}

/* ---- failures ---- */

static enum gm_reason reason_of(const struct reader *reader, const char *text)
{
    if (archive_errno(reader->archive) == ENOMEM)
        return GM_REASON_LIMIT_MEMORY;
    /* Before a format is recognised, asking for encrypted entries would crash libarchive 3.6. */
    bool is_recognised = archive_format(reader->archive) != 0;
    if ((is_recognised && archive_read_has_encrypted_entries(reader->archive) > 0) ||
        strstr(text, "ncrypt") || strstr(text, "assphrase"))
        return GM_REASON_UNPACK_ENCRYPTED;
    if (strstr(text, "nsupported") || strstr(text, "not supported"))
        return GM_REASON_UNPACK_FORMAT;
    return GM_REASON_UNPACK_BROKEN;
}

/* Its text may quote bytes of the archive, and may be missing. */
static void copy_error_text(const struct reader *reader, char *text, size_t n_text)
{
    const char *from = archive_error_string(reader->archive);
    if (!from || !*from)
        from = "damaged; the reader gives no cause";
    snprintf(text, n_text, "%s", from);
    for (char *c = text; *c != '\0'; c++)
        if (*c < ' ' || *c > '~')
            *c = '?';
}

/* libarchive has failed: with the input's own failure, or with its opinion of the data. */
static enum gm_status fail(struct reader *reader, struct gm_err *err)
{
    if (reader->cause != GM_OK) {
        reader->unpacking->reason = reader->cause_reason;
        *err = reader->cause_err;
        return reader->cause;
    }
    char text[256];
    copy_error_text(reader, text, sizeof(text));
    enum gm_reason reason = reason_of(reader, text);
    const char *name = gm_media_name(reader->media);
    long long at = archive_read_header_position(reader->archive);
    if (reason != GM_REASON_UNPACK_BROKEN)
        return gm_unpacking_fail(reader->unpacking, reason, err, "%s: %s", name, text);
    return gm_unpacking_fail(reader->unpacking, reason, err, "%s: damaged from byte %lld on: %s",
                             name, at > 0 ? at : 0, text);
}

/* ---- a member's data as a stream ---- */

static enum gm_status member_read(struct gm_stream *stream, const uint8_t **data, size_t *n_bytes,
                                  struct gm_err *err)
{
    struct reader *reader = (struct reader *)stream;
    la_ssize_t n = archive_read_data(reader->archive, reader->buffer, MEMBER_BYTES);
    *data = reader->buffer;
    *n_bytes = n > 0 ? (size_t)n : 0;
    if (n > 0)
        return gm_unpacking_produced(reader->unpacking, reader->counts_members ? (size_t)n : 0,
                                     err);
    reader->member_ended = true;
    if (n == 0)
        return GM_OK;
    reader->is_fatal = n == ARCHIVE_FATAL || reader->cause != GM_OK;
    return fail(reader, err);
}

/* ---- entries ---- */

/* Path of the entry below the nested archives around it, in valid UTF-8 of at most NAME_MAX_BYTES.
 */
static void set_name(struct reader *reader, struct archive_entry *entry)
{
    struct gm_buf *name = &reader->name;
    gm_buf_clear(name);
    if (!reader->place->is_item) {
        gm_buf_text(name, reader->place->name);
        gm_buf_char(name, '/');
    }
    const char *path = archive_entry_pathname(entry);
    if (!path)
        path = "";
    gm_append_valid_utf8(name, path, strnlen(path, NAME_MAX_BYTES));
    if (name->n_bytes > NAME_MAX_BYTES) {
        name->n_bytes = NAME_MAX_BYTES;
        while (name->n_bytes > 0 && (name->data[name->n_bytes] & 0xc0) == 0x80)
            name->n_bytes--;
    }
}

static const char *unwanted(struct archive_entry *entry)
{
    if (archive_entry_hardlink(entry))
        return "a hard link: the member that it points to is read in its own place";
    switch (archive_entry_filetype(entry)) {
    case AE_IFREG:
    case AE_IFDIR:
        return NULL;
    case AE_IFLNK:
        return "a symbolic link: only regular files are read";
    default:
        return "a device, pipe or socket: only regular files are read";
    }
}

static enum gm_status reject_entry(struct reader *reader, enum gm_reason reason, const char *text,
                                   struct gm_err *err)
{
    struct gm_member member = {gm_buf_cstr(&reader->name), reader->name.n_bytes, GM_MEDIA_UNKNOWN,
                               0};
    return gm_emit_reject(reader->unpacking->emit, &member, reason, text, err);
}

/* A 7z skips by decoding within libarchive, out of sight of the limits: it is read instead. */
static enum gm_status skip_rest(struct reader *reader, struct gm_err *err)
{
    if (reader->media != GM_MEDIA_SEVENZIP || reader->member_ended)
        return GM_OK;
    enum gm_status status = gm_stream_drain(&reader->stream, err);
    return status == GM_INPUT ? GM_OK : status; /* is_fatal says whether it goes on */
}

static void start_member(struct reader *reader)
{
    memset(&reader->stream, 0, offsetof(struct gm_stream, held));
    reader->stream.read = member_read;
    reader->stream.unpacking = reader->unpacking;
    reader->member_ended = false;
}

static enum gm_status on_entry(struct reader *reader, struct archive_entry *entry,
                               struct gm_err *err)
{
    struct gm_unpacking *unpacking = reader->unpacking;
    reader->n_members++;
    if (++unpacking->n_entries > unpacking->opts->max_entries)
        return gm_unpacking_fail(unpacking, GM_REASON_LIMIT_ENTRIES, err,
                                 "more than max_entries, %llu members; those before are kept",
                                 (unsigned long long)unpacking->opts->max_entries);
    start_member(reader);
    set_name(reader, entry);
    if (reader->name.failed)
        return gm_err_set(err, GM_NOMEM, "no memory for a member's name");
    const char *why_not = unwanted(entry);
    if (why_not)
        return reject_entry(reader, GM_REASON_MEDIA_UNSUPPORTED, why_not, err);
    if (archive_entry_filetype(entry) == AE_IFDIR)
        return GM_OK;
    if (archive_entry_is_data_encrypted(entry))
        return reject_entry(reader, GM_REASON_UNPACK_ENCRYPTED, "the member is encrypted", err);
    reader->counts_members = reader->media != GM_MEDIA_TAR || archive_entry_sparse_count(entry) > 0;
    int64_t size = archive_entry_size_is_set(entry) ? archive_entry_size(entry) : 0;
    struct gm_place place = {gm_buf_cstr(&reader->name), reader->place->level, false};
    enum gm_status status =
        gm_unpack_file(unpacking, &reader->stream, &place, size > 0 ? (uint64_t)size : 0, err);
    return status == GM_OK ? skip_rest(reader, err) : status;
}

static enum gm_status read_entries(struct reader *reader, struct gm_err *err)
{
    for (;;) {
        int code = archive_read_next_header2(reader->archive, reader->entry);
        if (code == ARCHIVE_EOF)
            return GM_OK;
        if (code < ARCHIVE_WARN)
            return fail(reader, err);
        if (code == ARCHIVE_RETRY)
            continue;
        enum gm_status status = on_entry(reader, reader->entry, err);
        if (status != GM_OK)
            return status;
        if (reader->is_fatal)
            return fail(reader, err);
    }
}

/* ---- whole archives ---- */

static int support(struct reader *reader, bool in_a_row)
{
    struct archive *archive = reader->archive;
    switch (reader->media) {
    case GM_MEDIA_TAR:
        if (archive_read_support_format_tar(archive) != ARCHIVE_OK)
            return ARCHIVE_FATAL;
        return archive_read_set_option(archive, "tar", "read_concatenated_archives", "1");
    case GM_MEDIA_ZIP:
        return in_a_row ? archive_read_support_format_zip_streamable(archive)
                        : archive_read_support_format_zip_seekable(archive);
    case GM_MEDIA_SEVENZIP:
        return archive_read_support_format_7zip(archive);
    default:
        GM_UNREACHABLE();
    }
}

/* in_a_row: a zip without its central directory. */
static enum gm_status run_reader(struct reader *reader, bool in_a_row, struct gm_err *err)
{
    enum gm_status status;
    reader->archive = archive_read_new();
    reader->entry = reader->archive ? archive_entry_new2(reader->archive) : NULL;
    if (!reader->entry || support(reader, in_a_row) != ARCHIVE_OK) {
        status =
            gm_err_set(err, GM_NOMEM, "no memory for the %s reader", gm_media_name(reader->media));
        goto out;
    }
    archive_read_set_read_callback(reader->archive, on_read);
    archive_read_set_callback_data(reader->archive, reader);
    if (reader->input->seek) {
        archive_read_set_skip_callback(reader->archive, on_skip);
        archive_read_set_seek_callback(reader->archive, on_seek);
    }
    if (archive_read_open1(reader->archive) < ARCHIVE_WARN)
        status = fail(reader, err);
    else
        status = read_entries(reader, err);
out:
    archive_entry_free(reader->entry);
    archive_read_free(reader->archive);
    reader->entry = NULL;
    reader->archive = NULL;
    return status;
}

static enum gm_status split_cut_zip(struct reader *reader, struct gm_err *err)
{
    enum gm_status status = run_reader(reader, true, err);
    if (status != GM_OK && (status != GM_INPUT || reader->cause != GM_OK ||
                            reader->unpacking->reason != GM_REASON_UNPACK_BROKEN))
        return status;
    return gm_unpacking_fail(reader->unpacking, GM_REASON_UNPACK_BROKEN, err,
                             "zip: cut off at byte %llu: its directory is missing; the members "
                             "in front are kept",
                             (unsigned long long)reader->input->n_bytes);
}

/* libarchive keeps the whole directory, up to four times its size, and ends the process when memory
 * runs out in the middle of it. */
static bool directory_fits(const struct gm_zip_end *end)
{
    if (end->directory_bytes > SIZE_MAX / 8)
        return false;
    void *volatile probe = malloc((size_t)end->directory_bytes * 4 + 1); /* not optimised away */
    bool fits = probe != NULL;
    free(probe);
    return fits;
}

/* A directory that is damaged, or too large for the memory that there is, does not stand in the way
 * of reading the members in a row. */
static enum gm_status split_zip(struct reader *reader, struct gm_err *err)
{
    struct gm_zip_end end;
    enum gm_status status = gm_zip_find_end(reader->input, &end, err);
    if (status != GM_OK)
        return status;
    if (!end.found)
        return split_cut_zip(reader, err);
    if (!directory_fits(&end))
        return run_reader(reader, true, err);
    status = run_reader(reader, false, err);
    if (status != GM_INPUT || reader->n_members > 0 || reader->cause != GM_OK ||
        reader->unpacking->reason != GM_REASON_UNPACK_BROKEN)
        return status;
    struct gm_err failure = *err;
    gm_stream_seek(reader->input, 0);
    reader->is_fatal = false;
    status = run_reader(reader, true, err);
    if (status != GM_OK)
        return status;
    *err = failure; /* the members are saved, the archive is still damaged */
    reader->unpacking->reason = GM_REASON_UNPACK_BROKEN;
    return GM_INPUT;
}

static enum gm_status split_tar(struct reader *reader, struct gm_err *err)
{
    enum gm_status status = run_reader(reader, false, err);
    if (status != GM_OK || reader->n_zeros >= TAR_BLOCK_BYTES)
        return status;
    return gm_unpacking_fail(reader->unpacking, GM_REASON_UNPACK_BROKEN, err,
                             "tar: truncated: it ends at byte %llu without the mark of an end; the "
                             "members in front are kept",
                             (unsigned long long)reader->input->at);
}

enum gm_status gm_archive_split(struct gm_unpacking *unpacking, struct gm_stream *stream,
                                enum gm_media media, const struct gm_place *place,
                                struct gm_err *err)
{
    struct reader *reader = calloc(1, sizeof(*reader));
    enum gm_status status;
    if (reader)
        reader->buffer = malloc(MEMBER_BYTES);
    if (!reader || !reader->buffer) {
        status = gm_err_set(err, GM_NOMEM, "no memory for the %s reader", gm_media_name(media));
        goto out;
    }
    reader->unpacking = unpacking;
    reader->place = place;
    reader->input = stream;
    reader->media = media;
    if (stream->seek)
        gm_stream_seek(stream, 0);
    if (media == GM_MEDIA_ZIP)
        status = split_zip(reader, err);
    else if (media == GM_MEDIA_TAR)
        status = split_tar(reader, err);
    else
        status = run_reader(reader, false, err);
out:
    if (reader) {
        gm_buf_free(&reader->name);
        free(reader->buffer);
    }
    free(reader);
    return status;
}
