/* The decoders of a tokenizer.json: each makes a list of texts of a list of texts. Private to
 * decode*.c. Reference: Hugging Face tokenizers 0.23.2 decoders/. */
#ifndef GM_TOKENIZE_DECODE_STEPS_H
#define GM_TOKENIZE_DECODE_STEPS_H

#include "base/buf.h"
#include "base/err.h"
#include "tokenize/spec.h"

/* A list of texts, one behind the other. Failed allocations are kept in bytes.failed. */
struct gm_strings {
    struct gm_buf bytes;
    struct gm_buf ends; /* size_t each */
};
void gm_strings_init(struct gm_strings *strings);
void gm_strings_free(struct gm_strings *strings);
/* What was appended to bytes since the last end is a text. */
void gm_strings_end(struct gm_strings *strings);

struct gm_decode_steps;
enum gm_status gm_decode_steps_new(struct gm_decode_steps **steps, const struct gm_spec *spec,
                                   struct gm_err *err);
void gm_decode_steps_free(struct gm_decode_steps *steps); /* NULL allowed */
/* Appends the decoded text; strings is used up. Without decoders texts are joined by spaces. */
enum gm_status gm_decode_steps_run(const struct gm_decode_steps *steps, struct gm_strings *strings,
                                   struct gm_buf *text, struct gm_err *err);

#endif
