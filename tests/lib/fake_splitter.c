/* See fake_splitter.h. */
#include "fake_splitter.h"

#include "base/fs.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint8_t fake_giant[4u << 20];

static enum gm_status emit_text(struct gm_emit *emit, enum gm_media media, unsigned i,
                                struct gm_err *err)
{
    char name[32], body[200];
    int n = snprintf(name, sizeof name, "m%u", i);
    memset(body, 'a' + (int)(i % 26), sizeof body);
    const struct gm_member member = {.name = name, .name_bytes = (size_t)n, .media = media};
    return gm_emit_record(emit, &member, body, 100 + i % 100, err);
}

static enum gm_status many_small(struct gm_emit *emit, struct gm_err *err)
{
    enum gm_status status = GM_OK;
    for (unsigned i = 0; i < 6000 && status == GM_OK; i++)
        status = emit_text(emit, GM_MEDIA_TEXT, i, err);
    return status;
}

/* A small one, one that grows to n_bytes in pieces without saying so before, a small one. */
static enum gm_status growing(struct gm_emit *emit, size_t n_bytes, struct gm_err *err)
{
    const struct gm_member member = {.name = "giant", .name_bytes = 5, .media = GM_MEDIA_TEXT};
    enum gm_status status = emit_text(emit, GM_MEDIA_TEXT, 0, err);
    if (status == GM_OK)
        status = gm_emit_begin(emit, &member, err);
    for (size_t at = 0; at < n_bytes && status == GM_OK; at += 10000)
        status =
            gm_emit_data(emit, fake_giant + at, n_bytes - at < 10000 ? n_bytes - at : 10000, err);
    if (status == GM_OK)
        status = gm_emit_end(emit, err);
    else if (status == GM_LIMIT)
        status = GM_OK;
    return status == GM_OK ? emit_text(emit, GM_MEDIA_TEXT, 2, err) : status;
}

static enum gm_status all_kinds(struct gm_emit *emit, struct gm_err *err)
{
    static const enum gm_media kinds[] = {GM_MEDIA_TEXT, GM_MEDIA_PNG, GM_MEDIA_PNG,
                                          GM_MEDIA_TEXT, GM_MEDIA_PDF, GM_MEDIA_EMPTY,
                                          GM_MEDIA_TEXT, GM_MEDIA_GZIP};
    enum gm_status status = GM_OK;
    for (unsigned i = 0; i < 8 && status == GM_OK; i++)
        status = emit_text(emit, kinds[i], i, err);
    return status;
}

static enum gm_status with_losses(struct gm_emit *emit, struct gm_err *err)
{
    const struct gm_member member = {.name = "half", .name_bytes = 4, .media = GM_MEDIA_TEXT};
    enum gm_status status = emit_text(emit, GM_MEDIA_TEXT, 0, err);
    if (status == GM_OK)
        status = gm_emit_begin(emit, &member, err);
    if (status == GM_OK)
        status = gm_emit_data(emit, fake_giant, 5000, err);
    if (status == GM_OK)
        status = gm_emit_abort(emit, GM_REASON_UNPACK_BROKEN, "checksum", err);
    if (status == GM_OK)
        status = gm_emit_reject(emit, &member, GM_REASON_UNPACK_ENCRYPTED, "encrypted", err);
    if (status == GM_OK)
        status = gm_emit_reject(emit, NULL, GM_REASON_UNPACK_BROKEN, "from byte 8192", err);
    return status == GM_OK ? emit_text(emit, GM_MEDIA_TEXT, 3, err) : status;
}

static enum gm_status crash_behind(struct gm_emit *emit, unsigned n_members, struct gm_err *err)
{
    enum gm_status status = GM_OK;
    for (unsigned i = 0; i < n_members && status == GM_OK; i++)
        status = emit_text(emit, GM_MEDIA_TEXT, i, err);
    if (status == GM_OK)
        abort();
    return status;
}

static enum gm_status crash_behind_too_large(struct gm_emit *emit, struct gm_err *err)
{
    const struct gm_member member = {.media = GM_MEDIA_TEXT};
    enum gm_status status = gm_emit_record(emit, &member, fake_giant, (3u << 20) + 1, err);
    if (status == GM_OK)
        abort();
    return status;
}

static enum gm_status echo_file(const struct gm_container *container, struct gm_emit *emit,
                                struct gm_err *err)
{
    char body[64];
    size_t n_read = 0;
    const struct gm_member member = {.media = GM_MEDIA_TEXT};
    enum gm_status status = gm_read_full(container->fd, body, sizeof body, &n_read, err);
    if (status == GM_OK && (container->data || container->n_bytes != n_read))
        return gm_err_set(err, GM_INTERNAL, "not the file");
    return status == GM_OK ? gm_emit_record(emit, &member, body, n_read, err) : status;
}

enum gm_status fake_split(void *ctx, const struct gm_container *container, struct gm_emit *emit,
                          struct gm_err *err)
{
    (void)ctx;
    switch (container->fd >= 0 ? 'f' : container->data[0]) {
    case 's':
        return many_small(emit, err);
    case 'g':
        return growing(emit, FAKE_GIANT_BYTES, err);
    case 'l':
        return growing(emit, (3u << 20) + 1, err);
    case 'k':
        return all_kinds(emit, err);
    case 'r':
        return with_losses(emit, err);
    case 'c':
        return crash_behind(emit, (unsigned)container->data[1] - '0', err);
    case 'x':
        return crash_behind_too_large(emit, err);
    case 'n':
        emit_text(emit, GM_MEDIA_TEXT, 0, err);
        return GM_NOMEM;
    case 'f':
        return echo_file(container, emit, err);
    default:
        return GM_OK; /* an empty container */
    }
}
