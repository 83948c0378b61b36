/* Extended grapheme clusters (UAX 29, Unicode 17.0), which Precompiled looks up as a whole.
 *
 * Pure functions, any process. */
#ifndef GM_TOKENIZE_CLUSTER_H
#define GM_TOKENIZE_CLUSTER_H

#include <stddef.h>
#include <stdint.h>

/* Grapheme_Cluster_Break; Other and Extend are divided by what the rules for emoji and for Indic
 * conjuncts ask. */
enum gm_cluster_class {
    GM_CLUSTER_OTHER,
    GM_CLUSTER_CR,
    GM_CLUSTER_LF,
    GM_CLUSTER_CONTROL,
    GM_CLUSTER_EXTEND,
    GM_CLUSTER_ZWJ,
    GM_CLUSTER_REGIONAL,
    GM_CLUSTER_PREPEND,
    GM_CLUSTER_SPACING,
    GM_CLUSTER_L,
    GM_CLUSTER_V,
    GM_CLUSTER_T,
    GM_CLUSTER_LV,
    GM_CLUSTER_LVT,
    GM_CLUSTER_PICTOGRAPH,     /* Other, Extended_Pictographic */
    GM_CLUSTER_CONSONANT,      /* Other, InCB=Consonant */
    GM_CLUSTER_LINKER,         /* Extend, InCB=Linker */
    GM_CLUSTER_CONJUNCT_EXTEND /* Extend, InCB=Extend */
};

/* The table, by 128 code points. */
extern const uint8_t gm_cluster_blocks[], gm_cluster_classes[];

/* The end of the cluster that begins at at < n_bytes, which must be a place where one begins, seen
 * from the beginning of the text: the rules never look further back than to it. A byte that is not
 * UTF-8 is a character of no class. */
size_t gm_cluster_end(const uint8_t *text, size_t n_bytes, size_t at);

#endif
