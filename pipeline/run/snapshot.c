/* See snapshot.h. */
#include "run/snapshot.h"

#include "run/own.h"

#include "base/fs.h"
#include "base/hash.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MAGIC        "GMSNAP2\n"
#define MAGIC_BYTES  8
#define END_MARK     0x444e4547u /* "GEND": zeros alone also stand inside records */
#define FLUSH_BYTES  (256u * 1024u)
#define WINDOW_BYTES (1024u * 1024u)

enum { HAS_SHA256 = 1, HAS_PREVIOUS = 2 };

/* Fixed front of a record; strings follow, each uint32_t length (UINT32_MAX = NULL), bytes, NUL. */
struct record {
    uint32_t n_bytes; /* with this struct; 0 in the end record */
    uint8_t kind, flags;
    uint16_t reason;
    uint16_t previous_reason, previous_http;
    uint32_t reserved;
    uint64_t expected_bytes, file_bytes;
    int64_t file_mtime_ns;
    uint8_t expected_sha256[GM_SHA256_BYTES];
    uint8_t previous_sha256[GM_SHA256_BYTES];
};
struct end_record {
    uint32_t n_bytes, mark; /* 0, END_MARK */
    uint64_t n_items, n_unchanged, n_removed, hash;
};
enum { N_STRINGS = 6 };

static enum gm_status flush(struct gm_lister_sink *sink, struct gm_err *err)
{
    if (sink->buf.failed)
        return gm_err_set(err, GM_NOMEM, "no memory for the list of items");
    enum gm_status status =
        gm_write_full(sink->fd, sink->buf.data, sink->buf.n_bytes, "the list of items", err);
    gm_buf_clear(&sink->buf);
    return status;
}

enum gm_status gm_snapshot_begin(struct gm_lister_sink *sink, int fd, gm_previous_lookup *lookup,
                                 void *context, struct gm_err *err)
{
    (void)err;
    memset(sink, 0, sizeof *sink);
    sink->fd = fd;
    sink->lookup = lookup;
    sink->lookup_context = context;
    gm_buf_init(&sink->buf);
    gm_buf_append(&sink->buf, MAGIC, MAGIC_BYTES);
    return GM_OK;
}

enum gm_status gm_snapshot_end(struct gm_lister_sink *sink, struct gm_err *err)
{
    struct end_record end = {0,         END_MARK, sink->n_items, sink->n_unchanged, sink->n_removed,
                             sink->hash};
    gm_buf_append(&sink->buf, &end, sizeof end);
    enum gm_status status = flush(sink, err);
    gm_buf_free(&sink->buf);
    return status;
}

static void append_string(struct gm_buf *buf, const char *text)
{
    uint32_t n_bytes = text ? (uint32_t)strlen(text) : UINT32_MAX;
    gm_buf_append(buf, &n_bytes, sizeof n_bytes);
    if (text)
        gm_buf_append(buf, text, n_bytes + 1);
}

static bool too_long(const char *text)
{
    return text && strnlen(text, GM_SNAPSHOT_TEXT_BYTES + 1) > GM_SNAPSHOT_TEXT_BYTES;
}

static void append_name(struct gm_lister_sink *sink, const char *name)
{
    char prefix[32];
    if (!name || sink->source <= 1) {
        append_string(&sink->buf, name);
        return;
    }
    uint32_t n_prefix = (uint32_t)snprintf(prefix, sizeof prefix, "source-%u/", sink->source);
    uint32_t n_bytes = n_prefix + (uint32_t)strlen(name);
    gm_buf_append(&sink->buf, &n_bytes, sizeof n_bytes);
    gm_buf_append(&sink->buf, prefix, n_prefix);
    gm_buf_append(&sink->buf, name, n_bytes - n_prefix + 1);
}

