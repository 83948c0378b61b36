/* Normalizer, pre-tokenizer and decoder of a tokenizer.json: Sequences are laid out flat. Then what
 * they mean together: whether the model's text is bytes (ByteLevel). */
#include "tokenize/load_ops.h"

#include <stdlib.h>

#define MAX_OPS 256

const char *gm_op_name(uint16_t kind)
{
    const struct gm_op_reader *const tables[] = {gm_normalizer_readers(), gm_pretokenizer_readers(),
                                                 gm_decoder_readers()};
    for (size_t i = 0; i < 3; i++) {
        for (const struct gm_op_reader *reader = tables[i]; reader->name; reader++) {
            if (reader->kind == kind)
                return reader->name;
        }
    }
    return NULL;
}

struct section {
    const char *key;     /* in the file */
    const char *members; /* of its Sequence */
    const char *noun;
    const struct gm_op_reader *readers;
    struct gm_op **ops;
    uint32_t *n_ops;
};

static enum gm_status append_op(struct gm_loader *loader, const struct section *section,
                                const struct gm_op *op)
{
    if (*section->n_ops == MAX_OPS)
        return gm_load_refuse(loader, "more than %d steps", MAX_OPS);
    if (*section->n_ops == 0)
        *section->ops = calloc(MAX_OPS, sizeof **section->ops);
    if (!*section->ops)
        return gm_load_no_memory(loader);
    (*section->ops)[(*section->n_ops)++] = *op;
    return GM_OK;
}

static enum gm_status read_step(struct gm_loader *loader, const struct section *section,
                                struct gm_json_node node);

static enum gm_status read_sequence(struct gm_loader *loader, const struct section *section,
                                    struct gm_json_node node)
{
    struct gm_json_walk walk;
    struct gm_json_node member;
    struct gm_load_list list = {section->members, GM_JSON_ARRAY, GM_LOAD_REQUIRED};
    enum gm_status status = gm_load_walk(loader, node, list, &walk);
    for (size_t i = 0; status == GM_OK && gm_json_step(&walk, NULL, &member); i++) {
        size_t mark = gm_load_enter(loader, ".%s[%zu]", section->members, i);
        status = read_step(loader, section, member);
        gm_load_leave(loader, mark);
    }
    return status;
}

static enum gm_status read_step(struct gm_loader *loader, const struct section *section,
                                struct gm_json_node node)
{
    if (gm_json_node_value(node).kind != GM_JSON_OBJECT)
        return gm_load_refuse(loader, "%s where an object is expected",
                              gm_load_kind_name(gm_json_node_value(node).kind));
    struct gm_json_value type;
    enum gm_status status = gm_load_text(loader, node, "type", GM_LOAD_REQUIRED, &type);
    if (status != GM_OK)
        return status;
    if (gm_load_is(&type, "Sequence"))
        return read_sequence(loader, section, node);
    for (const struct gm_op_reader *reader = section->readers; reader->name; reader++) {
        if (!gm_load_is(&type, reader->name))
            continue;
        struct gm_op op = {.kind = reader->kind};
        status = reader->read ? reader->read(loader, node, &op) : GM_OK;
        return status == GM_OK ? append_op(loader, section, &op) : status;
    }
    return gm_load_refuse(loader, "type %s is not a supported %s",
                          gm_load_quote(loader, type.text, type.n_bytes), section->noun);
}

static enum gm_status read_section(struct gm_loader *loader, const struct section *section,
                                   struct gm_json_node root)
{
    struct gm_json_node node;
    if (!gm_load_member(root, section->key, &node) || gm_json_node_value(node).kind == GM_JSON_NULL)
        return GM_OK;
    size_t mark = gm_load_enter(loader, "%s", section->key);
    enum gm_status status = read_step(loader, section, node);
    gm_load_leave(loader, mark);
    return status;
}

/* ByteLevel maps text to its alphabet, and the steps behind it see characters of that alphabet. We
 * stay with the bytes, which is the same only if nothing stands behind it. */
static enum gm_status find_byte_level(struct gm_loader *loader)
{
    struct gm_spec *spec = loader->spec;
    for (uint32_t i = 0; i < spec->n_normalizers; i++) {
        if (spec->normalizers[i].kind != GM_OP_BYTE_LEVEL_NORMAL)
            continue;
        if (i + 1 < spec->n_normalizers || spec->n_pretokenizers > 0)
            return gm_load_refuse(loader, "normalizer: a step behind ByteLevel is not supported");
        spec->flags |= GM_SPEC_BYTE_LEVEL;
    }
    for (uint32_t i = 0; i < spec->n_pretokenizers; i++) {
        if (spec->pretokenizers[i].kind != GM_OP_PRE_BYTE_LEVEL)
            continue;
        if (i + 1 < spec->n_pretokenizers)
            return gm_load_refuse(loader,
                                  "pre_tokenizer: a step behind ByteLevel is not supported");
        spec->flags |= GM_SPEC_BYTE_LEVEL;
    }
    return GM_OK;
}

enum gm_status gm_load_ops(struct gm_loader *loader, struct gm_json_node root)
{
    struct gm_spec *spec = loader->spec;
    const struct section sections[] = {
        {"normalizer", "normalizers", "normalizer", gm_normalizer_readers(), &spec->normalizers,
         &spec->n_normalizers},
        {"pre_tokenizer", "pretokenizers", "pre-tokenizer", gm_pretokenizer_readers(),
         &spec->pretokenizers, &spec->n_pretokenizers},
        {"decoder", "decoders", "decoder", gm_decoder_readers(), &spec->decoders,
         &spec->n_decoders},
    };
    for (size_t i = 0; i < 3; i++) {
        enum gm_status status = read_section(loader, &sections[i], root);
        if (status != GM_OK)
            return status;
    }
    return find_byte_level(loader);
}
