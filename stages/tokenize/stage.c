/* Stage tokenize: the text as token ids. The tokenizer file is read and compiled once, before the
 * workers are forked, and shared by all of them; each has an encoder with a bounded cache of its
 * own, which changes speed and no result.
 *
 * Truncation is never silent: a text of more than max_tokens is rejected, or cut with the number of
 * lost ids in the column "truncated". The ids that stand at the end (of the post-processor and
 * append_eos) stay there. A text without any token is rejected. Ids are 32 bits, and a document has
 * less than 2^31 of them, which is what .idx files can say. */
#include "stage.h"
#include "tokenize/eos.h"
#include "tokenize/tokenizer.h"

#include <string.h>

#define MAX_IDS      ((uint64_t)INT32_MAX)
#define TABLES_BYTES (4u << 20) /* what a worker builds when it opens an image */

/* A text of so many bytes is encoded where its ids stay. One id a byte is room enough unless it is
 * normalized; for longer texts a copy is cheaper than that much memory. */
#define IN_PLACE_BYTES (128u << 10)

enum over { OVER_TRUNCATE, OVER_REJECT };

struct tokenize_opts {
    char *tokenizer;
    char *scheme;
    char *image;
    bool special_tokens;
    bool ordinary;
    char *append_eos;
    uint64_t max_tokens;
    int over;
    uint64_t cache_bytes;
};

static const char *const over_choices[] = {"truncate", "reject", NULL};

#define FIELD(name) offsetof(struct tokenize_opts, name)
static const struct gm_opt opts[] = {
    {"tokenizer", GM_OPT_STRING, FIELD(tokenizer), NULL, 0, 0, NULL, NULL,
     "tokenizer.json, .tiktoken file or compiled image; required"},
    {"scheme", GM_OPT_STRING, FIELD(scheme), NULL, 0, 0, NULL, NULL,
     "how a .tiktoken file cuts text into pieces: r50k, cl100k, o200k; default: by its name"},
    {"image", GM_OPT_STRING, FIELD(image), NULL, 0, 0, NULL, NULL,
     "file that keeps the compiled tokenizer, so that the next start is faster"},
    {"special_tokens", GM_OPT_BOOL, FIELD(special_tokens), "false", 0, 0, NULL, NULL,
     "put the tokens of the file's post-processor around the text"},
    {"ordinary", GM_OPT_BOOL, FIELD(ordinary), "false", 0, 0, NULL, NULL,
     "added tokens in the text, like <|endoftext|>, are text"},
    {"append_eos", GM_OPT_STRING, FIELD(append_eos), NULL, 0, 0, NULL, NULL,
     "token that ends each document; auto: as the tokenizer's files name it"},
    {"max_tokens", GM_OPT_U64, FIELD(max_tokens), "0", 0, INT32_MAX, NULL, "tokens",
     "most tokens of a document, all added ones counted; 0: no limit"},
    {"over", GM_OPT_ENUM, FIELD(over), "truncate", 0, 0, over_choices, NULL,
     "what happens to a document of more than max_tokens"},
    {"cache", GM_OPT_BYTES, FIELD(cache_bytes), "32MB", 1 << 20, 1 << 30, NULL, NULL,
     "memory of each worker for words that it has seen; changes no result"},
    GM_OPT_END};
#undef FIELD

static const char *const free_opts[] = {"image", "cache", NULL};

enum { IN_TEXT };
static const struct gm_column_def in[] = {{"text", GM_TYPE_STRING, 0, NULL, "the text"},
                                          GM_COLUMN_END};

enum { OUT_INPUT_IDS, OUT_N_TOKENS, OUT_TRUNCATED, OUT_TOKEN_BYTES, OUT_N_UNKNOWN };
static const struct gm_column_def out[] = {
    {"input_ids", GM_TYPE_LIST_U32, 0, NULL, "ids of the tokens"},
    {"n_tokens", GM_TYPE_U64, 0, "tokens", "length of input_ids"},
    {"truncated", GM_TYPE_U64, 0, "tokens", "how many were cut off at max_tokens"},
    {"token_bytes", GM_TYPE_U64, GM_COLUMN_HIDDEN, "bytes", "of the text that was tokenized"},
    {"n_unknown", GM_TYPE_U64, GM_COLUMN_HIDDEN, "tokens", "that stand for unknown text"},
    GM_COLUMN_END};

/* Of struct gm_prepared, whose data is the compiled tokenizer. Both come from a process that has
 * parsed hostile files: workers check what they go by. */
enum { NOTE_EOS_ID, NOTE_N_IDS, NOTE_IS_NEW };

