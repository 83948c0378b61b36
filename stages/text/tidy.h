/* What a text is cleaned of apart from its normalisation form: control characters, foreign line
 * ends, superfluous white space. docs/text-statistics.md lists the exact rules. Each function
 * appends to out; texts are valid UTF-8. */
#ifndef GM_TEXT_TIDY_H
#define GM_TEXT_TIDY_H

#include "base/buf.h"
#include "batch.h"

/* GM_TIDY_COLLAPSE: each run of white space becomes two line feeds if it holds at least two line
 * ends, one line feed if it holds one, else one space; none at the start and end of the text.
 * GM_TIDY_FLATTEN: the same, but always one space. */
enum gm_tidy_space { GM_TIDY_COLLAPSE, GM_TIDY_FLATTEN };

/* Removes control characters (General_Category Cc) that are not white space. */
void gm_tidy_controls(struct gm_view text, struct gm_buf *out);
/* CR LF and CR become LF. */
void gm_tidy_newlines(struct gm_view text, struct gm_buf *out);
void gm_tidy_spaces(struct gm_view text, enum gm_tidy_space mode, struct gm_buf *out);
/* The part of the text without the white space (White_Space) at both ends. */
struct gm_view gm_tidy_trim(struct gm_view text);

#endif
