/* See index.h: the writing side. The index is copied to another name, or begun there, and moved
 * into place when the generation is in: a crash leaves the one before, nobody meets half of one,
 * and there is no journal that the lister, which may only read, would have to roll back.
 *
 * While a run is under way its items are taken in as they are appended, so that little is left to
 * do at the end. What is taken in may be cut off again by a writer that starts over; then this
 * process is stopped, and nothing of it is kept. */
#include "run/index.h"

#include "base/assert.h"
#include "base/fs.h"
#include "base/jread.h"
#include "batch.h"
#include "run/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEMPORARY  GM_INDEX_NAME ".tmp"
#define FOLLOW_MS  100
#define READ_BYTES (256u * 1024u)
#define COPY_BYTES ((size_t)1 << 30)

/* No journal: see above. Rows of some 200 bytes come in order or at random: larger pages are split
 * less often. */
#define PRAGMAS "PRAGMA page_size=16384; PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF"

static const char schema[] =
    "CREATE TABLE IF NOT EXISTS items(locator TEXT PRIMARY KEY, generation INT, item INT,"
    " status TEXT, code TEXT, http INT, bytes INT, sha256 TEXT, etag TEXT, last_modified TEXT,"
    " mtime_ns INT, media TEXT) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS rejects(generation INT, id TEXT, source TEXT, name TEXT,"
    " stage TEXT, reason TEXT, outcome TEXT, message TEXT);"
    "CREATE TABLE IF NOT EXISTS meta(key TEXT PRIMARY KEY, value INT);";

/* A file of lines and the table that its values go into. Keys in the order of the lines, as they
 * are written there; place: the number of the parameter that the value is bound to (1 is the
 * generation), 0: it is not kept. */
struct key {
    const char *text;
    size_t n_bytes;
    int place;
};
#define KEY(name, place)                                                                           \
    {                                                                                              \
        "\"" name "\":", sizeof("\"" name "\":") - 1, place                                        \
    }
struct mapping {
    const char *file;
    const char *sql;
    size_t n_keys;
    struct key keys[19];
};

static const struct mapping mappings[] = {
    {"items.jsonl",
     "INSERT INTO items(generation, item, locator, status, code, http, bytes, media, sha256, etag,"
     " last_modified, mtime_ns) VALUES(?1,?2,coalesce(?13,?3),?4,?5,?6,?7,?8,?9,?10,?11,?12)"
     " ON CONFLICT(locator) DO UPDATE SET generation=?1, item=?2, status=?4, code=?5, http=?6,"
     " bytes=CASE ?4 WHEN 'unchanged' THEN bytes ELSE ?7 END,"
     " media=CASE ?4 WHEN 'unchanged' THEN media ELSE ?8 END,"
     " sha256=CASE ?4 WHEN 'ok' THEN ?9 ELSE coalesce(?9, sha256) END,"
     " etag=CASE ?4 WHEN 'ok' THEN ?10 ELSE coalesce(?10, etag) END,"
     " last_modified=CASE ?4 WHEN 'ok' THEN ?11 ELSE coalesce(?11, last_modified) END,"
     " mtime_ns=?12",
     19,
     {KEY("item", 2), KEY("source", 3), KEY("source_key", 13), KEY("status", 4), KEY("code", 5),
      KEY("message", 0), KEY("http", 6), KEY("bytes", 7), KEY("wire_bytes", 0), KEY("tries", 0),
      KEY("seconds", 0), KEY("media", 8), KEY("sha256", 9), KEY("final_url", 0), KEY("etag", 10),
      KEY("last_modified", 11), KEY("content_type", 0), KEY("mtime_ns", 12), KEY("complete", 0)}},
    {"rejects.jsonl",
     "INSERT INTO rejects(generation, id, source, name, stage, reason, outcome, message)"
     " VALUES(?1,?2,?3,?4,?5,?6,?7,?8)",
     7,
     {KEY("id", 2), KEY("source", 3), KEY("name", 4), KEY("stage", 5), KEY("reason", 6),
      KEY("outcome", 7), KEY("message", 8)}},
    {"removed.jsonl",
     "UPDATE items SET status='removed', generation=?1 WHERE locator=coalesce(?3,?2)",
     2,
     {KEY("source", 2), KEY("source_key", 3)}},
};

struct update {
    const char *folder;
    int folder_fd;
    sqlite3 *db;
    struct gm_buf lines; /* read and not taken in yet: the beginning of a line */
    struct gm_buf text;  /* values of the row at hand; rows point into it */
    struct gm_jread reader;
};

