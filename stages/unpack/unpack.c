/* The splitter "unpack": takes one container apart into members.
 *
 *      source (file or memory) -> [filter] -> archive -> member -> [filter] -> archive -> member
 *                                          -> lines                         -> lines
 *                                          -> member                        -> member
 *      level 0 ........................................ level 1 ..................
 *
 * What something is, is told by its first bytes at every step, and each layer is opened by name of
 * its kind, never by trying. One level is a container with at most one compression around a tar or
 * JSON Lines; whatever else is found inside a compressed stream is a level of its own.
 *
 * zip and 7z need to seek: inside another container they are first read into memory, at most
 * max_entry bytes. Everything else is a stream. */
#include "split.h"
#include "unpack/archive.h"
#include "unpack/filter.h"
#include "unpack/lines.h"
#include "unpack/stream.h"
#include "unpack/unpacking.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct context {
    struct gm_unpack_opts opts;
    struct gm_archive_warmth *warmth;
    uint8_t *buffer;
};

static const struct gm_opt options[] = {
    {"max_depth", GM_OPT_U64, offsetof(struct gm_unpack_opts, max_depth), "1", 0, 16, NULL,
     "levels",
     "how deep a container may lie inside the item's container; deeper ones are rejected"},
    {"max_ratio", GM_OPT_U64, offsetof(struct gm_unpack_opts, max_ratio), "200", 1, 1e9, NULL, NULL,
     "largest ratio of unpacked to packed bytes; judged from 16 MB of output on"},
    {"max_entries", GM_OPT_U64, offsetof(struct gm_unpack_opts, max_entries), "1000000", 1, 1e12,
     NULL, "members", "most members of one item's archives; lines do not count"},
    {"max_entry", GM_OPT_BYTES, offsetof(struct gm_unpack_opts, max_entry_bytes), "64MB", 1, 0x1p40,
     NULL, NULL, "largest member, and largest zip or 7z inside another container"},
    {"max_total", GM_OPT_BYTES, offsetof(struct gm_unpack_opts, max_total_bytes), "1TB", 1, 0x1p60,
     NULL, NULL, "most bytes that one item may unpack to"},
    {"jsonl", GM_OPT_BOOL, offsetof(struct gm_unpack_opts, jsonl), "true", 0, 0, NULL, NULL,
     "one record for each line of .jsonl and .ndjson files; otherwise a file is one record of "
     "text"},
    GM_OPT_END,
};

static enum gm_status unpack_container(struct gm_unpacking *unpacking, struct gm_stream *stream,
                                       enum gm_media media, const struct gm_place *place,
                                       struct gm_err *err);

static bool is_container(const struct gm_unpacking *unpacking, enum gm_media media)
{
    return strcmp(gm_media_family(media), "unpack") == 0 &&
           (media != GM_MEDIA_JSONL || unpacking->opts->jsonl);
}

static enum gm_status emit_member(struct gm_unpacking *unpacking, struct gm_stream *stream,
                                  enum gm_media media, const char *name, uint64_t size_bytes,
                                  struct gm_err *err)
{
    struct gm_member member = {name, strlen(name), media, size_bytes};
    if (media == GM_MEDIA_JSONL)
        member.media = GM_MEDIA_TEXT;
    return gm_unpack_member(unpacking, stream, &member, err);
}

static enum gm_status too_deep(struct gm_unpacking *unpacking, enum gm_media media,
                               struct gm_err *err)
{
    return gm_unpacking_fail(unpacking, GM_REASON_LIMIT_DEPTH, err,
                             "%s: a container deeper than max_depth, %llu", gm_media_name(media),
                             (unsigned long long)unpacking->opts->max_depth);
}

/* ---- compressed streams ---- */

/* "a.jsonl.gz" -> "a.jsonl", ".tgz" -> ".tar"; other names stay. */
static void strip_suffix(struct gm_buf *out, const char *name)
{
    static const struct {
        const char *suffix, *becomes;
    } rules[] = {{".gz", ""},   {".bz2", ""},     {".xz", ""},       {".zst", ""},
                 {".zstd", ""}, {".tgz", ".tar"}, {".tbz2", ".tar"}, {".txz", ".tar"}};
    size_t n_name = strlen(name);
    for (size_t i = 0; i < GM_ARRAY_LEN(rules); i++) {
        size_t n = strlen(rules[i].suffix);
        if (n_name > n && strcasecmp(name + n_name - n, rules[i].suffix) == 0) {
            gm_buf_append(out, name, n_name - n);
            gm_buf_text(out, rules[i].becomes);
            return;
        }
    }
    gm_buf_append(out, name, n_name);
}

