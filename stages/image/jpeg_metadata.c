/* Metadata segments: found in the source, chosen, written. */
#include "image/jpeg_metadata.h"

#include "image/ifd.h"

#include <string.h>

#define EXIF_HEAD "Exif\0"

static bool begins(const struct gm_jpeg_segment *segment, uint8_t marker, const char *head,
                   size_t head_bytes)
{
    return segment->marker == marker && segment->n_bytes >= head_bytes &&
           memcmp(segment->data, head, head_bytes) == 0;
}

static bool is_exif(const struct gm_jpeg_segment *segment)
{
    return begins(segment, GM_JPEG_APP0 + 1, EXIF_HEAD, sizeof EXIF_HEAD);
}

static bool is_jfif(const struct gm_jpeg_segment *segment)
{
    return begins(segment, GM_JPEG_APP0, "JFIF", 5) && segment->n_bytes >= 14;
}

static bool is_profile(const struct gm_jpeg_segment *segment)
{
    return begins(segment, GM_JPEG_APP0 + 2, "ICC_PROFILE", 12);
}

/* JFXX holds a thumbnail, MPF the places of other pictures, APP14 says how colors are stored. */
static bool is_kept(const struct gm_jpeg_frame *frame, const struct gm_jpeg_segment *segment)
{
    switch (segment->marker) {
    case GM_JPEG_APP0:
    case GM_JPEG_APP0 + 14:
        return false;
    case GM_JPEG_APP0 + 2:
        return frame->n_components == 1 && is_profile(segment);
    default:
        return true;
    }
}

unsigned gm_jpeg_orientation(const struct gm_jpeg_frame *frame)
{
    for (unsigned i = 0; i < frame->n_segments; i++) {
        const struct gm_jpeg_segment *segment = &frame->segments[i];
        struct gm_ifd_block block;
        struct gm_ifd ifd;
        struct gm_ifd_entry entry;
        uint64_t at;
        if (!is_exif(segment))
            continue;
        if (!gm_ifd_open(&block, segment->data + 6, segment->n_bytes - 6, &at) ||
            !gm_ifd_read(&block, at, &ifd) ||
            !gm_ifd_find(&block, &ifd, GM_TAG_ORIENTATION, &entry))
            return 1;
        uint64_t value = gm_ifd_number(&block, &entry, 0);
        return value >= 1 && value <= 8 ? (unsigned)value : 1;
    }
    return 1;
}

static void add(struct gm_jpeg_extras *extras, struct gm_jpeg_segment segment)
{
    extras->segments[extras->n_segments++] = segment;
}

static void add_jfif(struct gm_jpeg_extras *extras, const struct gm_jpeg_frame *frame)
{
    static const uint8_t plain[14] = {'J', 'F', 'I', 'F', 0, 1, 1, 0, 0, 1, 0, 1, 0, 0};
    memcpy(extras->jfif, plain, sizeof plain);
    for (unsigned i = 0; i < frame->n_segments; i++)
        if (is_jfif(&frame->segments[i])) {
            memcpy(extras->jfif + 7, frame->segments[i].data + 7, 5); /* unit, density */
            break;
        }
    add(extras, (struct gm_jpeg_segment){GM_JPEG_APP0, sizeof extras->jfif, extras->jfif});
}

/* An EXIF block with one entry. */
static void add_orientation(struct gm_jpeg_extras *extras, unsigned orientation)
{
    static const uint8_t plain[32] = {'E', 'x',  'i', 'f', 0, 0, 'M', 'M', 0, 42, 0, 0, 0, 8, 0, 1,
                                      1,   0x12, 0,   3,   0, 0, 0,   1,   0, 0,  0, 0, 0, 0, 0, 0};
    memcpy(extras->exif, plain, sizeof plain);
    extras->exif[25] = (uint8_t)orientation;
    add(extras, (struct gm_jpeg_segment){GM_JPEG_APP0 + 1, sizeof extras->exif, extras->exif});
}

void gm_jpeg_extras_choose(struct gm_jpeg_extras *extras, const struct gm_jpeg_frame *frame,
                           enum gm_jpeg_metadata mode)
{
    extras->n_segments = 0;
    add_jfif(extras, frame);
    if (mode == GM_METADATA_ORIENTATION && gm_jpeg_orientation(frame) != 1)
        add_orientation(extras, gm_jpeg_orientation(frame));
    for (unsigned i = 0; i < frame->n_segments && mode == GM_METADATA_KEEP; i++)
        if (is_kept(frame, &frame->segments[i]))
            add(extras, frame->segments[i]);
}

const struct gm_jpeg_extras *gm_jpeg_extras_of(struct gm_jpeg_extras *extras, const uint8_t *data,
                                               size_t n_bytes, enum gm_jpeg_metadata mode)
{
    struct gm_jpeg_frame frame;
    if (mode == GM_METADATA_STRIP)
        return NULL;
    gm_jpeg_frame_read_segments(&frame, data, n_bytes);
    if (mode == GM_METADATA_ORIENTATION && gm_jpeg_orientation(&frame) == 1)
        return NULL;
    gm_jpeg_extras_choose(extras, &frame, mode);
    return extras;
}