struct tokenize {
    const struct tokenize_opts *opts;
    const struct gm_bind *bind;
    struct gm_tokenizer *tokenizer;
    struct gm_encoder *encoder;
    uint32_t eos_id; /* GM_NO_TOKEN: none is appended */
    uint32_t n_tail; /* ids at the end that truncation keeps */
};

/* ---- planner ---- */

static enum gm_status tokenize_check(const void *options, struct gm_err *err)
{
    const struct tokenize_opts *wanted = options;
    if (!wanted->tokenizer || !*wanted->tokenizer)
        return gm_err_set(err, GM_CONFIG, "tokenizer: name the file of the tokenizer");
    if (wanted->special_tokens && wanted->ordinary)
        return gm_err_set(err, GM_CONFIG,
                          "ordinary: cannot stand beside special_tokens: one adds special tokens, "
                          "the other knows none");
    return GM_OK;
}

static enum gm_status find_eos(const struct tokenize_opts *wanted,
                               const struct gm_tokenizer *tokenizer, uint32_t *eos_id,
                               struct gm_err *err)
{
    *eos_id = GM_NO_TOKEN;
    if (!wanted->append_eos || !*wanted->append_eos)
        return GM_OK;
    if (strcmp(wanted->append_eos, "auto") == 0)
        return gm_eos_find(tokenizer, wanted->tokenizer, eos_id, err);
    *eos_id = gm_tokenizer_id(tokenizer, wanted->append_eos, strlen(wanted->append_eos));
    if (*eos_id == GM_NO_TOKEN)
        return gm_err_set(err, GM_CONFIG, "append_eos: the tokenizer has no token \"%s\"",
                          wanted->append_eos);
    return GM_OK;
}

/* How many ids stand at the end. What is added must leave room for one token of the text. */
static enum gm_status find_tail(const struct tokenize_opts *wanted, const struct gm_spec *spec,
                                uint32_t eos_id, uint32_t *n_tail, struct gm_err *err)
{
    *n_tail = (wanted->special_tokens ? spec->n_suffix_ids : 0) + (eos_id != GM_NO_TOKEN);
    uint64_t n_added = (wanted->special_tokens ? spec->n_prefix_ids : 0) + (uint64_t)*n_tail;
    if (wanted->max_tokens > 0 && wanted->max_tokens <= n_added)
        return gm_err_set(err, GM_CONFIG, "max_tokens: %llu tokens are added to each text already",
                          (unsigned long long)n_added);
    return GM_OK;
}

/* The eos token may have been named by another file. */
static void digest(const struct gm_tokenizer *tokenizer, uint32_t eos_id, uint8_t *sha256)
{
    uint8_t both[GM_SHA256_BYTES + sizeof eos_id];
    memcpy(both, gm_tokenizer_digest(tokenizer), GM_SHA256_BYTES);
    memcpy(both + GM_SHA256_BYTES, &eos_id, sizeof eos_id);
    gm_sha256(both, sizeof both, sha256);
}

static enum gm_status tokenize_prepare(const void *options, struct gm_prepared *prepared,
                                       struct gm_err *err)
{
    const struct tokenize_opts *wanted = options;
    const struct gm_tokenizer_opts open_opts = {wanted->image, wanted->scheme};
    struct gm_tokenizer *tokenizer; /* lives as long as the child that prepares */
    uint32_t eos_id, n_tail;
    enum gm_status status = gm_tokenizer_open(&tokenizer, wanted->tokenizer, &open_opts, err);
    if (status != GM_OK)
        return gm_err_add(err, "tokenizer");
    status = find_eos(wanted, tokenizer, &eos_id, err);
    if (status != GM_OK)
        return status;
    const struct gm_spec *spec = gm_tokenizer_spec(tokenizer);
    status = find_tail(wanted, spec, eos_id, &n_tail, err);
    if (status != GM_OK)
        return status;
    prepared->data = gm_tokenizer_image(tokenizer, &prepared->n_bytes);
    prepared->notes[NOTE_EOS_ID] = eos_id;
    prepared->notes[NOTE_N_IDS] = spec->n_ids;
    prepared->notes[NOTE_IS_NEW] = gm_tokenizer_is_new(tokenizer);
    digest(tokenizer, eos_id, prepared->digest);
    return GM_OK;
}

static enum gm_status tokenize_save(const void *options, const struct gm_prepared *prepared,
                                    struct gm_err *err)
{
    const struct tokenize_opts *wanted = options;
    if (!wanted->image || !*wanted->image || !prepared->notes[NOTE_IS_NEW])
        return GM_OK;
    enum gm_status status =
        gm_tokenizer_save_image(wanted->image, prepared->data, prepared->n_bytes, err);
    return status == GM_OK ? GM_OK : gm_err_add(err, "image");
}

