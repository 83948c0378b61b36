/* What the parts of the tokenizer share. Private to tokenizer*.c, encode*.c and decode*.c. */
#ifndef GM_TOKENIZE_TOKENIZER_PARTS_H
#define GM_TOKENIZE_TOKENIZER_PARTS_H

#include "base/hash.h"
#include "tokenize/added.h"
#include "tokenize/decode.h"
#include "tokenize/image.h"
#include "tokenize/normal.h"
#include "tokenize/pretok.h"
#include "tokenize/tokenizer.h"
#include "tokenize/words.h"
#include <stdbool.h>

/* Memory that holds an image: a file's, or from malloc. */
struct gm_mapping {
    void *data;
    size_t n_bytes;
    bool is_new; /* built, not found: the memory is from malloc */
};
/* Opens the image for a tokenizer file: the file itself, the stored image if it is fresh, or one
 * that is built now. */
enum gm_status gm_mapping_open(struct gm_mapping *mapping, struct gm_image **image,
                               const char *path, const struct gm_tokenizer_opts *opts,
                               struct gm_err *err);
void gm_mapping_close(struct gm_mapping *mapping);

struct gm_tokenizer {
    struct gm_mapping mapping; /* data NULL: the caller's memory */
    const uint8_t *data;       /* the image */
    size_t n_bytes;
    struct gm_image *image;
    const struct gm_spec *spec;
    const struct gm_bpe *bpe; /* NULL: words is the model */
    struct gm_words *words;
    struct gm_normalizer *normalizer;
    /* The split rule; NONE and BERT are for the generic pre-tokenizers. */
    enum gm_scheme scheme;
    bool prefix_space; /* ByteLevel's, to be put in front of a segment that is split by a rule */
    struct gm_pretokenizer *pretokenizer;
    struct gm_added *added;
    struct gm_decoder *decoder;
};

#endif
