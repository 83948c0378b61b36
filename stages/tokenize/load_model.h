/* The merges of a BPE model. Private to load*.c. */
#ifndef GM_TOKENIZE_LOAD_MODEL_H
#define GM_TOKENIZE_LOAD_MODEL_H

#include "tokenize/load_parts.h"

#include "json/pull.h"

/* Reads the list at its bracket into spec->merges; loader->names are the vocabulary. false: not
 * sure (pull.h), and not all of them may be there. */
bool gm_load_merges_quick(struct gm_loader *loader, struct gm_json_pull *pull);
/* Needs the vocabulary and the word prefix. */
enum gm_status gm_load_merges(struct gm_loader *loader, struct gm_json_node model);

#endif
