/* robots.txt (RFC 9309): the rules of one host for the user agent "gristmill", and the question
 * whether a path may be fetched. Groups of our name win over "*"; the longest matching rule wins,
 * Allow wins a tie; "*" and a final "$" are understood. At most 500 KB are looked at and the rules
 * kept are bounded to 64 KB a host. Immutable once made: any thread may ask. */
#ifndef GM_FETCH_ROBOTS_H
#define GM_FETCH_ROBOTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GM_ROBOTS_MAX_BYTES (500u * 1024u)

struct gm_robots;

/* NULL: nothing is forbidden (or no memory). */
struct gm_robots *gm_robots_parse(const uint8_t *text, size_t n_bytes);
/* What RFC 9309 asks for when the server fails (5xx): everything is forbidden. NULL: no memory. */
struct gm_robots *gm_robots_forbid_all(void);
void gm_robots_free(struct gm_robots *robots); /* NULL allowed */
/* path: the URL from the path's '/' on, with its query, without the fragment. */
bool gm_robots_allows(const struct gm_robots *robots, const char *path, size_t n_bytes);

#endif
