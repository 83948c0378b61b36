/* What a worker may do from here on: nothing but its work, in the memory of its route. */
#include "run/worker.h"

enum gm_status gm_worker_enter_sandbox(struct gm_worker *worker, struct gm_err *err)
{
    struct gm_sandbox sandbox = {.profile = GM_SANDBOX_WORKER,
                                 .mode = worker->plan->job.sandbox,
                                 .memory_bytes = worker->route->limit_bytes,
                                 .write_dir_fd = -1};
    enum gm_status status = gm_sandbox_enter(&sandbox, &worker->sandbox, err);
    if (status == GM_OK)
        gm_sandbox_keep_back(gm_plan_spare_bytes(worker->route));
    return status;
}
