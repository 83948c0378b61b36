/* See tokenfile.h. The three binary formats differ in where a document's end is written; the ids
 * are read the same way. docs/formats.md has the fields. */
#include "cli/tokenfile.h"

#include "base/buf.h"
#include "base/fs.h"
#include "base/jread.h"
#include "cli/shard.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { IDX_HEAD_BYTES = 34, NPY_MAX_HEAD_BYTES = 4096 };
enum kind { KIND_JSONL, KIND_BIN, KIND_NPY, KIND_DS };

static const struct {
    const char *ending;
    enum kind kind;
    const char *index; /* instead of the ending */
} kinds[] = {
    {".ends.npy", KIND_NPY, NULL}, {".bin", KIND_BIN, ".idx"}, {".npy", KIND_NPY, ".ends.npy"},
    {".ds", KIND_DS, ".ds.index"}, {".jsonl", KIND_JSONL, ""}, {".jsonl.zst", KIND_JSONL, ""},
};

struct gm_tokenfile {
    const char *path; /* not owned */
    enum kind kind;
    struct gm_shard *lines; /* KIND_JSONL, the others: */
    int fd, index_fd;       /* index_fd -1: the file is one document */
    uint64_t at, end;       /* of the ids, in bytes */
    uint64_t index_at, index_end;
    uint32_t unit_bytes; /* of an id: 2 or 4 */
    uint64_t n_before;   /* ids of the documents before */
    struct gm_buf bytes, ids;
};

static int kind_of(const char *name)
{
    size_t n = strlen(name);
    for (size_t i = 0; i < GM_ARRAY_LEN(kinds); i++) {
        size_t n_end = strlen(kinds[i].ending);
        if (n >= n_end && strcmp(name + n - n_end, kinds[i].ending) == 0)
            return (int)i;
    }
    return -1;
}

bool gm_tokenfile_is_name(const char *name)
{
    int kind = kind_of(name);
    return kind >= 0 && kinds[kind].index;
}

static enum gm_status bad(const struct gm_tokenfile *file, struct gm_err *err, const char *what)
{
    return gm_err_set(err, GM_INPUT, "%s: %s", file->path, what);
}

static uint64_t size_of(int fd)
{
    off_t n = lseek(fd, 0, SEEK_END);
    return n > 0 ? (uint64_t)n : 0;
}

static enum gm_status read_at(int fd, void *data, size_t n_bytes, uint64_t at, struct gm_err *err)
{
    size_t n_read;
    enum gm_status status = gm_pread_full(fd, data, n_bytes, at, &n_read, err);
    if (status == GM_OK && n_read < n_bytes)
        status = gm_err_set(err, GM_INPUT, "the file is cut off");
    return status;
}

/* ---- heads ---- */

static enum gm_status read_idx_head(struct gm_tokenfile *file, struct gm_err *err)
{
    uint8_t head[IDX_HEAD_BYTES];
    uint64_t n_sequences, n_documents;
    enum gm_status status = read_at(file->index_fd, head, sizeof head, 0, err);
    if (status != GM_OK)
        return status;
    memcpy(&n_sequences, head + 18, sizeof n_sequences);
    uint64_t size = size_of(file->index_fd);
    if (memcmp(head, "MMIDIDX\0\0\1\0\0\0\0\0\0\0", 17) != 0 || (head[17] != 8 && head[17] != 4))
        return bad(file, err, "its .idx is not version 1 with ids of 16 or 32 bits");
    memcpy(&n_documents, head + 26, sizeof n_documents);
    size -= IDX_HEAD_BYTES;
    if (n_sequences > size / 12 || n_documents > (size - 12 * n_sequences) / 8)
        return bad(file, err, "its .idx is cut off");
    file->unit_bytes = head[17] == 8 ? 2 : 4;
    file->index_at = IDX_HEAD_BYTES;
    file->index_end = IDX_HEAD_BYTES + 4 * n_sequences;
    return GM_OK;
}

/* Type and start of a one-dimensional array of version 1. */
static enum gm_status read_npy_head(struct gm_tokenfile *file, int fd, char type[4], uint64_t *at,
                                    struct gm_err *err)
{
    char head[NPY_MAX_HEAD_BYTES + 1] = {0};
    uint16_t n_head;
    enum gm_status status = read_at(fd, head, 10, 0, err);
    if (status != GM_OK)
        return status;
    memcpy(&n_head, head + 8, sizeof n_head);
    if (memcmp(head, "\x93NUMPY\1\0", 8) != 0 || n_head + 10u > NPY_MAX_HEAD_BYTES)
        return bad(file, err, "not an array of NPY version 1.0");
    status = read_at(fd, head + 10, n_head, 10, err);
    const char *descr = status == GM_OK ? strstr(head + 10, "'descr': '") : NULL;
    if (status == GM_OK && (!descr || !strstr(head + 10, ",), }")))
        return bad(file, err, "not an array of one dimension");
    if (status == GM_OK)
        snprintf(type, 4, "%.3s", descr + strlen("'descr': '"));
    *at = n_head + 10u;
    return status;
}

