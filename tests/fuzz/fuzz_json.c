/* Fuzz target: any bytes as a JSON object. The two scanners must agree that a parsed text is valid,
 * a refused text must have a message, and what is passed through must parse again to as many
 * fields. What the quick road takes, the parser takes with the same string. */
#include "json/json.h"
#include "json/quick.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static size_t count_fields(struct gm_json_parser *parser, size_t n_bytes)
{
    struct gm_json_field field;
    size_t n_fields = 0;
    gm_json_rewind(parser);
    while (gm_json_next(parser, &field)) {
        n_fields++;
        GM_ASSERT(field.raw_bytes > 0 && n_bytes > field.raw_bytes);
        if (n_fields == 1) { /* the value alone is as long as the walk said */
            size_t length = gm_json_value_length(field.raw, field.raw_bytes);
            GM_ASSERT(length == field.raw_bytes);
        }
    }
    return n_fields;
}

/* status: what the parser said of the same text. */
static void compare_quick(struct gm_json_parser *parser, enum gm_status status, const uint8_t *data,
                          size_t n_bytes)
{
    uint8_t *decoded = malloc(n_bytes + GM_JSON_QUICK_SLACK);
    GM_ASSERT(decoded);
    static const char *const taken[] = {"text", "id", NULL};
    struct gm_buf others = GM_BUF_INIT, wanted = GM_BUF_INIT;
    for (enum gm_json_tier tier = GM_JSON_PLAIN; tier <= gm_json_best_tier(); tier++) {
        struct gm_json_quick quick = {
            .tier = tier, .field = "text", .id_field = "id", .others = &others};
        struct gm_json_value value;
        gm_buf_clear(&others);
        gm_buf_clear(&wanted);
        if (!gm_json_quick_string(&quick, data, n_bytes, decoded))
            continue;
        GM_ASSERT(status == GM_OK && gm_json_get(parser, "text", &value) == GM_JSON_STRING);
        GM_ASSERT(value.n_bytes == quick.value_bytes &&
                  memcmp(value.text, quick.value, value.n_bytes) == 0);
        GM_ASSERT(gm_json_append_others(parser, taken, &wanted) == quick.n_others);
        GM_ASSERT(quick.n_others == 0 || (others.n_bytes == wanted.n_bytes &&
                                          memcmp(others.data, wanted.data, wanted.n_bytes) == 0));
        enum gm_json_kind kind = gm_json_get(parser, "id", &value);
        GM_ASSERT(!quick.id || (kind >= GM_JSON_U64 && kind <= GM_JSON_STRING));
        GM_ASSERT(quick.id || kind < GM_JSON_U64 || kind > GM_JSON_STRING);
    }
    gm_buf_free(&others);
    gm_buf_free(&wanted);
    free(decoded);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
    static struct gm_json_parser *parser;
    if (!parser)
        parser = gm_json_parser_new(1 << 16, GM_JSON_DEFAULT_DEPTH);
    GM_ASSERT(parser);
    struct gm_err err = {0};
    const char *expected;
    enum gm_status status = gm_json_parse(parser, data, n_bytes, 0, &err);
    if (n_bytes <= 1 << 16)
        compare_quick(parser, status, data, n_bytes);
    if (status != GM_OK) {
        GM_ASSERT((status == GM_INPUT || status == GM_LIMIT) && err.text[0] != '\0');
        return 0;
    }
    GM_ASSERT(gm_json_locate(data, n_bytes, &expected) == SIZE_MAX);
    size_t n_fields = count_fields(parser, n_bytes);
    struct gm_buf out = GM_BUF_INIT;
    GM_ASSERT(gm_json_append_others(parser, NULL, &out) == n_fields);
    GM_ASSERT(out.n_bytes > 65536 ||
              gm_json_parse(parser, out.data, out.n_bytes, 0, &err) == GM_OK);
    GM_ASSERT(out.n_bytes > 65536 || count_fields(parser, out.n_bytes) == n_fields);
    gm_buf_free(&out);
    return 0;
}