static enum gm_status garbage(struct gm_filter *filter, struct gm_err *err)
{
    return gm_unpacking_fail(filter->stream.unpacking, GM_REASON_UNPACK_BROKEN, err,
                             "%s: the bytes from %llu on are not part of the compressed data and "
                             "were ignored; everything in front of them is kept",
                             gm_media_name(filter->codec->media),
                             (unsigned long long)filter->garbage_at);
}

/* What came out of a filter: same level if it is a plain file, a tar or lines. */
static enum gm_status unpack_filtered(struct gm_unpacking *unpacking, struct gm_filter *filter,
                                      const struct gm_place *place, struct gm_err *err)
{
    const uint8_t *head;
    size_t n_head;
    enum gm_status status = gm_stream_peek(&filter->stream, &head, &n_head, err);
    if (status != GM_OK)
        return status;
    struct gm_place inner = *place;
    struct gm_buf name = GM_BUF_INIT;
    strip_suffix(&name, place->name);
    inner.name = gm_buf_cstr(&name);
    enum gm_media media = gm_media_sniff(head, n_head, inner.name, strlen(inner.name));
    bool is_new_level = media != GM_MEDIA_TAR && media != GM_MEDIA_JSONL;
    if (name.failed) {
        status = gm_err_set(err, GM_NOMEM, "no memory for a member's name");
    } else if (!is_container(unpacking, media)) {
        status = emit_member(unpacking, &filter->stream, media, inner.name, 0, err);
    } else if (is_new_level && inner.level >= unpacking->opts->max_depth) {
        status = too_deep(unpacking, media, err);
    } else {
        /* The inner name serves to tell what it is; members are named below the outer one. */
        inner.level += is_new_level;
        inner.name = place->name;
        status = unpack_container(unpacking, &filter->stream, media, &inner, err);
        if (status == GM_OK)
            status = gm_stream_drain(&filter->stream, err); /* its checksum stands at its end */
    }
    gm_buf_free(&name);
    return status;
}

static enum gm_status unpack_filter(struct gm_unpacking *unpacking, struct gm_stream *stream,
                                    enum gm_media media, const struct gm_place *place,
                                    struct gm_err *err)
{
    struct gm_filter *filter = malloc(sizeof(*filter));
    if (!filter)
        return gm_err_set(err, GM_NOMEM, "no memory for a decoder");
    enum gm_status status = gm_filter_init(filter, stream, media, err);
    if (status == GM_OK)
        status = unpack_filtered(unpacking, filter, place, err);
    if (status == GM_OK && filter->garbage_at != UINT64_MAX)
        status = garbage(filter, err);
    gm_filter_fini(filter);
    free(filter);
    return status;
}

/* ---- archives ---- */

static enum gm_status read_into_memory(struct gm_unpacking *unpacking, struct gm_stream *stream,
                                       struct gm_buf *bytes, struct gm_err *err)
{
    uint64_t max_bytes = unpacking->opts->max_entry_bytes;
    for (;;) {
        const uint8_t *data;
        size_t n_bytes;
        enum gm_status status = gm_stream_next(stream, &data, &n_bytes, err);
        if (status != GM_OK || n_bytes == 0)
            return status;
        if (n_bytes > max_bytes - bytes->n_bytes)
            return gm_unpacking_fail(unpacking, GM_REASON_LIMIT_ENTRY_BYTES, err,
                                     "a nested zip or 7z larger than max_entry, %llu bytes",
                                     (unsigned long long)max_bytes);
        gm_buf_append(bytes, data, n_bytes);
        if (bytes->failed)
            return gm_unpacking_fail(unpacking, GM_REASON_LIMIT_MEMORY, err,
                                     "no memory to hold a nested zip or 7z");
    }
}

static enum gm_status unpack_archive(struct gm_unpacking *unpacking, struct gm_stream *stream,
                                     enum gm_media media, const struct gm_place *place,
                                     struct gm_err *err)
{
    if (media == GM_MEDIA_TAR || stream->seek)
        return gm_archive_split(unpacking, stream, media, place, err);
    struct gm_buf bytes = GM_BUF_INIT;
    struct gm_source *source = malloc(sizeof(*source));
    enum gm_status status = source ? read_into_memory(unpacking, stream, &bytes, err)
                                   : gm_err_set(err, GM_NOMEM, "no memory for a nested archive");
    if (status == GM_OK) {
        gm_source_init_memory(source, unpacking, bytes.data, bytes.n_bytes);
        status = gm_archive_split(unpacking, &source->stream, media, place, err);
    }
    free(source);
    gm_buf_free(&bytes);
    return status;
}

