/* .tiktoken files: a line "Base64 rank" for each token. The split rule and the special tokens are
 * not in the file; they are known by name, as in tiktoken 0.14.0 (openai_public.py). */
#include "tokenize/load_parts.h"

#include "base/num.h"
#include "tokenize/base64.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The patterns as JSON files have them where tiktoken's, written for speed, give the same pieces;
 * cl100k's does not: behind it, white space that ends the text is one piece. */
#define GPT2_PATTERN                                                                               \
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"
#define CL100K_PATTERN                                                                             \
    "'(?i:[sdmt]|ll|ve|re)|[^\\r\\n\\p{L}\\p{N}]?+\\p{L}++|\\p{N}{1,3}+| "                         \
    "?[^\\s\\p{L}\\p{N}]++[\\r\\n]*+|\\s++$|\\s*[\\r\\n]|\\s+(?!\\S)|\\s"
#define O200K_PATTERN                                                                              \
    "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+"    \
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"                                                               \
    "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*"    \
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"                                                               \
    "\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"

struct special {
    const char *content;
    uint32_t id;
};

#define MAX_SPECIALS 16

struct encoding {
    const char *name, *short_name;
    const char *pattern;
    struct special specials[MAX_SPECIALS];
    uint32_t first_reserved, end_reserved; /* "<|reserved_N|>" */
};

static const struct encoding encodings[] = {
    {"r50k_base", "r50k", GPT2_PATTERN, {{"<|endoftext|>", 50256}}, 0, 0},
    {"gpt2", "gpt2", GPT2_PATTERN, {{"<|endoftext|>", 50256}}, 0, 0},
    {"p50k_base", "p50k", GPT2_PATTERN, {{"<|endoftext|>", 50256}}, 0, 0},
    {"p50k_edit",
     "p50k_edit",
     GPT2_PATTERN,
     {{"<|endoftext|>", 50256},
      {"<|fim_prefix|>", 50281},
      {"<|fim_middle|>", 50282},
      {"<|fim_suffix|>", 50283}},
     0,
     0},
    {"cl100k_base",
     "cl100k",
     CL100K_PATTERN,
     {{"<|endoftext|>", 100257},
      {"<|fim_prefix|>", 100258},
      {"<|fim_middle|>", 100259},
      {"<|fim_suffix|>", 100260},
      {"<|endofprompt|>", 100276}},
     0,
     0},
    {"o200k_base",
     "o200k",
     O200K_PATTERN,
     {{"<|endoftext|>", 199999}, {"<|endofprompt|>", 200018}},
     0,
     0},
    {"o200k_harmony",
     "harmony",
     O200K_PATTERN,
     {{"<|startoftext|>", 199998},
      {"<|endoftext|>", 199999},
      {"<|reserved_200000|>", 200000},
      {"<|reserved_200001|>", 200001},
      {"<|return|>", 200002},
      {"<|constrain|>", 200003},
      {"<|reserved_200004|>", 200004},
      {"<|channel|>", 200005},
      {"<|start|>", 200006},
      {"<|end|>", 200007},
      {"<|message|>", 200008},
      {"<|reserved_200009|>", 200009},
      {"<|reserved_200010|>", 200010},
      {"<|reserved_200011|>", 200011},
      {"<|call|>", 200012},
      {"<|endofprompt|>", 200018}},
     200013,
     201088},
};
#define N_ENCODINGS (sizeof encodings / sizeof *encodings)

static bool is_meant(const struct gm_load_opts *opts, const struct encoding *encoding)
{
    if (opts->scheme)
        return strcmp(opts->scheme, encoding->name) == 0 ||
               strcmp(opts->scheme, encoding->short_name) == 0;
    const char *name = opts->name ? opts->name : "";
    const char *slash = strrchr(name, '/');
    return strncmp(slash ? slash + 1 : name, encoding->name, strlen(encoding->name)) == 0;
}

static const struct encoding *find_encoding(const struct gm_load_opts *opts)
{
    for (size_t i = 0; i < N_ENCODINGS; i++) {
        if (is_meant(opts, &encodings[i]))
            return &encodings[i];
    }
    return NULL;
}

