/* Three views of the same structs: an array by descriptor, a hash table by key, a list by age. */
#include "fetch/connection.h"

#include "base/assert.h"
#include "base/fs.h"
#include "base/hash.h"
#include <stdlib.h>
#include <string.h>

bool gm_connections_init(struct gm_connections *all, size_t max_kept)
{
    size_t n = 16;
    while (n < 2 * max_kept)
        n *= 2;
    *all = (struct gm_connections){.n_slots = n, .max_kept = max_kept};
    all->slots = calloc(n, sizeof(struct gm_connection *));
    return all->slots != NULL;
}

static struct gm_connection **slot_of(const struct gm_connections *all, uint64_t hash)
{
    return &all->slots[hash & (all->n_slots - 1)];
}

struct gm_connection *gm_connection_find(const struct gm_connections *all, int fd)
{
    return (size_t)fd < all->n_by_fd ? all->by_fd[fd] : NULL;
}

static bool have_place(struct gm_connections *all, int fd)
{
    if ((size_t)fd < all->n_by_fd)
        return true;
    size_t n = 2 * (size_t)fd + 64;
    struct gm_connection **by_fd = reallocarray(all->by_fd, n, sizeof(struct gm_connection *));
    if (!by_fd)
        return false;
    memset(by_fd + all->n_by_fd, 0, (n - all->n_by_fd) * sizeof(struct gm_connection *));
    all->by_fd = by_fd;
    all->n_by_fd = n;
    return true;
}

struct gm_connection *gm_connection_open(struct gm_connections *all, int fd, const char *key)
{
    size_t n = strlen(key);
    struct gm_connection *connection = have_place(all, fd) ? calloc(1, sizeof *connection) : NULL;
    if (!connection)
        return NULL;
    GM_ASSERT(n < sizeof connection->key && !all->by_fd[fd]);
    memcpy(connection->key, key, n + 1);
    connection->hash = gm_xxh64(key, n, 0);
    connection->fd = fd;
    all->by_fd[fd] = connection;
    return connection;
}

static void unkeep(struct gm_connections *all, struct gm_connection *connection)
{
    struct gm_connection **at = slot_of(all, connection->hash);
    while (*at != connection) {
        GM_ASSERT(*at);
        at = &(*at)->in_hash;
    }
    *at = connection->in_hash;
    *(connection->older ? &connection->older->newer : &all->oldest) = connection->newer;
    *(connection->newer ? &connection->newer->older : &all->newest) = connection->older;
    connection->is_kept = false;
    all->n_kept--;
}

void gm_connection_close(struct gm_connections *all, struct gm_connection *connection)
{
    if (!connection)
        return;
    if (connection->is_kept)
        unkeep(all, connection);
    all->by_fd[connection->fd] = NULL;
    gm_close(&connection->fd);
    gm_message_fini(&connection->message);
    gm_buf_free(&connection->request);
    free(connection);
}

void gm_connections_shrink(struct gm_connections *all, size_t max_kept)
{
    while (all->oldest)
        gm_connection_close(all, all->oldest);
    all->max_kept = max_kept;
}

void gm_connections_fini(struct gm_connections *all)
{
    gm_connections_shrink(all, 0);
    free(all->slots);
    free(all->by_fd);
    *all = (struct gm_connections){0};
}

struct gm_connection *gm_connection_take(struct gm_connections *all, const char *key,
                                         uint64_t now_ms)
{
    while (all->oldest && now_ms - all->oldest->kept_ms > GM_CONNECTION_MAX_IDLE_MS)
        gm_connection_close(all, all->oldest);
    uint64_t hash = gm_xxh64(key, strlen(key), 0);
    struct gm_connection *at = *slot_of(all, hash);
    while (at && (at->hash != hash || strcmp(at->key, key) != 0))
        at = at->in_hash;
    if (at)
        unkeep(all, at);
    return at;
}

void gm_connection_keep(struct gm_connections *all, struct gm_connection *connection,
                        uint64_t now_ms)
{
    struct gm_connection **slot = slot_of(all, connection->hash);
    GM_ASSERT(!connection->is_kept);
    connection->is_kept = true;
    connection->kept_ms = now_ms;
    connection->in_hash = *slot;
    *slot = connection;
    connection->older = all->newest;
    connection->newer = NULL;
    *(all->newest ? &all->newest->newer : &all->oldest) = connection;
    all->newest = connection;
    if (++all->n_kept > all->max_kept)
        gm_connection_close(all, all->oldest);
}