static void append_item(struct gm_lister_sink *sink, const struct gm_item *item,
                        const struct gm_previous *previous)
{
    size_t start = sink->buf.n_bytes;
    struct record record = {.kind = (uint8_t)item->kind,
                            .flags = (item->has_sha256 ? HAS_SHA256 : 0) |
                                     (previous->has_sha256 ? HAS_PREVIOUS : 0),
                            .reason = (uint16_t)item->reason,
                            .previous_reason = (uint16_t)previous->reason,
                            .previous_http = previous->http_status,
                            .expected_bytes = item->expected_bytes,
                            .file_bytes = item->file_bytes,
                            .file_mtime_ns = item->file_mtime_ns};
    memcpy(record.expected_sha256, item->expected_sha256, GM_SHA256_BYTES);
    memcpy(record.previous_sha256, previous->sha256, GM_SHA256_BYTES);
    bool lost = too_long(item->locator) || too_long(item->name) || too_long(item->meta_json);
    if (lost)
        record.reason = GM_REASON_FETCH_LIST;
    gm_buf_append(&sink->buf, &record, sizeof record);
    append_string(&sink->buf, too_long(item->locator) ? "(too long)" : item->locator);
    append_name(sink, lost ? NULL : item->name);
    append_string(&sink->buf, lost ? NULL : item->meta_json);
    append_string(&sink->buf, lost ? "the row is longer than 64 KB" : item->message);
    append_string(&sink->buf, previous->known && previous->etag[0] ? previous->etag : NULL);
    append_string(&sink->buf,
                  previous->known && previous->last_modified[0] ? previous->last_modified : NULL);
    if (sink->buf.failed)
        return;
    uint32_t n_bytes = (uint32_t)(sink->buf.n_bytes - start);
    memcpy(sink->buf.data + start, &n_bytes, sizeof n_bytes);
    sink->hash = gm_xxh64(sink->buf.data + start, n_bytes, sink->hash);
}

enum gm_status gm_lister_add(struct gm_lister_sink *sink, const struct gm_item *item,
                             struct gm_err *err)
{
    struct gm_previous previous = {0};
    if (sink->own && item->kind == GM_ITEM_FILE &&
        gm_own_holds(sink->own, item->locator, item->name))
        return GM_OK;
    if (sink->lookup) {
        enum gm_status status = sink->lookup(sink->lookup_context, item, &previous, err);
        if (status != GM_OK)
            return status;
        if (previous.unchanged) {
            sink->n_unchanged++;
            return GM_OK;
        }
    }
    append_item(sink, item, &previous);
    sink->n_items++;
    return sink->buf.n_bytes >= FLUSH_BYTES || sink->buf.failed ? flush(sink, err) : GM_OK;
}

enum gm_status gm_snapshot_info(int fd, struct gm_snapshot_info *info, struct gm_err *err)
{
    struct end_record end;
    char magic[MAGIC_BYTES] = {0};
    size_t n_read = 0;
    off_t size = lseek(fd, 0, SEEK_END);
    enum gm_status status = gm_pread_full(fd, magic, sizeof magic, 0, &n_read, err);
    if (status == GM_OK && n_read == sizeof magic && memcmp(magic, MAGIC, MAGIC_BYTES) != 0)
        return gm_err_set(err, GM_INPUT, "the list of items is of another version");
    n_read = 0;
    if (status == GM_OK && size >= (off_t)(MAGIC_BYTES + sizeof end))
        status = gm_pread_full(fd, &end, sizeof end, (uint64_t)size - sizeof end, &n_read, err);
    if (status != GM_OK)
        return status;
    if (n_read != sizeof end || end.n_bytes != 0 || end.mark != END_MARK)
        return gm_err_set(err, GM_INPUT, "the list of items is cut off");
    *info = (struct gm_snapshot_info){end.n_items, end.n_unchanged, end.n_removed, end.hash};
    return GM_OK;
}

/* Makes n_bytes from the current offset available in the window; *data points at them. */
static enum gm_status look_at(struct gm_snapshot *snapshot, size_t n_bytes, const uint8_t **data,
                              struct gm_err *err)
{
    struct gm_buf *window = &snapshot->window;
    uint64_t end = snapshot->window_offset + window->n_bytes;
    if (snapshot->offset < snapshot->window_offset || snapshot->offset + n_bytes > end) {
        size_t n_read;
        size_t wanted = n_bytes > WINDOW_BYTES ? n_bytes : WINDOW_BYTES;
        gm_buf_clear(window);
        if (!gm_buf_reserve(window, wanted))
            return gm_err_set(err, GM_NOMEM, "no memory to read the list of items");
        enum gm_status status =
            gm_pread_full(snapshot->fd, window->data, wanted, snapshot->offset, &n_read, err);
        if (status != GM_OK)
            return status;
        window->n_bytes = n_read;
        snapshot->window_offset = snapshot->offset;
        if (n_read < n_bytes)
            return gm_err_set(err, GM_INPUT, "the list of items is cut off");
    }
    *data = window->data + (snapshot->offset - snapshot->window_offset);
    return GM_OK;
}

