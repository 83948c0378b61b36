/* YAML text to a tree in which every key and value knows its place.
 *
 * Only the part of YAML that a job needs: mappings, lists and scalars, and every scalar is text
 * (the option tables give it a type), so that `no`, `010` and `1e3` mean what they look like.
 * Refused, with a place: anchors and aliases, tags, directives, several documents, keys that are
 * not plain text, a key given twice, text that is not UTF-8, and what is larger than the limits
 * below. One process. */
#ifndef GM_RUN_CONFIG_H
#define GM_RUN_CONFIG_H

#include "base/buf.h"
#include "base/err.h"
#include "run/report.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GM_CONFIG_MAX_BYTES (1u << 20)
#define GM_CONFIG_MAX_DEPTH 16
#define GM_CONFIG_MAX_NODES 10000

enum gm_node_kind { GM_NODE_SCALAR, GM_NODE_LIST, GM_NODE_MAPPING };

struct gm_node {
    enum gm_node_kind kind;
    struct gm_place place;
    const char
        *key; /* in a mapping; NULL for list items and the root. NUL-terminated, no NUL inside */
    struct gm_place key_place;
    const char *value; /* SCALAR: NUL-terminated, no NUL inside */
    size_t value_bytes;
    bool is_empty; /* SCALAR: nothing stands there at all (`text:`); "" in quotes is not empty */
    struct gm_node *first, *last, *next; /* children in order; next: sibling */
};

struct gm_config; /* owns nodes and texts; opaque */

struct gm_config *gm_config_new(void);         /* NULL: no memory */
void gm_config_free(struct gm_config *config); /* NULL allowed */

/* Copies a text and gives it a rank (0 for the first). NULL: no memory. */
const struct gm_origin *gm_config_origin(struct gm_config *config, const char *name,
                                         const char *data, size_t n_bytes);
/* Reads the origin's YAML; *root is a MAPPING (an empty text: an empty one), or NULL after a
 * mistake of syntax, which is then in the report. GM_NOMEM is the only failure. */
enum gm_status gm_config_parse(struct gm_config *config, const struct gm_origin *origin,
                               struct gm_report *report, struct gm_node **root, struct gm_err *err);

/* Child of a mapping by key, or NULL (also if node is NULL or not a mapping). */
struct gm_node *gm_node_find(const struct gm_node *node, const char *key);
size_t gm_node_count(const struct gm_node *node);

/* For settings and defaults. NULL: no memory. key and value are copied; each may be NULL. */
struct gm_node *gm_config_node(struct gm_config *config, enum gm_node_kind kind, const char *key,
                               const char *value, const struct gm_place *place);
/* A NUL-terminated copy that lives as long as the config. NULL: no memory. */
char *gm_config_copy(struct gm_config *config, const char *text, size_t n_bytes);
void gm_node_append(struct gm_node *parent, struct gm_node *child);
/* Puts child behind `after`, or first if after is NULL. */
void gm_node_insert(struct gm_node *parent, struct gm_node *after, struct gm_node *child);

/* The tree as YAML that reads back as the same tree. */
void gm_config_print(const struct gm_node *root, struct gm_buf *text);

#endif
