/* gristmill tokenizer info|compile FILE: what a tokenizer file is and whether it is supported; its
 * compiled image. */
#include "cli/commands.h"

#include "base/assert.h"
#include "base/fs.h"
#include "base/hash.h"
#include "base/num.h"
#include "cli/confine.h"
#include "run/prepare.h"
#include "stage.h"
#include "tokenize/load.h"
#include "tokenize/tokenizer.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct opts {
    char *out, *encoding;
};

#define FIELD(name) offsetof(struct opts, name)
static const struct gm_opt table[] = {
    {"out", GM_OPT_STRING, FIELD(out), NULL, 0, 0, NULL, NULL, "compile: the image to write"},
    {"encoding", GM_OPT_STRING, FIELD(encoding), NULL, 0, 0, NULL, NULL,
     "of a .tiktoken file whose name does not tell it: gpt2, r50k_base, p50k_base, p50k_edit, "
     "cl100k_base, o200k_base, o200k_harmony"},
    GM_OPT_END};
#undef FIELD
static const struct gm_short shorts[] = {{'o', "out"}, {'e', "encoding"}, {'\0', NULL}};

/* What info knows of a file. */
struct facts {
    const char *path;
    const struct gm_spec *spec;
    enum gm_scheme scheme;
    const uint8_t *digest; /* of an image: what it was made from; else NULL */
    uint8_t sha256[GM_SHA256_BYTES];
    struct gm_buf notes; /* a line each */
};

/* ---- text ---- */

static void list_flags(struct gm_buf *out, uint32_t flags)
{
    static const struct {
        uint32_t flag;
        const char *name;
    } names[] = {
        {GM_SPEC_BYTE_LEVEL, "byte-level"},
        {GM_SPEC_IGNORE_MERGES, "ignore_merges"},
        {GM_SPEC_BYTE_FALLBACK, "byte_fallback"},
        {GM_SPEC_FUSE_UNK, "fuse_unk"},
    };
    for (size_t i = 0; i < GM_ARRAY_LEN(names); i++) {
        if (flags & names[i].flag)
            gm_buf_printf(out, ", %s", names[i].name);
    }
}

static void list_ops(struct gm_buf *out, const char *title, const struct gm_op *ops, uint32_t n)
{
    gm_buf_printf(out, "%-14s ", title);
    for (uint32_t i = 0; i < n; i++)
        gm_buf_printf(out, "%s%s", i ? ", " : "", gm_op_name(ops[i].kind));
    gm_buf_text(out, n ? "\n" : "none\n");
}

static void list_added(struct gm_buf *out, const struct gm_spec *spec)
{
    char number[GM_NUM_TEXT_BYTES];
    uint32_t n_special = 0, n_normalized = 0;
    for (uint32_t i = 0; i < spec->n_added; i++) {
        n_special += (spec->added[i].flags & GM_ADDED_SPECIAL) != 0;
        n_normalized += (spec->added[i].flags & GM_ADDED_NORMALIZED) != 0;
    }
    gm_buf_printf(out, "%-14s %s (%u special, %u found after normalization)\n", "added tokens",
                  gm_format_count(spec->n_added, number), n_special, n_normalized);
}

static void list_around(struct gm_buf *out, const struct gm_spec *spec)
{
    gm_buf_printf(out, "%-14s", "special tokens");
    for (uint32_t i = 0; i < spec->n_prefix_ids; i++)
        gm_buf_printf(out, " %u", spec->prefix_ids[i]);
    gm_buf_text(out, " TEXT");
    for (uint32_t i = 0; i < spec->n_suffix_ids; i++)
        gm_buf_printf(out, " %u", spec->suffix_ids[i]);
    gm_buf_text(out, "\n");
}

static void list_notes(struct gm_buf *out, struct gm_buf *notes)
{
    const char *line = gm_buf_cstr(notes);
    while (*line) {
        size_t n = strcspn(line, "\n");
        gm_buf_printf(out, "%-14s %.*s\n", "note", (int)n, line);
        line += n + (line[n] == '\n');
    }
}

static void print_facts(struct gm_buf *out, struct facts *facts)
{
    const struct gm_spec *spec = facts->spec;
    char number[GM_NUM_TEXT_BYTES], hex[GM_SHA256_HEX_BYTES];
    gm_buf_printf(out, "%-14s %s", "model", gm_model_name(spec->model));
    list_flags(out, spec->flags);
    gm_buf_printf(out, "\n%-14s %s tokens", "vocabulary", gm_format_count(spec->n_tokens, number));
    gm_buf_printf(out, ", ids below %s\n", gm_format_count(spec->n_ids, number));
    if (spec->model == GM_MODEL_BPE)
        gm_buf_printf(out, "%-14s %s\n", "merges", gm_format_count(spec->n_merges, number));
    gm_buf_printf(out, "%-14s %s\n", "split rule", gm_scheme_name(facts->scheme));
    list_ops(out, "normalizer", spec->normalizers, spec->n_normalizers);
    list_ops(out, "pre-tokenizer", spec->pretokenizers, spec->n_pretokenizers);
    list_ops(out, "decoder", spec->decoders, spec->n_decoders);
    list_added(out, spec);
    list_around(out, spec);
    list_notes(out, &facts->notes);
    gm_buf_printf(out, "%-14s %s\n", "sha256", gm_sha256_hex(facts->sha256, hex));
    if (facts->digest)
        gm_buf_printf(out, "%-14s %s\n", "made from", gm_sha256_hex(facts->digest, hex));
}

