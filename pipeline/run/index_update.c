/* See index.h: the writing side. One transaction a generation, so that a crash leaves the index at
 * a generation's end. */
#include "run/index.h"

#include "base/assert.h"
#include "base/fs.h"
#include "base/jread.h"
#include "run/folder.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char schema[] =
    "PRAGMA journal_mode=DELETE; PRAGMA synchronous=NORMAL;"
    "CREATE TABLE IF NOT EXISTS items(locator TEXT PRIMARY KEY, generation INT, item INT,"
    " status TEXT, code TEXT, http INT, bytes INT, sha256 TEXT, etag TEXT, last_modified TEXT,"
    " mtime_ns INT, media TEXT) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS rejects(generation INT, id TEXT, source TEXT, name TEXT,"
    " stage TEXT, reason TEXT, outcome TEXT, message TEXT);"
    "CREATE TABLE IF NOT EXISTS meta(key TEXT PRIMARY KEY, value INT);";

/* A file of lines and the table that its keys go into; a key is bound to its place + 2 (1 is the
 * generation). */
struct mapping {
    const char *file;
    const char *sql;
    const char *keys[12];
};

static const struct mapping mappings[] = {
    {"items.jsonl",
     "INSERT INTO items(generation, item, locator, status, code, http, bytes, sha256, etag,"
     " last_modified, mtime_ns, media) VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12)"
     " ON CONFLICT(locator) DO UPDATE SET generation=?1, item=?2, status=?4, code=?5, http=?6,"
     " bytes=CASE ?4 WHEN 'unchanged' THEN bytes ELSE ?7 END,"
     " sha256=CASE ?4 WHEN 'ok' THEN ?8 ELSE coalesce(?8, sha256) END,"
     " etag=CASE ?4 WHEN 'ok' THEN ?9 ELSE coalesce(?9, etag) END,"
     " last_modified=CASE ?4 WHEN 'ok' THEN ?10 ELSE coalesce(?10, last_modified) END,"
     " mtime_ns=?11,"
     " media=CASE ?4 WHEN 'unchanged' THEN media ELSE ?12 END",
     {"item", "source", "status", "code", "http", "bytes", "sha256", "etag", "last_modified",
      "mtime_ns", "media"}},
    {"rejects.jsonl",
     "INSERT INTO rejects(generation, id, source, name, stage, reason, outcome, message)"
     " VALUES(?1,?2,?3,?4,?5,?6,?7,?8)",
     {"id", "source", "name", "stage", "reason", "outcome", "message"}},
    {"removed.jsonl",
     "UPDATE items SET status='removed', generation=?1 WHERE locator=?2",
     {"source"}},
};

static enum gm_status failure(sqlite3 *db, struct gm_err *err)
{
    return gm_err_set(err, GM_IO, "run.db: %s (it can be deleted and is rebuilt)",
                      sqlite3_errmsg(db));
}

static void bind(sqlite3_stmt *row, int place, enum gm_jread_token token, struct gm_jread *reader)
{
    const char *text = gm_buf_cstr(&reader->value);
    if (token == GM_JREAD_STRING)
        sqlite3_bind_text(row, place, text, -1, SQLITE_TRANSIENT);
    else if (token == GM_JREAD_NUMBER)
        sqlite3_bind_int64(row, place, strtoll(text, NULL, 10));
}

/* One line; a malformed one is told and left out. */
static enum gm_status add_line(sqlite3 *db, sqlite3_stmt *row, const struct mapping *mapping,
                               const char *line, size_t n_bytes, struct gm_err *err)
{
    struct gm_jread reader;
    enum gm_jread_token token;
    gm_jread_init(&reader, line, n_bytes);
    bool good = gm_jread_next(&reader) == GM_JREAD_OBJECT;
    while (good && (token = gm_jread_next(&reader)) == GM_JREAD_KEY) {
        int place = 0;
        for (int i = 0; mapping->keys[i] && place == 0; i++)
            if (gm_jread_is(&reader, mapping->keys[i]))
                place = i + 2;
        token = gm_jread_next(&reader);
        if (place > 0)
            bind(row, place, token, &reader);
        good = gm_jread_skip(&reader, token);
    }
    gm_jread_free(&reader);
    if (!good)
        return GM_OK;
    return sqlite3_step(row) == SQLITE_DONE ? GM_OK : failure(db, err);
}

static enum gm_status add_file(sqlite3 *db, const struct mapping *mapping, FILE *file,
                               uint32_t generation, struct gm_err *err)
{
    sqlite3_stmt *row = NULL;
    char *line = NULL;
    size_t capacity = 0;
    ssize_t n;
    enum gm_status status = GM_OK;
    if (sqlite3_prepare_v2(db, mapping->sql, -1, &row, NULL) != SQLITE_OK)
        status = failure(db, err);
    while (status == GM_OK && (n = getline(&line, &capacity, file)) > 0) {
        sqlite3_reset(row);
        sqlite3_clear_bindings(row);
        sqlite3_bind_int64(row, 1, generation);
        status = add_line(db, row, mapping, line, (size_t)n, err);
    }
    sqlite3_finalize(row);
    free(line);
    return status;
}

static enum gm_status add_generation(sqlite3 *db, const char *folder, uint32_t generation,
                                     struct gm_err *err)
{
    struct gm_buf path = GM_BUF_INIT;
    char name[GM_GENERATION_NAME_BYTES], sql[128];
    enum gm_status status = GM_OK;
    if (sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK)
        status = failure(db, err);
    for (size_t i = 0; i < GM_ARRAY_LEN(mappings) && status == GM_OK; i++) {
        gm_buf_clear(&path);
        gm_buf_printf(&path, "%s/%s/%s", folder, gm_generation_name(generation, name),
                      mappings[i].file);
        FILE *file = fopen(gm_buf_cstr(&path), "re");
        if (file)
            status = add_file(db, &mappings[i], file, generation, err);
        if (file)
            fclose(file);
    }
    gm_buf_free(&path);
    snprintf(sql, sizeof sql, "INSERT OR REPLACE INTO meta VALUES('generation', %u); COMMIT",
             generation);
    if (status == GM_OK && sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        status = failure(db, err);
    return status;
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

enum gm_status gm_index_update(const char *folder, uint32_t generation, struct gm_err *err)
{
    struct gm_buf path = GM_BUF_INIT;
    sqlite3 *db = NULL;
    enum gm_status status = GM_OK;
    gm_buf_printf(&path, "%s/%s", folder, GM_INDEX_NAME);
    if (sqlite3_open(gm_buf_cstr(&path), &db) != SQLITE_OK ||
        sqlite3_exec(db, schema, NULL, NULL, NULL) != SQLITE_OK)
        status = failure(db, err);
    for (uint32_t g = status == GM_OK ? last_generation(db) + 1 : 1;
         g <= generation && status == GM_OK; g++)
        status = add_generation(db, folder, g, err);
    sqlite3_close(db);
    gm_buf_free(&path);
    return status;
}
