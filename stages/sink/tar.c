/* The tar writer. The header is IEEE Std 1003.1 "ustar Interchange Format"; a name over 100 bytes
 * is split at a slash into prefix and name, and one that cannot be split goes into a PAX record
 * "LENGTH path=NAME\n", where LENGTH counts itself. */
#include "sink/tar.h"

#include "base/assert.h"
#include <stdio.h>
#include <string.h>

enum { BLOCK_BYTES = 512, NAME_BYTES = 100, PREFIX_BYTES = 155 };
#define MAX_FILE_BYTES (8ull * 1024 * 1024 * 1024 - 1) /* 11 octal digits */

const unsigned char gm_tar_end[GM_TAR_END_BYTES];

struct ustar {
    char name[NAME_BYTES];
    char mode[8], uid[8], gid[8];
    char size[12], mtime[12], checksum[8];
    char type;
    char link[100];
    char magic[6], version[2];
    char user[32], group[32];
    char major[8], minor[8];
    char prefix[PREFIX_BYTES];
    char padding[12];
};
_Static_assert(sizeof(struct ustar) == BLOCK_BYTES, "a tar header is one block");

static void octal(char *field, size_t field_bytes, unsigned long long value)
{
    for (size_t i = field_bytes - 1; i > 0; i--, value /= 8)
        field[i - 1] = (char)('0' + value % 8);
}

/* Where to cut a name into prefix and rest; 0: it fits as it is; SIZE_MAX: it cannot be cut. */
static size_t split_at(const char *name, size_t name_bytes)
{
    if (name_bytes <= NAME_BYTES)
        return 0;
    for (size_t i = name_bytes - NAME_BYTES - 1; i <= PREFIX_BYTES && i + 1 < name_bytes; i++)
        if (name[i] == '/' && i > 0)
            return i;
    return SIZE_MAX;
}

static void put_header(struct gm_buf *buf, const char *name, size_t name_bytes, char type,
                       size_t n_bytes)
{
    struct ustar header;
    memset(&header, 0, sizeof header);
    size_t cut = split_at(name, name_bytes);
    if (cut == SIZE_MAX) { /* a PAX record in front has the whole */
        memcpy(header.name, name, NAME_BYTES);
    } else if (cut > 0) {
        memcpy(header.prefix, name, cut);
        memcpy(header.name, name + cut + 1, name_bytes - cut - 1);
    } else {
        memcpy(header.name, name, name_bytes);
    }
    octal(header.mode, sizeof header.mode, 0444);
    octal(header.uid, sizeof header.uid, 0);
    octal(header.gid, sizeof header.gid, 0);
    octal(header.size, sizeof header.size, n_bytes);
    octal(header.mtime, sizeof header.mtime, 0);
    octal(header.major, sizeof header.major, 0);
    octal(header.minor, sizeof header.minor, 0);
    header.type = type;
    memcpy(header.magic, "ustar", 6);
    memcpy(header.version, "00", 2);
    memset(header.checksum, ' ', sizeof header.checksum);
    unsigned sum = 0;
    for (size_t i = 0; i < sizeof header; i++)
        sum += ((const unsigned char *)&header)[i];
    octal(header.checksum, 7, sum);
    header.checksum[6] = '\0';
    gm_buf_append(buf, &header, sizeof header);
}

static void put_data(struct gm_buf *buf, const void *data, size_t n_bytes)
{
    if (n_bytes > 0)
        gm_buf_append(buf, data, n_bytes);
    gm_buf_append(buf, gm_tar_end, -n_bytes & (BLOCK_BYTES - 1));
}

static void put_pax(struct gm_buf *buf, const char *name, size_t name_bytes)
{
    static const char pax_name[] = "././@PaxHeader";
    size_t rest = strlen(" path=\n") + name_bytes;
    size_t total = rest, before;
    char digits[24];
    do { /* until the number counts its own digits */
        before = total;
        total = rest + (size_t)snprintf(digits, sizeof digits, "%zu", total);
    } while (total != before);
    put_header(buf, pax_name, sizeof pax_name - 1, 'x', total);
    gm_buf_printf(buf, "%zu path=", total);
    gm_buf_append(buf, name, name_bytes);
    gm_buf_char(buf, '\n');
    gm_buf_append(buf, gm_tar_end, -total & (BLOCK_BYTES - 1));
}

void gm_tar_put(struct gm_buf *buf, const char *name, size_t name_bytes, const void *data,
                size_t n_bytes)
{
    GM_ASSERT(name_bytes > 0 && n_bytes <= MAX_FILE_BYTES);
    if (split_at(name, name_bytes) == SIZE_MAX)
        put_pax(buf, name, name_bytes);
    put_header(buf, name, name_bytes, '0', n_bytes);
    put_data(buf, data, n_bytes);
}
