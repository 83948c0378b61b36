/* See item_line.h. */
#include "run/item_line.h"

#include "base/hash.h"
#include "base/utf8.h"
#include "media.h"
#include "run/failing.h"

#include <stdio.h>
#include <string.h>

#define KEY_DIGITS  16u /* of the hash in a key */
#define TIMES_BYTES 64u /* wire_bytes, tries and seconds of a line, at most */

static const char *status_of(const struct gm_feed_item *item)
{
    enum gm_reason reason = item->fetched.reason;
    if (reason == GM_REASON_NONE)
        return item->fetched.unchanged ? "unchanged" : "ok";
    if (gm_reason_outcome(reason) == GM_OUTCOME_REJECTED)
        return item->repeated ? "unchanged" : "rejected";
    return item->repeated ? GM_ITEM_FAILING : "failed";
}

bool gm_item_is_utf8(const char *text)
{
    size_t n_bytes = text ? strlen(text) : 0;
    return n_bytes == 0 || gm_utf8_valid_prefix((const uint8_t *)text, n_bytes) == n_bytes;
}

/* Bytes of a byte in JSON, at most; three stand for one that is no UTF-8. */
static size_t json_bytes(uint8_t byte, bool utf8)
{
    if (byte < 0x20 || byte == 0x7f)
        return 6;
    if (byte == '"' || byte == '\\')
        return 2;
    return byte < 0x80 || utf8 ? 1 : 3;
}

struct gm_view gm_item_text_shown(const char *text)
{
    struct gm_view view = {(const uint8_t *)text, text ? strlen(text) : 0};
    size_t cost = 0;
    if (view.n_bytes <= GM_ITEM_SHOWN_BYTES / GM_ITEM_WORST_BYTES)
        return view;
    bool utf8 = gm_item_is_utf8(text);
    view.n_bytes = 0;
    while (text && text[view.n_bytes] != '\0') {
        cost += json_bytes(view.data[view.n_bytes], utf8);
        if (cost > GM_ITEM_SHOWN_BYTES)
            break;
        view.n_bytes++;
    }
    while (text && view.n_bytes > 0 && (view.data[view.n_bytes] & 0xc0) == 0x80)
        view.n_bytes--; /* not in the middle of a code point */
    return view;
}

const char *gm_item_utf8(struct gm_buf *buf, const char *text)
{
    size_t n_bytes = strlen(text);
    gm_buf_clear(buf);
    for (size_t at = 0; at < n_bytes;) {
        const uint8_t *rest = (const uint8_t *)text + at;
        size_t good = gm_utf8_valid_prefix(rest, n_bytes - at);
        gm_buf_append(buf, rest, good);
        at += good;
        if (at == n_bytes)
            break;
        gm_buf_text(buf, "\xef\xbf\xbd");
        at += gm_utf8_bad_length((const uint8_t *)text + at, n_bytes - at);
    }
    return gm_buf_cstr(buf);
}

bool gm_item_key(struct gm_buf *key, const char *locator)
{
    size_t n_bytes = strlen(locator);
    if (gm_item_is_utf8(locator) && gm_item_text_shown(locator).n_bytes == n_bytes) {
        gm_buf_clear(key);
        gm_buf_append(key, locator, n_bytes);
        return true;
    }
    struct gm_buf shown = GM_BUF_INIT;
    const char *text = gm_item_utf8(&shown, locator);
    gm_buf_clear(key);
    gm_buf_printf(key, "#%016llx %s", (unsigned long long)gm_xxh64(locator, n_bytes, 0), text);
    key->n_bytes = gm_item_text_shown(gm_buf_cstr(key)).n_bytes;
    gm_buf_free(&shown);
    return false;
}

void gm_item_removed_line(struct gm_buf *line, const char *key)
{
    bool has_hash = key[0] == '#' && strspn(key + 1, "0123456789abcdef") == KEY_DIGITS &&
                    key[KEY_DIGITS + 1] == ' ';
    const char *source = has_hash ? key + KEY_DIGITS + 2 : key;
    gm_buf_text(line, "{\"source\":");
    gm_json_string(line, source, strlen(source));
    if (has_hash) {
        gm_buf_text(line, ",\"source_key\":");
        gm_json_string(line, key, strlen(key));
    }
    gm_buf_text(line, "}\n");
}

