/* The tokenizer: text in, ids out, exactly as Hugging Face tokenizers 0.23.2 (tokenizer.json) or
 * tiktoken 0.14.0 (.tiktoken) give them. What the stage, the commands and the sinks use.
 *
 *      gm_tokenizer_open -> gm_encoder_new (one a worker) -> gm_encode ... -> free
 *
 * Encoding: added tokens are found in the text, what is between them is normalised, cut into pieces
 * (split.h or the generic pre-tokenizers) and encoded by the model. struct gm_tokenizer is
 * read-only after opening, so it may be inherited by a fork; struct gm_encoder belongs to one
 * thread. */
#ifndef GM_TOKENIZE_TOKENIZER_H
#define GM_TOKENIZE_TOKENIZER_H

#include "base/buf.h"
#include "base/err.h"
#include "tokenize/bpe.h"
#include "tokenize/spec.h"
#include "tokenize/split.h"
#include <stddef.h>
#include <stdint.h>

struct gm_tokenizer; /* opaque */
struct gm_encoder;   /* opaque */

enum gm_invalid_utf8 {
    GM_INVALID_ERROR,   /* GM_INPUT with the offset */
    GM_INVALID_REPLACE, /* U+FFFD for each maximal subpart (Unicode 3.9, as Python and Rust do) */
    GM_INVALID_BYTES,  /* byte-level vocabularies only: a run of bytes that are not UTF-8 is a piece
                          of its own, and what is on its sides is encoded as texts of their own */
    GM_INVALID_NOWHERE /* the caller has looked; where it is wrong, ids are wrong at the worst */
};

struct gm_tokenizer_opts {
    const char *image_path; /* compiled image to use, if it is there and not stale; NULL: none */
    const char *scheme;     /* .tiktoken only: "cl100k_base", "gpt2", "o200k_harmony" ...; NULL: by
                               file name */
};

/* Opens a tokenizer.json, a .tiktoken file or a compiled image, told from its first bytes.
 * GM_MISSING, GM_IO: the file. GM_INPUT: malformed, or a feature that is not supported, named with
 * its place ("pre_tokenizer.pretokenizers[1].pattern: ..."). opts NULL: the defaults. */
enum gm_status gm_tokenizer_open(struct gm_tokenizer **tokenizer, const char *path,
                                 const struct gm_tokenizer_opts *opts, struct gm_err *err);
/* Opens a compiled image in memory that must outlive the tokenizer, aligned to a page. GM_INPUT:
 * not an image, another version, damaged. */
enum gm_status gm_tokenizer_open_image(struct gm_tokenizer **tokenizer, const void *data,
                                       size_t n_bytes, struct gm_err *err);
void gm_tokenizer_free(struct gm_tokenizer *tokenizer); /* NULL allowed */
/* The compiled image; lives as long as the tokenizer. */
const uint8_t *gm_tokenizer_image(const struct gm_tokenizer *tokenizer, size_t *n_bytes);
/* The image was compiled just now, not found in a file. */
bool gm_tokenizer_is_new(const struct gm_tokenizer *tokenizer);
/* Writes an image, durably and in the place of an older image. GM_CONFIG: something else is there.
 * Looks at nothing in data. */
enum gm_status gm_tokenizer_save_image(const char *path, const void *data, size_t n_bytes,
                                       struct gm_err *err);
const struct gm_spec *gm_tokenizer_spec(const struct gm_tokenizer *tokenizer);
enum gm_scheme gm_tokenizer_scheme(const struct gm_tokenizer *tokenizer);
/* Id of a token by its text, added tokens included; GM_NO_TOKEN: none. */
uint32_t gm_tokenizer_id(const struct gm_tokenizer *tokenizer, const void *text, size_t n_bytes);
/* SHA-256 of the tokenizer file: part of what the output depends on. */
const uint8_t *gm_tokenizer_digest(const struct gm_tokenizer *tokenizer);

enum gm_encode_flags {
    GM_ENCODE_SPECIAL_TOKENS = 1, /* put the post-processor's tokens around the text */
    GM_ENCODE_ORDINARY = 2        /* added tokens in the text are text */
};
#define GM_ENCODER_NO_CACHE SIZE_MAX
struct gm_encoder_opts {
    unsigned flags; /* enum gm_encode_flags */
    enum gm_invalid_utf8 invalid_utf8;
    size_t cache_bytes;      /* of words; 0: 32 MB; GM_ENCODER_NO_CACHE; no effect on ids */
    enum gm_split_tier tier; /* GM_TIER_COUNT: the best one */
};

/* GM_CONFIG: GM_INVALID_BYTES with a vocabulary that is not byte-level. GM_NOMEM. */
enum gm_status gm_encoder_new(struct gm_encoder **encoder, const struct gm_tokenizer *tokenizer,
                              const struct gm_encoder_opts *opts, struct gm_err *err);
void gm_encoder_free(struct gm_encoder *encoder); /* NULL allowed */

/* The ids of a text; they live in the encoder until the next call. GM_INPUT: invalid UTF-8 at a
 * stated offset. GM_NOMEM: the encoder may be used again. n_bytes < 2^32 - 64, else GM_LIMIT. */
enum gm_status gm_encode(struct gm_encoder *encoder, const void *text, size_t n_bytes,
                         const uint32_t **ids, size_t *n_ids, struct gm_err *err);
/* The next gm_encode writes its ids to room, which spares a copy, or into the encoder if n_room may
 * not be enough: it wants room for as many ids as the text has bytes. NULL: nothing is lent. */
void gm_encoder_lend(struct gm_encoder *encoder, uint32_t *room, size_t n_room);
/* Summed over all calls of gm_encode. */
const struct gm_bpe_counters *gm_encoder_counters(const struct gm_encoder *encoder);

enum gm_decode_flags { GM_DECODE_SKIP_SPECIAL = 1 };
/* Appends the text of the ids, by the file's decoders. GM_INPUT: an id that is not in the
 * vocabulary, with its place. */
enum gm_status gm_decode(const struct gm_tokenizer *tokenizer, const uint32_t *ids, size_t n_ids,
                         unsigned flags, struct gm_buf *text, struct gm_err *err);

#endif
