/* One walker a format, each no more than its container's framing. The decoders have judged the file
 * already; what is wrong here ends the walk. */
#include "image/meta.h"

#include "image/be.h"
#include "image/ifd.h"
#include "image/le.h"
#include "image/psd_file.h"

#include <string.h>
#include <zlib.h>

#define MAX_PROFILE_BYTES ((size_t)16 << 20)
#define MAX_PAGES         4096
#define ICC_HEAD_BYTES    14 /* "ICC_PROFILE\0", number, count */

/* ---- JPEG ---- */

/* The segments up to the image data: calls visit with the marker and body of each APPn until it
 * returns false. */
typedef bool visit_segment(void *to, unsigned marker, const uint8_t *body, size_t n_bytes);

static void walk_segments(const uint8_t *data, size_t n_bytes, visit_segment *visit, void *to)
{
    for (size_t at = 2; at + 4 <= n_bytes;) {
        if (data[at] != 0xff) {
            at++; /* rubbish between segments, which decoders skip, too */
            continue;
        }
        unsigned marker = data[at + 1];
        if (marker == 0xff || marker == 0 || marker == 1 || (marker >= 0xd0 && marker <= 0xd8)) {
            at += marker == 0xff ? 1 : 2;
            continue;
        }
        size_t length = (size_t)data[at + 2] << 8 | data[at + 3];
        if (marker == 0xda || marker == 0xd9 || length < 2 || length > n_bytes - at - 2)
            return;
        if ((marker & 0xf0) == 0xe0 && !visit(to, marker, data + at + 4, length - 2))
            return;
        at += 2 + length;
    }
}

static bool is_icc_segment(unsigned marker, const uint8_t *body, size_t n_bytes)
{
    return marker == 0xe2 && n_bytes > ICC_HEAD_BYTES && memcmp(body, "ICC_PROFILE", 12) == 0;
}

static bool note_segment(void *to, unsigned marker, const uint8_t *body, size_t n_bytes)
{
    struct gm_meta *meta = to;
    if (marker == 0xe1 && n_bytes > 6 && memcmp(body, "Exif\0\0", 6) == 0)
        gm_meta_exif(meta, body, n_bytes);
    if (is_icc_segment(marker, body, n_bytes))
        meta->icc_kind = GM_ICC_SEGMENTS;
    return true;
}

/* ---- PNG ---- */

static void read_png(struct gm_meta *meta, const uint8_t *data, size_t n_bytes)
{
    for (size_t at = 8; n_bytes - at >= 12;) {
        const uint8_t *chunk = data + at, *body = chunk + 8;
        uint32_t body_bytes = gm_be32(chunk);
        if (body_bytes > n_bytes - at - 12)
            return;
        if (memcmp(chunk + 4, "acTL", 4) == 0 && body_bytes >= 4 && gm_be32(body) > 0)
            meta->n_frames = gm_be32(body);
        if (memcmp(chunk + 4, "eXIf", 4) == 0)
            gm_meta_exif(meta, body, body_bytes);
        if (memcmp(chunk + 4, "iCCP", 4) == 0) {
            const uint8_t *name_end = memchr(body, 0, body_bytes);
            size_t name_bytes = name_end ? (size_t)(name_end - body) + 2 : body_bytes;
            if (name_bytes < body_bytes) {
                meta->icc_kind = GM_ICC_ZLIB;
                meta->icc = (struct gm_view){body + name_bytes, body_bytes - name_bytes};
            }
        }
        at += 12 + (size_t)body_bytes;
    }
}

/* ---- WebP ---- */

static void read_webp(struct gm_meta *meta, const uint8_t *data, size_t n_bytes)
{
    uint64_t n_frames = 0;
    for (size_t at = 12; at <= n_bytes && n_bytes - at >= 8;) {
        const uint8_t *chunk = data + at, *body = chunk + 8;
        size_t body_bytes = gm_le32(chunk + 4);
        if (body_bytes > n_bytes - at - 8)
            break;
        n_frames += memcmp(chunk, "ANMF", 4) == 0;
        if (memcmp(chunk, "EXIF", 4) == 0)
            gm_meta_exif(meta, body, body_bytes);
        if (memcmp(chunk, "ICCP", 4) == 0) {
            meta->icc_kind = GM_ICC_PLAIN;
            meta->icc = (struct gm_view){body, body_bytes};
        }
        at += 8 + body_bytes + (body_bytes & 1);
    }
    meta->n_frames = n_frames ? n_frames : 1;
}

/* ---- GIF ---- */

static size_t skip_gif_blocks(const uint8_t *data, size_t n_bytes, size_t at)
{
    while (at < n_bytes && data[at] != 0)
        at += 1 + (size_t)data[at];
    return at + 1;
}

static size_t gif_palette_bytes(uint8_t flags)
{
    return flags & 0x80 ? (size_t)6 << (flags & 7) : 0;
}

static void read_gif(struct gm_meta *meta, const uint8_t *data, size_t n_bytes)
{
    uint64_t n_frames = 0;
    size_t at = n_bytes < 13 ? n_bytes : 13 + gif_palette_bytes(data[10]);
    while (at < n_bytes && data[at] != ';') {
        uint8_t kind = data[at++];
        if (kind == '!') {
            at = skip_gif_blocks(data, n_bytes, at + 1);
        } else if (kind == ',') {
            if (n_bytes - at < 10)
                break;
            at = skip_gif_blocks(data, n_bytes, at + 10 + gif_palette_bytes(data[at + 8]));
            n_frames++;
        }
    }
    meta->n_frames = n_frames ? n_frames : 1;
}

