/* The post-processor of a tokenizer.json, as far as it matters for one text: which ids stand in
 * front of it and behind it. Offsets and type ids are not made here, so ByteLevel has no effect. */
#include "tokenize/load_parts.h"

#include <stdlib.h>
#include <string.h>

#define MAX_IDS 1024

struct around {
    struct gm_loader *loader;
    bool found;  /* a processor that adds ids */
    bool behind; /* the text's place has been passed */
};

static enum gm_status append_id(struct around *around, uint64_t id)
{
    struct gm_spec *spec = around->loader->spec;
    uint32_t **ids = around->behind ? &spec->suffix_ids : &spec->prefix_ids;
    uint32_t *n = around->behind ? &spec->n_suffix_ids : &spec->n_prefix_ids;
    if (id >= GM_SPEC_MAX_IDS)
        return gm_load_refuse(around->loader, "an id above 2^24 - 1");
    if (*n == MAX_IDS)
        return gm_load_refuse(around->loader, "more than %d ids", MAX_IDS);
    if (!*ids)
        *ids = calloc(MAX_IDS, sizeof **ids);
    if (!*ids)
        return gm_load_no_memory(around->loader);
    (*ids)[(*n)++] = (uint32_t)id;
    if (spec->n_ids <= id)
        spec->n_ids = (uint32_t)id + 1;
    return GM_OK;
}

/* ["[CLS]", 101] */
static enum gm_status read_named_id(struct around *around, struct gm_json_node node,
                                    const char *key)
{
    struct gm_json_walk walk;
    struct gm_json_node member;
    struct gm_json_value value = {0};
    struct gm_load_list list = {key, GM_JSON_ARRAY, GM_LOAD_REQUIRED};
    enum gm_status status = gm_load_walk(around->loader, node, list, &walk);
    if (status != GM_OK)
        return status;
    size_t n = 0;
    for (; gm_json_step(&walk, NULL, &member); n++)
        value = gm_json_node_value(member);
    if (n != 2 || value.kind != GM_JSON_U64)
        return gm_load_refuse(around->loader, "%s: [text, id] is expected", key);
    return append_id(around, value.u64);
}

static enum gm_status read_cls_sep(struct around *around, struct gm_json_node node)
{
    enum gm_status status = read_named_id(around, node, "cls");
    around->behind = true;
    return status == GM_OK ? read_named_id(around, node, "sep") : status;
}

/* The ids of a special token of a template. */
static enum gm_status append_special(struct around *around, struct gm_json_node processor,
                                     struct gm_json_node piece)
{
    struct gm_loader *loader = around->loader;
    struct gm_json_value id, member_id;
    struct gm_json_node specials, special, member;
    struct gm_json_walk walk;
    enum gm_status status = gm_load_text(loader, piece, "id", GM_LOAD_REQUIRED, &id);
    if (status != GM_OK)
        return status;
    bool found = false;
    if (gm_load_member(processor, "special_tokens", &specials)) {
        struct gm_json_value key;
        walk = gm_json_enter(specials);
        while (walk.kind == GM_JSON_OBJECT && gm_json_step(&walk, &key, &member)) {
            if (key.n_bytes == id.n_bytes && memcmp(key.text, id.text, id.n_bytes) == 0) {
                special = member;
                found = true;
            }
        }
    }
    if (!found)
        return gm_load_refuse(loader, "%s is not in special_tokens",
                              gm_load_quote(loader, id.text, id.n_bytes));
    struct gm_load_list list = {"ids", GM_JSON_ARRAY, GM_LOAD_REQUIRED};
    status = gm_load_walk(loader, special, list, &walk);
    while (status == GM_OK && gm_json_step(&walk, NULL, &member)) {
        member_id = gm_json_node_value(member);
        status = member_id.kind == GM_JSON_U64
                     ? append_id(around, member_id.u64)
                     : gm_load_refuse(loader, "an id that is not a whole number");
    }
    return status;
}

