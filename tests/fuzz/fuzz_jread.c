/* Fuzz target: any bytes as JSON text of our own files. What a string means is valid UTF-8; written
 * and read again it means the same, and so does a number. */
#include "base/jread.h"
#include "base/utf8.h"
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static void check_again(const struct gm_buf *written, enum gm_jread_token token,
                        const struct gm_buf *value)
{
    struct gm_jread reader;
    gm_jread_init(&reader, written->data, written->n_bytes);
    GM_ASSERT(gm_jread_next(&reader) == token);
    GM_ASSERT(reader.value.n_bytes == value->n_bytes);
    GM_ASSERT(value->n_bytes == 0 || memcmp(reader.value.data, value->data, value->n_bytes) == 0);
    GM_ASSERT(gm_jread_next(&reader) == GM_JREAD_END);
    gm_jread_free(&reader);
}

static void check(struct gm_jread *reader, enum gm_jread_token token)
{
    struct gm_buf written = GM_BUF_INIT;
    uint64_t number;
    if (token == GM_JREAD_STRING) {
        const struct gm_buf *value = &reader->value;
        GM_ASSERT(gm_utf8_valid_prefix(value->data, value->n_bytes) == value->n_bytes);
        gm_json_string(&written, value->data, value->n_bytes);
        check_again(&written, token, value);
    } else if (token == GM_JREAD_NUMBER && gm_jread_u64(reader, &number)) {
        gm_json_u64(&written, number);
        check_again(&written, token, &reader->value);
    }
    gm_buf_free(&written);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
    struct gm_jread reader;
    enum gm_jread_token token;
    gm_jread_init(&reader, data, n_bytes);
    do {
        token = gm_jread_next(&reader);
        check(&reader, token);
        if (token == GM_JREAD_ARRAY && !gm_jread_skip(&reader, token))
            break;
    } while (token != GM_JREAD_ERROR && token != GM_JREAD_END);
    gm_jread_free(&reader);
    return 0;
}
