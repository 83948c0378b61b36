/* See load_quick.h. Whatever is unusual (escapes in keys, a key that is there twice, merges in
 * front of the vocabulary, anything wrong) is "not sure", and the file is read as a document, which
 * finds the reason and the place. */
#include "tokenize/load_quick.h"

#include "base/huge_pages.h"
#include "json/json.h"
#include "tokenize/load_model.h"
#include <stdlib.h>
#include <string.h>

#define MIN_MEMBER_BYTES 5u /* "":0, */

struct span {
    size_t begin, end;
    const char *instead;
};

struct reading {
    struct gm_loader *loader;
    struct gm_json_pull *pull;
    struct span vocabulary, merges; /* end 0: not seen yet */
    bool has_model;
};

static bool is_key(struct gm_json_text key, const char *wanted)
{
    return key.n_bytes == strlen(wanted) && memcmp(key.text, wanted, key.n_bytes) == 0;
}

/* The members of an object at its brace: read takes each at its value. */
static bool read_object(struct reading *reading,
                        bool (*read)(struct reading *reading, struct gm_json_text key))
{
    struct gm_json_pull *pull = reading->pull;
    struct gm_json_text key;

    if (!gm_json_pull_take(pull, '{'))
        return false;
    if (gm_json_pull_take(pull, '}'))
        return true;
    do {
        if (!gm_json_pull_key(pull, &key) || !gm_json_pull_take(pull, ':') || !read(reading, key))
            return false;
    } while (gm_json_pull_take(pull, ','));
    return gm_json_pull_take(pull, '}');
}

/* "token": id, as long as there is a comma behind it. */
static bool read_names(struct gm_json_pull *pull, struct gm_name *list, size_t max, size_t *n)
{
    struct gm_json_text name;
    uint64_t id;

    for (*n = 0; *n < max; ++*n) {
        if (!gm_json_pull_string(pull, &name) || !gm_json_pull_take(pull, ':') ||
            !gm_json_pull_u64(pull, &id) || id >= GM_SPEC_MAX_IDS)
            return false;
        list[*n] = (struct gm_name){name.text, (uint32_t)name.n_bytes, (uint32_t)id};
        if (!gm_json_pull_take(pull, ',')) {
            ++*n;
            return true;
        }
    }
    return false;
}

static bool read_vocabulary(struct reading *reading)
{
    struct gm_json_pull *pull = reading->pull;
    size_t n = 0, max = (size_t)(pull->end - pull->at) / MIN_MEMBER_BYTES + 1;

    if (!gm_json_pull_take(pull, '{'))
        return false;
    max = max < GM_SPEC_MAX_IDS ? max : GM_SPEC_MAX_IDS;
    struct gm_name *list = malloc(max * sizeof *list);
    if (!list)
        return false;
    gm_huge_pages(list, max * sizeof *list);
    bool good = gm_json_pull_peek(pull) == '}' || read_names(pull, list, max, &n);
    if (!good || !gm_json_pull_take(pull, '}')) {
        free(list);
        return false;
    }
    struct gm_name *shrunk = realloc(list, (n + 1) * sizeof *list);
    reading->loader->has_vocabulary =
        gm_names_index(&reading->loader->names, shrunk ? shrunk : list, n);
    return reading->loader->has_vocabulary;
}

static bool read_list(struct reading *reading, struct span *span, bool (*read)(struct reading *))
{
    struct gm_json_pull *pull = reading->pull;

    if (span->end > 0)
        return false;
    gm_json_pull_peek(pull);
    span->begin = (size_t)(pull->at - pull->text);
    if (!read(reading))
        return false;
    span->end = (size_t)(pull->at - pull->text);
    return gm_json_is_utf8(pull->text + span->begin, span->end - span->begin);
}

static bool read_merges(struct reading *reading)
{
    struct gm_loader *loader = reading->loader;
    loader->has_merges = loader->has_vocabulary && gm_load_merges_quick(loader, reading->pull);
    return loader->has_merges;
}

/* It belongs to how merges are read. */
static bool is_nothing(struct gm_json_pull *pull)
{
    struct gm_json_text text;
    if (gm_json_pull_peek(pull) == 'n') {
        gm_json_pull_skip(pull);
        return true;
    }
    return gm_json_pull_string(pull, &text) && text.n_bytes == 0;
}

static bool read_model_member(struct reading *reading, struct gm_json_text key)
{
    if (is_key(key, "vocab"))
        return read_list(reading, &reading->vocabulary, read_vocabulary);
    if (is_key(key, "merges"))
        return read_list(reading, &reading->merges, read_merges);
    if (is_key(key, "continuing_subword_prefix"))
        return is_nothing(reading->pull);
    gm_json_pull_skip(reading->pull);
    return true;
}

static bool read_member(struct reading *reading, struct gm_json_text key)
{
    if (!is_key(key, "model")) {
        gm_json_pull_skip(reading->pull);
        return true;
    }
    if (reading->has_model)
        return false;
    reading->has_model = true;
    return read_object(reading, read_model_member);
}

static void put_rest(struct gm_load_quick *quick, const struct reading *reading, size_t n_bytes)
{
    const struct span *spans[] = {&reading->vocabulary, &reading->merges};
    const uint8_t *text = quick->pull.text;
    static const uint8_t padding[GM_JSON_PADDING_BYTES];
    size_t at = 0;

    for (size_t i = 0; i < 2 && spans[i]->end > 0; i++) {
        gm_buf_append(&quick->rest, text + at, spans[i]->begin - at);
        gm_buf_text(&quick->rest, spans[i]->instead);
        at = spans[i]->end;
    }
    gm_buf_append(&quick->rest, text + at, n_bytes - at);
    quick->rest_bytes = quick->rest.n_bytes;
    gm_buf_append(&quick->rest, padding, sizeof padding);
}

bool gm_load_quick(struct gm_loader *loader, struct gm_load_quick *quick, const void *data,
                   size_t n_bytes)
{
    struct reading reading = {.loader = loader,
                              .pull = &quick->pull,
                              .vocabulary = {.instead = "{}"},
                              .merges = {.instead = "[]"}};
    gm_buf_init(&quick->rest);
    gm_json_pull_init(&quick->pull, data, n_bytes);
    bool sure = read_object(&reading, read_member) && loader->has_vocabulary;
    if (sure)
        put_rest(quick, &reading, n_bytes);
    if (sure && !quick->rest.failed)
        return true;
    gm_load_quick_drop(loader);
    return false;
}

void gm_load_quick_drop(struct gm_loader *loader)
{
    struct gm_spec *spec = loader->spec;
    gm_names_free(&loader->names);
    free(spec->merges);
    spec->merges = NULL;
    spec->n_merges = 0;
    loader->has_vocabulary = loader->has_merges = false;
}

void gm_load_quick_fini(struct gm_load_quick *quick)
{
    gm_json_pull_fini(&quick->pull);
    gm_buf_free(&quick->rest);
}
