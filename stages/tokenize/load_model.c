/* The model of a tokenizer.json: vocabulary and the options of each kind. Merges: load_merges.c.
 *
 * Names are looked up as the file spells them; only what goes into the pool is turned back from the
 * ByteLevel alphabet into bytes. */
#include "tokenize/load_model.h"

#include "base/huge_pages.h"
#include "tokenize/byte_alphabet.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MEMBERS 16

/* ---- vocabulary ---- */

static enum gm_status refuse_name(struct gm_loader *loader, const struct gm_name_query *name,
                                  const char *reason)
{
    return gm_load_refuse(loader, "%s %s", gm_load_quote(loader, name->text, name->n_bytes),
                          reason);
}

static void append_token(struct gm_spec *spec, struct gm_json_text name, struct gm_spec_token token)
{
    size_t start = spec->pool.n_bytes;
    token.text.offset = (uint32_t)start;
    if (!(spec->flags & GM_SPEC_BYTE_LEVEL)) {
        gm_buf_append(&spec->pool, name.text, name.n_bytes);
    } else if (!gm_alphabet_decode((const uint8_t *)name.text, name.n_bytes, &spec->pool)) {
        gm_buf_append(&spec->pool, name.text, name.n_bytes);
        token.flags |= GM_SPEC_TOKEN_UNREACHABLE;
    }
    token.text.n_bytes = (uint32_t)(spec->pool.n_bytes - start);
    spec->tokens[spec->n_tokens++] = token;
}

/* Appends the token to the spec and its name, which was asked for, to the table. */
static enum gm_status add_token(struct gm_loader *loader, const struct gm_name_query *name,
                                struct gm_spec_token token)
{
    if (!gm_names_add_asked(&loader->names, name, token.id))
        return refuse_name(loader, name, "is listed twice");
    append_token(loader->spec, (struct gm_json_text){name->text, name->n_bytes}, token);
    return GM_OK;
}

static enum gm_status make_room(struct gm_loader *loader, size_t n_tokens)
{
    if (n_tokens > GM_SPEC_MAX_IDS)
        return gm_load_refuse(loader, "%zu tokens are more than %u", n_tokens, GM_SPEC_MAX_IDS);
    loader->spec->tokens = calloc(n_tokens ? n_tokens : 1, sizeof *loader->spec->tokens);
    if (!loader->spec->tokens)
        return gm_load_no_memory(loader);
    if (!loader->has_vocabulary && !gm_names_init(&loader->names, n_tokens))
        return gm_load_no_memory(loader);
    gm_huge_pages(loader->spec->tokens, n_tokens * sizeof *loader->spec->tokens);
    return GM_OK;
}

static size_t count_members(struct gm_json_walk walk)
{
    size_t n = 0;
    for (struct gm_json_node node; gm_json_step(&walk, NULL, &node); n++)
        ;
    return n;
}

static enum gm_status add_member(struct gm_loader *loader, const struct gm_name_query *name,
                                 const struct gm_json_value *id)
{
    if (id->kind != GM_JSON_U64)
        return refuse_name(loader, name, "has an id that is not a whole number");
    if (id->u64 >= GM_SPEC_MAX_IDS)
        return refuse_name(loader, name, "has an id above 2^24 - 1");
    return add_token(loader, name, (struct gm_spec_token){.id = (uint32_t)id->u64});
}

/* {"token": id, ...}. Some at a time, so that the table of names is not waited for. */
static enum gm_status read_vocab_object(struct gm_loader *loader, struct gm_json_walk walk)
{
    struct gm_name_query names[MEMBERS];
    struct gm_json_value name, ids[MEMBERS];
    struct gm_json_node node;
    enum gm_status status = make_room(loader, count_members(walk));
    size_t n = MEMBERS;

    while (status == GM_OK && n == MEMBERS) {
        for (n = 0; n < MEMBERS && gm_json_step(&walk, &name, &node); n++) {
            ids[n] = gm_json_node_value(node);
            names[n] = (struct gm_name_query){.text = name.text, .n_bytes = name.n_bytes};
            gm_names_ask(&loader->names, &names[n]);
        }
        for (size_t i = 0; i < n && status == GM_OK; i++)
            status = add_member(loader, &names[i], &ids[i]);
    }
    return status;
}

/* What was read already. */
static enum gm_status take_vocabulary(struct gm_loader *loader)
{
    const struct gm_names *names = &loader->names;
    struct gm_buf *pool = &loader->spec->pool;
    size_t n_bytes = 0;
    enum gm_status status = make_room(loader, names->n);

