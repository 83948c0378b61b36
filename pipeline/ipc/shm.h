/* Shared memory: sealed memfds, mapped in the supervisor before the fork and inherited. Pages are
 * fallocated before use, so that a shortage is an error message and not a SIGBUS. */
#ifndef GM_IPC_SHM_H
#define GM_IPC_SHM_H

#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Commits of this size at multiples of it are the cheapest: one huge page, where the kernel can. */
#define GM_SHM_STEP_BYTES ((size_t)2 << 20)

struct gm_shm {
    int fd;           /* memfd, F_SEAL_SHRINK | F_SEAL_GROW; -1: none */
    uint8_t *data;    /* mapping, MAP_SHARED, page-aligned */
    size_t n_bytes;   /* multiple of the page size */
    bool small_pages; /* huge ones could not be had, or took too long */
};
#define GM_SHM_INIT                                                                                \
    {                                                                                              \
        -1, NULL, 0, false                                                                         \
    }

/* GM_NOMEM with the size in the message if the machine has less left. Takes nothing. */
enum gm_status gm_shm_check_available(uint64_t n_bytes, struct gm_err *err);

/* name shows in /proc/PID/maps. The first commit_bytes are taken at once, the rest stays sparse
 * until gm_shm_commit. GM_NOMEM with the size in the message if that is more than the machine has
 * left. Supervisor only. */
enum gm_status gm_shm_create(const char *name, size_t n_bytes, size_t commit_bytes,
                             struct gm_shm *shm, struct gm_err *err);
void gm_shm_destroy(struct gm_shm *shm); /* unmaps and closes; NULL or empty allowed */

/* Takes memory for a range (fallocate; GM_NOMEM as above) / gives it back to the system (punch
 * hole). Page-aligned. */
enum gm_status gm_shm_commit(struct gm_shm *shm, size_t offset, size_t n_bytes, struct gm_err *err);
void gm_shm_decommit(struct gm_shm *shm, size_t offset, size_t n_bytes);
/* Bytes of memory that the memfd holds now (st_blocks). */
uint64_t gm_shm_resident_bytes(const struct gm_shm *shm);

/* In a child, after the fork: the mapping becomes read-only / disappears. shm->fd becomes -1 in
 * both; the child has no such descriptor unless its list in child.h says so. */
enum gm_status gm_shm_make_readonly(struct gm_shm *shm, struct gm_err *err);
void gm_shm_drop(struct gm_shm *shm);

#endif