/* ---- dispatch ---- */

static enum gm_status unpack_container(struct gm_unpacking *unpacking, struct gm_stream *stream,
                                       enum gm_media media, const struct gm_place *place,
                                       struct gm_err *err)
{
    if (media == GM_MEDIA_JSONL)
        return gm_lines_split(unpacking, stream, err);
    if (gm_codec_find(media))
        return unpack_filter(unpacking, stream, media, place, err);
    return unpack_archive(unpacking, stream, media, place, err);
}

enum gm_status gm_unpack_file(struct gm_unpacking *unpacking, struct gm_stream *stream,
                              const struct gm_place *place, uint64_t size_bytes, struct gm_err *err)
{
    const uint8_t *head;
    size_t n_head;
    enum gm_status status = gm_stream_peek(stream, &head, &n_head, err);
    if (status != GM_OK)
        return gm_unpacking_report(unpacking, place, status, err);
    enum gm_media media = gm_media_sniff(head, n_head, place->name, strlen(place->name));
    if (!is_container(unpacking, media))
        return emit_member(unpacking, stream, media, place->name, size_bytes, err);
    struct gm_place inner = *place;
    inner.level += media != GM_MEDIA_JSONL;
    if (inner.level > unpacking->opts->max_depth)
        status = too_deep(unpacking, media, err);
    else
        status = unpack_container(unpacking, stream, media, &inner, err);
    return gm_unpacking_report(unpacking, place, status, err);
}

/* ---- the splitter ---- */

static enum gm_status unpack_open(void *ctx, const void *opts, struct gm_err *err)
{
    struct context *context = ctx;
    context->opts = *(const struct gm_unpack_opts *)opts;
    context->buffer = malloc(GM_STREAM_PIECE_BYTES);
    if (!context->buffer)
        return gm_err_set(err, GM_NOMEM, "no memory for a read buffer");
    return gm_archive_warm_up(&context->warmth, err);
}

static void unpack_close(void *ctx)
{
    struct context *context = ctx;
    gm_archive_cool(context->warmth);
    free(context->buffer);
    context->warmth = NULL;
    context->buffer = NULL;
}

static const char *base_name(const char *path)
{
    const char *slash = path ? strrchr(path, '/') : NULL;
    return slash ? slash + 1 : path ? path : "";
}

static enum gm_status split_item(struct gm_unpacking *unpacking, struct gm_source *source,
                                 const struct gm_container *container, struct gm_err *err)
{
    struct gm_buf name = GM_BUF_INIT;
    const char *base = base_name(container->name);
    gm_append_valid_utf8(&name, base, strlen(base));
    struct gm_place place = {gm_buf_cstr(&name), 0, true};
    enum gm_status status;
    if (name.failed)
        status = gm_err_set(err, GM_NOMEM, "no memory for the item's name");
    else if (is_container(unpacking, container->media))
        status = unpack_container(unpacking, &source->stream, container->media, &place, err);
    else
        status = emit_member(unpacking, &source->stream, container->media, place.name,
                             container->n_bytes, err);
    status = gm_unpacking_report(unpacking, &place, status, err);
    gm_buf_free(&name);
    return status == GM_END || status == GM_LIMIT ? GM_OK : status;
}

static enum gm_status unpack_split(void *ctx, const struct gm_container *container,
                                   struct gm_emit *emit, struct gm_err *err)
{
    struct context *context = ctx;
    struct gm_unpacking unpacking = {.opts = &context->opts, .emit = emit};
    struct gm_source *source = malloc(sizeof(*source));
    struct gm_err own;
    if (!source)
        return gm_err_set(err, GM_NOMEM, "no memory for a source");
    if (container->data)
        gm_source_init_memory(source, &unpacking, container->data, container->n_bytes);
    else
        gm_source_init_file(source, &unpacking, container->fd, container->n_bytes, context->buffer);
    source->is_item = true;
    gm_archive_enter(context->warmth);
    enum gm_status status = split_item(&unpacking, source, container, err ? err : &own);
    gm_archive_leave(context->warmth);
    free(source);
    return status;
}

const struct gm_splitter gm_unpack = {
    .name = "unpack",
    .summary = "takes tar, zip, 7z, gzip, bzip2, xz, zstd and JSON Lines apart",
    .opts = options,
    .opts_bytes = sizeof(struct gm_unpack_opts),
    .ctx_bytes = sizeof(struct context),
    .open = unpack_open,
    .split = unpack_split,
    .close = unpack_close,
};