    for (size_t i = 0; i < names->n; i++)
        n_bytes += names->list[i].n_bytes;
    if (status == GM_OK && gm_buf_reserve(pool, n_bytes))
        gm_huge_pages(pool->data + pool->n_bytes, n_bytes);
    for (size_t i = 0; i < names->n && status == GM_OK; i++) {
        const struct gm_name *name = &names->list[i];
        append_token(loader->spec, (struct gm_json_text){name->text, name->n_bytes},
                     (struct gm_spec_token){.id = name->id});
    }
    return status;
}

/* ["token", score] */
static enum gm_status read_scored(struct gm_loader *loader, struct gm_json_node node, uint32_t id)
{
    struct gm_json_walk walk = gm_json_enter(node);
    struct gm_json_node members[2], more;
    if (walk.kind != GM_JSON_ARRAY || !gm_json_step(&walk, NULL, &members[0]) ||
        !gm_json_step(&walk, NULL, &members[1]) || gm_json_step(&walk, NULL, &more))
        return gm_load_refuse(loader, "[text, score] is expected");
    struct gm_json_value name = gm_json_node_value(members[0]);
    struct gm_json_value score = gm_json_node_value(members[1]);
    struct gm_spec_token token = {.id = id};
    if (name.kind != GM_JSON_STRING)
        return gm_load_refuse(loader, "[text, score] is expected");
    if (name.n_bytes == 0)
        return gm_load_refuse(loader, "an empty token is not supported");
    if (score.kind == GM_JSON_F64)
        token.score = score.f64;
    else if (score.kind == GM_JSON_U64)
        token.score = (double)score.u64;
    else if (score.kind == GM_JSON_I64)
        token.score = (double)score.i64;
    else
        return gm_load_refuse(loader, "[text, score] is expected");
    struct gm_name_query query = {.text = name.text, .n_bytes = name.n_bytes};
    gm_names_ask(&loader->names, &query);
    return add_token(loader, &query, token);
}

static enum gm_status read_vocab_array(struct gm_loader *loader, struct gm_json_walk walk)
{
    struct gm_json_node node;
    enum gm_status status = make_room(loader, count_members(walk));
    for (uint32_t i = 0; status == GM_OK && gm_json_step(&walk, NULL, &node); i++) {
        size_t mark = gm_load_enter(loader, "[%u]", i);
        status = read_scored(loader, node, i);
        gm_load_leave(loader, mark);
    }
    return status;
}

static int by_id(const void *left, const void *right)
{
    uint32_t a = ((const struct gm_spec_token *)left)->id;
    uint32_t b = ((const struct gm_spec_token *)right)->id;
    return a < b ? -1 : a > b;
}

static enum gm_status sort_tokens(struct gm_loader *loader)
{
    struct gm_spec *spec = loader->spec;
    bool rising = true;
    for (uint32_t i = 1; i < spec->n_tokens; i++)
        rising = rising && spec->tokens[i - 1].id < spec->tokens[i].id;
    if (!rising)
        qsort(spec->tokens, spec->n_tokens, sizeof *spec->tokens, by_id);
    for (uint32_t i = 1; i < spec->n_tokens; i++) {
        if (spec->tokens[i - 1].id == spec->tokens[i].id)
            return gm_load_refuse(loader, "id %u is used twice", spec->tokens[i].id);
    }
    if (spec->n_tokens > 0)
        spec->n_ids = spec->tokens[spec->n_tokens - 1].id + 1;
    return GM_OK;
}

static enum gm_status read_vocab(struct gm_loader *loader, struct gm_json_node model)
{
    bool scored = loader->spec->model == GM_MODEL_UNIGRAM;
    struct gm_load_list list = {"vocab", scored ? GM_JSON_ARRAY : GM_JSON_OBJECT, GM_LOAD_REQUIRED};
    struct gm_json_walk walk;
    enum gm_status status = gm_load_walk(loader, model, list, &walk);
    size_t mark = gm_load_enter(loader, ".vocab");
    if (status == GM_OK && loader->has_vocabulary)
        status = take_vocabulary(loader);
    else if (status == GM_OK)
        status = scored ? read_vocab_array(loader, walk) : read_vocab_object(loader, walk);
    if (status == GM_OK)
        status = sort_tokens(loader);
    if (status == GM_OK)
        gm_load_leave(loader, mark);
    return status;
}

/* ---- options ---- */

/* The unknown token by its name. The reference fails when it first needs one that is not there. */
static enum gm_status read_unk(struct gm_loader *loader, struct gm_json_node model,
                               enum gm_load_need need)
{
    struct gm_json_value value = {0};
    enum gm_status status = gm_load_text(loader, model, "unk_token", need, &value);
    if (status != GM_OK || value.kind == GM_JSON_MISSING)
        return status;
    uint32_t id = gm_names_find(&loader->names, value.text, value.n_bytes);
    if (id == GM_NAME_NONE)
        return gm_load_refuse(loader, "unk_token %s is not in the vocabulary",
                              gm_load_quote(loader, value.text, value.n_bytes));
    loader->spec->unk_id = id;
    return GM_OK;
}

