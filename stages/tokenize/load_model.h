/* The merges of a BPE model. Private to load*.c. */
#ifndef GM_TOKENIZE_LOAD_MODEL_H
#define GM_TOKENIZE_LOAD_MODEL_H

#include "tokenize/load_parts.h"

/* Needs the vocabulary and the word prefix. */
enum gm_status gm_load_merges(struct gm_loader *loader, struct gm_json_node model);

#endif