/* The record at the current offset, whole and of a sane length; GM_END at the end record. */
static enum gm_status look_at_record(struct gm_snapshot *snapshot, const uint8_t **data,
                                     struct record *record, struct gm_err *err)
{
    enum gm_status status = look_at(snapshot, sizeof(uint32_t), data, err);
    if (status != GM_OK)
        return status;
    memcpy(&record->n_bytes, *data, sizeof record->n_bytes);
    if (record->n_bytes == 0)
        return GM_END;
    if (record->n_bytes < sizeof *record || record->n_bytes > 8 * GM_SNAPSHOT_TEXT_BYTES)
        return gm_err_set(err, GM_INPUT, "the list of items is damaged at byte %llu",
                          (unsigned long long)snapshot->offset);
    status = look_at(snapshot, record->n_bytes, data, err);
    if (status == GM_OK)
        memcpy(record, *data, sizeof *record);
    return status;
}

enum gm_status gm_snapshot_open(struct gm_snapshot *snapshot, int fd, uint64_t first,
                                struct gm_err *err)
{
    memset(snapshot, 0, sizeof *snapshot);
    snapshot->fd = fd;
    snapshot->offset = MAGIC_BYTES;
    gm_buf_init(&snapshot->window);
    while (snapshot->next_number < first) {
        const uint8_t *data;
        struct record record;
        enum gm_status status = look_at_record(snapshot, &data, &record, err);
        if (status != GM_OK)
            return status == GM_END ? GM_OK : status;
        snapshot->offset += record.n_bytes;
        snapshot->next_number++;
    }
    return GM_OK;
}

void gm_snapshot_close(struct gm_snapshot *snapshot)
{
    gm_buf_free(&snapshot->window);
}

static bool read_strings(const uint8_t *data, size_t n_bytes, const char *strings[N_STRINGS])
{
    size_t at = sizeof(struct record);
    for (int i = 0; i < N_STRINGS; i++) {
        uint32_t length;
        if (n_bytes - at < sizeof length)
            return false;
        memcpy(&length, data + at, sizeof length);
        at += sizeof length;
        strings[i] = NULL;
        if (length == UINT32_MAX)
            continue;
        if (length >= n_bytes - at || data[at + length] != 0)
            return false;
        strings[i] = (const char *)data + at;
        at += length + 1;
    }
    return true;
}

enum gm_status gm_snapshot_next(struct gm_snapshot *snapshot, struct gm_item *item,
                                struct gm_snapshot_previous *previous, struct gm_err *err)
{
    const uint8_t *data;
    const char *strings[N_STRINGS];
    struct record record;
    enum gm_status status = look_at_record(snapshot, &data, &record, err);
    if (status != GM_OK)
        return status;
    if (!read_strings(data, record.n_bytes, strings) || !strings[0] || record.kind > GM_ITEM_FILE ||
        record.reason >= GM_REASON_COUNT || record.previous_reason >= GM_REASON_COUNT)
        return gm_err_set(err, GM_INPUT, "the list of items is damaged at byte %llu",
                          (unsigned long long)snapshot->offset);
    *item = (struct gm_item){.number = snapshot->next_number,
                             .kind = record.kind,
                             .locator = strings[0],
                             .name = strings[1],
                             .meta_json = strings[2],
                             .expected_bytes = record.expected_bytes,
                             .has_sha256 = (record.flags & HAS_SHA256) != 0,
                             .file_bytes = record.file_bytes,
                             .file_mtime_ns = record.file_mtime_ns,
                             .reason = record.reason,
                             .message = strings[3],
                             .etag = strings[4],
                             .last_modified = strings[5]};
    memcpy(item->expected_sha256, record.expected_sha256, GM_SHA256_BYTES);
    if (previous)
        *previous = (struct gm_snapshot_previous){
            record.flags & HAS_PREVIOUS ? data + offsetof(struct record, previous_sha256) : NULL,
            record.previous_reason, record.previous_http};
    snapshot->offset += record.n_bytes;
    snapshot->next_number++;
    return GM_OK;
}