/* A prefix or suffix of words; with ByteLevel it is bytes, too. */
static enum gm_status read_affix(struct gm_loader *loader, struct gm_json_node model,
                                 const char *key, struct gm_spec_text *text)
{
    struct gm_json_value value = {0};
    struct gm_buf *pool = &loader->spec->pool;
    enum gm_load_need need =
        loader->spec->model == GM_MODEL_WORDPIECE ? GM_LOAD_REQUIRED : GM_LOAD_OPTIONAL;
    enum gm_status status = gm_load_text(loader, model, key, need, &value);
    if (status != GM_OK || value.kind == GM_JSON_MISSING || value.n_bytes == 0)
        return status;
    if (!(loader->spec->flags & GM_SPEC_BYTE_LEVEL)) {
        *text = gm_load_keep(loader, value.text, value.n_bytes);
        return GM_OK;
    }
    size_t start = pool->n_bytes;
    if (!gm_alphabet_decode((const uint8_t *)value.text, value.n_bytes, pool))
        return gm_load_refuse(loader, "%s is not of the ByteLevel alphabet", key);
    *text = (struct gm_spec_text){(uint32_t)start, (uint32_t)(pool->n_bytes - start)};
    return GM_OK;
}

static enum gm_status read_spec_flag(struct gm_loader *loader, struct gm_json_node model,
                                     const char *key, uint32_t flag)
{
    bool set = false;
    enum gm_status status = gm_load_bool(loader, model, key, GM_LOAD_OPTIONAL, &set);
    if (set)
        loader->spec->flags |= flag;
    return status;
}

/* Whether each of the 256 bytes is a token of a byte-level vocabulary. */
static bool has_all_bytes(const struct gm_loader *loader)
{
    bool all = true;
    struct gm_buf text = GM_BUF_INIT;
    for (unsigned i = 0; i < 256; i++) {
        uint8_t byte = (uint8_t)i;
        gm_buf_clear(&text);
        gm_alphabet_encode(&byte, 1, &text);
        all = all && !text.failed &&
              gm_names_find(&loader->names, (const char *)text.data, text.n_bytes) != GM_NAME_NONE;
    }
    gm_buf_free(&text);
    return all;
}

static enum gm_status check_dropout(struct gm_loader *loader, struct gm_json_node model)
{
    struct gm_json_node dropout;
    if (!gm_load_member(model, "dropout", &dropout))
        return GM_OK;
    struct gm_json_value value = gm_json_node_value(dropout);
    bool zero = (value.kind == GM_JSON_F64 && value.f64 == 0) ||
                (value.kind == GM_JSON_U64 && value.u64 == 0);
    return value.kind == GM_JSON_NULL || zero
               ? GM_OK
               : gm_load_refuse(loader, "dropout is random: not supported");
}

/* What becomes of characters that have no token. */
static enum gm_status read_unknown(struct gm_loader *loader, struct gm_json_node model)
{
    struct gm_spec *spec = loader->spec;
    bool byte_level = (spec->flags & GM_SPEC_BYTE_LEVEL) != 0;
    bool affixes = spec->word_prefix.n_bytes > 0 || spec->word_suffix.n_bytes > 0;
    if (byte_level && !affixes && has_all_bytes(loader))
        return GM_OK; /* there are none */
    enum gm_status status = read_spec_flag(loader, model, "fuse_unk", GM_SPEC_FUSE_UNK);
    if (status == GM_OK)
        status = read_spec_flag(loader, model, "byte_fallback", GM_SPEC_BYTE_FALLBACK);
    if (status == GM_OK && byte_level && (spec->flags & GM_SPEC_BYTE_FALLBACK))
        return gm_load_refuse(loader, "byte_fallback of a ByteLevel vocabulary that lacks bytes "
                                      "is not supported");
    return status == GM_OK ? read_unk(loader, model, GM_LOAD_OPTIONAL) : status;
}

static enum gm_status read_bpe_options(struct gm_loader *loader, struct gm_json_node model)
{
    struct gm_spec *spec = loader->spec;
    enum gm_status status = check_dropout(loader, model);
    if (status == GM_OK)
        status = read_affix(loader, model, "continuing_subword_prefix", &spec->word_prefix);
    if (status == GM_OK)
        status = read_affix(loader, model, "end_of_word_suffix", &spec->word_suffix);
    if (status == GM_OK)
        status = read_spec_flag(loader, model, "ignore_merges", GM_SPEC_IGNORE_MERGES);
    return status == GM_OK ? read_unknown(loader, model) : status;
}

