/* Readers of members, with the place in the file kept for messages. */
#include "tokenize/load_parts.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define QUOTED_BYTES 60

size_t gm_load_enter(struct gm_loader *loader, const char *format, ...)
{
    size_t mark = loader->path_bytes;
    size_t room = sizeof loader->path - mark;
    va_list args;
    va_start(args, format);
    int n = vsnprintf(loader->path + mark, room, format, args);
    va_end(args);
    if (n > 0)
        loader->path_bytes += (size_t)n < room ? (size_t)n : room - 1;
    return mark;
}

void gm_load_leave(struct gm_loader *loader, size_t mark)
{
    loader->path_bytes = mark;
}

enum gm_status gm_load_refuse(struct gm_loader *loader, const char *format, ...)
{
    char reason[512];
    va_list args;
    va_start(args, format);
    vsnprintf(reason, sizeof reason, format, args);
    va_end(args);
    return gm_err_set(loader->err, GM_INPUT, "%.*s%s%s", (int)loader->path_bytes, loader->path,
                      loader->path_bytes ? ": " : "", reason);
}

enum gm_status gm_load_no_memory(struct gm_loader *loader)
{
    return gm_err_set(loader->err, GM_NOMEM, "no memory to load the tokenizer");
}

void gm_load_note(struct gm_loader *loader, const char *format, ...)
{
    if (!loader->notes)
        return;
    char reason[512];
    va_list args;
    va_start(args, format);
    vsnprintf(reason, sizeof reason, format, args);
    va_end(args);
    gm_buf_printf(loader->notes, "%.*s%s%s\n", (int)loader->path_bytes, loader->path,
                  loader->path_bytes ? ": " : "", reason);
}

const char *gm_load_quote(struct gm_loader *loader, const char *text, size_t n_bytes)
{
    bool long_one = n_bytes > QUOTED_BYTES;
    size_t n = long_one ? QUOTED_BYTES : n_bytes;
    while (long_one && n > 0 && ((uint8_t)text[n] & 0xC0) == 0x80)
        n--;
    gm_buf_clear(&loader->quoted);
    gm_json_string(&loader->quoted, text, n);
    if (long_one)
        gm_buf_text(&loader->quoted, "...");
    return gm_buf_cstr(&loader->quoted);
}

struct gm_spec_text gm_load_keep(struct gm_loader *loader, const void *data, size_t n_bytes)
{
    struct gm_buf *pool = &loader->spec->pool;
    struct gm_spec_text text = {(uint32_t)pool->n_bytes, (uint32_t)n_bytes};
    gm_buf_append(pool, data, n_bytes);
    return text;
}

bool gm_load_member(struct gm_json_node object, const char *key, struct gm_json_node *member)
{
    struct gm_json_walk walk = gm_json_enter(object);
    struct gm_json_node node;
    struct gm_json_value name;
    bool found = false;
    while (gm_json_step(&walk, &name, &node)) {
        if (walk.kind == GM_JSON_OBJECT && gm_load_is(&name, key)) {
            *member = node;
            found = true;
        }
    }
    return found;
}

bool gm_load_is(const struct gm_json_value *value, const char *text)
{
    return value->kind == GM_JSON_STRING && value->n_bytes == strlen(text) &&
           memcmp(value->text, text, value->n_bytes) == 0;
}

const char *gm_load_kind_name(enum gm_json_kind kind)
{
    static const char *const names[] = {
        [GM_JSON_MISSING] = "missing",  [GM_JSON_NULL] = "null",
        [GM_JSON_BOOL] = "a boolean",   [GM_JSON_U64] = "a whole number",
        [GM_JSON_I64] = "negative",     [GM_JSON_F64] = "a fraction",
        [GM_JSON_STRING] = "a string",  [GM_JSON_ARRAY] = "an array",
        [GM_JSON_OBJECT] = "an object",
    };
    return names[kind];
}

/* Fills *value if the member is there; its kind must be `kind`. */
static enum gm_status read_member(struct gm_loader *loader, struct gm_json_node object,
                                  struct gm_load_list wanted, struct gm_json_value *value)
{
    struct gm_json_node node;
    memset(value, 0, sizeof *value);
    if (gm_load_member(object, wanted.key, &node))
        *value = gm_json_node_value(node);
    if (value->kind == wanted.kind)
        return GM_OK;
    if (wanted.need == GM_LOAD_OPTIONAL && value->kind <= GM_JSON_NULL)
        return GM_OK;
    size_t mark = gm_load_enter(loader, "%s%s", loader->path_bytes ? "." : "", wanted.key);
    enum gm_status status =
        value->kind == GM_JSON_MISSING
            ? gm_load_refuse(loader, "missing")
            : gm_load_refuse(loader, "%s where %s is expected", gm_load_kind_name(value->kind),
                             gm_load_kind_name(wanted.kind));
    gm_load_leave(loader, mark);
    return status;
}

enum gm_status gm_load_text(struct gm_loader *loader, struct gm_json_node object, const char *key,
                            enum gm_load_need need, struct gm_json_value *out)
{
    struct gm_json_value value;
    struct gm_load_list wanted = {key, GM_JSON_STRING, need};
    enum gm_status status = read_member(loader, object, wanted, &value);
    if (status == GM_OK && value.kind == GM_JSON_STRING)
        *out = value;
    return status;
}

enum gm_status gm_load_bool(struct gm_loader *loader, struct gm_json_node object, const char *key,
                            enum gm_load_need need, bool *out)
{
    struct gm_json_value value;
    struct gm_load_list wanted = {key, GM_JSON_BOOL, need};
    enum gm_status status = read_member(loader, object, wanted, &value);
    if (status == GM_OK && value.kind == GM_JSON_BOOL)
        *out = value.u64 != 0;
    return status;
}

enum gm_status gm_load_u32(struct gm_loader *loader, struct gm_json_node object, const char *key,
                           enum gm_load_need need, uint32_t *out)
{
    struct gm_json_value value;
    struct gm_load_list wanted = {key, GM_JSON_U64, need};
    enum gm_status status = read_member(loader, object, wanted, &value);
    if (status != GM_OK || value.kind != GM_JSON_U64)
        return status;
    if (value.u64 > UINT32_MAX) {
        size_t mark = gm_load_enter(loader, "%s%s", loader->path_bytes ? "." : "", key);
        status = gm_load_refuse(loader, "%llu is too large", (unsigned long long)value.u64);
        gm_load_leave(loader, mark);
        return status;
    }
    *out = (uint32_t)value.u64;
    return GM_OK;
}

enum gm_status gm_load_walk(struct gm_loader *loader, struct gm_json_node object,
                            struct gm_load_list list, struct gm_json_walk *walk)
{
    struct gm_json_value value;
    struct gm_json_node node;
    memset(walk, 0, sizeof *walk);
    enum gm_status status = read_member(loader, object, list, &value);
    if (status == GM_OK && value.kind == list.kind && gm_load_member(object, list.key, &node))
        *walk = gm_json_enter(node);
    return status;
}
