/* The two long lists of a tokenizer.json, vocabulary and merges, without a document in memory,
 * which would take twice the file. They are read from the text into the loader; what is left of the
 * text is a small document with empty lists. Private to load*.c. */
#ifndef GM_TOKENIZE_LOAD_QUICK_H
#define GM_TOKENIZE_LOAD_QUICK_H

#include "json/pull.h"
#include "tokenize/load_parts.h"

struct gm_load_quick {
    struct gm_json_pull pull; /* names point to the strings that it decoded */
    struct gm_buf rest;       /* the document, and GM_JSON_PADDING_BYTES behind it */
    size_t rest_bytes;
};

/* true: the file is what rest and the lists say, if rest is a valid document. Then loader->names
 * are the vocabulary, in the order of the file, loader->has_vocabulary is set, and if there are
 * merges (spec->merges) has_merges as well. false: not sure; the loader is as it was, but for err.
 */
bool gm_load_quick(struct gm_loader *loader, struct gm_load_quick *quick, const void *data,
                   size_t n_bytes);
/* Forgets the lists. */
void gm_load_quick_drop(struct gm_loader *loader);
void gm_load_quick_fini(struct gm_load_quick *quick);

#endif