const char *gm_load_encoding(const struct gm_load_opts *opts)
{
    const struct encoding *encoding = find_encoding(opts);
    return encoding ? encoding->name : NULL;
}

static enum gm_status refuse_encoding(struct gm_loader *loader, const struct gm_load_opts *opts)
{
    if (opts->scheme)
        return gm_err_set(loader->err, GM_CONFIG,
                          "encoding \"%s\" is not known: gpt2, r50k_base, p50k_base, p50k_edit, "
                          "cl100k_base, o200k_base, o200k_harmony",
                          opts->scheme);
    return gm_load_refuse(loader, "a rank file says neither its split rule nor its special tokens: "
                                  "name the encoding (cl100k_base ...)");
}

/* ---- ranks ---- */

/* "Base64 rank" without the line's end. */
static enum gm_status read_line(struct gm_loader *loader, const char *line, size_t n_bytes)
{
    struct gm_spec *spec = loader->spec;
    const char *space = memchr(line, ' ', n_bytes);
    size_t n_text = space ? (size_t)(space - line) : 0;
    size_t start = spec->pool.n_bytes;
    uint64_t rank;
    if (!space || n_text == 0 || !gm_base64_decode(line, n_text, &spec->pool) ||
        gm_parse_u64(space + 1, n_bytes - n_text - 1, &rank, NULL) != GM_OK)
        return gm_load_refuse(loader, "not Base64, a space and a number");
    if (rank >= GM_SPEC_MAX_IDS)
        return gm_load_refuse(loader, "a rank above 2^24 - 1");
    spec->tokens[spec->n_tokens++] = (struct gm_spec_token){
        .text = {(uint32_t)start, (uint32_t)(spec->pool.n_bytes - start)}, .id = (uint32_t)rank};
    return GM_OK;
}

static size_t count_lines(const char *text, size_t n_bytes)
{
    size_t n = 1;
    for (size_t i = 0; i < n_bytes; i++)
        n += text[i] == '\n';
    return n;
}

static enum gm_status read_lines(struct gm_loader *loader, const char *text, size_t n_bytes)
{
    struct gm_spec *spec = loader->spec;
    size_t n_lines = count_lines(text, n_bytes);
    if (n_lines > GM_SPEC_MAX_IDS)
        return gm_load_refuse(loader, "more than 2^24 tokens");
    spec->tokens = calloc(n_lines, sizeof *spec->tokens);
    if (!spec->tokens)
        return gm_load_no_memory(loader);
    gm_buf_reserve(&spec->pool, n_bytes);
    for (size_t number = 1; n_bytes > 0; number++) {
        const char *end = memchr(text, '\n', n_bytes);
        size_t n = end ? (size_t)(end - text) : n_bytes;
        size_t n_used = n > 0 && text[n - 1] == '\r' ? n - 1 : n;
        enum gm_status status = n_used > 0 ? read_line(loader, text, n_used) : GM_OK;
        if (status != GM_OK)
            return gm_err_add(loader->err, "line %zu", number);
        n += end ? 1 : 0;
        text += n;
        n_bytes -= n;
    }
    return spec->pool.failed ? gm_load_no_memory(loader) : GM_OK;
}

/* ---- checks ---- */

static int by_id(const void *left, const void *right)
{
    uint32_t a = ((const struct gm_spec_token *)left)->id;
    uint32_t b = ((const struct gm_spec_token *)right)->id;
    return a < b ? -1 : a > b;
}

/* By id, as nearly every file is. */
static void sort_tokens(struct gm_spec *spec)
{
    bool rising = true;
    for (uint32_t i = 1; i < spec->n_tokens; i++)
        rising = rising && spec->tokens[i - 1].id < spec->tokens[i].id;
    if (!rising)
        qsort(spec->tokens, spec->n_tokens, sizeof *spec->tokens, by_id);
}

/* Sorts by id; every id and every text once, and every single byte is there, without which some
 * text could not be encoded. */
