/* Normalizers that look at one character at a time: what each becomes. */
#ifndef GM_TOKENIZE_NORMAL_MAP_H
#define GM_TOKENIZE_NORMAL_MAP_H

#include "base/buf.h"
#include "tokenize/spec.h"

enum gm_normal_map_kind {
    GM_MAP_NMT,
    GM_MAP_LOWERCASE,
    GM_MAP_STRIP_ACCENTS,
    GM_MAP_BERT_CLEAN,  /* control characters away, whitespace is ' ' */
    GM_MAP_BERT_CJK,    /* spaces around ideographs */
    GM_MAP_BERT_ACCENTS /* nonspacing marks away */
};

struct gm_normal_map {
    enum gm_normal_map_kind kind;
    uint8_t ascii[128]; /* what a byte becomes; if not itself, it is looked up */
};

void gm_normal_map_init(struct gm_normal_map *map, enum gm_normal_map_kind kind);
/* False: nothing changes and out is as it was; else the result has been appended. */
bool gm_normal_map(const struct gm_normal_map *map, const uint8_t *text, size_t n_bytes,
                   struct gm_buf *out);

#endif
