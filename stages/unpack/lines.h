/* JSON Lines: one record a line. */
#ifndef GM_UNPACK_LINES_H
#define GM_UNPACK_LINES_H

#include "base/err.h"

struct gm_stream;
struct gm_unpacking;

/* Emits each line of the stream as a member without a name, media JSON_LINE. Lines end with LF or
 * CRLF, the last one also with the end of the stream; a line of nothing but blanks is no line; a
 * byte order mark at the start is dropped. What a line holds is not judged here.
 *
 * A line is never held: a long one is passed on as it is read, and skipped to its end once the
 * engine says that it is too long. GM_INPUT: the stream broke; the line that it broke in has been
 * rejected. */
enum gm_status gm_lines_split(struct gm_unpacking *unpacking, struct gm_stream *stream,
                              struct gm_err *err);

#endif
