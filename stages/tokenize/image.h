/* The compiled tokenizer: one position-independent, checksummed block of memory with everything
 * that encoding and decoding need: the spec's arrays and strings, merge tables, the grid of pairs
 * of bytes, the sets of tokens and cuts. Built once from a spec, mapped read-only and shared by all
 * workers, kept in a file if that is wanted.
 *
 *      header | section table | sections, each aligned to 4,096
 *
 * Little-endian, versioned. An image names the SHA-256 of the file that it was made from: a stale
 * or damaged one is found out by gm_image_open and built again by the caller. All offsets and
 * lengths are checked there, so that a hostile image is refused, never followed. */
#ifndef GM_TOKENIZE_IMAGE_H
#define GM_TOKENIZE_IMAGE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/hash.h"
#include "tokenize/bpe.h"
#include "tokenize/spec.h"
#include "tokenize/split.h"
#include <stddef.h>
#include <stdint.h>

#define GM_IMAGE_MAGIC   "gmtokimg"
#define GM_IMAGE_VERSION 1u

struct gm_image; /* opaque */

/* Appends the image to bytes. scheme: what gm_scheme_recognise says, stored as it is.
 * source_digest: SHA-256 of the tokenizer file. GM_INPUT: the model asks for what is not supported,
 * or contradicts itself; the text names it. GM_NOMEM. */
enum gm_status gm_image_build(const struct gm_spec *spec, enum gm_scheme scheme,
                              const uint8_t source_digest[GM_SHA256_BYTES], struct gm_buf *bytes,
                              struct gm_err *err);
/* Checks and opens an image in memory that must outlive the object and is aligned to 8 (a mapping,
 * or what malloc gives). source_digest NULL: any. GM_INPUT: not an image, another version, damaged.
 * GM_AGAIN: made from another file. */
enum gm_status gm_image_open(struct gm_image **image, const void *data, size_t n_bytes,
                             const uint8_t *source_digest, struct gm_err *err);
void gm_image_free(struct gm_image *image); /* NULL allowed; the memory is the caller's */

/* The spec as stored: its arrays and pool point into the image; not to be freed. merges is NULL:
 * they are in the tables (n_merges is kept). */
const struct gm_spec *gm_image_spec(const struct gm_image *image);
/* SHA-256 of the tokenizer file that it was made from. */
const uint8_t *gm_image_source_digest(const struct gm_image *image);
enum gm_scheme gm_image_scheme(const struct gm_image *image);
/* NULL if the model is neither BPE nor RANKS. */
const struct gm_bpe *gm_image_bpe(const struct gm_image *image);

#endif
