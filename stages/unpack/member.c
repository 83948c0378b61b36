/* Single members, and the rows and counters that all containers share. */
#include "split.h"
#include "unpack/stream.h"
#include "unpack/unpacking.h"

#include "base/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Output below this is never called a bomb: small files of one repeated byte are honest. */
#define RATIO_FLOOR_BYTES (16u << 20)

static bool is_item_limit(enum gm_reason reason)
{
    return reason == GM_REASON_LIMIT_RATIO || reason == GM_REASON_LIMIT_TOTAL_BYTES ||
           reason == GM_REASON_LIMIT_ENTRIES;
}

enum gm_status gm_unpacking_fail(struct gm_unpacking *unpacking, enum gm_reason reason,
                                 struct gm_err *err, const char *format, ...)
{
    char text[GM_ERR_TEXT_BYTES / 2];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    unpacking->reason = reason;
    return gm_err_set(err, is_item_limit(reason) ? GM_LIMIT : GM_INPUT, "%s", text);
}

enum gm_status gm_unpacking_produced(struct gm_unpacking *unpacking, size_t n_bytes,
                                     struct gm_err *err)
{
    const struct gm_unpack_opts *opts = unpacking->opts;
    unpacking->produced_bytes += n_bytes;
    gm_emit_alive(unpacking->emit);
    if (unpacking->produced_bytes > opts->max_total_bytes)
        return gm_unpacking_fail(unpacking, GM_REASON_LIMIT_TOTAL_BYTES, err,
                                 "unpacks to more than max_total, %llu bytes; what came before is "
                                 "kept",
                                 (unsigned long long)opts->max_total_bytes);
    if (unpacking->produced_bytes > RATIO_FLOOR_BYTES &&
        unpacking->produced_bytes / opts->max_ratio > unpacking->consumed_bytes)
        return gm_unpacking_fail(unpacking, GM_REASON_LIMIT_RATIO, err,
                                 "%llu bytes unpacked to %llu, above max_ratio, %llu to 1; what "
                                 "came before is kept",
                                 (unsigned long long)unpacking->consumed_bytes,
                                 (unsigned long long)unpacking->produced_bytes,
                                 (unsigned long long)opts->max_ratio);
    return GM_OK;
}

enum gm_status gm_unpacking_report(struct gm_unpacking *unpacking, const struct gm_place *place,
                                   enum gm_status status, struct gm_err *err)
{
    if (status != GM_INPUT && !(status == GM_LIMIT && place->is_item))
        return status;
    struct gm_member member = {place->name, strlen(place->name), GM_MEDIA_UNKNOWN, 0};
    struct gm_err failure;
    enum gm_status reported = gm_emit_reject(unpacking->emit, place->is_item ? NULL : &member,
                                             unpacking->reason, err->text, &failure);
    if (reported != GM_OK) {
        *err = failure;
        return reported;
    }
    return status == GM_LIMIT ? GM_LIMIT : GM_OK;
}

/* The begun member cannot be finished. GM_INPUT ends here, GM_LIMIT goes on to the item. */
static enum gm_status give_up(struct gm_unpacking *unpacking, enum gm_status status,
                              struct gm_err *err)
{
    if (status != GM_INPUT && status != GM_LIMIT)
        return status;
    struct gm_err failure;
    enum gm_status aborted = gm_emit_abort(unpacking->emit, unpacking->reason, err->text, &failure);
    if (aborted != GM_OK) {
        *err = failure;
        return aborted;
    }
    return status == GM_LIMIT ? GM_LIMIT : GM_OK;
}

static enum gm_status too_large(struct gm_unpacking *unpacking, struct gm_err *err)
{
    return gm_unpacking_fail(unpacking, GM_REASON_LIMIT_ENTRY_BYTES, err,
                             "larger than max_entry, %llu bytes",
                             (unsigned long long)unpacking->opts->max_entry_bytes);
}

enum gm_status gm_unpack_member(struct gm_unpacking *unpacking, struct gm_stream *stream,
                                const struct gm_member *member, struct gm_err *err)
{
    uint64_t max_bytes = unpacking->opts->max_entry_bytes;
    uint64_t n_emitted = 0;
    if (member->size_hint_bytes > max_bytes) {
        too_large(unpacking, err);
        return gm_emit_reject(unpacking->emit, member, unpacking->reason, err->text, err);
    }
    enum gm_status status = gm_emit_begin(unpacking->emit, member, err);
    if (status != GM_OK)
        return status;
    for (;;) {
        const uint8_t *data;
        size_t n_bytes;
        status = gm_stream_next(stream, &data, &n_bytes, err);
        if (status != GM_OK)
            return give_up(unpacking, status, err);
        if (n_bytes == 0)
            return gm_emit_end(unpacking->emit, err);
        n_emitted += n_bytes;
        if (n_emitted > max_bytes)
            return give_up(unpacking, too_large(unpacking, err), err);
        status = gm_emit_data(unpacking->emit, data, n_bytes, err);
        if (status != GM_OK)
            return status == GM_LIMIT ? GM_OK : status; /* rejected by the engine as too long */
    }
}

void gm_append_valid_utf8(struct gm_buf *buf, const char *text, size_t n_bytes)
{
    const uint8_t *from = (const uint8_t *)text;
    while (n_bytes > 0) {
        size_t n_valid = gm_utf8_valid_prefix(from, n_bytes);
        gm_buf_append(buf, from, n_valid);
        from += n_valid;
        n_bytes -= n_valid;
        if (n_bytes == 0)
            return;
        size_t n_bad = gm_utf8_bad_length(from, n_bytes);
        gm_buf_append(buf, "\xef\xbf\xbd", 3);
        from += n_bad;
        n_bytes -= n_bad;
    }
}