/* ---- JSON ---- */

static void json_text(struct gm_buf *out, const char *key, const char *text)
{
    gm_json_key(out, key);
    gm_json_string(out, text, strlen(text));
}

static void json_u64(struct gm_buf *out, const char *key, uint64_t value)
{
    gm_json_key(out, key);
    gm_json_u64(out, value);
}

static void json_ops(struct gm_buf *out, const char *key, const struct gm_op *ops, uint32_t n)
{
    gm_json_key(out, key);
    gm_buf_char(out, '[');
    for (uint32_t i = 0; i < n; i++) {
        const char *name = gm_op_name(ops[i].kind);
        gm_buf_text(out, i ? "," : "");
        gm_json_string(out, name, strlen(name));
    }
    gm_buf_char(out, ']');
}

static void json_ids(struct gm_buf *out, const char *key, const uint32_t *ids, uint32_t n)
{
    gm_json_key(out, key);
    gm_buf_char(out, '[');
    for (uint32_t i = 0; i < n; i++)
        gm_buf_printf(out, "%s%u", i ? "," : "", ids[i]);
    gm_buf_char(out, ']');
}

static void json_flag(struct gm_buf *out, const char *key, bool set)
{
    gm_json_key(out, key);
    gm_buf_text(out, set ? "true" : "false");
}

static void json_notes(struct gm_buf *out, struct gm_buf *notes)
{
    const char *line = gm_buf_cstr(notes);
    gm_json_key(out, "notes");
    gm_buf_char(out, '[');
    for (size_t i = 0; *line; i++) {
        size_t n = strcspn(line, "\n");
        gm_buf_text(out, i ? "," : "");
        gm_json_string(out, line, n);
        line += n + (line[n] == '\n');
    }
    gm_buf_char(out, ']');
}

static void json_facts(struct gm_buf *out, struct facts *facts)
{
    const struct gm_spec *spec = facts->spec;
    char hex[GM_SHA256_HEX_BYTES];
    gm_buf_char(out, '{');
    json_text(out, "file", facts->path);
    json_text(out, "model", gm_model_name(spec->model));
    json_flag(out, "byte_level", spec->flags & GM_SPEC_BYTE_LEVEL);
    json_flag(out, "ignore_merges", spec->flags & GM_SPEC_IGNORE_MERGES);
    json_flag(out, "byte_fallback", spec->flags & GM_SPEC_BYTE_FALLBACK);
    json_flag(out, "fuse_unk", spec->flags & GM_SPEC_FUSE_UNK);
    json_u64(out, "n_tokens", spec->n_tokens);
    json_u64(out, "n_ids", spec->n_ids);
    json_u64(out, "n_merges", spec->n_merges);
    json_u64(out, "n_added_tokens", spec->n_added);
    json_text(out, "split_rule", gm_scheme_name(facts->scheme));
    json_ops(out, "normalizer", spec->normalizers, spec->n_normalizers);
    json_ops(out, "pre_tokenizer", spec->pretokenizers, spec->n_pretokenizers);
    json_ops(out, "decoder", spec->decoders, spec->n_decoders);
    json_ids(out, "prefix_ids", spec->prefix_ids, spec->n_prefix_ids);
    json_ids(out, "suffix_ids", spec->suffix_ids, spec->n_suffix_ids);
    json_notes(out, &facts->notes);
    json_text(out, "sha256", gm_sha256_hex(facts->sha256, hex));
    if (facts->digest)
        json_text(out, "made_from", gm_sha256_hex(facts->digest, hex));
    gm_buf_text(out, "}\n");
}

/* ---- actions ---- */

/* What the file has and we do without; an image no longer knows. */
static enum gm_status read_notes(const struct gm_buf *file, const struct opts *opts,
                                 struct facts *facts, struct gm_err *err)
{
    struct gm_spec spec;
    struct gm_load_opts load_opts = {
        .name = facts->path, .scheme = opts->encoding, .notes = &facts->notes};
    gm_spec_init(&spec);
    enum gm_status status = gm_spec_load(&spec, file->data, file->n_bytes, &load_opts, err);
    gm_spec_free(&spec);
    return status;
}

static enum gm_status read_file(const struct opts *opts, struct facts *facts,
                                const struct gm_tokenizer *tokenizer, struct gm_err *err)
{
    struct gm_buf file = GM_BUF_INIT;
    enum gm_status status = gm_read_file(AT_FDCWD, facts->path, GM_LOAD_MAX_BYTES, &file, err);
    if (status == GM_OK) {
        gm_sha256(file.data, file.n_bytes, facts->sha256);
        if (gm_load_kind(file.data, file.n_bytes) == GM_LOAD_IMAGE)
            facts->digest = gm_tokenizer_digest(tokenizer);
        else
            status = read_notes(&file, opts, facts, err);
    }
    gm_buf_free(&file);
    return status;
}

