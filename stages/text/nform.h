/* Unicode normalisation forms C and KC (UAX #15), through utf8proc.
 *
 * Nearly every text is in form C already, and utf8proc is slow, so the quick check of UAX #15
 * (a table look-up per code point, nothing at all per ASCII byte) finds the few places that need
 * work, and only those are decomposed, ordered and composed. Linear in time whatever the text:
 * utf8proc's own ordering of combining marks is quadratic and is not used. */
#ifndef GM_TEXT_NFORM_H
#define GM_TEXT_NFORM_H

#include "base/buf.h"
#include "base/err.h"
#include <stddef.h>
#include <stdint.h>

enum gm_nform { GM_NFORM_NFC, GM_NFORM_NFKC };

/* Scratch of one thread, reused from text to text. */
struct gm_nformer {
    int32_t *code_points; /* decomposed, not yet written */
    int32_t *ordered;     /* the other half of a sort, as large */
    size_t n_code_points;
    size_t capacity;
};

void gm_nformer_init(struct gm_nformer *nformer);
void gm_nformer_fini(struct gm_nformer *nformer);

/* How many bytes from the start are surely normalised, whatever the rest is made into; n_bytes if
 * the text is. The text must be valid UTF-8. */
size_t gm_nform_prefix(enum gm_nform form, const uint8_t *text, size_t n_bytes);

/* Appends the normalised text to out. The text must be valid UTF-8. GM_OK or GM_NOMEM. */
enum gm_status gm_nform_append(struct gm_nformer *nformer, enum gm_nform form, const uint8_t *text,
                               size_t n_bytes, struct gm_buf *out, struct gm_err *err);

#endif