static void tokenize_facts(const void *options, const struct gm_prepared *prepared,
                           struct gm_facts *facts)
{
    const struct tokenize_opts *wanted = options;
    gm_fact_add(facts, "input_ids.n_ids", prepared->notes[NOTE_N_IDS], NULL);
    gm_fact_add(facts, "input_ids.tokenizer", 0, wanted->tokenizer);
}

static uint64_t tokenize_worker_bytes(const void *options)
{
    return ((const struct tokenize_opts *)options)->cache_bytes + TABLES_BYTES;
}

/* ---- worker ---- */

static void tokenize_close(void *ctx)
{
    struct tokenize *tokenize = ctx;
    gm_encoder_free(tokenize->encoder);
    gm_tokenizer_free(tokenize->tokenizer);
    tokenize->encoder = NULL;
    tokenize->tokenizer = NULL;
}

static enum gm_status tokenize_open(void *ctx, const void *options,
                                    const struct gm_prepared *prepared, const struct gm_bind *bind,
                                    struct gm_err *err)
{
    struct tokenize *tokenize = ctx;
    *tokenize = (struct tokenize){
        .opts = options, .bind = bind, .eos_id = (uint32_t)prepared->notes[NOTE_EOS_ID]};
    enum gm_status status =
        gm_tokenizer_open_image(&tokenize->tokenizer, prepared->data, prepared->n_bytes, err);
    if (status != GM_OK)
        return status;
    const struct gm_spec *spec = gm_tokenizer_spec(tokenize->tokenizer);
    if (tokenize->eos_id != GM_NO_TOKEN && tokenize->eos_id >= spec->n_ids)
        return gm_err_set(err, GM_INTERNAL, "an end token that the tokenizer has not");
    status = find_tail(tokenize->opts, spec, tokenize->eos_id, &tokenize->n_tail, err);
    if (status != GM_OK)
        return status;
    const struct gm_encoder_opts encoder_opts = {
        .flags = (tokenize->opts->special_tokens ? GM_ENCODE_SPECIAL_TOKENS : 0) |
                 (tokenize->opts->ordinary ? GM_ENCODE_ORDINARY : 0),
        .invalid_utf8 = GM_INVALID_NOWHERE, /* the column is a STRING */
        .cache_bytes = tokenize->opts->cache_bytes,
        .tier = GM_TIER_COUNT};
    return gm_encoder_new(&tokenize->encoder, tokenize->tokenizer, &encoder_opts, err);
}

/* The ids of a text on their way into the batch. */
struct row_ids {
    uint32_t *room; /* lent to the encoder, with a place for the eos behind; NULL: none */
    const uint32_t *ids;
    size_t n_ids;
};

static void lend_room(const struct tokenize *tokenize, struct gm_batch *batch, size_t n_bytes,
                      struct row_ids *row_ids)
{
    const struct gm_spec *spec = gm_tokenizer_spec(tokenize->tokenizer);
    size_t n_room = n_bytes + spec->n_prefix_ids + spec->n_suffix_ids;
    if (n_bytes <= IN_PLACE_BYTES)
        row_ids->room = gm_batch_alloc(batch, (n_room + 1) * sizeof *row_ids->room);
    if (row_ids->room)
        gm_encoder_lend(tokenize->encoder, row_ids->room, n_room);
}

static void trim_room(struct gm_batch *batch, struct row_ids *row_ids)
{
    bool used = row_ids->ids == row_ids->room;
    if (row_ids->room)
        gm_batch_trim(batch, row_ids->room, used ? (row_ids->n_ids + 1) * sizeof(uint32_t) : 0);
    if (!used)
        row_ids->room = NULL;
}

/* Ids as they are written: cut to max_tokens, with the tail kept and the eos behind. *n_cut: how
 * many were lost. NULL: no memory. */
static uint32_t *finish_ids(const struct tokenize *tokenize, struct gm_batch *batch,
                            struct row_ids *row_ids, uint64_t *n_cut)
{
    uint32_t eos_id = tokenize->eos_id;
    size_t n_eos = eos_id != GM_NO_TOKEN, n_all = row_ids->n_ids + n_eos, n_kept = n_all;
    if (tokenize->opts->max_tokens > 0 && n_all > tokenize->opts->max_tokens)
        n_kept = (size_t)tokenize->opts->max_tokens;
    uint32_t *all = row_ids->room;
    if (!all)
        all = gm_batch_alloc(batch, n_kept * sizeof *all);
    if (!all)
        return NULL;
    size_t n_tail = tokenize->n_tail - n_eos; /* of what the encoder gave */
    size_t n_front = n_kept - n_eos - n_tail;
    if (!row_ids->room)
        memcpy(all, row_ids->ids, n_front * sizeof *all);
    memmove(all + n_front, row_ids->ids + row_ids->n_ids - n_tail, n_tail * sizeof *all);
    if (n_eos)
        all[n_kept - 1] = eos_id;
    *n_cut = n_all - n_kept;
    row_ids->n_ids = n_kept;
    return all;
}

