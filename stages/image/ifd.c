/* Offsets are 64-bit throughout and compared with the size of the block before they are used, so
 * that sums cannot wrap: an offset is checked first, and a length against what is behind it. */
#include "image/ifd.h"

#include "base/assert.h"

enum {
    TYPE_BYTE = 1,
    TYPE_SHORT = 3,
    TYPE_LONG = 4,
    TYPE_IFD = 13,
    TYPE_LONG8 = 16,
    TYPE_IFD8 = 18
};

static uint64_t number(const struct gm_ifd_block *block, uint64_t at, unsigned n_bytes)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < n_bytes; i++)
        value |= (uint64_t)block->data[at + i] << 8 * (block->big_endian ? n_bytes - 1 - i : i);
    return value;
}

static bool holds(const struct gm_ifd_block *block, uint64_t at, uint64_t n_bytes)
{
    return at <= block->n_bytes && n_bytes <= block->n_bytes - at;
}

bool gm_ifd_open(struct gm_ifd_block *block, const uint8_t *data, size_t n_bytes,
                 uint64_t *first_at)
{
    *block = (struct gm_ifd_block){.data = data, .n_bytes = n_bytes};
    if (n_bytes < 8 || data[0] != data[1] || (data[0] != 'I' && data[0] != 'M'))
        return false;
    block->big_endian = data[0] == 'M';
    uint64_t version = number(block, 2, 2);
    block->is_big = version == 43;
    if (version == 42)
        *first_at = number(block, 4, 4);
    else if (block->is_big && n_bytes >= 16 && number(block, 4, 2) == 8)
        *first_at = number(block, 8, 8);
    else
        return false;
    return true;
}

static unsigned entry_bytes(const struct gm_ifd_block *block)
{
    return block->is_big ? 20 : 12;
}

bool gm_ifd_read(const struct gm_ifd_block *block, uint64_t at, struct gm_ifd *ifd)
{
    unsigned count_bytes = block->is_big ? 8 : 2, next_bytes = block->is_big ? 8 : 4;
    if (at == 0 || !holds(block, at, count_bytes))
        return false;
    ifd->at = at + count_bytes;
    ifd->n_entries = number(block, at, count_bytes);
    if (ifd->n_entries > block->n_bytes / entry_bytes(block))
        return false;
    uint64_t list_bytes = ifd->n_entries * entry_bytes(block);
    if (!holds(block, ifd->at, list_bytes + next_bytes))
        return false;
    ifd->next_at = number(block, ifd->at + list_bytes, next_bytes);
    return true;
}

static unsigned bytes_of_type(unsigned type)
{
    static const uint8_t sizes[] = {0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4, 0, 0, 8, 8, 8};
    return type < GM_ARRAY_LEN(sizes) ? sizes[type] : 0;
}

struct gm_ifd_entry gm_ifd_entry(const struct gm_ifd_block *block, const struct gm_ifd *ifd,
                                 uint64_t i)
{
    GM_ASSERT(i < ifd->n_entries);
    uint64_t at = ifd->at + i * entry_bytes(block);
    unsigned offset_bytes = block->is_big ? 8 : 4;
    struct gm_ifd_entry entry = {.tag = (unsigned)number(block, at, 2),
                                 .type = (unsigned)number(block, at + 2, 2),
                                 .count = number(block, at + 4, offset_bytes)};
    unsigned size = bytes_of_type(entry.type);
    if (size == 0)
        return entry;
    entry.value_bytes = SIZE_MAX;
    if (entry.count > block->n_bytes / size)
        return entry;
    entry.value_bytes = (size_t)entry.count * size;
    uint64_t value_at = at + 4 + offset_bytes;
    if (entry.value_bytes > offset_bytes)
        value_at = number(block, value_at, offset_bytes);
    if (holds(block, value_at, entry.value_bytes))
        entry.value = block->data + value_at;
    return entry;
}

bool gm_ifd_find(const struct gm_ifd_block *block, const struct gm_ifd *ifd, unsigned tag,
                 struct gm_ifd_entry *entry)
{
    for (uint64_t i = 0; i < ifd->n_entries; i++) {
        *entry = gm_ifd_entry(block, ifd, i);
        if (entry->tag == tag)
            return entry->value != NULL;
    }
    return false;
}

uint64_t gm_ifd_number(const struct gm_ifd_block *block, const struct gm_ifd_entry *entry,
                       uint64_t i)
{
    GM_ASSERT(entry->value && i < entry->count);
    switch (entry->type) {
    case TYPE_BYTE:
    case TYPE_SHORT:
    case TYPE_LONG:
    case TYPE_IFD:
    case TYPE_LONG8:
    case TYPE_IFD8: {
        unsigned size = bytes_of_type(entry->type);
        return number(block, (uint64_t)(entry->value - block->data) + i * size, size);
    }
    default:
        return 0;
    }
}
