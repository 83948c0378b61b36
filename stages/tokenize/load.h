/* Reads a tokenizer file into a spec: tokenizer.json (Hugging Face) or a .tiktoken rank file.
 *
 * Fails closed: what is not carried out exactly is refused with its place in the file, so a spec
 * that was loaded means what the reference means. Files are untrusted input.
 *
 * One thread; memory in proportion to the file. */
#ifndef GM_TOKENIZE_LOAD_H
#define GM_TOKENIZE_LOAD_H

#include "base/buf.h"
#include "base/err.h"
#include "tokenize/spec.h"
#include <stddef.h>

#define GM_LOAD_MAX_BYTES (256u << 20)

enum gm_load_kind {
    GM_LOAD_NOTHING, /* an empty file */
    GM_LOAD_JSON,
    GM_LOAD_TIKTOKEN,
    GM_LOAD_IMAGE,
    GM_LOAD_UNKNOWN
};
/* What a file is, by its first bytes; the caller tells that it is empty. */
enum gm_load_kind gm_load_kind(const void *data, size_t n_bytes);

struct gm_load_opts {
    const char *name;     /* of the file: a .tiktoken scheme may be told from it; NULL: none */
    const char *scheme;   /* .tiktoken: its name ("cl100k_base"); NULL: by the file's name */
    struct gm_buf *notes; /* gets a line for each thing in the file that has no effect here; NULL */
    size_t n_behind; /* bytes behind the data that may be read: with GM_JSON_PADDING_BYTES (json.h)
                      * a JSON file is not copied */
};

/* "NFC", "Split": a step's type in the file; NULL: no such kind. */
const char *gm_op_name(uint16_t kind);
/* The full name of the .tiktoken encoding that the options mean; NULL: none. */
const char *gm_load_encoding(const struct gm_load_opts *opts);

/* Fills an initialised spec from the bytes of a file that is not an image. GM_INPUT: malformed or
 * not supported, as "pre_tokenizer.pretokenizers[1].behavior: \"Merged\" is not ...". GM_LIMIT:
 * larger than GM_LOAD_MAX_BYTES. GM_CONFIG: the scheme is not known. On failure the spec is empty.
 */
enum gm_status gm_spec_load(struct gm_spec *spec, const void *data, size_t n_bytes,
                            const struct gm_load_opts *opts, struct gm_err *err);

#endif
