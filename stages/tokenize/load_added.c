/* The added tokens of a tokenizer.json. Their ids follow the reference: a token that the model has
 * gets the model's id, the others are numbered from the size of the vocabulary on, whatever id the
 * file names. */
#include "tokenize/load_parts.h"

#include <stdlib.h>
#include <string.h>

#define MAX_ADDED 1000000u

static enum gm_status read_flags(struct gm_loader *loader, struct gm_json_node node,
                                 uint32_t *flags)
{
    static const struct {
        const char *key;
        uint32_t flag;
    } members[] = {
        {"single_word", GM_ADDED_SINGLE_WORD}, {"lstrip", GM_ADDED_LSTRIP},
        {"rstrip", GM_ADDED_RSTRIP},           {"normalized", GM_ADDED_NORMALIZED},
        {"special", GM_ADDED_SPECIAL},
    };
    *flags = 0;
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        bool set = false;
        enum gm_status status = gm_load_bool(loader, node, members[i].key, GM_LOAD_REQUIRED, &set);
        if (status != GM_OK)
            return status;
        *flags |= set ? members[i].flag : 0;
    }
    return GM_OK;
}

static bool normalizes_to_bytes(const struct gm_spec *spec)
{
    return spec->n_normalizers > 0 &&
           spec->normalizers[spec->n_normalizers - 1].kind == GM_OP_BYTE_LEVEL_NORMAL;
}

static enum gm_status check_added(struct gm_loader *loader, const struct gm_json_value *content,
                                  uint32_t flags)
{
    if (content->n_bytes == 0)
        return gm_load_refuse(loader, "content is empty");
    /* The reference looks for white space and words in the ByteLevel alphabet then, where a space
     * is a letter. */
    if ((flags & GM_ADDED_NORMALIZED) && normalizes_to_bytes(loader->spec) &&
        (flags & (GM_ADDED_LSTRIP | GM_ADDED_RSTRIP | GM_ADDED_SINGLE_WORD)))
        return gm_load_refuse(loader, "normalized with lstrip, rstrip or single_word behind a "
                                      "ByteLevel normalizer is not supported");
    return GM_OK;
}

static const char *quote(struct gm_loader *loader, const struct gm_json_value *content)
{
    return gm_load_quote(loader, content->text, content->n_bytes);
}

/* next_id: of the next token that the model does not have. */
static enum gm_status read_added(struct gm_loader *loader, struct gm_json_node node,
                                 struct gm_names *contents, uint32_t *next_id)
{
    struct gm_spec *spec = loader->spec;
    struct gm_json_value content;
    struct gm_spec_added added = {0};
    uint32_t file_id = 0;
    if (gm_json_node_value(node).kind != GM_JSON_OBJECT)
        return gm_load_refuse(loader, "not an object");
    enum gm_status status = gm_load_u32(loader, node, "id", GM_LOAD_REQUIRED, &file_id);
    if (status == GM_OK)
        status = gm_load_text(loader, node, "content", GM_LOAD_REQUIRED, &content);
    if (status == GM_OK)
        status = read_flags(loader, node, &added.flags);
    if (status == GM_OK)
        status = check_added(loader, &content, added.flags);
    if (status != GM_OK)
        return status;
    added.id = gm_names_find(&loader->names, content.text, content.n_bytes);
    if (added.id == GM_NAME_NONE)
        added.id = (*next_id)++;
    if (!gm_names_add(contents, content.text, content.n_bytes, added.id))
        return gm_load_refuse(loader, "%s is listed twice", quote(loader, &content));
    if (added.id >= GM_SPEC_MAX_IDS)
        return gm_load_refuse(loader, "%s has an id above 2^24 - 1", quote(loader, &content));
    if (added.id != file_id)
        gm_load_note(loader, "%s is said to have id %u, but it gets %u", quote(loader, &content),
                     file_id, added.id);
    added.content = gm_load_keep(loader, content.text, content.n_bytes);
    if (spec->n_ids <= added.id)
        spec->n_ids = added.id + 1;
    spec->added[spec->n_added++] = added;
    return GM_OK;
}

enum gm_status gm_load_added(struct gm_loader *loader, struct gm_json_node root)
{
    struct gm_spec *spec = loader->spec;
    struct gm_load_list list = {"added_tokens", GM_JSON_ARRAY, GM_LOAD_OPTIONAL};
    struct gm_json_walk walk, counter;
    struct gm_json_node node;
    struct gm_names contents;
    size_t n = 0;
    enum gm_status status = gm_load_walk(loader, root, list, &walk);
    if (status != GM_OK)
        return status;
    for (counter = walk; gm_json_step(&counter, NULL, &node); n++)
        ;
    if (n > MAX_ADDED)
        return gm_load_refuse(loader, "added_tokens: more than %u", MAX_ADDED);
    if (!gm_names_init(&contents, n))
        return gm_load_no_memory(loader);
    spec->added = calloc(n ? n : 1, sizeof *spec->added);
    if (!spec->added)
        status = gm_load_no_memory(loader);
    uint32_t next_id = spec->n_tokens;
    for (size_t i = 0; status == GM_OK && gm_json_step(&walk, NULL, &node); i++) {
        size_t mark = gm_load_enter(loader, "added_tokens[%zu]", i);
        status = read_added(loader, node, &contents, &next_id);
        gm_load_leave(loader, mark);
    }
    gm_names_free(&contents);
    return status;
}
