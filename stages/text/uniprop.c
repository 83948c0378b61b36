/* Case folding; the tables are in unicode_tables.c. */
#include "text/uniprop.h"

size_t gm_uni_fold(uint32_t code_point, const struct gm_uniprop *prop, uint32_t out[3])
{
    if (!prop->fold_multi) {
        out[0] = (uint32_t)((int32_t)code_point + prop->fold);
        return 1;
    }
    const uint32_t *folds = gm_uni_folds[prop->fold_multi - 1];
    size_t n = 0;
    while (n < 3 && folds[n]) {
        out[n] = folds[n];
        n++;
    }
    return n;
}
