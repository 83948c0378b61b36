/* The lines of items.jsonl, which docs/formats.md describes field by field. Fetch process. */
#ifndef GM_RUN_ITEM_LINE_H
#define GM_RUN_ITEM_LINE_H

#include "run/feed.h"

#define GM_ITEM_SHOWN_BYTES 8192u /* of a text in a line, escaped */
#define GM_ITEM_WORST_BYTES 6u    /* of a byte in JSON */

/* Appends one line. */
struct gm_feed_line gm_item_line(struct gm_buf *lines, const struct gm_feed_item *item);
/* As much of the text as is not more than GM_ITEM_SHOWN_BYTES when it is written as JSON. */
struct gm_view gm_item_text_shown(const char *text);
/* Why an item or member of this kind does not come out: message for media.unsupported. */
#define GM_NO_ROUTE_BYTES 128
void gm_item_no_route(enum gm_media media, char message[GM_NO_ROUTE_BYTES]);
bool gm_item_is_utf8(const char *text); /* NULL is */

#endif
