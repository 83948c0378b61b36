/* Reading a manifest: a table from key to field. Keys that are not known are stepped over, so that
 * a manifest of a later version with the same format name can still be verified. */
#include "run/manifest.h"

#include "base/fs.h"
#include "base/jread.h"
#include <stdlib.h>
#include <string.h>

enum { MANIFEST_MAX_BYTES = 256 * 1024 * 1024 };

enum field_type { FIELD_TEXT, FIELD_U64, FIELD_U32, FIELD_SHA256 };

struct field {
    const char *key;
    enum field_type type;
    size_t offset;
};

static const struct field top_fields[] = {
    {"version", FIELD_TEXT, offsetof(struct gm_manifest, version)},
    {"job", FIELD_TEXT, offsetof(struct gm_manifest, job)},
    {"order", FIELD_TEXT, offsetof(struct gm_manifest, order)},
    {"sandbox", FIELD_TEXT, offsetof(struct gm_manifest, sandbox)},
    {"generation", FIELD_U32, offsetof(struct gm_manifest, generation)},
    {"previous_sha256", FIELD_SHA256, offsetof(struct gm_manifest, previous_sha256)},
    {"config_sha256", FIELD_SHA256, offsetof(struct gm_manifest, config_sha256)},
    {"input_sha256", FIELD_SHA256, offsetof(struct gm_manifest, input_sha256)},
    {NULL, FIELD_TEXT, 0},
};
static const struct field item_fields[] = {
    {"total", FIELD_U64, offsetof(struct gm_manifest, n_items)},
    {"unchanged", FIELD_U64, offsetof(struct gm_manifest, n_unchanged)},
    {"failing", FIELD_U64, offsetof(struct gm_manifest, n_failing)},
    {"removed", FIELD_U64, offsetof(struct gm_manifest, n_removed)},
    {NULL, FIELD_TEXT, 0},
};
static const struct field record_fields[] = {
    {"in", FIELD_U64, offsetof(struct gm_manifest, n_in)},
    {"written", FIELD_U64, offsetof(struct gm_manifest, n_written)},
    {"rejected", FIELD_U64, offsetof(struct gm_manifest, n_rejected)},
    {"failed", FIELD_U64, offsetof(struct gm_manifest, n_failed)},
    {NULL, FIELD_TEXT, 0},
};
static const struct field file_fields[] = {
    {"name", FIELD_TEXT, offsetof(struct gm_manifest_file, name)},
    {"bytes", FIELD_U64, offsetof(struct gm_manifest_file, n_bytes)},
    {"records", FIELD_U64, offsetof(struct gm_manifest_file, n_records)},
    {"sha256", FIELD_SHA256, offsetof(struct gm_manifest_file, sha256)},
    {"lists", FIELD_U64, offsetof(struct gm_manifest_file, n_listed)},
    {NULL, FIELD_TEXT, 0},
};

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool read_sha256(const struct gm_jread *reader, uint8_t sha256[GM_SHA256_BYTES])
{
    if (reader->value.n_bytes != 2 * GM_SHA256_BYTES)
        return false;
    for (size_t i = 0; i < GM_SHA256_BYTES; i++) {
        int high = hex_digit(reader->value.data[2 * i]);
        int low = hex_digit(reader->value.data[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        sha256[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

static bool read_text(struct gm_jread *reader, char **text)
{
    free(*text);
    *text = strdup(gm_buf_cstr(&reader->value));
    return *text && strlen(*text) == reader->value.n_bytes;
}

static bool read_field(struct gm_jread *reader, const struct field *field, void *target)
{
    enum gm_jread_token token = gm_jread_next(reader);
    uint8_t *at = (uint8_t *)target + field->offset;
    uint64_t number;
    if (token == GM_JREAD_NULL)
        return field->type == FIELD_TEXT || field->type == FIELD_SHA256;
    if (field->type == FIELD_TEXT)
        return token == GM_JREAD_STRING && read_text(reader, (char **)(void *)at);
    if (field->type == FIELD_SHA256)
        return token == GM_JREAD_STRING && read_sha256(reader, at);
    if (token != GM_JREAD_NUMBER || !gm_jread_u64(reader, &number))
        return false;
    if (field->type == FIELD_U64)
        memcpy(at, &number, sizeof number);
    else if (number <= UINT32_MAX)
        memcpy(at, &(uint32_t){(uint32_t)number}, sizeof(uint32_t));
    else
        return false;
    return true;
}

static const struct field *find_field(struct gm_jread *reader, const struct field *fields)
{
    while (fields->key && !gm_jread_is(reader, fields->key))
        fields++;
    return fields->key ? fields : NULL;
}

/* The rest of an object whose first token was just read. */
static bool read_object(struct gm_jread *reader, const struct field *fields, void *target)
{
    enum gm_jread_token token;
    while ((token = gm_jread_next(reader)) == GM_JREAD_KEY) {
        const struct field *field = find_field(reader, fields);
        if (!(field ? read_field(reader, field, target)
                    : gm_jread_skip(reader, gm_jread_next(reader))))
            return false;
    }
    return token == GM_JREAD_OBJECT_END;
}

static bool read_section(struct gm_jread *reader, const struct field *fields, void *target)
{
    return gm_jread_next(reader) == GM_JREAD_OBJECT && read_object(reader, fields, target);
}

static bool read_reasons(struct gm_jread *reader, struct gm_manifest *manifest)
{
    if (gm_jread_next(reader) != GM_JREAD_OBJECT)
        return false;
    enum gm_jread_token token;
    while ((token = gm_jread_next(reader)) == GM_JREAD_KEY) {
        unsigned reason = 1;
        while (reason < GM_REASON_COUNT &&
               !gm_jread_is(reader, gm_reason_code((enum gm_reason)reason)))
            reason++;
        if (reason == GM_REASON_COUNT || gm_jread_next(reader) != GM_JREAD_NUMBER ||
            !gm_jread_u64(reader, &manifest->reasons[reason]))
            return false;
    }
    return token == GM_JREAD_OBJECT_END;
}

static bool read_files(struct gm_jread *reader, struct gm_manifest *manifest)
{
    if (gm_jread_next(reader) != GM_JREAD_ARRAY)
        return false;
    enum gm_jread_token token;
    while ((token = gm_jread_next(reader)) == GM_JREAD_OBJECT) {
        size_t n = manifest->n_files;
        if ((n & (n - 1)) == 0) {
            struct gm_manifest_file *files =
                realloc(manifest->files, (n ? n * 2 : 1) * sizeof *files);
            if (!files)
                return false;
            manifest->files = files;
        }
        struct gm_manifest_file *file = &manifest->files[manifest->n_files++];
        *file = (struct gm_manifest_file){.n_listed = UINT64_MAX};
        if (!read_object(reader, file_fields, file) || !file->name)
            return false;
        file->is_list = file->n_listed != UINT64_MAX;
        file->n_listed = file->is_list ? file->n_listed : 0;
    }
    return token == GM_JREAD_ARRAY_END;
}

static bool read_quarantine(struct gm_jread *reader, struct gm_manifest *manifest)
{
    if (gm_jread_next(reader) != GM_JREAD_ARRAY)
        return false;
    enum gm_jread_token token;
    while ((token = gm_jread_next(reader)) == GM_JREAD_STRING)
        if (gm_manifest_add_quarantine(manifest, gm_buf_cstr(&reader->value), NULL) != GM_OK)
            return false;
    return token == GM_JREAD_ARRAY_END;
}

static bool read_counters(struct gm_jread *reader, struct gm_manifest *manifest)
{
    if (gm_jread_next(reader) != GM_JREAD_OBJECT)
        return false;
    enum gm_jread_token token;
    while ((token = gm_jread_next(reader)) == GM_JREAD_KEY) {
        if (gm_manifest_add_counter(manifest, gm_buf_cstr(&reader->value), 0, NULL) != GM_OK ||
            gm_jread_next(reader) != GM_JREAD_NUMBER ||
            !gm_jread_u64(reader, &manifest->counters[manifest->n_counters - 1].value))
            return false;
    }
    return token == GM_JREAD_OBJECT_END;
}

static bool read_member(struct gm_jread *reader, struct gm_manifest *manifest, bool *known)
{
    if (gm_jread_is(reader, "format"))
        return gm_jread_next(reader) == GM_JREAD_STRING &&
               (*known = gm_jread_is(reader, GM_MANIFEST_FORMAT));
    if (gm_jread_is(reader, "items"))
        return read_section(reader, item_fields, manifest);
    if (gm_jread_is(reader, "records"))
        return read_section(reader, record_fields, manifest);
    if (gm_jread_is(reader, "reasons"))
        return read_reasons(reader, manifest);
    if (gm_jread_is(reader, "counters"))
        return read_counters(reader, manifest);
    if (gm_jread_is(reader, "files"))
        return read_files(reader, manifest);
    if (gm_jread_is(reader, "quarantine"))
        return read_quarantine(reader, manifest);
    const struct field *field = find_field(reader, top_fields);
    if (!field)
        return gm_jread_skip(reader, gm_jread_next(reader));
    if (field->offset == offsetof(struct gm_manifest, previous_sha256))
        manifest->has_previous = true; /* taken back below if it is null */
    return read_field(reader, field, manifest);
}

static bool parse(struct gm_jread *reader, struct gm_manifest *manifest)
{
    bool known = false;
    if (gm_jread_next(reader) != GM_JREAD_OBJECT)
        return false;
    enum gm_jread_token token;
    while ((token = gm_jread_next(reader)) == GM_JREAD_KEY)
        if (!read_member(reader, manifest, &known))
            return false;
    static const uint8_t zeros[GM_SHA256_BYTES];
    if (memcmp(manifest->previous_sha256, zeros, sizeof zeros) == 0)
        manifest->has_previous = false;
    return token == GM_JREAD_OBJECT_END && gm_jread_next(reader) == GM_JREAD_END && known;
}

enum gm_status gm_manifest_read(struct gm_manifest *manifest, int dir_fd, const char *folder,
                                uint8_t sha256[GM_SHA256_BYTES], struct gm_err *err)
{
    struct gm_buf text = GM_BUF_INIT;
    memset(manifest, 0, sizeof *manifest);
    enum gm_status status = gm_read_file(dir_fd, GM_MANIFEST_NAME, MANIFEST_MAX_BYTES, &text, err);
    if (status == GM_OK) {
        struct gm_jread reader;
        gm_jread_init(&reader, text.data, text.n_bytes);
        if (!parse(&reader, manifest))
            status = gm_err_set(err, GM_INPUT,
                                GM_MANIFEST_NAME ": malformed near byte %zu, or not of the format "
                                                 "\"" GM_MANIFEST_FORMAT "\"",
                                reader.at);
        gm_jread_free(&reader);
    }
    if (status == GM_OK && sha256)
        gm_sha256(text.data, text.n_bytes, sha256);
    gm_buf_free(&text);
    if (status != GM_OK) {
        gm_manifest_free(manifest);
        return gm_err_add(err, "%s", folder);
    }
    return GM_OK;
}
