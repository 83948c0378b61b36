/* The two tags of EXIF that matter here. The date is only taken if it is one: cameras without a
 * clock write spaces, zeros or colons. */
#include "image/ifd.h"
#include "image/meta.h"

#include <string.h>

#define EXIF_DATE_BYTES 19 /* "2023:04:01 12:34:56" */

static bool is_number(const uint8_t *text, size_t n)
{
    unsigned sum = 0;
    for (size_t i = 0; i < n; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        sum += text[i] - '0';
    }
    return sum > 0 || n == 0;
}

static void take_date(struct gm_meta *meta, const struct gm_ifd_entry *entry)
{
    const uint8_t *text = entry->value;
    if (entry->value_bytes < EXIF_DATE_BYTES || text[4] != ':' || text[7] != ':' ||
        text[10] != ' ' || text[13] != ':' || text[16] != ':' || !is_number(text, 4) ||
        !is_number(text + 5, 2) || !is_number(text + 8, 2))
        return;
    for (size_t i = 11; i < EXIF_DATE_BYTES; i++)
        if (i != 13 && i != 16 && (text[i] < '0' || text[i] > '9'))
            return;
    memcpy(meta->date, text, EXIF_DATE_BYTES);
    meta->date[EXIF_DATE_BYTES] = '\0';
    meta->date[4] = meta->date[7] = '-';
    meta->date[10] = 'T';
}

void gm_meta_exif(struct gm_meta *meta, const uint8_t *data, size_t n_bytes)
{
    struct gm_ifd_block block;
    struct gm_ifd ifd;
    struct gm_ifd_entry entry;
    uint64_t at;
    if (n_bytes >= 6 && memcmp(data, "Exif\0\0", 6) == 0) {
        data += 6;
        n_bytes -= 6;
    }
    if (!gm_ifd_open(&block, data, n_bytes, &at) || !gm_ifd_read(&block, at, &ifd))
        return;
    if (gm_ifd_find(&block, &ifd, GM_TAG_ORIENTATION, &entry) && entry.count > 0) {
        uint64_t orientation = gm_ifd_number(&block, &entry, 0);
        if (orientation >= 1 && orientation <= 8)
            meta->orientation = (unsigned)orientation;
    }
    if (gm_ifd_find(&block, &ifd, GM_TAG_EXIF_IFD, &entry) && entry.count > 0 &&
        gm_ifd_read(&block, gm_ifd_number(&block, &entry, 0), &ifd) &&
        gm_ifd_find(&block, &ifd, GM_TAG_DATE_TIME_ORIGINAL, &entry))
        take_date(meta, &entry);
}