static enum gm_status read_bpe(struct gm_loader *loader, struct gm_json_node model)
{
    enum gm_status status = read_bpe_options(loader, model);
    return status == GM_OK ? gm_load_merges(loader, model) : status;
}

static enum gm_status read_wordpiece(struct gm_loader *loader, struct gm_json_node model)
{
    struct gm_spec *spec = loader->spec;
    enum gm_status status = read_unk(loader, model, GM_LOAD_REQUIRED);
    if (status == GM_OK)
        status = read_affix(loader, model, "continuing_subword_prefix", &spec->word_prefix);
    if (status == GM_OK)
        status = gm_load_u32(loader, model, "max_input_chars_per_word", GM_LOAD_REQUIRED,
                             &spec->max_chars_per_word);
    return status;
}

static enum gm_status read_wordlevel(struct gm_loader *loader, struct gm_json_node model)
{
    return read_unk(loader, model, GM_LOAD_REQUIRED);
}

static enum gm_status read_unigram(struct gm_loader *loader, struct gm_json_node model)
{
    struct gm_spec *spec = loader->spec;
    enum gm_status status = gm_load_u32(loader, model, "unk_id", GM_LOAD_OPTIONAL, &spec->unk_id);
    if (status == GM_OK)
        status = read_spec_flag(loader, model, "byte_fallback", GM_SPEC_BYTE_FALLBACK);
    if (status == GM_OK && spec->unk_id >= spec->n_tokens)
        return gm_load_refuse(loader, "unk_id is not in the vocabulary");
    spec->flags |= GM_SPEC_FUSE_UNK;
    return status;
}

/* ---- the kind ---- */

static bool has(struct gm_json_node model, const char *key)
{
    struct gm_json_node node;
    return gm_load_member(model, key, &node);
}

/* Old files do not name the kind: it is told from the members, in the order of the reference. */
static bool guess_kind(struct gm_json_node model, enum gm_model_kind *kind)
{
    struct gm_json_node vocab;
    if (!gm_load_member(model, "vocab", &vocab))
        return false;
    if (gm_json_node_value(vocab).kind == GM_JSON_ARRAY)
        *kind = GM_MODEL_UNIGRAM;
    else if (has(model, "merges"))
        *kind = GM_MODEL_BPE;
    else if (has(model, "continuing_subword_prefix") && has(model, "max_input_chars_per_word"))
        *kind = GM_MODEL_WORDPIECE;
    else
        *kind = GM_MODEL_WORDLEVEL;
    return true;
}

static enum gm_status read_kind(struct gm_loader *loader, struct gm_json_node model)
{
    struct gm_json_value type = {0};
    enum gm_status status = gm_load_text(loader, model, "type", GM_LOAD_OPTIONAL, &type);
    if (status != GM_OK)
        return status;
    if (type.kind == GM_JSON_MISSING)
        return guess_kind(model, &loader->spec->model) ? GM_OK
                                                       : gm_load_refuse(loader, "vocab is missing");
    for (int kind = 0; kind < GM_MODEL_COUNT; kind++) {
        loader->spec->model = (enum gm_model_kind)kind;
        if (kind != GM_MODEL_RANKS && gm_load_is(&type, gm_model_name(loader->spec->model)))
            return GM_OK;
    }
    return gm_load_refuse(loader, "type %s is not supported",
                          gm_load_quote(loader, type.text, type.n_bytes));
}

enum gm_status gm_load_model(struct gm_loader *loader, struct gm_json_node root)
{
    static enum gm_status (*const readers[])(struct gm_loader *, struct gm_json_node) = {
        [GM_MODEL_BPE] = read_bpe,
        [GM_MODEL_WORDPIECE] = read_wordpiece,
        [GM_MODEL_WORDLEVEL] = read_wordlevel,
        [GM_MODEL_UNIGRAM] = read_unigram,
    };
    struct gm_json_node model;
    size_t mark = gm_load_enter(loader, "model");
    if (!gm_load_member(root, "model", &model))
        return gm_load_refuse(loader, "missing");
    if (gm_json_node_value(model).kind != GM_JSON_OBJECT)
        return gm_load_refuse(loader, "not an object");
    enum gm_status status = read_kind(loader, model);
    if (status != GM_OK)
        return status;
    if (loader->spec->model != GM_MODEL_BPE)
        loader->spec->n_merges = 0; /* of no meaning in the others */
    if ((loader->spec->flags & GM_SPEC_BYTE_LEVEL) && loader->spec->model != GM_MODEL_BPE)
        return gm_load_refuse(loader, "%s with ByteLevel is not supported",
                              gm_model_name(loader->spec->model));
    status = read_vocab(loader, model);
    if (status == GM_OK)
        status = readers[loader->spec->model](loader, model);
    if (status == GM_OK)
        gm_load_leave(loader, mark);
    return status;
}
