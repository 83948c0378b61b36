/* The lines of items.jsonl, which docs/formats.md describes field by field, and what run.db calls
 * an item. Fetch process, but for gm_item_key. */
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
/* The text with U+FFFD for each maximal part that is no UTF-8, in place of what buf holds. */
const char *gm_item_utf8(struct gm_buf *buf, const char *text);
/* What run.db calls the item, in place of what key holds: its locator; where a line cannot show
 * that (no UTF-8, or too long), "#", the XXH64 of all its bytes in hexadecimal, a space and what it
 * shows. true: the locator. Any process. */
bool gm_item_key(struct gm_buf *key, const char *locator);
/* Appends the line of removed.jsonl for the item that run.db calls so. */
void gm_item_removed_line(struct gm_buf *line, const char *key);

#endif
