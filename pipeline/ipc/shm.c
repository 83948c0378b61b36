/* Shared memory on sealed memfds. The seals on size mean that no process can shrink the file under
 * somebody's mapping, which would be a SIGBUS there. Memory is taken with fallocate before it is
 * used: fallocate fails with an errno where a store would be a signal. It is not mapped in advance:
 * a mapping of ours is of no use to a child, which has page tables of its own. But the kernel does
 * not refuse what the machine does not have: it takes pages until it has to kill processes, of
 * anybody. Hence the look at what is available before anything is taken.
 *
 * Where the kernel can, the memory is taken in huge pages: 34 MB in small ones cost 13 ms of page
 * faults in those who write to it first, 9 to take and 4 to give back; in huge ones 0.3, 2 to 9 and
 * 0.1, and copies are a quarter faster.
 *
 * gm_shm_make_readonly guards against wild stores, not against a process that calls mprotect. */
#include "ipc/shm.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/num.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK_BYTES 512u /* unit of st_blocks, whatever the file system */
#define HUGE_BYTES  GM_SHM_STEP_BYTES
#define PATIENCE_NS 2000000u /* of CPU time for one huge page: the kernel may have to make room */
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

static size_t page_bytes(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

static bool round_to_pages(size_t n_bytes, size_t *rounded)
{
    size_t page = page_bytes();
    if (!gm_add_size(n_bytes, page - 1, rounded))
        return false;
    *rounded -= *rounded % page;
    return true;
}

static enum gm_status no_memory(const char *what, size_t n_bytes, struct gm_err *err)
{
    char text[GM_NUM_TEXT_BYTES];
    return gm_err_sys(err, GM_NOMEM, errno, "unable to %s %s of shared memory (lower `memory:`)",
                      what, gm_format_bytes(n_bytes, text));
}

/* What can be taken without making the kernel kill somebody; UINT64_MAX where it does not tell. */
static uint64_t available_bytes(void)
{
    static const char key[] = "\nMemAvailable:";
    char text[1024]; /* it is the third line */
    size_t n_read = 0;
    uint64_t kilobytes;
    int fd;
    if (gm_open_at(AT_FDCWD, "/proc/meminfo", O_RDONLY, &fd, NULL) != GM_OK)
        return UINT64_MAX;
    enum gm_status status = gm_read_full(fd, text, sizeof text - 1, &n_read, NULL);
    gm_close(&fd);
    text[n_read] = '\0';
    const char *at = status == GM_OK ? strstr(text, key) : NULL;
    if (!at)
        return UINT64_MAX;
    at += strlen(key);
    at += strspn(at, " ");
    if (gm_parse_u64(at, strspn(at, "0123456789"), &kilobytes, NULL) != GM_OK)
        return UINT64_MAX;
    return kilobytes > UINT64_MAX / 1024u ? UINT64_MAX : kilobytes * 1024u;
}

enum gm_status gm_shm_check_available(uint64_t n_bytes, struct gm_err *err)
{
    char wanted[GM_NUM_TEXT_BYTES];
    char left[GM_NUM_TEXT_BYTES];
    uint64_t available = available_bytes();
    if (n_bytes <= available)
        return GM_OK;
    return gm_err_set(err, GM_NOMEM,
                      "%s of shared memory are wanted, %s are available (lower `memory:`)",
                      gm_format_bytes(n_bytes, wanted), gm_format_bytes(available, left));
}

/* fallocate, and again if a signal came: a large range takes long enough for one. */
static int allocate(int fd, int mode, size_t offset, size_t n_bytes)
{
    int rc;
    do
        rc = fallocate(fd, mode, (off_t)offset, (off_t)n_bytes);
    while (rc != 0 && errno == EINTR);
    return rc;
}

/* Only a hint: whatever does not become a huge page is taken in small ones afterwards. There has to
 * be one small page for the kernel to make a huge one of. */
static void take_huge_pages(struct gm_shm *shm, size_t offset, size_t n_bytes)
{
    size_t end = offset + n_bytes;
    for (size_t at = (offset + HUGE_BYTES - 1) / HUGE_BYTES * HUGE_BYTES;
         at + HUGE_BYTES <= end && !shm->small_pages; at += HUGE_BYTES) {
        uint64_t since_ns = gm_thread_cpu_ns();
        shm->small_pages = allocate(shm->fd, 0, at, page_bytes()) != 0 ||
                           madvise(shm->data + at, HUGE_BYTES, MADV_COLLAPSE) != 0 ||
                           gm_thread_cpu_ns() - since_ns > PATIENCE_NS;
    }
}

/* The mapping begins where a huge page may, for all who inherit it. */
static uint8_t *map(int fd, size_t n_bytes)
{
    size_t room_bytes;
    if (n_bytes < HUGE_BYTES || !gm_add_size(n_bytes, HUGE_BYTES, &room_bytes)) {
        void *data = mmap(NULL, n_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        return data == MAP_FAILED ? NULL : data;
    }
    uint8_t *room =
        mmap(NULL, room_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (room == MAP_FAILED)
        return NULL;
    size_t before = -(uintptr_t)room % HUGE_BYTES;
    void *data =
        mmap(room + before, n_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0);
    int map_errno = errno;
    if (data == MAP_FAILED) {
        munmap(room, room_bytes);
        errno = map_errno;
        return NULL;
    }
    if (before > 0)
        munmap(room, before);
    munmap(room + before + n_bytes, HUGE_BYTES - before);
    return data;
}

enum gm_status gm_shm_create(const char *name, size_t n_bytes, size_t commit_bytes,
                             struct gm_shm *shm, struct gm_err *err)
{
    struct gm_shm made = GM_SHM_INIT;
    enum gm_status status;
    GM_ASSERT(n_bytes > 0 && commit_bytes <= n_bytes);
    if (!round_to_pages(n_bytes, &made.n_bytes) || made.n_bytes > INT64_MAX)
        return gm_err_set(err, GM_NOMEM, "shared memory %s: %zu bytes are too many", name, n_bytes);
    if ((status = gm_shm_check_available(commit_bytes, err)) != GM_OK)
        goto fail; /* before there is a file that could grow */
    made.fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (made.fd < 0) {
        status = gm_err_sys(err, GM_SYSTEM, errno, "unable to make shared memory");
        goto fail;
    }
    if (ftruncate(made.fd, (off_t)made.n_bytes) != 0) {
        status = no_memory("size", made.n_bytes, err);
        goto fail;
    }
    if (fcntl(made.fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
        status = gm_err_sys(err, GM_SYSTEM, errno, "unable to seal shared memory");
        goto fail;
    }
    made.data = map(made.fd, made.n_bytes);
    if (!made.data) {
        status = no_memory("map", made.n_bytes, err);
        goto fail;
    }
    round_to_pages(commit_bytes, &commit_bytes);
    if ((status = gm_shm_commit(&made, 0, commit_bytes, err)) != GM_OK)
        goto fail;
    *shm = made;
    return GM_OK;
fail:
    gm_shm_destroy(&made);
    gm_err_add(err, "%s", name);
    return status;
}

void gm_shm_destroy(struct gm_shm *shm)
{
    if (!shm)
        return;
    if (shm->data)
        munmap(shm->data, shm->n_bytes);
    gm_close(&shm->fd);
    *shm = (struct gm_shm)GM_SHM_INIT;
}

static void check_range(const struct gm_shm *shm, size_t offset, size_t n_bytes)
{
    GM_ASSERT(offset <= shm->n_bytes && n_bytes <= shm->n_bytes - offset);
    GM_ASSERT(offset % page_bytes() == 0 && n_bytes % page_bytes() == 0);
}

enum gm_status gm_shm_commit(struct gm_shm *shm, size_t offset, size_t n_bytes, struct gm_err *err)
{
    check_range(shm, offset, n_bytes);
    if (n_bytes == 0)
        return GM_OK;
    enum gm_status status = gm_shm_check_available(n_bytes, err);
    if (status != GM_OK)
        return status;
    take_huge_pages(shm, offset, n_bytes);
    return allocate(shm->fd, 0, offset, n_bytes) == 0 ? GM_OK : no_memory("get", n_bytes, err);
}

void gm_shm_decommit(struct gm_shm *shm, size_t offset, size_t n_bytes)
{
    check_range(shm, offset, n_bytes);
    if (n_bytes > 0)
        /* Cannot fail on a memfd without a write seal; if it does, the memory merely stays. */
        (void)allocate(shm->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, n_bytes);
}

uint64_t gm_shm_resident_bytes(const struct gm_shm *shm)
{
    struct stat stat;
    if (shm->fd < 0 || fstat(shm->fd, &stat) != 0)
        return 0;
    return (uint64_t)stat.st_blocks * BLOCK_BYTES;
}

enum gm_status gm_shm_make_readonly(struct gm_shm *shm, struct gm_err *err)
{
    shm->fd = -1;
    if (shm->data && mprotect(shm->data, shm->n_bytes, PROT_READ) != 0)
        return gm_err_sys(err, GM_SYSTEM, errno, "unable to make shared memory read-only");
    return GM_OK;
}

void gm_shm_drop(struct gm_shm *shm)
{
    if (shm->data)
        munmap(shm->data, shm->n_bytes);
    *shm = (struct gm_shm)GM_SHM_INIT;
}
