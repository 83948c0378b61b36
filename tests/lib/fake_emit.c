/* The functions of split.h, kept in memory. */
#include "fake_emit.h"

#include "base/fs.h"
#include "base/hash.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

void gm_fake_init(struct gm_emit *emit)
{
    memset(emit, 0, sizeof(*emit));
    emit->keep_bytes = 4096;
}

void gm_fake_free(struct gm_emit *emit)
{
    for (size_t i = 0; i < emit->n_rows; i++)
        free(emit->rows[i].body);
    free(emit->rows);
    gm_buf_free(&emit->open_body);
    gm_fake_init(emit);
}

const struct gm_fake_row *gm_fake_find(const struct gm_emit *emit, const char *name)
{
    for (size_t i = 0; i < emit->n_rows; i++)
        if (emit->rows[i].has_name && strcmp(emit->rows[i].name, name) == 0)
            return &emit->rows[i];
    return NULL;
}

const struct gm_fake_row *gm_fake_container(const struct gm_emit *emit)
{
    for (size_t i = 0; i < emit->n_rows; i++)
        if (emit->rows[i].kind == GM_FAKE_CONTAINER_REJECT)
            return &emit->rows[i];
    return NULL;
}

static void keep(struct gm_emit *emit, struct gm_fake_row *row)
{
    emit->n_members += row->kind == GM_FAKE_MEMBER;
    emit->n_rejects += row->kind == GM_FAKE_REJECT;
    emit->n_container_rejects += row->kind == GM_FAKE_CONTAINER_REJECT;
    if (row->kind == GM_FAKE_MEMBER)
        emit->body_bytes += row->n_bytes;
    if (emit->max_rows > 0 && emit->n_rows == emit->max_rows)
        return;
    row->body = malloc(emit->open_body.n_bytes + 1);
    GM_ASSERT(row->body);
    if (emit->open_body.n_bytes > 0)
        memcpy(row->body, emit->open_body.data, emit->open_body.n_bytes);
    row->body[emit->open_body.n_bytes] = '\0';
    if ((emit->n_rows & (emit->n_rows - 1)) == 0) {
        size_t n = emit->n_rows ? emit->n_rows * 2 : 1;
        emit->rows = realloc(emit->rows, n * sizeof(*emit->rows));
        GM_ASSERT(emit->rows);
    }
    emit->rows[emit->n_rows++] = *row;
}

static void set_row(struct gm_emit *emit, const struct gm_member *member)
{
    struct gm_fake_row *row = &emit->open;
    memset(row, 0, sizeof(*row));
    gm_buf_clear(&emit->open_body);
    if (!member)
        return;
    row->media = member->media;
    row->has_name = member->name != NULL;
    if (member->name) {
        GM_ASSERT(member->name_bytes < sizeof(row->name));
        memcpy(row->name, member->name, member->name_bytes);
    }
}

static void set_reason(struct gm_fake_row *row, enum gm_reason reason, const char *message)
{
    GM_ASSERT(reason > GM_REASON_NONE && reason < GM_REASON_COUNT);
    GM_ASSERT(message && message[0] != '\0' && strlen(message) < sizeof(row->message));
    row->kind = GM_FAKE_REJECT;
    row->reason = reason;
    memcpy(row->message, message, strlen(message) + 1);
}

enum gm_status gm_emit_begin(struct gm_emit *emit, const struct gm_member *member,
                             struct gm_err *err)
{
    (void)err;
    GM_ASSERT(!emit->is_open && !emit->was_ended);
    if (emit->end_after > 0 && emit->n_begun == emit->end_after) {
        emit->was_ended = true;
        return GM_END;
    }
    emit->n_begun++;
    set_row(emit, member);
    emit->is_open = true;
    return GM_OK;
}

enum gm_status gm_emit_data(struct gm_emit *emit, const void *data, size_t n_bytes,
                            struct gm_err *err)
{
    struct gm_fake_row *row = &emit->open;
    GM_ASSERT(emit->is_open && n_bytes > 0);
    row->n_bytes += n_bytes;
    if (emit->max_record_bytes > 0 && row->n_bytes > emit->max_record_bytes) {
        set_reason(row, GM_REASON_LIMIT_RECORD_BYTES, "too long");
        keep(emit, row);
        emit->is_open = false;
        return gm_err_set(err, GM_LIMIT, "too long");
    }
    size_t room = emit->keep_bytes - emit->open_body.n_bytes;
    gm_buf_append(&emit->open_body, data, n_bytes < room ? n_bytes : room);
    row->hash = gm_xxh64(data, n_bytes, row->hash);
    return GM_OK;
}