static enum gm_status read_npy_heads(struct gm_tokenfile *file, struct gm_err *err)
{
    char type[4] = "";
    enum gm_status status = read_npy_head(file, file->fd, type, &file->at, err);
    if (status != GM_OK)
        return status;
    if (strcmp(type, "<u2") != 0 && strcmp(type, "<u4") != 0 && strcmp(type, "<i4") != 0)
        return bad(file, err, "not an array of ids of 16 or 32 bits");
    file->unit_bytes = type[2] == '2' ? 2 : 4;
    if (file->index_fd < 0)
        return GM_OK;
    status = read_npy_head(file, file->index_fd, type, &file->index_at, err);
    if (status == GM_OK && strcmp(type, "<u8") != 0)
        return bad(file, err, "its .ends.npy is not an array of <u8");
    file->index_end = size_of(file->index_fd);
    return status;
}

/* "NAME|2" in the first line of .metadata; without one the vocabulary decides, as when writing. */
static enum gm_status read_ds_head(struct gm_tokenfile *file, uint64_t n_ids, struct gm_err *err)
{
    struct gm_buf path = GM_BUF_INIT, text = GM_BUF_INIT;
    gm_buf_printf(&path, "%s.metadata", file->path);
    file->unit_bytes = n_ids <= 65536 ? 2 : 4;
    file->index_end = size_of(file->index_fd);
    if (gm_read_file(AT_FDCWD, gm_buf_cstr(&path), 65536, &text, NULL) == GM_OK) {
        const char *line = gm_buf_cstr(&text);
        size_t n = strcspn(line, "\n");
        char width = n >= 2 && line[n - 2] == '|' ? line[n - 1] : '0';
        file->unit_bytes = width == '2' || width == '4' ? (uint32_t)(width - '0') : 0;
    }
    gm_buf_free(&path);
    gm_buf_free(&text);
    return file->unit_bytes ? GM_OK
                            : bad(file, err,
                                  "its .metadata does not end its name in |2 "
                                  "or |4");
}

/* ---- opening ---- */

static enum gm_status open_index(struct gm_tokenfile *file, int kind, struct gm_err *err)
{
    struct gm_buf path = GM_BUF_INIT;
    gm_buf_append(&path, file->path, strlen(file->path) - strlen(kinds[kind].ending));
    gm_buf_text(&path, kinds[kind].index);
    enum gm_status status =
        gm_open_at(AT_FDCWD, gm_buf_cstr(&path), O_RDONLY, &file->index_fd, err);
    if (status == GM_MISSING && file->kind == KIND_NPY)
        status = GM_OK; /* one document */
    gm_buf_free(&path);
    return status;
}

static enum gm_status open_binary(struct gm_tokenfile *file, int kind, uint64_t n_ids,
                                  struct gm_err *err)
{
    enum gm_status status = gm_open_at(AT_FDCWD, file->path, O_RDONLY, &file->fd, err);
    if (status == GM_OK)
        status = open_index(file, kind, err);
    if (status != GM_OK)
        return status;
    file->end = size_of(file->fd);
    if (file->kind == KIND_BIN)
        status = read_idx_head(file, err);
    else if (file->kind == KIND_NPY)
        status = read_npy_heads(file, err);
    else
        status = read_ds_head(file, n_ids, err);
    return status;
}

enum gm_status gm_tokenfile_open(struct gm_tokenfile **result, const char *path, uint64_t n_ids,
                                 struct gm_err *err)
{
    int kind = kind_of(path);
    struct gm_tokenfile *file = calloc(1, sizeof *file);
    *result = NULL;
    if (!file)
        return gm_err_set(err, GM_NOMEM, "out of memory");
    file->path = path;
    file->fd = file->index_fd = -1;
    enum gm_status status;
    if (kind < 0 || !kinds[kind].index) {
        status = bad(file, err, "expected a .bin, .npy, .ds or .jsonl file of tokens");
    } else {
        file->kind = kinds[kind].kind;
        status = file->kind == KIND_JSONL ? gm_shard_open(&file->lines, AT_FDCWD, path, err)
                                          : open_binary(file, kind, n_ids, err);
    }
    if (status == GM_OK)
        *result = file;
    else
        gm_tokenfile_close(file);
    return status;
}