static enum gm_status failure(sqlite3 *db, struct gm_err *err)
{
    return gm_err_set(err, GM_IO, "run.db: %s (it can be deleted and is rebuilt)",
                      sqlite3_errmsg(db));
}

static enum gm_status run_sql(struct update *update, const char *sql, struct gm_err *err)
{
    return sqlite3_exec(update->db, sql, NULL, NULL, NULL) == SQLITE_OK ? GM_OK
                                                                        : failure(update->db, err);
}

/* ---- lines into rows ---- */

static void bind(struct update *update, sqlite3_stmt *row, int place, enum gm_jread_token token,
                 struct gm_jread *reader)
{
    if (token == GM_JREAD_STRING) {
        const uint8_t *text = update->text.data + update->text.n_bytes;
        gm_buf_append(&update->text, reader->value.data, reader->value.n_bytes);
        sqlite3_bind_text(row, place, (const char *)text, (int)reader->value.n_bytes,
                          SQLITE_STATIC);
    } else if (token == GM_JREAD_NUMBER) {
        sqlite3_bind_int64(row, place, strtoll(gm_buf_cstr(&reader->value), NULL, 10));
    }
}

/* The next key's, in any order and spelling; NULL: none that is known. */
static const struct key *find_key(const struct mapping *mapping, const struct gm_jread *reader)
{
    const struct gm_buf *name = &reader->value;
    for (size_t i = 0; i < mapping->n_keys; i++) {
        const struct key *key = &mapping->keys[i];
        if (key->n_bytes == name->n_bytes + 3 &&
            memcmp(key->text + 1, name->data, name->n_bytes) == 0)
            return key;
    }
    return NULL;
}

/* What comes next in the object. Lines have their keys in the order of the table, but for one that
 * may be missing. *place, of a key: where its value is bound; 0: nowhere. */
static enum gm_jread_token next_key(const struct mapping *mapping, struct gm_jread *reader,
                                    size_t *next, int *place)
{
    const struct key *key = &mapping->keys[*next], *end = &mapping->keys[mapping->n_keys];
    for (unsigned i = 0; i < 2 && key < end; i++, key++)
        if (gm_jread_take_key(reader, key->text, key->n_bytes)) {
            *next = (size_t)(key - mapping->keys) + 1;
            *place = key->place;
            return GM_JREAD_KEY;
        }
    enum gm_jread_token token = gm_jread_next(reader);
    if (token != GM_JREAD_KEY)
        return token;
    key = find_key(mapping, reader);
    *place = key ? key->place : 0;
    if (key)
        *next = (size_t)(key - mapping->keys) + 1;
    return token;
}

/* One line; a malformed one is left out. */
static enum gm_status add_line(struct update *update, sqlite3_stmt *row,
                               const struct mapping *mapping, struct gm_view line,
                               struct gm_err *err)
{
    struct gm_jread *reader = &update->reader;
    enum gm_jread_token token;
    gm_buf_clear(&update->text);
    /* A value is never longer than its text, but for bytes that are no UTF-8: the reader refuses
     * those. The rows' pointers hold. */
    if (!gm_buf_reserve(&update->text, line.n_bytes + 1))
        return gm_err_set(err, GM_NOMEM, "no memory for run.db");
    gm_jread_restart(reader, line.data, line.n_bytes);
    size_t next = 0;
    int place;
    bool good = gm_jread_next(reader) == GM_JREAD_OBJECT;
    while (good && (token = next_key(mapping, reader, &next, &place)) == GM_JREAD_KEY) {
        token = gm_jread_next(reader);
        if (place > 0)
            bind(update, row, place, token, reader);
        good = gm_jread_skip(reader, token);
    }
    good = good && token == GM_JREAD_OBJECT_END && gm_jread_next(reader) == GM_JREAD_END;
    if (!good)
        return GM_OK;
    return sqlite3_step(row) == SQLITE_DONE ? GM_OK : failure(update->db, err);
}

