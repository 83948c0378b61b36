/* Kinds of bodies by magic number. A table of fixed bytes first; then the kinds whose magic is so
 * short that text may start with it (BMP, PNM, bzip2) or that have none (tar before 1988), each
 * with a look at its next fields; then text, which is whatever holds no control characters; last
 * TGA, which has no magic at the front: its header must be valid in all of its 18 bytes. Only the
 * first GM_MEDIA_HEAD_BYTES bytes are looked at, so a verdict never depends on how a body is cut
 * into pieces. */
#include "media.h"

#include "base/assert.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

static const struct {
    const char *name;
    const char *family;
} kinds[] = {
#define X(name, text, family) {text, family},
    GM_MEDIA_TABLE(X)
#undef X
};

static const char *const extensions[GM_MEDIA_COUNT] = {
    [GM_MEDIA_UNKNOWN] = "bin",    [GM_MEDIA_EMPTY] = "bin", [GM_MEDIA_TEXT] = "txt",
    [GM_MEDIA_JSON_LINE] = "json", [GM_MEDIA_JPEG] = "jpg",  [GM_MEDIA_PNG] = "png",
    [GM_MEDIA_GIF] = "gif",        [GM_MEDIA_BMP] = "bmp",   [GM_MEDIA_WEBP] = "webp",
    [GM_MEDIA_PNM] = "pnm",        [GM_MEDIA_TIFF] = "tif",  [GM_MEDIA_JSONL] = "jsonl",
    [GM_MEDIA_GZIP] = "gz",        [GM_MEDIA_BZIP2] = "bz2", [GM_MEDIA_XZ] = "xz",
    [GM_MEDIA_ZSTD] = "zst",       [GM_MEDIA_TAR] = "tar",   [GM_MEDIA_ZIP] = "zip",
    [GM_MEDIA_SEVENZIP] = "7z",    [GM_MEDIA_PDF] = "pdf",   [GM_MEDIA_TGA] = "tga",
    [GM_MEDIA_PSD] = "psd",
};

const char *gm_media_name(enum gm_media media)
{
    GM_ASSERT((unsigned)media < GM_MEDIA_COUNT);
    return kinds[media].name;
}

const char *gm_media_family(enum gm_media media)
{
    GM_ASSERT((unsigned)media < GM_MEDIA_COUNT);
    return kinds[media].family;
}

const char *gm_media_extension(enum gm_media media)
{
    GM_ASSERT((unsigned)media < GM_MEDIA_COUNT);
    return extensions[media];
}

struct head {
    const uint8_t *bytes;
    size_t n_bytes;
};

struct magic {
    enum gm_media media;
    size_t offset;
    size_t n_bytes;
    const char *bytes;
};

#define MAGIC(media, offset, text)                                                                 \
    {                                                                                              \
        GM_MEDIA_##media, offset, sizeof(text) - 1, text                                           \
    }

static const struct magic magics[] = {
    MAGIC(JPEG, 0, "\xff\xd8\xff"),
    MAGIC(PNG, 0, "\x89PNG\r\n\x1a\n"),
    MAGIC(GIF, 0, "GIF87a"),
    MAGIC(GIF, 0, "GIF89a"),
    MAGIC(TIFF, 0, "II*\0"),
    MAGIC(TIFF, 0, "MM\0*"),
    MAGIC(TIFF, 0, "II+\0"),
    MAGIC(TIFF, 0, "MM\0+"),
    MAGIC(PSD, 0, "8BPS\0\1"),
    MAGIC(PSD, 0, "8BPS\0\2"),
    MAGIC(GZIP, 0, "\x1f\x8b\x08"),
    MAGIC(XZ, 0,
          "\xfd"
          "7zXZ\0"),
    MAGIC(ZSTD, 0, "\x28\xb5\x2f\xfd"),
    MAGIC(ZIP, 0, "PK\x03\x04"),
    MAGIC(ZIP, 0, "PK\x05\x06"),
    MAGIC(ZIP, 0, "PK\x07\x08PK\x03\x04"),
    MAGIC(SEVENZIP, 0, "7z\xbc\xaf\x27\x1c"),
    MAGIC(PDF, 0, "%PDF-"),
    MAGIC(TAR, 257,
          "ustar\0"
          "00"),
    MAGIC(TAR, 257, "ustar  \0"),
};