enum gm_status gm_emit_end(struct gm_emit *emit, struct gm_err *err)
{
    (void)err;
    GM_ASSERT(emit->is_open);
    keep(emit, &emit->open);
    emit->is_open = false;
    return GM_OK;
}

enum gm_status gm_emit_abort(struct gm_emit *emit, enum gm_reason reason, const char *message,
                             struct gm_err *err)
{
    (void)err;
    GM_ASSERT(emit->is_open);
    set_reason(&emit->open, reason, message);
    keep(emit, &emit->open);
    emit->is_open = false;
    return GM_OK;
}

enum gm_status gm_emit_record(struct gm_emit *emit, const struct gm_member *member,
                              const void *data, size_t n_bytes, struct gm_err *err)
{
    enum gm_status status = gm_emit_begin(emit, member, err);
    if (status == GM_OK && n_bytes > 0)
        status = gm_emit_data(emit, data, n_bytes, err);
    return status == GM_OK ? gm_emit_end(emit, err) : status;
}

enum gm_status gm_emit_reject(struct gm_emit *emit, const struct gm_member *member,
                              enum gm_reason reason, const char *message, struct gm_err *err)
{
    (void)err;
    GM_ASSERT(!emit->is_open && !emit->was_ended);
    set_row(emit, member);
    set_reason(&emit->open, reason, message);
    if (!member)
        emit->open.kind = GM_FAKE_CONTAINER_REJECT;
    keep(emit, &emit->open);
    return GM_OK;
}

void gm_emit_alive(struct gm_emit *emit)
{
    emit->n_alive++;
}

enum gm_status gm_fake_split(struct gm_emit *emit, const struct gm_container *container,
                             const char *const *settings, struct gm_err *err)
{
    void *opts = calloc(1, gm_unpack.opts_bytes);
    void *ctx = calloc(1, gm_unpack.ctx_bytes);
    GM_ASSERT(opts && ctx);
    gm_opts_init(gm_unpack.opts, opts, gm_unpack.opts_bytes);
    for (; settings && *settings; settings++) {
        const char *equals = strchr(*settings, '=');
        char name[64] = "";
        GM_ASSERT(equals && (size_t)(equals - *settings) < sizeof(name));
        memcpy(name, *settings, (size_t)(equals - *settings));
        const struct gm_opt *opt = gm_opt_find(gm_unpack.opts, name);
        GM_ASSERT(opt);
        GM_ASSERT(gm_opt_apply(opt, opts, equals + 1, strlen(equals + 1), err) == GM_OK);
    }
    enum gm_status status = gm_unpack.open(ctx, opts, err);
    if (status == GM_OK)
        status = gm_unpack.split(ctx, container, emit, err);
    GM_ASSERT(!emit->is_open);
    gm_unpack.close(ctx);
    gm_opts_free(gm_unpack.opts, opts);
    free(ctx);
    free(opts);
    return status;
}

enum gm_status gm_fake_split_file(struct gm_emit *emit, const char *path,
                                  const char *const *settings, struct gm_err *err)
{
    uint8_t head[GM_MEDIA_HEAD_BYTES];
    size_t n_head = 0;
    struct stat st;
    int fd;
    enum gm_status status = gm_open_at(AT_FDCWD, path, O_RDONLY, &fd, err);
    if (status != GM_OK)
        return status;
    status = gm_pread_full(fd, head, sizeof(head), 0, &n_head, err);
    if (status == GM_OK && fstat(fd, &st) != 0)
        status = gm_err_set(err, GM_IO, "fstat");
    if (status == GM_OK) {
        struct gm_container container = {.fd = fd,
                                         .n_bytes = (uint64_t)st.st_size,
                                         .media = gm_media_sniff(head, n_head, path, strlen(path)),
                                         .name = path};
        status = gm_fake_split(emit, &container, settings, err);
    }
    gm_close(&fd);
    return status;
}