static enum gm_status add_lines(struct update *update, sqlite3_stmt *row,
                                const struct mapping *mapping, uint32_t generation,
                                struct gm_err *err)
{
    enum gm_status status = GM_OK;
    size_t at = 0;
    const uint8_t *end;
    struct gm_buf *lines = &update->lines;
    while (status == GM_OK && at < lines->n_bytes &&
           (end = memchr(lines->data + at, '\n', lines->n_bytes - at))) {
        struct gm_view line = {lines->data + at, (size_t)(end - lines->data) - at};
        sqlite3_reset(row);
        sqlite3_clear_bindings(row);
        sqlite3_bind_int64(row, 1, generation);
        status = add_line(update, row, mapping, line, err);
        at += line.n_bytes + 1;
    }
    sqlite3_reset(row); /* it points into the text of a line */
    if (at > 0)
        memmove(lines->data, lines->data + at, lines->n_bytes - at);
    lines->n_bytes -= at;
    return status;
}

/* ---- files ---- */

/* A file of lines while it is taken in. */
struct reading {
    const struct mapping *mapping;
    uint32_t generation;
    sqlite3_stmt *row;
    int fd; /* -1: not there (yet) */
    uint64_t offset;
};

static enum gm_status open_lines(struct update *update, struct reading *reading, struct gm_err *err)
{
    struct gm_buf path = GM_BUF_INIT;
    char name[GM_GENERATION_NAME_BYTES];
    struct stat info;
    enum gm_status status = GM_OK;
    if (!reading->row &&
        sqlite3_prepare_v2(update->db, reading->mapping->sql, -1, &reading->row, NULL) != SQLITE_OK)
        return failure(update->db, err);
    /* The writer makes the file anew when nothing of it is committed. */
    if (reading->fd >= 0 && reading->offset == 0 && fstat(reading->fd, &info) == 0 &&
        info.st_nlink == 0)
        gm_close(&reading->fd);
    gm_buf_printf(&path, "%s/%s", gm_generation_name(reading->generation, name),
                  reading->mapping->file);
    if (reading->fd < 0)
        status = gm_open_at(update->folder_fd, gm_buf_cstr(&path), O_RDONLY, &reading->fd, err);
    gm_buf_free(&path);
    return status == GM_MISSING ? GM_OK : status;
}

/* Takes in what there is. Lines end with LF; a last one without it waits for its end. */
static enum gm_status read_on(struct update *update, struct reading *reading, struct gm_err *err)
{
    size_t n_read = READ_BYTES;
    enum gm_status status = open_lines(update, reading, err);
    while (status == GM_OK && reading->fd >= 0 && n_read == READ_BYTES) {
        if (!gm_buf_reserve(&update->lines, READ_BYTES))
            return gm_err_set(err, GM_NOMEM, "no memory for run.db");
        status = gm_pread_full(reading->fd, update->lines.data + update->lines.n_bytes, READ_BYTES,
                               reading->offset, &n_read, err);
        if (status != GM_OK)
            break;
        update->lines.n_bytes += n_read;
        reading->offset += n_read;
        status = add_lines(update, reading->row, reading->mapping, reading->generation, err);
    }
    return status;
}

static void close_lines(struct update *update, struct reading *reading)
{
    sqlite3_finalize(reading->row);
    gm_close(&reading->fd);
    gm_buf_clear(&update->lines);
}

/* Reads what is appended until a byte comes through done_fd. GM_END: its other end was closed
 * without one. */
static enum gm_status follow(struct update *update, struct reading *reading, int done_fd,
                             struct gm_err *err)
{
    struct pollfd polled = {.fd = done_fd, .events = POLLIN};
    enum gm_status status = GM_OK;
    while (status == GM_OK) {
        int n = poll(&polled, 1, FOLLOW_MS);
        if (n > 0) {
            char byte;
            return read(done_fd, &byte, 1) == 1 ? GM_OK : GM_END;
        }
        if (n == 0)
            status = read_on(update, reading, err);
    }
    return status;
}

static enum gm_status add_generation(struct update *update, uint32_t generation, int done_fd,
                                     struct gm_err *err)
{
    char sql[96];
    enum gm_status status = run_sql(update, "BEGIN IMMEDIATE", err);
    for (size_t i = 0; i < GM_ARRAY_LEN(mappings) && status == GM_OK; i++) {
        struct reading reading = {.mapping = &mappings[i], .generation = generation, .fd = -1};
        if (i == 0 && done_fd >= 0)
            status = follow(update, &reading, done_fd, err);
        if (status == GM_OK)
            status = read_on(update, &reading, err);
        close_lines(update, &reading);
    }
    snprintf(sql, sizeof sql, "INSERT OR REPLACE INTO meta VALUES('generation', %u); COMMIT",
             generation);
    return status == GM_OK ? run_sql(update, sql, err) : status;
}

