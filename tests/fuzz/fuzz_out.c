/* Fuzz target: any bytes as an output block. The checksum is made right, so that the lengths behind
 * it are reached. */
#include "out.h"

#include "base/hash.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static void repair(uint8_t *block, size_t n_bytes)
{
    struct gm_out_header header;
    memcpy(&header, block, sizeof header);
    header.magic = GM_OUT_MAGIC;
    header.n_bytes = (uint32_t)n_bytes;
    header.reasons[0] = 0;
    header.n_in = header.n_written;
    for (unsigned i = 1; i < GM_REASON_SLOTS; i++)
        header.reasons[i] = 0;
    header.checksum = gm_xxh64(block + sizeof header, n_bytes - sizeof header, 0);
    memcpy(block, &header, sizeof header);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
    uint8_t *block = malloc(n_bytes ? n_bytes : 1);
    if (!block)
        return 0;
    memcpy(block, data, n_bytes);
    struct gm_out_header header;
    if (n_bytes >= sizeof header)
        repair(block, n_bytes);
    volatile uint8_t sum = 0;
    if (gm_out_check(block, n_bytes, &header, NULL) == GM_OK) {
        size_t offset = sizeof header;
        struct gm_out_part part;
        const uint8_t *name, *payload;
        while (gm_out_next(block, header.n_bytes, &offset, &part, &name, &payload, NULL) == GM_OK) {
            if (part.name_bytes > 0)
                sum ^= name[part.name_bytes - 1];
            if (part.n_bytes > 0)
                sum ^= payload[part.n_bytes - 1];
        }
    }
    free(block);
    return 0;
}
