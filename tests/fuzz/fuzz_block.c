/* Fuzz target: any bytes as an input block; every view that the reader hands out is read. */
#include "block.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
    uint8_t *copy = malloc(n_bytes ? n_bytes : 1); /* aligned, as shared memory is */
    if (!copy)
        return 0;
    memcpy(copy, data, n_bytes);
    struct gm_batch batch;
    gm_batch_init(&batch);
    volatile uint8_t sum = 0;
    if (gm_block_open(copy, n_bytes, &batch, NULL) == GM_OK)
        for (uint32_t row = 0; row < batch.n_rows; row++)
            for (uint32_t c = 0; c < batch.n_columns; c++) {
                if (batch.columns[c].def->type == GM_TYPE_U64)
                    continue;
                struct gm_view view = gm_batch_view(&batch, (int)c, row);
                for (size_t i = 0; i < view.n_bytes && i < 4096; i++)
                    sum ^= view.data[i];
                if (view.n_bytes > 0)
                    sum ^= view.data[view.n_bytes - 1];
            }
    gm_batch_free(&batch);
    free(copy);
    return 0;
}