static uint32_t last_generation(sqlite3 *db)
{
    sqlite3_stmt *row = NULL;
    uint32_t generation = 0;
    if (sqlite3_prepare_v2(db, "SELECT value FROM meta WHERE key = 'generation'", -1, &row, NULL) ==
            SQLITE_OK &&
        sqlite3_step(row) == SQLITE_ROW)
        generation = (uint32_t)sqlite3_column_int64(row, 0);
    sqlite3_finalize(row);
    return generation;
}

/* ---- the database ---- */

static enum gm_status copy_bytes(int from_fd, int to_fd, struct gm_err *err)
{
    ssize_t n;
    do
        n = copy_file_range(from_fd, NULL, to_fd, NULL, COPY_BYTES, 0);
    while (n > 0 || (n < 0 && errno == EINTR));
    return n == 0 ? GM_OK : gm_err_sys(err, GM_IO, errno, "unable to copy %s", GM_INDEX_NAME);
}

/* The index as it is now, under the other name; the first one begins empty. */
static enum gm_status copy_index(int folder_fd, struct gm_err *err)
{
    int from_fd = -1, to_fd = -1;
    enum gm_status status =
        gm_open_at(folder_fd, TEMPORARY, O_WRONLY | O_CREAT | O_TRUNC, &to_fd, err);
    if (status == GM_OK)
        status = gm_open_at(folder_fd, GM_INDEX_NAME, O_RDONLY | O_NOFOLLOW, &from_fd, err);
    if (status == GM_OK)
        status = copy_bytes(from_fd, to_fd, err);
    else if (status == GM_MISSING)
        status = GM_OK;
    gm_close(&from_fd);
    gm_close(&to_fd);
    return status;
}

static enum gm_status open_database(struct update *update, struct gm_err *err)
{
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    struct gm_buf path = GM_BUF_INIT;
    enum gm_status status = copy_index(update->folder_fd, err);
    gm_buf_printf(&path, "%s/%s", update->folder, TEMPORARY);
    if (status == GM_OK &&
        sqlite3_open_v2(gm_buf_cstr(&path), &update->db, flags, NULL) != SQLITE_OK)
        status = failure(update->db, err);
    gm_buf_free(&path);
    if (status == GM_OK)
        status = run_sql(update, PRAGMAS, err);
    return status == GM_OK ? run_sql(update, schema, err) : status;
}

static enum gm_status publish(struct update *update, struct gm_err *err)
{
    int fd = -1;
    enum gm_status status = gm_open_at(update->folder_fd, TEMPORARY, O_RDONLY, &fd, err);
    if (status == GM_OK)
        status = gm_sync_data(fd, TEMPORARY, err);
    gm_close(&fd);
    if (status == GM_OK &&
        renameat(update->folder_fd, TEMPORARY, update->folder_fd, GM_INDEX_NAME) != 0)
        status = gm_err_sys(err, GM_IO, errno, "unable to rename %s", TEMPORARY);
    return status;
}

enum gm_status gm_index_follow(const char *folder, uint32_t generation, int done_fd,
                               struct gm_err *err)
{
    struct update update = {.folder = folder, .folder_fd = -1};
    enum gm_status status =
        gm_open_at(AT_FDCWD, folder, O_RDONLY | O_DIRECTORY, &update.folder_fd, err);
    if (status == GM_OK)
        status = open_database(&update, err);
    uint32_t first = status == GM_OK ? last_generation(update.db) + 1 : 1;
    for (uint32_t g = first; g <= generation && status == GM_OK; g++)
        status = add_generation(&update, g, g == generation ? done_fd : -1, err);
    sqlite3_close(update.db);
    if (status == GM_OK)
        status = publish(&update, err);
    else if (update.folder_fd >= 0)
        unlinkat(update.folder_fd, TEMPORARY, 0);
    gm_close(&update.folder_fd);
    gm_buf_free(&update.lines);
    gm_buf_free(&update.text);
    gm_jread_free(&update.reader);
    return status;
}

void gm_index_sweep(const char *folder)
{
    int fd = -1;
    if (gm_open_at(AT_FDCWD, folder, O_RDONLY | O_DIRECTORY, &fd, NULL) == GM_OK)
        unlinkat(fd, TEMPORARY, 0);
    gm_close(&fd);
}

enum gm_status gm_index_update(const char *folder, uint32_t generation, struct gm_err *err)
{
    return gm_index_follow(folder, generation, -1, err);
}
