/* The token that ends a document, for `append_eos: auto`. A tokenizer file does not say which of
 * its tokens it is; the files beside it do, or there is only one that it can be. */
#ifndef GM_TOKENIZE_EOS_H
#define GM_TOKENIZE_EOS_H

#include "tokenize/tokenizer.h"

/* path: of the tokenizer file. In this order: eos_token of tokenizer_config.json, then of
 * special_tokens_map.json in the same folder; the one token that models are known to end documents
 * with. GM_CONFIG: none, or more than one, all named; or the files name a token that there is not.
 */
enum gm_status gm_eos_find(const struct gm_tokenizer *tokenizer, const char *path, uint32_t *id,
                           struct gm_err *err);

#endif
