/* See index.h: the reading side, for the lister. */
#include "run/index.h"

#include "base/buf.h"
#include "base/fs.h"
#include "base/hash.h"
#include "run/item_line.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct gm_index {
    sqlite3 *db;
    sqlite3_stmt *lookup;
    uint64_t *seen; /* hashes of the keys that were asked for */
    size_t n_seen, capacity;
    struct gm_buf key; /* of the item at hand */
};

static enum gm_status failure(sqlite3 *db, const char *what, struct gm_err *err)
{
    return gm_err_set(err, GM_IO, "run.db: unable to %s: %s (it can be deleted and is rebuilt)",
                      what, db ? sqlite3_errmsg(db) : "no memory");
}

enum gm_status gm_index_open(const char *folder, struct gm_index **index, struct gm_err *err)
{
    static const char sql[] =
        "SELECT status, bytes, mtime_ns, sha256, etag, last_modified, code, http "
        "FROM items WHERE locator = ?1";
    struct gm_buf uri = GM_BUF_INIT;
    struct gm_index *opened = calloc(1, sizeof *opened);
    if (!opened)
        return gm_err_set(err, GM_NOMEM, "no memory for run.db");
    gm_buf_printf(&uri, "%s/%s", folder, GM_INDEX_NAME);
    enum gm_status status = GM_OK;
    /* No file locks: the sandbox of the lister has none, and the run folder's lock keeps others
     * out. */
    if (sqlite3_open_v2(gm_buf_cstr(&uri), &opened->db, SQLITE_OPEN_READONLY, "unix-none") !=
            SQLITE_OK ||
        sqlite3_prepare_v2(opened->db, sql, -1, &opened->lookup, NULL) != SQLITE_OK)
        status = failure(opened->db, "open it", err);
    gm_buf_free(&uri);
    if (status != GM_OK) {
        gm_index_close(opened);
        opened = NULL;
    }
    *index = opened;
    return status;
}

void gm_index_close(struct gm_index *index)
{
    if (!index)
        return;
    sqlite3_finalize(index->lookup);
    sqlite3_close(index->db);
    free(index->seen);
    gm_buf_free(&index->key);
    free(index);
}

static enum gm_status remember(struct gm_index *index, const char *key, struct gm_err *err)
{
    if (index->n_seen == index->capacity) {
        size_t capacity = index->capacity ? 2 * index->capacity : 1024;
        uint64_t *grown = realloc(index->seen, capacity * sizeof *grown);
        if (!grown)
            return gm_err_set(err, GM_NOMEM, "no memory for %zu items", capacity);
        index->seen = grown;
        index->capacity = capacity;
    }
    index->seen[index->n_seen++] = gm_xxh64(key, strlen(key), 0);
    return GM_OK;
}

static bool text_is(sqlite3_stmt *row, int column, const char *text)
{
    const char *value = (const char *)sqlite3_column_text(row, column);
    return value && strcmp(value, text) == 0;
}

static bool read_hex(const char *hex, uint8_t *bytes, size_t n_bytes)
{
    for (size_t i = 0; i < n_bytes; i++) {
        unsigned byte;
        if (!hex || sscanf(hex + 2 * i, "%2x", &byte) != 1)
            return false;
        bytes[i] = (uint8_t)byte;
    }
    return true;
}

static void copy_column(sqlite3_stmt *row, int column, char *text, size_t text_bytes)
{
    const char *value = (const char *)sqlite3_column_text(row, column);
    if (value && strlen(value) < text_bytes)
        snprintf(text, text_bytes, "%s", value);
}

enum gm_status gm_index_lookup(void *context, const struct gm_item *item,
                               struct gm_previous *previous, struct gm_err *err)
{
    struct gm_index *index = context;
    gm_item_key(&index->key, item->locator);
    if (index->key.failed)
        return gm_err_set(err, GM_NOMEM, "no memory to look an item up");
    const char *key = gm_buf_cstr(&index->key);
    enum gm_status status = remember(index, key, err);
    if (status != GM_OK)
        return status;
    sqlite3_reset(index->lookup);
    sqlite3_bind_text(index->lookup, 1, key, -1, SQLITE_STATIC);
    int code = sqlite3_step(index->lookup);
    if (code == SQLITE_DONE)
        return GM_OK;
    if (code != SQLITE_ROW)
        return failure(index->db, "look an item up", err);
    sqlite3_stmt *row = index->lookup;
    const char *code_text = (const char *)sqlite3_column_text(row, 6);
    previous->reason = code_text ? gm_reason_find(code_text) : GM_REASON_NONE;
    previous->http_status = (uint16_t)sqlite3_column_int(row, 7);
    if (!text_is(row, 0, "ok") && !text_is(row, 0, "unchanged") && !text_is(row, 0, "rejected"))
        return GM_OK;
    previous->known = true;
    previous->unchanged = item->kind == GM_ITEM_FILE && item->reason == GM_REASON_NONE &&
                          (uint64_t)sqlite3_column_int64(row, 1) == item->file_bytes &&
                          sqlite3_column_int64(row, 2) == item->file_mtime_ns;
    previous->has_sha256 =
        read_hex((const char *)sqlite3_column_text(row, 3), previous->sha256, GM_SHA256_BYTES);
    copy_column(row, 4, previous->etag, sizeof previous->etag);
    copy_column(row, 5, previous->last_modified, sizeof previous->last_modified);
    return GM_OK;
}

static int compare_hashes(const void *a, const void *b)
{
    uint64_t x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return x < y ? -1 : x > y;
}

enum gm_status gm_index_removed(struct gm_index *index, int fd, uint64_t *n_removed,
                                struct gm_err *err)
{
    sqlite3_stmt *all = NULL;
    struct gm_buf line = GM_BUF_INIT;
    enum gm_status status = GM_OK;
    int code = SQLITE_ROW;
    *n_removed = 0;
    if (index->n_seen > 0)
        qsort(index->seen, index->n_seen, sizeof index->seen[0], compare_hashes);
    if (sqlite3_prepare_v2(index->db,
                           "SELECT locator FROM items WHERE status <> 'removed' ORDER BY locator",
                           -1, &all, NULL) != SQLITE_OK)
        status = failure(index->db, "read the items", err);
    while (status == GM_OK && (code = sqlite3_step(all)) == SQLITE_ROW) {
        const char *locator = (const char *)sqlite3_column_text(all, 0);
        uint64_t hash = gm_xxh64(locator, strlen(locator), 0);
        if (index->n_seen > 0 &&
            bsearch(&hash, index->seen, index->n_seen, sizeof index->seen[0], compare_hashes))
            continue;
        gm_buf_clear(&line);
        gm_item_removed_line(&line, locator);
        status = gm_write_full(fd, line.data, line.n_bytes, "removed.jsonl", err);
        ++*n_removed;
    }
    if (status == GM_OK && code != SQLITE_DONE)
        status = failure(index->db, "read the items", err);
    sqlite3_finalize(all);
    gm_buf_free(&line);
    return status;
}