/* key: as it stands in the line, with its comma and colon. */
static void add_text(struct gm_buf *line, const char *key, const char *text)
{
    struct gm_view view = gm_item_text_shown(text);
    gm_buf_text(line, key);
    if (text)
        gm_json_string(line, text, view.n_bytes);
    else
        gm_buf_text(line, "null");
}

static void add_number(struct gm_buf *line, const char *key, uint64_t value)
{
    gm_buf_text(line, key);
    gm_json_u64(line, value);
}

/* What is measured, and may be different the next time; at most TIMES_BYTES without the keys. */
static size_t add_times(struct gm_buf *line, const struct gm_fetched *fetched)
{
    static const char wire[] = ",\"wire_bytes\":", tries[] = ",\"tries\":",
                      seconds[] = ",\"seconds\":";
    size_t start = line->n_bytes;
    add_number(line, wire, fetched->wire_bytes);
    add_number(line, tries, fetched->n_tries);
    add_number(line, seconds, fetched->elapsed_ms / 1000);
    unsigned ms = (unsigned)(fetched->elapsed_ms % 1000);
    const char fraction[] = {'.', (char)('0' + ms / 100), (char)('0' + ms / 10 % 10),
                             (char)('0' + ms % 10)};
    gm_buf_append(line, fraction, sizeof fraction);
    return line->n_bytes - start - (sizeof wire + sizeof tries + sizeof seconds - 3);
}

/* Appends one line of items.jsonl; docs/formats.md describes it. */
struct gm_feed_line gm_item_line(struct gm_buf *lines, const struct gm_feed_item *item)
{
    const struct gm_fetched *fetched = &item->fetched;
    char hex[GM_SHA256_HEX_BYTES];
    size_t start = lines->n_bytes;
    add_number(lines, "{\"item\":", fetched->number);
    add_text(lines, ",\"source\":", item->locator);
    if (item->key)
        add_text(lines, ",\"source_key\":", item->key);
    add_text(lines, ",\"status\":", status_of(item));
    add_text(lines, ",\"code\":", fetched->reason ? gm_reason_code(fetched->reason) : NULL);
    add_text(lines, ",\"message\":", fetched->message[0] ? fetched->message : NULL);
    add_number(lines, ",\"http\":", fetched->http_status);
    add_number(lines, ",\"bytes\":", fetched->n_bytes);
    size_t n_times = add_times(lines, fetched);
    add_text(lines, ",\"media\":", gm_media_name(fetched->media));
    add_text(lines,
             ",\"sha256\":", fetched->has_sha256 ? gm_sha256_hex(fetched->sha256, hex) : NULL);
    add_text(lines, ",\"final_url\":", fetched->final_url);
    add_text(lines, ",\"etag\":", fetched->etag);
    add_text(lines, ",\"last_modified\":", fetched->last_modified);
    add_text(lines, ",\"content_type\":", fetched->content_type);
    gm_buf_text(lines, ",\"mtime_ns\":");
    gm_json_i64(lines, item->file_mtime_ns);
    gm_buf_text(lines,
                fetched->complete_unknown ? ",\"complete\":null}\n" : ",\"complete\":true}\n");
    size_t n_bytes = lines->n_bytes - start;
    return (struct gm_feed_line){start, n_bytes, n_bytes - n_times + TIMES_BYTES};
}

void gm_item_no_route(enum gm_media media, char message[GM_NO_ROUTE_BYTES])
{
    if (media == GM_MEDIA_UNKNOWN)
        snprintf(message, GM_NO_ROUTE_BYTES,
                 "its first bytes are of no kind that is known here: no text, image or archive");
    else
        snprintf(message, GM_NO_ROUTE_BYTES, "it is %s, and no stage of this job takes that",
                 gm_media_name(media));
}
