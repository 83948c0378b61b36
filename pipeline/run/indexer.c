/* See indexer.h. */
#include "run/indexer.h"

#include "base/fs.h"
#include "base/log.h"
#include "run/index.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

/* Behind the workers, but not so far that on a busy machine the end of the run waits for it: who is
 * not root cannot take it back. */
#define NICE 5

struct follow {
    const char *folder;
    uint32_t generation;
    int done_fd;
};

static enum gm_status follow_main(void *context, struct gm_err *err)
{
    const struct follow *follow = context;
    if (setpriority(PRIO_PROCESS, 0, NICE) != 0)
        gm_log(GM_LOG_DEBUG, "index: priority not lowered");
    enum gm_status status =
        gm_index_follow(follow->folder, follow->generation, follow->done_fd, err);
    return status == GM_END ? GM_OK : status;
}

static enum gm_status update_main(void *context, struct gm_err *err)
{
    const struct follow *all = context;
    return gm_index_update(all->folder, all->generation, err);
}

void gm_indexer_start(struct gm_indexer *indexer, const char *folder, uint32_t generation)
{
    int ends[2] = {-1, -1};
    struct gm_err err = {0};
    enum gm_status status = GM_OK;
    indexer->folder = folder;
    indexer->generation = generation;
    if (pipe2(ends, O_CLOEXEC) != 0)
        status = gm_err_sys(&err, GM_SYSTEM, errno, "unable to make a pipe");
    struct follow follow = {folder, generation, ends[0]};
    const struct gm_step step = {"index", &ends[0], 1, follow_main, &follow};
    if (status == GM_OK)
        status = gm_step_start(&step, &indexer->step, &err);
    gm_close(&ends[0]);
    if (status != GM_OK) {
        gm_log(GM_LOG_DEBUG, "index: %s", err.text);
        gm_close(&ends[1]);
    }
    indexer->done_fd = ends[1];
}

void gm_indexer_complete(struct gm_indexer *indexer)
{
    const char byte = 1;
    if (indexer->done_fd < 0 || indexer->told)
        return;
    setpriority(PRIO_PROCESS, (id_t)indexer->step.child.pid, 0);
    indexer->told = write(indexer->done_fd, &byte, 1) == 1;
}

enum gm_status gm_indexer_finish(struct gm_indexer *indexer, struct gm_err *err)
{
    struct gm_err first = {0};
    enum gm_status status = GM_INTERNAL;
    gm_indexer_complete(indexer);
    if (indexer->told)
        status = gm_step_wait(&indexer->step, &first);
    gm_indexer_drop(indexer);
    if (status == GM_OK || status == GM_STOPPED) {
        *err = first;
        return status;
    }
    struct follow all = {indexer->folder, indexer->generation, -1};
    const struct gm_step step = {"index", NULL, 0, update_main, &all};
    return gm_step_run(&step, err);
}

void gm_indexer_drop(struct gm_indexer *indexer)
{
    bool was_there = indexer->step.child.pid != 0;
    gm_step_drop(&indexer->step);
    gm_close(&indexer->done_fd);
    indexer->told = false;
    if (was_there)
        gm_index_sweep(indexer->folder);
}
