/* The list of mistakes that is made while a job is read: each with its place, shown as
 *
 *      job.yaml:12:3: unknown option "conections" in fetch
 *         12 |   conections: 64
 *            |   ^~~~~~~~~~
 *       hint: did you mean "connections"?
 *
 * Everything is collected first and sorted by place, so that one look at the screen is enough to
 * correct a whole file. One process. */
#ifndef GM_RUN_REPORT_H
#define GM_RUN_REPORT_H

#include "base/assert.h"
#include "base/buf.h"
#include "base/err.h"
#include <stddef.h>
#include <stdint.h>

struct gm_mistakes;

/* A text that a job was read from: the file, or one --set. */
struct gm_origin {
    const char *name; /* path of the file; "--set" */
    const char *data;
    size_t n_bytes;
    uint32_t rank; /* 0: the file; then one for each --set, in the order in which they were given.
                      A setting is one line and is shown without line and column numbers */
};

/* Lines and columns count from 1, columns and width in code points. line 0: no place known. */
struct gm_place {
    const struct gm_origin *origin; /* must outlive the report; never NULL */
    uint32_t line, column;
    uint32_t width; /* of what is underlined; 0 counts as 1 */
};

struct gm_report; /* opaque */

struct gm_report *gm_report_new(void);         /* NULL: no memory */
void gm_report_free(struct gm_report *report); /* NULL allowed */

/* status: GM_CONFIG for a mistake in the text, another for what the text points at (GM_MISSING: a
 * file that is not there). hint may be NULL; both texts are copied. */
struct gm_complaint {
    struct gm_place place;
    enum gm_status status;
    const char *hint;
};
void gm_report_add(struct gm_report *report, const struct gm_complaint *complaint,
                   const char *format, ...) GM_PRINTF(3, 4);
/* Number so far; a mistake that found no memory counts. */
uint32_t gm_report_count(const struct gm_report *report);
/* Writes all mistakes, sorted, into *mistakes (initialised here; the caller frees mistakes->text).
 * Returns the status that all of them share, GM_CONFIG if they differ, GM_OK if there are none. */
enum gm_status gm_report_render(struct gm_report *report, struct gm_mistakes *mistakes);

#endif
