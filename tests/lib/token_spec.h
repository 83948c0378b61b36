/* Tokenizer specs for tests: made by hand, token by token, or read from a .tiktoken file without
 * the loader. Freed with token_spec_free. Memory is asserted. */
#ifndef GM_TESTS_TOKEN_SPEC_H
#define GM_TESTS_TOKEN_SPEC_H

#include "tokenize/image.h"
#include "tokenize/spec.h"

void token_spec_init(struct gm_spec *spec, enum gm_model_kind model, uint32_t flags);
void token_spec_free(struct gm_spec *spec);
struct gm_spec_text token_spec_text(struct gm_spec *spec, const void *text, size_t n_bytes);
/* Adds the token with the next id; returns it. */
uint32_t token_spec_add(struct gm_spec *spec, const void *text, size_t n_bytes);
uint32_t token_spec_add_text(struct gm_spec *spec, const char *text);
void token_spec_add_bytes(struct gm_spec *spec); /* the 256 single bytes */
/* GM_NO_TOKEN: none. Linear. */
uint32_t token_spec_find(const struct gm_spec *spec, const void *text, size_t n_bytes);
/* The merge of two tokens, with the prefix of the right one left out of the result. */
void token_spec_merge_ids(struct gm_spec *spec, uint32_t left, uint32_t right, uint32_t merged);
void token_spec_merge(struct gm_spec *spec, const char *left, const char *right);

/* false: the file is not there. */
bool token_spec_read_tiktoken(struct gm_spec *spec, const char *path);

/* An image of the spec, open. The memory goes with token_image_free. */
struct token_image {
    struct gm_buf bytes;
    struct gm_image *image;
};
void token_image_make(struct token_image *made, const struct gm_spec *spec);
void token_image_free(struct token_image *made);
/* Makes the sum right again after the image was changed. */
void token_image_seal(uint8_t *image, size_t n_bytes);

#endif
