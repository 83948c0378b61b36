/* Header, then three sections with a length of 32 bits in front: color mode data, image resources,
 * layers and masks; then the merged picture to the end. */
#include "image/psd_file.h"

#include "image/be.h"

#include <string.h>

#define LEAST_RESOURCE_BYTES 12

bool gm_psd_read_header(struct gm_psd_file *psd, const uint8_t *data, size_t n_bytes)
{
    *psd = (struct gm_psd_file){0};
    if (n_bytes < GM_PSD_HEAD_BYTES || memcmp(data, "8BPS", 4) != 0)
        return false;
    psd->version = gm_be16(data + 4);
    psd->channels = gm_be16(data + 12);
    psd->height = gm_be32(data + 14);
    psd->width = gm_be32(data + 18);
    psd->bits = gm_be16(data + 22);
    psd->color = gm_be16(data + 24);
    return true;
}

bool gm_psd_read_sections(struct gm_psd_file *psd, const uint8_t *data, size_t n_bytes)
{
    struct gm_view *const sections[] = {&psd->palette, &psd->resources, &psd->layers};
    size_t at = GM_PSD_HEAD_BYTES;
    for (size_t i = 0; i < GM_ARRAY_LEN(sections); i++) {
        if (n_bytes - at < 4)
            return false;
        uint32_t section_bytes = gm_be32(data + at);
        at += 4;
        if (section_bytes > n_bytes - at)
            return false;
        *sections[i] = (struct gm_view){data + at, section_bytes};
        at += section_bytes;
    }
    psd->merged = (struct gm_view){data + at, n_bytes - at};
    return true;
}

/* "8BIM", or the marks of other programs of Adobe's. */
static bool is_signature(const uint8_t *p)
{
    for (size_t i = 0; i < 4; i++)
        if (!((p[i] >= '0' && p[i] <= '9') || (p[i] >= 'A' && p[i] <= 'Z') ||
              (p[i] >= 'a' && p[i] <= 'z')))
            return false;
    return true;
}

/* The resource at *at, which moves behind it. Each is a signature, a number, a name (length byte,
 * padded to an even size) and sized bytes, padded to an even size. false: no more, or damage. */
static bool next_resource(const struct gm_view *all, size_t *at, unsigned *id, struct gm_view *body)
{
    const uint8_t *resource = all->data + *at;
    size_t left = all->n_bytes - *at;
    if (left < LEAST_RESOURCE_BYTES || !is_signature(resource))
        return false;
    size_t name_bytes = (1 + (size_t)resource[6] + 1) & ~(size_t)1, head_bytes = 10 + name_bytes;
    if (head_bytes > left)
        return false;
    uint32_t body_bytes = gm_be32(resource + head_bytes - 4);
    if (body_bytes > left - head_bytes)
        return false;
    *id = gm_be16(resource + 4);
    *body = (struct gm_view){resource + head_bytes, body_bytes};
    *at += head_bytes + body_bytes;
    if (body_bytes & 1 && *at < all->n_bytes)
        ++*at;
    return true;
}

struct gm_view gm_psd_resource(const struct gm_psd_file *psd, enum gm_psd_resource id)
{
    struct gm_view body;
    unsigned found;
    for (size_t at = 0; next_resource(&psd->resources, &at, &found, &body);)
        if (found == (unsigned)id)
            return body;
    return (struct gm_view){NULL, 0};
}

bool gm_psd_resources_fit(const struct gm_psd_file *psd)
{
    struct gm_view body;
    unsigned id;
    size_t at = 0;
    while (next_resource(&psd->resources, &at, &id, &body))
        ;
    return at == psd->resources.n_bytes;
}

/* The count is negative if the first alpha channel is the merged picture's transparency. */
unsigned gm_psd_count_layers(const struct gm_psd_file *psd)
{
    const struct gm_view *layers = &psd->layers;
    if (layers->n_bytes < 6 || gm_be32(layers->data) < 2)
        return 0;
    unsigned count = gm_be16(layers->data + 4);
    return count & 0x8000 ? 0x10000 - count : count;
}