static enum gm_status info(struct gm_cli *cli, const char *path, const struct opts *opts,
                           struct gm_err *err)
{
    struct gm_tokenizer *tokenizer;
    struct gm_tokenizer_opts open_opts = {.scheme = opts->encoding};
    enum gm_status status = gm_cli_enter_sandbox(err);
    if (status != GM_OK)
        return status;
    status = gm_tokenizer_open(&tokenizer, path, &open_opts, err);
    if (status != GM_OK)
        return gm_err_add(err, "unable to use the tokenizer");
    struct facts facts = {.path = path,
                          .spec = gm_tokenizer_spec(tokenizer),
                          .scheme = gm_tokenizer_scheme(tokenizer),
                          .notes = GM_BUF_INIT};
    status = read_file(opts, &facts, tokenizer, err);
    if (status == GM_OK && cli->common.json)
        json_facts(&cli->out, &facts);
    else if (status == GM_OK)
        print_facts(&cli->out, &facts);
    gm_buf_free(&facts.notes);
    gm_tokenizer_free(tokenizer);
    return status;
}

static enum gm_status set_option(const struct gm_stage *stage, void *values, const char *name,
                                 const char *value, struct gm_err *err)
{
    const struct gm_opt *opt = gm_opt_find(stage->opts, name);
    GM_ASSERT(opt);
    return value ? gm_opt_apply(opt, values, value, strlen(value), err) : GM_OK;
}

/* As a job with the option "image" does it. */
static enum gm_status save(const char *path, const struct opts *opts, struct gm_prepared *prepared,
                           struct gm_err *err)
{
    const struct gm_stage *stage = gm_stage_find("text", "tokenize");
    GM_ASSERT(stage);
    void *values = calloc(1, stage->opts_bytes);
    if (!values)
        return gm_err_set(err, GM_NOMEM, "no memory for options");
    gm_opts_init(stage->opts, values, stage->opts_bytes);
    enum gm_status status = set_option(stage, values, "tokenizer", path, err);
    if (status == GM_OK)
        status = set_option(stage, values, "scheme", opts->encoding, err);
    if (status == GM_OK)
        status = set_option(stage, values, "image", opts->out, err);
    if (status == GM_OK)
        status = gm_prepare(stage, values, gm_cli_sandbox(), prepared, err);
    if (status == GM_OK)
        status = stage->save(values, prepared, err);
    gm_opts_free(stage->opts, values);
    free(values);
    return status;
}

static enum gm_status compile(struct gm_cli *cli, const char *path, const struct opts *opts,
                              struct gm_err *err)
{
    struct gm_prepared prepared = {.data = NULL};
    struct stat file;
    char size[GM_NUM_TEXT_BYTES];
    if (!opts->out || !*opts->out)
        return gm_err_set(err, GM_USAGE, "compile needs -o IMAGE");
    enum gm_status status = save(path, opts, &prepared, err);
    gm_prepared_free(&prepared);
    if (status != GM_OK)
        return gm_err_add(err, "unable to compile the tokenizer");
    if (stat(opts->out, &file) != 0)
        return gm_err_set(err, GM_INPUT, "%s is a compiled image already", path);
    if (cli->common.json)
        gm_buf_printf(&cli->out, "{\"bytes\":%llu}\n", (unsigned long long)file.st_size);
    else if (!cli->common.quiet)
        gm_buf_printf(&cli->out, "%s: %s\n", opts->out,
                      gm_format_bytes((uint64_t)file.st_size, size));
    return GM_OK;
}

static enum gm_status run(struct gm_cli *cli, const void *opts, struct gm_err *err)
{
    const char *action = cli->arguments[0];
    if (strcmp(action, "info") == 0)
        return info(cli, cli->arguments[1], opts, err);
    if (strcmp(action, "compile") == 0)
        return compile(cli, cli->arguments[1], opts, err);
    return gm_err_set(err, GM_USAGE, "\"%s\" is neither \"info\" nor \"compile\"", action);
}

const struct gm_command gm_cmd_tokenizer = {
    .name = "tokenizer",
    .arguments = "info|compile FILE",
    .summary = "show what a tokenizer file is, or compile it to an image that opens at once",
    .details =
        "FILE is a tokenizer.json, a .tiktoken rank file or a compiled image. A file that asks for "
        "anything that is not carried out exactly is refused, with the place and the reason.",
    .examples = "  gristmill tokenizer info tokenizer.json\n"
                "  gristmill tokenizer compile cl100k_base.tiktoken -o cl100k.gmt\n",
    .min_arguments = 2,
    .max_arguments = 2,
    .opts = table,
    .shorts = shorts,
    .opts_bytes = sizeof(struct opts),
    .run = run,
};