static enum gm_status check_tokens(struct gm_loader *loader)
{
    struct gm_spec *spec = loader->spec;
    unsigned n_single = 0;
    sort_tokens(spec);
    if (!gm_names_init(&loader->names, spec->n_tokens))
        return gm_load_no_memory(loader);
    for (uint32_t i = 0; i < spec->n_tokens; i++) {
        const struct gm_spec_token *token = &spec->tokens[i];
        const char *text = (const char *)gm_spec_bytes(spec, token->text);
        if (i > 0 && spec->tokens[i - 1].id == token->id)
            return gm_load_refuse(loader, "rank %u is used twice", token->id);
        if (!gm_names_add(&loader->names, text, token->text.n_bytes, token->id))
            return gm_load_refuse(loader, "rank %u: %s is listed twice", token->id,
                                  gm_load_quote(loader, text, token->text.n_bytes));
        n_single += token->text.n_bytes == 1;
        spec->n_ids = token->id + 1;
    }
    return n_single == 256
               ? GM_OK
               : gm_load_refuse(loader, "only %u of the 256 single bytes are tokens", n_single);
}

/* ---- what the encoding adds ---- */

static enum gm_status add_special(struct gm_loader *loader, const char *content, uint32_t id)
{
    struct gm_spec *spec = loader->spec;
    struct gm_spec_token key = {.id = id};
    if (bsearch(&key, spec->tokens, spec->n_tokens, sizeof key, by_id))
        return gm_load_refuse(loader, "rank %u is that of the special token %s: another encoding?",
                              id, content);
    spec->added[spec->n_added++] =
        (struct gm_spec_added){.content = gm_load_keep(loader, content, strlen(content)),
                               .id = id,
                               .flags = GM_ADDED_SPECIAL};
    if (spec->n_ids <= id)
        spec->n_ids = id + 1;
    return GM_OK;
}

static enum gm_status add_specials(struct gm_loader *loader, const struct encoding *encoding)
{
    size_t n_reserved = encoding->end_reserved - encoding->first_reserved;
    loader->spec->added = calloc(MAX_SPECIALS + n_reserved, sizeof *loader->spec->added);
    if (!loader->spec->added)
        return gm_load_no_memory(loader);
    enum gm_status status = GM_OK;
    for (size_t i = 0; status == GM_OK && i < MAX_SPECIALS && encoding->specials[i].content; i++)
        status = add_special(loader, encoding->specials[i].content, encoding->specials[i].id);
    for (uint32_t id = encoding->first_reserved; status == GM_OK && id < encoding->end_reserved;
         id++) {
        char content[32];
        snprintf(content, sizeof content, "<|reserved_%u|>", id);
        status = add_special(loader, content, id);
    }
    return status;
}

static enum gm_status add_rules(struct gm_loader *loader, const struct encoding *encoding)
{
    struct gm_spec *spec = loader->spec;
    spec->pretokenizers = calloc(1, sizeof *spec->pretokenizers);
    spec->decoders = calloc(1, sizeof *spec->decoders);
    if (!spec->pretokenizers || !spec->decoders)
        return gm_load_no_memory(loader);
    spec->n_pretokenizers = spec->n_decoders = 1;
    spec->pretokenizers[0] =
        (struct gm_op){.kind = GM_OP_PRE_SPLIT,
                       .flags = GM_OP_REGEX,
                       .value = GM_SPLIT_ISOLATED,
                       .a = gm_load_keep(loader, encoding->pattern, strlen(encoding->pattern))};
    spec->decoders[0] = (struct gm_op){.kind = GM_OP_DECODE_BYTE_LEVEL};
    return spec->pool.failed ? gm_load_no_memory(loader) : GM_OK;
}

enum gm_status gm_load_tiktoken(struct gm_loader *loader, const void *data, size_t n_bytes,
                                const struct gm_load_opts *opts)
{
    const struct encoding *encoding = find_encoding(opts);
    if (!encoding)
        return refuse_encoding(loader, opts);
    loader->spec->model = GM_MODEL_RANKS;
    loader->spec->flags = GM_SPEC_BYTE_LEVEL | GM_SPEC_IGNORE_MERGES;
    enum gm_status status = read_lines(loader, data, n_bytes);
    if (status == GM_OK)
        status = check_tokens(loader);
    if (status == GM_OK)
        status = add_specials(loader, encoding);
    return status == GM_OK ? add_rules(loader, encoding) : status;
}
