/* A connection that gristmill speaks HTTP/1 on by itself, and the pool in which a thread keeps
 * those that are between two requests:
 *
 *      opened ──> in use by a transfer ──put──> kept ──take──> in use …
 *                       └── close                └── close: too many, too old, by the peer
 *
 * The last one kept is taken first. At most max_kept are kept; then the one that was kept longest
 * goes. One pool a thread. */
#ifndef GM_FETCH_CONNECTION_H
#define GM_FETCH_CONNECTION_H

#include "fetch/message.h"
#include "fetch/request.h"

#define GM_CONNECTION_MAX_IDLE_MS 118000u /* as libcurl: servers tend to close after 2 minutes */

struct gm_transfer;

struct gm_connection {
    int fd; /* owned */
    bool is_kept;
    struct gm_transfer *transfer;  /* whose request is under way; NULL: none */
    struct gm_message message;     /* the response to it */
    struct gm_buf request;         /* and its text */
    size_t n_sent;                 /* bytes of it */
    bool used_before;              /* the request is not the first one */
    bool waits_to_send;            /* epoll tells when it can go on */
    uint64_t kept_ms;              /* since when */
    uint64_t hash;                 /* of the key */
    struct gm_connection *in_hash; /* the next one of the same slot */
    struct gm_connection *older, *newer;
    char key[GM_TARGET_KEY_BYTES];
};

struct gm_connections {
    struct gm_connection **by_fd; /* all, also those in use */
    size_t n_by_fd;
    struct gm_connection **slots; /* those kept, by hash */
    size_t n_slots;               /* a power of two */
    size_t max_kept, n_kept;
    struct gm_connection *oldest, *newest; /* kept */
};

/* false: no memory. */
bool gm_connections_init(struct gm_connections *all, size_t max_kept);
/* Closes all that is kept; those in use have to be closed before. A zero struct is fine. */
void gm_connections_fini(struct gm_connections *all);

/* Takes fd over, which is connected and does not block; NULL: no memory, fd is still the caller's.
 */
struct gm_connection *gm_connection_open(struct gm_connections *all, int fd, const char *key);
/* Closes one, in use or kept. NULL allowed. */
void gm_connection_close(struct gm_connections *all, struct gm_connection *connection);
/* Closes all that is kept, and keeps fewer from now on. */
void gm_connections_shrink(struct gm_connections *all, size_t max_kept);
/* The connection of a descriptor, or NULL: it is none of ours, or was closed. */
struct gm_connection *gm_connection_find(const struct gm_connections *all, int fd);

/* The connection to this key that was kept last, no longer kept, or NULL. Closes what is too old.
 */
struct gm_connection *gm_connection_take(struct gm_connections *all, const char *key,
                                         uint64_t now_ms);
/* Keeps it, and closes the one that was kept longest if there are too many. */
void gm_connection_keep(struct gm_connections *all, struct gm_connection *connection,
                        uint64_t now_ms);

#endif
