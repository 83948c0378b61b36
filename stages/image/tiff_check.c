/* libtiff warns and goes on where a tag's value is missing, and allocates tables by the counts that
 * a file states. So every page's directory is read here first, with no memory taken: each value
 * must be in the file, each strip and tile too, and the counts must be within limits.
 *
 * Bytes that belong to no strip, tile or value may be missing: nothing tells of them. */
#include "image/ifd.h"
#include "image/tiff_check.h"

#define MAX_PAGES  4096
#define MAX_TAGS   512
#define MAX_CHUNKS (1u << 20) /* strips or tiles of the first page */

struct check {
    struct gm_picture *picture;
    struct gm_ifd_block block;
};

static enum gm_reason limited(struct check *check, const char *what, unsigned limit)
{
    return gm_picture_fail(check->picture, GM_REASON_IMAGE_UNSUPPORTED, "more than %u %s", limit,
                           what);
}

/* Strips or tiles: where they are, and how long. */
struct chunks {
    struct gm_ifd_entry offsets, lengths; /* value NULL: not given */
};

static enum gm_reason check_chunks(struct check *check, const struct chunks *chunks)
{
    const struct gm_ifd_entry *offsets = &chunks->offsets, *lengths = &chunks->lengths;
    if (offsets->count > MAX_CHUNKS)
        return limited(check, "strips or tiles", MAX_CHUNKS);
    for (uint64_t i = 0; offsets->value && i < offsets->count; i++) {
        uint64_t at = gm_ifd_number(&check->block, offsets, i), size = check->block.n_bytes;
        bool has_length = lengths->value && i < lengths->count;
        uint64_t n_bytes = has_length ? gm_ifd_number(&check->block, lengths, i) : 0;
        if (at > size || n_bytes > size - at)
            return gm_picture_truncated(check->picture, "within a strip or tile");
    }
    return GM_REASON_NONE;
}

static enum gm_reason check_page(struct check *check, const struct gm_ifd *ifd)
{
    struct chunks chunks = {0};
    if (ifd->n_entries > MAX_TAGS)
        return limited(check, "tags in one directory", MAX_TAGS);
    for (uint64_t i = 0; i < ifd->n_entries; i++) {
        struct gm_ifd_entry entry = gm_ifd_entry(&check->block, ifd, i);
        if (!entry.value && entry.value_bytes)
            return gm_picture_truncated(check->picture, "before a tag's value");
        if (entry.tag == GM_TAG_STRIP_OFFSETS || entry.tag == GM_TAG_TILE_OFFSETS)
            chunks.offsets = entry;
        if (entry.tag == GM_TAG_STRIP_BYTES || entry.tag == GM_TAG_TILE_BYTES)
            chunks.lengths = entry;
    }
    return check_chunks(check, &chunks);
}

enum gm_reason gm_tiff_check(struct gm_picture *picture)
{
    struct check check = {.picture = picture};
    uint64_t at;
    if (!gm_ifd_open(&check.block, picture->data, picture->n_bytes, &at))
        return picture->n_bytes < 16
                   ? gm_picture_truncated(picture, "in the header")
                   : gm_picture_fail(picture, GM_REASON_IMAGE_BROKEN, "the TIFF header is damaged");
    unsigned n_pages = 0;
    do {
        struct gm_ifd ifd;
        if (!gm_ifd_read(&check.block, at, &ifd))
            return gm_picture_truncated(picture, "in a directory");
        enum gm_reason reason = check_page(&check, &ifd);
        if (reason)
            return reason;
        at = ifd.next_at;
        if (++n_pages > MAX_PAGES)
            return limited(&check, "pages, or a loop of them", MAX_PAGES);
    } while (at != 0);
    return GM_REASON_NONE;
}
