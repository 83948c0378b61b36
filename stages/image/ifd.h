/* The tag lists (image file directories) of TIFF files and EXIF blocks, read without trusting them:
 * classic and BigTIFF, either byte order. Every value that is handed out lies within the block; a
 * value that does not is reported as cut off. Nothing is allocated. Pure functions. */
#ifndef GM_IMAGE_IFD_H
#define GM_IMAGE_IFD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gm_ifd_block {
    const uint8_t *data;
    size_t n_bytes;
    bool big_endian;
    bool is_big; /* BigTIFF: 64-bit offsets */
};

struct gm_ifd {
    uint64_t at;        /* of its first entry */
    uint64_t n_entries; /* all of them lie within the block */
    uint64_t next_at;   /* of the next directory; 0: none */
};

enum gm_ifd_tag {
    GM_TAG_WIDTH = 0x100,
    GM_TAG_HEIGHT = 0x101,
    GM_TAG_STRIP_OFFSETS = 0x111,
    GM_TAG_ORIENTATION = 0x112,
    GM_TAG_STRIP_BYTES = 0x117,
    GM_TAG_TILE_OFFSETS = 0x144,
    GM_TAG_TILE_BYTES = 0x145,
    GM_TAG_EXIF_IFD = 0x8769,
    GM_TAG_ICC_PROFILE = 0x8773,
    GM_TAG_DATE_TIME_ORIGINAL = 0x9003
};

struct gm_ifd_entry {
    unsigned tag, type;
    uint64_t count;
    const uint8_t *value; /* NULL: it lies outside of the block, or its type is unknown */
    size_t value_bytes;   /* 0: unknown type; SIZE_MAX: more than the block has */
};

/* Reads the header. false: data is no such block. *first_at: of the first directory, unchecked. */
bool gm_ifd_open(struct gm_ifd_block *block, const uint8_t *data, size_t n_bytes,
                 uint64_t *first_at);
/* The directory at an offset. false: it is not wholly in the block. */
bool gm_ifd_read(const struct gm_ifd_block *block, uint64_t at, struct gm_ifd *ifd);
/* Entry i < n_entries. */
struct gm_ifd_entry gm_ifd_entry(const struct gm_ifd_block *block, const struct gm_ifd *ifd,
                                 uint64_t i);
/* The first entry with a tag; false: there is none, or its value is outside of the block. */
bool gm_ifd_find(const struct gm_ifd_block *block, const struct gm_ifd *ifd, unsigned tag,
                 struct gm_ifd_entry *entry);
/* Number i < count of an entry of unsigned integers (8, 16, 32 or 64 bits); 0 for other types. */
uint64_t gm_ifd_number(const struct gm_ifd_block *block, const struct gm_ifd_entry *entry,
                       uint64_t i);

#endif