static bool has(struct head head, size_t offset, const char *bytes, size_t n_bytes)
{
    return head.n_bytes >= offset + n_bytes && memcmp(head.bytes + offset, bytes, n_bytes) == 0;
}

static enum gm_media by_magic(struct head head)
{
    for (size_t i = 0; i < GM_ARRAY_LEN(magics); i++)
        if (has(head, magics[i].offset, magics[i].bytes, magics[i].n_bytes))
            return magics[i].media;
    return GM_MEDIA_UNKNOWN;
}

static bool is_webp(struct head head)
{
    return has(head, 0, "RIFF", 4) && has(head, 8, "WEBP", 4);
}

/* Parallel compressors put a skippable frame first: 0x184D2A50 to 0x184D2A5F, little-endian. */
static bool is_zstd_skippable(struct head head)
{
    return has(head, 1, "\x2a\x4d\x18", 3) && (head.bytes[0] & 0xf0) == 0x50;
}

/* "BZh1" to "BZh9", then the start of a block or of an empty stream's end. */
static bool is_bzip2(struct head head)
{
    return has(head, 0, "BZh", 3) && head.n_bytes >= 10 && head.bytes[3] >= '1' &&
           head.bytes[3] <= '9' &&
           (has(head, 4, "\x31\x41\x59\x26\x53\x59", 6) ||
            has(head, 4, "\x17\x72\x45\x38\x50\x90", 6));
}

/* "BM" is how many a text starts; the size of the second header is one of eight numbers. */
static bool is_bmp(struct head head)
{
    static const uint8_t header_bytes[] = {12, 16, 40, 52, 56, 64, 108, 124};
    if (!has(head, 0, "BM", 2) || !has(head, 15, "\0\0\0", 3))
        return false;
    return memchr(header_bytes, head.bytes[14], sizeof(header_bytes)) != NULL;
}

