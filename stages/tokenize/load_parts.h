/* What the parts of the JSON loader share: the place in the file, for messages, and readers of
 * members. Private to load*.c. */
#ifndef GM_TOKENIZE_LOAD_PARTS_H
#define GM_TOKENIZE_LOAD_PARTS_H

#include "json/json.h"
#include "tokenize/load.h"
#include "tokenize/names.h"
#include <stdbool.h>

struct gm_loader {
    struct gm_spec *spec;
    struct gm_buf *notes; /* NULL: nobody asks */
    struct gm_err *err;
    char path[256]; /* "model.merges[12]", path_bytes long */
    size_t path_bytes;
    struct gm_buf quoted;
    struct gm_names names;           /* of the model, as the file spells them */
    bool has_vocabulary, has_merges; /* names, spec->merges: read already (load_quick.h) */
};

/* Appends to the path; returns what gm_load_leave needs. A path that is too long is cut. */
size_t gm_load_enter(struct gm_loader *loader, const char *format, ...) GM_PRINTF(2, 3);
void gm_load_leave(struct gm_loader *loader, size_t mark);
/* "path: reason", GM_INPUT. */
enum gm_status gm_load_refuse(struct gm_loader *loader, const char *format, ...) GM_PRINTF(2, 3);
enum gm_status gm_load_no_memory(struct gm_loader *loader);
/* "path: reason" into the notes. */
void gm_load_note(struct gm_loader *loader, const char *format, ...) GM_PRINTF(2, 3);
/* In quotes, escaped, cut if long; lives until the next call. */
const char *gm_load_quote(struct gm_loader *loader, const char *text, size_t n_bytes);

/* Puts bytes into the pool. */
struct gm_spec_text gm_load_keep(struct gm_loader *loader, const void *data, size_t n_bytes);

/* The member of an object, the last one of that name; false: none, or the node is no object. */
bool gm_load_member(struct gm_json_node object, const char *key, struct gm_json_node *member);
enum gm_load_need {
    GM_LOAD_REQUIRED,
    GM_LOAD_OPTIONAL /* absent or null: *out stays as it is */
};
/* Typed members; GM_INPUT names the member. */
enum gm_status gm_load_text(struct gm_loader *loader, struct gm_json_node object, const char *key,
                            enum gm_load_need need, struct gm_json_value *out);
enum gm_status gm_load_bool(struct gm_loader *loader, struct gm_json_node object, const char *key,
                            enum gm_load_need need, bool *out);
enum gm_status gm_load_u32(struct gm_loader *loader, struct gm_json_node object, const char *key,
                           enum gm_load_need need, uint32_t *out);
/* The member must be an array or object. GM_LOAD_OPTIONAL: an absent one is an empty walk. */
struct gm_load_list {
    const char *key;
    enum gm_json_kind kind;
    enum gm_load_need need;
};
enum gm_status gm_load_walk(struct gm_loader *loader, struct gm_json_node object,
                            struct gm_load_list list, struct gm_json_walk *walk);
bool gm_load_is(const struct gm_json_value *value, const char *text);
/* "a string", "null" ... */
const char *gm_load_kind_name(enum gm_json_kind kind);

/* The parts, in the order in which they are read. */
enum gm_status gm_load_json(struct gm_loader *loader, const void *data, size_t n_bytes,
                            size_t n_behind);
enum gm_status gm_load_ops(struct gm_loader *loader, struct gm_json_node root);
enum gm_status gm_load_model(struct gm_loader *loader, struct gm_json_node root);
enum gm_status gm_load_added(struct gm_loader *loader, struct gm_json_node root);
enum gm_status gm_load_post(struct gm_loader *loader, struct gm_json_node root);
enum gm_status gm_load_tiktoken(struct gm_loader *loader, const void *data, size_t n_bytes,
                                const struct gm_load_opts *opts);

#endif
