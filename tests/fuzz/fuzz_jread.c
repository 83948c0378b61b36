/* Fuzz target: any bytes as JSON text of our own files. */
#include "base/jread.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
    struct gm_jread reader;
    gm_jread_init(&reader, data, n_bytes);
    enum gm_jread_token token;
    volatile uint64_t sum = 0;
    do {
        uint64_t number;
        token = gm_jread_next(&reader);
        if (token == GM_JREAD_NUMBER && gm_jread_u64(&reader, &number))
            sum += number;
        if (token == GM_JREAD_ARRAY && !gm_jread_skip(&reader, token))
            break;
    } while (token != GM_JREAD_ERROR && token != GM_JREAD_END);
    gm_jread_free(&reader);
    return 0;
}