/* ---- TIFF ---- */

static void read_tiff(struct gm_meta *meta, const uint8_t *data, size_t n_bytes)
{
    struct gm_ifd_block block;
    struct gm_ifd ifd;
    struct gm_ifd_entry entry;
    uint64_t at, n_pages = 0;
    gm_meta_exif(meta, data, n_bytes);
    if (!gm_ifd_open(&block, data, n_bytes, &at))
        return;
    while (n_pages < MAX_PAGES && gm_ifd_read(&block, at, &ifd)) {
        if (n_pages++ == 0 && gm_ifd_find(&block, &ifd, GM_TAG_ICC_PROFILE, &entry) &&
            entry.value_bytes > 0) {
            meta->icc_kind = GM_ICC_PLAIN;
            meta->icc = (struct gm_view){entry.value, entry.value_bytes};
        }
        at = ifd.next_at;
    }
    meta->n_frames = n_pages ? n_pages : 1;
}

/* ---- PSD ---- */

static void read_psd(struct gm_meta *meta, const uint8_t *data, size_t n_bytes)
{
    struct gm_psd_file psd;
    if (!gm_psd_read_header(&psd, data, n_bytes) || !gm_psd_read_sections(&psd, data, n_bytes))
        return;
    unsigned n_layers = gm_psd_count_layers(&psd);
    meta->n_frames = n_layers ? n_layers : 1;
    meta->icc = gm_psd_resource(&psd, GM_PSD_ICC_PROFILE);
    if (meta->icc.n_bytes > 0)
        meta->icc_kind = GM_ICC_PLAIN;
}

void gm_meta_read(struct gm_meta *meta, enum gm_media media, const uint8_t *data, size_t n_bytes)
{
    *meta = (struct gm_meta){.n_frames = 1};
    if (media == GM_MEDIA_JPEG)
        walk_segments(data, n_bytes, note_segment, meta);
    else if (media == GM_MEDIA_PNG && n_bytes > 8)
        read_png(meta, data, n_bytes);
    else if (media == GM_MEDIA_WEBP)
        read_webp(meta, data, n_bytes);
    else if (media == GM_MEDIA_GIF)
        read_gif(meta, data, n_bytes);
    else if (media == GM_MEDIA_TIFF)
        read_tiff(meta, data, n_bytes);
    else if (media == GM_MEDIA_PSD)
        read_psd(meta, data, n_bytes);
}

/* ---- the profile's hash ---- */

static bool hash_packed(struct gm_sha256 *state, struct gm_view packed)
{
    uint8_t piece[8192];
    size_t total_bytes = 0;
    z_stream stream = {.next_in = (Bytef *)(uintptr_t)packed.data,
                       .avail_in = (uInt)packed.n_bytes};
    if (inflateInit(&stream) != Z_OK)
        return false;
    int code = Z_OK;
    while (code == Z_OK && total_bytes <= MAX_PROFILE_BYTES) {
        stream.next_out = piece;
        stream.avail_out = sizeof(piece);
        code = inflate(&stream, Z_NO_FLUSH);
        gm_sha256_update(state, piece, sizeof(piece) - stream.avail_out);
        total_bytes += sizeof(piece) - stream.avail_out;
    }
    inflateEnd(&stream);
    return code == Z_STREAM_END && total_bytes > 0;
}

struct segments {
    struct gm_sha256 *state;
    unsigned next, count; /* segment to find, and how many there are; count 0: not yet known */
    bool found;
};

static bool hash_segment(void *to, unsigned marker, const uint8_t *body, size_t n_bytes)
{
    struct segments *segments = to;
    if (!is_icc_segment(marker, body, n_bytes) || body[12] != segments->next)
        return true;
    segments->count = body[13];
    segments->found = true;
    gm_sha256_update(segments->state, body + ICC_HEAD_BYTES, n_bytes - ICC_HEAD_BYTES);
    return false;
}

/* Segments may stand in any order; at most 255 walks. */
static bool hash_segments(struct gm_sha256 *state, const uint8_t *data, size_t n_bytes)
{
    struct segments segments = {.state = state, .next = 1};
    do {
        segments.found = false;
        walk_segments(data, n_bytes, hash_segment, &segments);
    } while (segments.found && segments.next++ < segments.count);
    return segments.found;
}

bool gm_meta_icc_sha256(const struct gm_meta *meta, const uint8_t *data, size_t n_bytes,
                        uint8_t digest[GM_SHA256_BYTES])
{
    if (meta->icc_kind == GM_ICC_NONE)
        return false;
    struct gm_sha256 *state = gm_sha256_new();
    if (!state)
        return false;
    bool good = true;
    if (meta->icc_kind == GM_ICC_PLAIN)
        gm_sha256_update(state, meta->icc.data, meta->icc.n_bytes);
    else if (meta->icc_kind == GM_ICC_ZLIB)
        good = hash_packed(state, meta->icc);
    else
        good = hash_segments(state, data, n_bytes);
    if (good)
        gm_sha256_final(state, digest);
    gm_sha256_free(state);
    return good;
}
