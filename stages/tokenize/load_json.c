/* A tokenizer.json as a whole: the parts in the order in which they need each other. */
#include "tokenize/load_parts.h"
#include "tokenize/load_quick.h"

#define MAX_DEPTH 128

static enum gm_status check_version(struct gm_loader *loader, struct gm_json_node root)
{
    struct gm_json_value version = {0};
    enum gm_status status = gm_load_text(loader, root, "version", GM_LOAD_OPTIONAL, &version);
    if (status == GM_OK && version.kind == GM_JSON_STRING && !gm_load_is(&version, "1.0"))
        return gm_load_refuse(loader, "version %s is not supported",
                              gm_load_quote(loader, version.text, version.n_bytes));
    return status;
}

/* What the reference does with documents, and we do not. */
static void note_ignored(struct gm_loader *loader, struct gm_json_node root)
{
    static const char *const keys[] = {"truncation", "padding"};
    for (size_t i = 0; i < 2; i++) {
        struct gm_json_node node;
        if (!gm_load_member(root, keys[i], &node) || gm_json_node_value(node).kind == GM_JSON_NULL)
            continue;
        size_t mark = gm_load_enter(loader, "%s", keys[i]);
        gm_load_note(loader, "has no effect: texts are encoded whole");
        gm_load_leave(loader, mark);
    }
}

static enum gm_status read_root(struct gm_loader *loader, struct gm_json_node root)
{
    static enum gm_status (*const parts[])(struct gm_loader *, struct gm_json_node) = {
        check_version, gm_load_ops, gm_load_model, gm_load_added, gm_load_post,
    };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        enum gm_status status = parts[i](loader, root);
        if (status != GM_OK)
            return status;
    }
    note_ignored(loader, root);
    return loader->spec->pool.failed ? gm_load_no_memory(loader) : GM_OK;
}

enum gm_status gm_load_json(struct gm_loader *loader, const void *data, size_t n_bytes,
                            size_t n_behind)
{
    struct gm_load_quick quick;
    struct gm_json_parser *parser = gm_json_parser_new(GM_LOAD_MAX_BYTES, MAX_DEPTH);
    if (!parser)
        return gm_load_no_memory(loader);
    bool is_quick = gm_load_quick(loader, &quick, data, n_bytes);
    enum gm_status status = is_quick ? gm_json_parse(parser, quick.rest.data, quick.rest_bytes,
                                                     GM_JSON_PADDING_BYTES, loader->err)
                                     : GM_AGAIN;
    if (status != GM_OK) {
        gm_load_quick_drop(loader);
        status = gm_json_parse(parser, data, n_bytes, n_behind, loader->err);
    }
    if (status == GM_OK)
        status = read_root(loader, gm_json_root(parser));
    gm_json_parser_free(parser);
    gm_load_quick_fini(&quick);
    return status;
}