static void reject(struct gm_batch *batch, uint32_t row, enum gm_status status,
                   const struct gm_err *why)
{
    gm_batch_reject(batch, row,
                    status == GM_INPUT ? GM_REASON_TEXT_UTF8 : GM_REASON_LIMIT_RECORD_BYTES, "%s",
                    why->text);
}

/* Whether the text is one that can be written; rejects it otherwise. */
static bool is_wanted(const struct tokenize *tokenize, struct gm_batch *batch, uint32_t row,
                      uint64_t n_ids)
{
    const struct gm_spec *spec = gm_tokenizer_spec(tokenize->tokenizer);
    uint64_t n_around =
        tokenize->opts->special_tokens ? (uint64_t)spec->n_prefix_ids + spec->n_suffix_ids : 0;
    uint64_t n_all = n_ids + (tokenize->eos_id != GM_NO_TOKEN);
    uint64_t most = tokenize->opts->max_tokens;
    if (n_ids <= n_around) {
        gm_batch_reject(batch, row, GM_REASON_TEXT_EMPTY, "the text has no tokens");
        return false;
    }
    bool over = most > 0 && n_all > most && tokenize->opts->over == OVER_REJECT;
    if (over || n_all > MAX_IDS) {
        gm_batch_reject(batch, row, GM_REASON_LIMIT_TOKENS, "%llu tokens, and %llu are allowed",
                        (unsigned long long)n_all, (unsigned long long)(over ? most : MAX_IDS));
        return false;
    }
    return true;
}

static enum gm_status tokenize_process(void *ctx, struct gm_batch *batch, uint32_t row,
                                       struct gm_err *err)
{
    const struct tokenize *tokenize = ctx;
    const int *columns = tokenize->bind->out;
    struct gm_view text = gm_batch_view(batch, tokenize->bind->in[IN_TEXT], row);
    struct row_ids row_ids = {0};
    uint64_t n_cut = 0;
    uint64_t n_unknown = gm_encoder_counters(tokenize->encoder)->n_unknown;
    struct gm_err why = {0};
    lend_room(tokenize, batch, text.n_bytes, &row_ids);
    enum gm_status status =
        gm_encode(tokenize->encoder, text.data, text.n_bytes, &row_ids.ids, &row_ids.n_ids, &why);
    trim_room(batch, &row_ids);
    if (status == GM_INPUT || status == GM_LIMIT) {
        reject(batch, row, status, &why);
        return GM_OK;
    }
    if (status != GM_OK)
        return gm_err_set(err, status, "%s", why.text);
    if (!is_wanted(tokenize, batch, row, row_ids.n_ids))
        return GM_OK;
    const uint32_t *all = finish_ids(tokenize, batch, &row_ids, &n_cut);
    if (!all)
        return gm_err_set(err, GM_NOMEM, "no memory for %zu ids", row_ids.n_ids);
    gm_batch_set_view(batch, columns[OUT_INPUT_IDS], row, all, row_ids.n_ids * sizeof *all);
    gm_batch_set_u64(batch, columns[OUT_N_TOKENS], row, row_ids.n_ids);
    gm_batch_set_u64(batch, columns[OUT_TRUNCATED], row, n_cut);
    gm_batch_set_u64(batch, columns[OUT_TOKEN_BYTES], row, text.n_bytes);
    gm_batch_set_u64(batch, columns[OUT_N_UNKNOWN], row,
                     gm_encoder_counters(tokenize->encoder)->n_unknown - n_unknown);
    return GM_OK;
}

const struct gm_stage gm_text_tokenize = {
    .name = "tokenize",
    .family = "text",
    .summary = "turns the text into token ids",
    .in = in,
    .out = out,
    .opts = opts,
    .opts_bytes = sizeof(struct tokenize_opts),
    .ctx_bytes = sizeof(struct tokenize),
    .check = tokenize_check,
    .prepare = tokenize_prepare,
    .save = tokenize_save,
    .facts = tokenize_facts,
    .worker_bytes = tokenize_worker_bytes,
    .free_opts = free_opts,
    .open = tokenize_open,
    .process = tokenize_process,
    .close = tokenize_close,
};
