/* Fuzz target: any bytes as a PSD file, under 64 MB: decoded, or refused with a reason. */
#include "fuzz_picture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
    return fuzz_picture(GM_MEDIA_PSD, data, n_bytes);
}