/* {"SpecialToken": {"id": ..}} or {"Sequence": {"id": "A"}} */
static enum gm_status read_piece(struct around *around, struct gm_json_node processor,
                                 struct gm_json_node node)
{
    struct gm_json_walk walk = gm_json_enter(node);
    struct gm_json_value kind, id;
    struct gm_json_node piece;
    if (walk.kind != GM_JSON_OBJECT || !gm_json_step(&walk, &kind, &piece))
        return gm_load_refuse(around->loader, "not a piece of a template");
    if (gm_load_is(&kind, "SpecialToken"))
        return append_special(around, processor, piece);
    if (!gm_load_is(&kind, "Sequence"))
        return gm_load_refuse(around->loader, "not a piece of a template");
    enum gm_status status = gm_load_text(around->loader, piece, "id", GM_LOAD_REQUIRED, &id);
    if (status != GM_OK)
        return status;
    if (!gm_load_is(&id, "A") || around->behind)
        return gm_load_refuse(around->loader, "the text must stand in a template exactly once");
    around->behind = true;
    return GM_OK;
}

static enum gm_status read_template(struct around *around, struct gm_json_node node)
{
    struct gm_loader *loader = around->loader;
    struct gm_json_walk walk;
    struct gm_json_node member;
    struct gm_load_list list = {"single", GM_JSON_ARRAY, GM_LOAD_REQUIRED};
    enum gm_status status = gm_load_walk(loader, node, list, &walk);
    around->behind = false;
    for (size_t i = 0; status == GM_OK && gm_json_step(&walk, NULL, &member); i++) {
        size_t mark = gm_load_enter(loader, ".single[%zu]", i);
        status = read_piece(around, node, member);
        gm_load_leave(loader, mark);
    }
    if (status == GM_OK && !around->behind)
        return gm_load_refuse(loader, "single: the text must stand in a template exactly once");
    return status;
}

static enum gm_status read_processor(struct around *around, struct gm_json_node node);

static enum gm_status read_sequence(struct around *around, struct gm_json_node node)
{
    struct gm_json_walk walk;
    struct gm_json_node member;
    struct gm_load_list list = {"processors", GM_JSON_ARRAY, GM_LOAD_REQUIRED};
    enum gm_status status = gm_load_walk(around->loader, node, list, &walk);
    for (size_t i = 0; status == GM_OK && gm_json_step(&walk, NULL, &member); i++) {
        size_t mark = gm_load_enter(around->loader, ".processors[%zu]", i);
        status = read_processor(around, member);
        gm_load_leave(around->loader, mark);
    }
    return status;
}

static enum gm_status read_processor(struct around *around, struct gm_json_node node)
{
    struct gm_loader *loader = around->loader;
    struct gm_json_value type;
    enum gm_status status = gm_load_text(loader, node, "type", GM_LOAD_REQUIRED, &type);
    if (status != GM_OK || gm_load_is(&type, "ByteLevel"))
        return status;
    if (gm_load_is(&type, "Sequence"))
        return read_sequence(around, node);
    bool is_template = gm_load_is(&type, "TemplateProcessing");
    if (!is_template && !gm_load_is(&type, "BertProcessing") &&
        !gm_load_is(&type, "RobertaProcessing"))
        return gm_load_refuse(loader, "type %s is not a supported post-processor",
                              gm_load_quote(loader, type.text, type.n_bytes));
    if (around->found)
        return gm_load_refuse(loader, "a second processor that adds tokens is not supported");
    around->found = true;
    return is_template ? read_template(around, node) : read_cls_sep(around, node);
}

enum gm_status gm_load_post(struct gm_loader *loader, struct gm_json_node root)
{
    struct gm_json_node node;
    struct around around = {.loader = loader};
    if (!gm_load_member(root, "post_processor", &node) ||
        gm_json_node_value(node).kind == GM_JSON_NULL)
        return GM_OK;
    size_t mark = gm_load_enter(loader, "post_processor");
    enum gm_status status = read_processor(&around, node);
    if (status == GM_OK)
        gm_load_leave(loader, mark);
    return status;
}
