/* Normalizers of a tokenizer.json: a flat list of steps over valid UTF-8, exactly as Hugging Face
 * tokenizers 0.23.2 carries them out, which means with its versions of Unicode (unicode_hf.h).
 *
 * Pure functions; any process. A normaliser is read-only when finished. */
#ifndef GM_TOKENIZE_NORMAL_H
#define GM_TOKENIZE_NORMAL_H

#include "base/buf.h"
#include "base/err.h"
#include "tokenize/spec.h"

struct gm_normalizer; /* the steps, with what is computed from them (compiled expressions) */

/* GM_INPUT names the step that is not supported: "normalizer 2 (Replace): at 3: ...". spec must
 * outlive it. Bert's strip_accents is GM_OP_ACCENTS as it takes effect (null: as lowercase). */
enum gm_status gm_normalizer_new(struct gm_normalizer **normalizer, const struct gm_spec *spec,
                                 struct gm_err *err);
void gm_normalizer_free(struct gm_normalizer *normalizer); /* NULL allowed */

/* *out is the normalised text: the input itself if nothing changes (told quickly, e.g. NFC of
 * ASCII), else the bytes in scratch, which is emptied first. GM_NOMEM. Not reentrant for one
 * scratch. A byte that is not UTF-8 stays as it is. */
struct gm_normal_text {
    const uint8_t *data;
    size_t n_bytes;
};
enum gm_status gm_normalize_text(const struct gm_normalizer *normalizer, const uint8_t *text,
                                 size_t n_bytes, struct gm_buf *scratch, struct gm_normal_text *out,
                                 struct gm_err *err);

#endif
