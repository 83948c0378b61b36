/* See prepare.h. The memory file holds one page with struct gm_prepared, then the data. The child
 * sizes it by writing its last byte; once the child is gone it is sealed, and read for the first
 * time. */
#include "run/prepare.h"

#include "base/assert.h"
#include "base/fs.h"
#include "run/step.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEAD_BYTES   4096u
#define MEMORY_BYTES (UINT64_C(4) << 30) /* of the child, and of what it may leave */

struct preparing {
    const struct gm_stage *stage;
    const void *opts;
    enum gm_sandbox_mode mode;
    int fd;
};

static enum gm_status enter_sandbox(const struct preparing *preparing, struct gm_err *err)
{
    struct gm_sandbox sandbox = {.profile = GM_SANDBOX_LISTER,
                                 .mode = preparing->mode,
                                 .memory_bytes = MEMORY_BYTES,
                                 .max_file_bytes = MEMORY_BYTES,
                                 .write_dir_fd = -1};
    enum gm_sandbox_state state;
    return gm_sandbox_enter(&sandbox, &state, err);
}

/* Large pages are asked for before the memory is touched: later it has no effect. */
static enum gm_status hand_over(int fd, const struct gm_prepared *prepared, struct gm_err *err)
{
    size_t n_bytes = HEAD_BYTES + prepared->n_bytes;
    if (pwrite(fd, "", 1, (off_t)n_bytes - 1) != 1)
        return gm_err_sys(err, GM_NOMEM, errno, "no memory for %zu bytes", n_bytes);
    uint8_t *memory = mmap(NULL, n_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED)
        return gm_err_sys(err, GM_NOMEM, errno, "no memory for %zu bytes", n_bytes);
    madvise(memory, n_bytes, MADV_HUGEPAGE);
    memcpy(memory, prepared, sizeof *prepared);
    if (prepared->n_bytes > 0)
        memcpy(memory + HEAD_BYTES, prepared->data, prepared->n_bytes);
    return GM_OK;
}

static enum gm_status prepare_main(void *context, struct gm_err *err)
{
    const struct preparing *preparing = context;
    struct gm_prepared prepared = {.data = NULL};
    enum gm_status status = enter_sandbox(preparing, err);
    if (status == GM_OK)
        status = preparing->stage->prepare(preparing->opts, &prepared, err);
    if (status == GM_OK)
        status = hand_over(preparing->fd, &prepared, err);
    return status;
}

/* A private mapping: before Linux 6.7 one that is shared is refused once writing is sealed, even to
 * read. Its pages are those of the file all the same. */
static enum gm_status take_over(int fd, struct gm_prepared *prepared, struct gm_err *err)
{
    struct stat info;
    if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) != 0 ||
        fstat(fd, &info) != 0)
        return gm_err_sys(err, GM_SYSTEM, errno, "unable to seal a memory file");
    if (info.st_size < (off_t)HEAD_BYTES || (uint64_t)info.st_size > MEMORY_BYTES)
        return gm_err_set(err, GM_INTERNAL, "the child left nothing, or too much");
    size_t n_bytes = (size_t)info.st_size;
    uint8_t *memory = mmap(NULL, n_bytes, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
    if (memory == MAP_FAILED)
        return gm_err_sys(err, GM_NOMEM, errno, "unable to map a memory file");
    memcpy(prepared, memory, sizeof *prepared);
    prepared->data = memory + HEAD_BYTES;
    prepared->n_bytes = n_bytes - HEAD_BYTES;
    return GM_OK;
}

enum gm_status gm_prepare(const struct gm_stage *stage, const void *opts, enum gm_sandbox_mode mode,
                          struct gm_prepared *prepared, struct gm_err *err)
{
    GM_ASSERT(sizeof *prepared <= HEAD_BYTES);
    *prepared = (struct gm_prepared){.data = NULL};
    int fd = memfd_create("gristmill-prepared", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return gm_err_sys(err, GM_SYSTEM, errno, "no memory file");
    struct preparing preparing = {stage, opts, mode, fd};
    const struct gm_step step = {"prepare", &fd, 1, prepare_main, &preparing};
    enum gm_status status = gm_step_run(&step, err);
    if (status == GM_OK)
        status = take_over(fd, prepared, err);
    gm_close(&fd);
    return status;
}

void gm_prepared_free(struct gm_prepared *prepared)
{
    if (prepared->data)
        munmap((void *)(uintptr_t)(prepared->data - HEAD_BYTES), prepared->n_bytes + HEAD_BYTES);
    *prepared = (struct gm_prepared){.data = NULL};
}