void gm_tokenfile_close(struct gm_tokenfile *file)
{
    if (!file)
        return;
    gm_shard_close(file->lines);
    gm_close(&file->fd);
    gm_close(&file->index_fd);
    gm_buf_free(&file->bytes);
    gm_buf_free(&file->ids);
    free(file);
}

/* ---- documents ---- */

/* Ids of the next document; GM_END: there is none. */
static enum gm_status next_length(struct gm_tokenfile *file, uint64_t *n_ids, struct gm_err *err)
{
    if (file->index_fd < 0) {
        *n_ids = (file->end - file->at) / file->unit_bytes;
        return file->at >= file->end ? GM_END : GM_OK;
    }
    if (file->index_at >= file->index_end)
        return file->at == file->end ? GM_END : bad(file, err, "has ids that its index leaves out");
    if (file->kind == KIND_BIN) {
        uint32_t length = 0;
        enum gm_status status = read_at(file->index_fd, &length, 4, file->index_at, err);
        file->index_at += 4;
        *n_ids = length;
        return status;
    }
    uint64_t end = 0;
    enum gm_status status = read_at(file->index_fd, &end, 8, file->index_at, err);
    file->index_at += 8;
    if (status == GM_OK && end < file->n_before)
        status = bad(file, err, "its index goes backwards");
    *n_ids = end - file->n_before;
    return status;
}

static enum gm_status next_binary(struct gm_tokenfile *file, size_t *n_ids, struct gm_err *err)
{
    uint64_t n = 0;
    enum gm_status status = next_length(file, &n, err);
    if (status != GM_OK)
        return status;
    if (file->at > file->end || n > (file->end - file->at) / file->unit_bytes)
        return bad(file, err, "its index names more ids than it has");
    size_t n_bytes = (size_t)n * file->unit_bytes;
    gm_buf_clear(&file->bytes);
    gm_buf_clear(&file->ids);
    if (!gm_buf_reserve(&file->bytes, n_bytes + 1) || !gm_buf_reserve(&file->ids, 4 * (size_t)n))
        return gm_err_set(err, GM_NOMEM, "out of memory");
    status = read_at(file->fd, file->bytes.data, n_bytes, file->at, err);
    for (size_t i = 0; i < n && status == GM_OK; i++) {
        uint32_t id = 0;
        memcpy(&id, file->bytes.data + i * file->unit_bytes, file->unit_bytes);
        gm_buf_append(&file->ids, &id, sizeof id);
    }
    file->at += n_bytes;
    file->n_before += n;
    *n_ids = (size_t)n;
    return status;
}

static bool read_ids(struct gm_jread *reader, struct gm_buf *ids)
{
    enum gm_jread_token token;
    if (gm_jread_next(reader) != GM_JREAD_ARRAY)
        return false;
    while ((token = gm_jread_next(reader)) == GM_JREAD_NUMBER) {
        uint64_t number;
        if (!gm_jread_u64(reader, &number) || number >= UINT32_MAX)
            return false;
        uint32_t id = (uint32_t)number;
        gm_buf_append(ids, &id, sizeof id);
    }
    return token == GM_JREAD_ARRAY_END && !ids->failed;
}

static enum gm_status next_line(struct gm_tokenfile *file, size_t *n_ids, struct gm_err *err)
{
    const char *line;
    size_t n_bytes;
    bool found = false, ok = true;
    enum gm_status status = gm_shard_next(file->lines, &line, &n_bytes, err);
    if (status != GM_OK)
        return status;
    struct gm_jread reader;
    gm_buf_clear(&file->ids);
    gm_jread_init(&reader, line, n_bytes);
    if (gm_jread_next(&reader) == GM_JREAD_OBJECT)
        while (ok && !found && gm_jread_next(&reader) == GM_JREAD_KEY) {
            found = gm_jread_is(&reader, "input_ids");
            ok = found ? read_ids(&reader, &file->ids)
                       : gm_jread_skip(&reader, gm_jread_next(&reader));
        }
    gm_jread_free(&reader);
    *n_ids = file->ids.n_bytes / 4;
    return found && ok ? GM_OK
                       : bad(file, err,
                             "a line has no input_ids, or not as an array of "
                             "ids");
}

enum gm_status gm_tokenfile_next(struct gm_tokenfile *file, const uint32_t **ids, size_t *n_ids,
                                 struct gm_err *err)
{
    enum gm_status status =
        file->kind == KIND_JSONL ? next_line(file, n_ids, err) : next_binary(file, n_ids, err);
    *ids = (const uint32_t *)(const void *)file->ids.data;
    return status;
}