static bool is_space(uint8_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* "P1" to "P6", white space, and a number or a comment. */
static bool is_pnm(struct head head)
{
    if (head.n_bytes < 4 || head.bytes[0] != 'P' || head.bytes[1] < '1' || head.bytes[1] > '6')
        return false;
    size_t at = 2;
    while (at < head.n_bytes && is_space(head.bytes[at]))
        at++;
    return at > 2 && at < head.n_bytes &&
           (head.bytes[at] == '#' || (head.bytes[at] >= '0' && head.bytes[at] <= '9'));
}

/* A header without "ustar" is told by its checksum: six octal digits at 148, the sum of all bytes
 * with the checksum's own eight taken as spaces. */
static bool is_old_tar(struct head head)
{
    if (head.n_bytes < 512 || head.bytes[0] == '\0')
        return false;
    unsigned stated = 0;
    size_t at = 148;
    while (at < 156 && head.bytes[at] == ' ')
        at++;
    size_t first = at;
    for (; at < 156 && head.bytes[at] >= '0' && head.bytes[at] <= '7'; at++)
        stated = stated * 8 + (unsigned)(head.bytes[at] - '0');
    if (at == first)
        return false;
    unsigned sum = 8 * ' ';
    for (size_t i = 0; i < 512; i++)
        sum += i >= 148 && i < 156 ? 0 : head.bytes[i];
    return sum == stated;
}

static const struct {
    enum gm_media media;
    bool (*is)(struct head head);
} checks[] = {
    {GM_MEDIA_WEBP, is_webp},   {GM_MEDIA_ZSTD, is_zstd_skippable},
    {GM_MEDIA_BZIP2, is_bzip2}, {GM_MEDIA_BMP, is_bmp},
    {GM_MEDIA_PNM, is_pnm},     {GM_MEDIA_TAR, is_old_tar},
};

static bool is_one_of(uint8_t value, const char *values)
{
    return value != 0 && strchr(values, value) != NULL;
}

/* A color map of at least one entry beside indexes; beside colors and gray there is none, and its
 * fields are 0: that alone leaves icons, cursors and tables of numbers outside. */
static bool is_tga_map(const uint8_t *header)
{
    if ((header[2] & 7) != 1)
        return header[1] == 0 && memcmp(header + 3, "\0\0\0\0\0", 5) == 0;
    return header[1] == 1 && (header[5] | header[6]) != 0 &&
           is_one_of(header[7], "\x0f\x10\x18\x20");
}

/* Type 1 to 3, plain or in run lengths; a size; a depth that the type has; no reserved bit, and as
 * many bits of alpha as there can be. */
static bool is_tga(struct head head)
{
    static const char *const depths[] = {"", "\x08\x10", "\x0f\x10\x18\x20", "\x01\x08\x10"};
    const uint8_t *header = head.bytes;
    if (head.n_bytes < 18 || !is_one_of(header[2], "\1\2\3\x9\xa\xb") || !is_tga_map(header))
        return false;
    uint8_t depth = header[16], alpha_bits = header[17] & 15;
    bool has_size = (header[12] | header[13]) != 0 && (header[14] | header[15]) != 0;
    bool has_depth = is_one_of(depth, depths[header[2] & 7]);
    bool has_alpha = alpha_bits == 0 || alpha_bits == 8 ||
                     (alpha_bits == 1 && (header[2] & 7) == 2 && depth == 16);
    return has_size && has_depth && has_alpha && (header[17] & 0xc0) == 0;
}

static bool is_utf16(struct head head)
{
    return has(head, 0, "\xff\xfe", 2) || has(head, 0, "\xfe\xff", 2);
}

/* A vector of the compiler's: it becomes SSE2 on x86-64 and NEON on ARM. */
typedef uint8_t lanes __attribute__((vector_size(16)));

static bool are_text(lanes bytes)
{
    uint64_t halves[2];
    lanes other = (lanes)((bytes < 0x20) & ((bytes < '\t') | (bytes > '\r')) & (bytes != 0x1b));
    memcpy(halves, &other, sizeof halves);
    return (halves[0] | halves[1]) == 0;
}

static bool is_text(struct head head)
{
    lanes bytes;
    size_t i = 0;
    for (; head.n_bytes - i >= sizeof bytes; i += sizeof bytes) {
        memcpy(&bytes, head.bytes + i, sizeof bytes);
        if (!are_text(bytes))
            return false;
    }
    memset(&bytes, ' ', sizeof bytes);
    memcpy(&bytes, head.bytes + i, head.n_bytes - i);
    return are_text(bytes);
}

static bool ends_with(const char *name, size_t *name_bytes, const char *suffix)
{
    size_t n = strlen(suffix);
    if (*name_bytes < n || strncasecmp(name + *name_bytes - n, suffix, n) != 0)
        return false;
    *name_bytes -= n;
    return true;
}

static bool is_jsonl_name(const char *name, size_t name_bytes)
{
    static const char *const outer[] = {".gz", ".zst", ".xz", ".bz2"};
    for (size_t i = 0; i < GM_ARRAY_LEN(outer); i++)
        if (ends_with(name, &name_bytes, outer[i]))
            break;
    return ends_with(name, &name_bytes, ".jsonl") || ends_with(name, &name_bytes, ".ndjson");
}

enum gm_media gm_media_sniff(const uint8_t *head_bytes, size_t n_bytes, const char *name,
                             size_t name_bytes)
{
    if (n_bytes == 0)
        return GM_MEDIA_EMPTY;
    struct head head = {head_bytes, n_bytes < GM_MEDIA_HEAD_BYTES ? n_bytes : GM_MEDIA_HEAD_BYTES};
    enum gm_media media = by_magic(head);
    if (media != GM_MEDIA_UNKNOWN)
        return media;
    for (size_t i = 0; i < GM_ARRAY_LEN(checks); i++)
        if (checks[i].is(head))
            return checks[i].media;
    if (is_utf16(head))
        return GM_MEDIA_UNKNOWN;
    if (is_jsonl_name(name, name_bytes))
        return GM_MEDIA_JSONL; /* a stray control character costs its line, not the file */
    return is_text(head) ? GM_MEDIA_TEXT : is_tga(head) ? GM_MEDIA_TGA : GM_MEDIA_UNKNOWN;
}
