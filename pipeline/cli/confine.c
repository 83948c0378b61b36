/* See confine.h. */
#include "cli/confine.h"

#include "base/log.h"

enum gm_sandbox_mode gm_cli_sandbox(void)
{
    struct gm_err err = {0};
    if (gm_sandbox_probe(&err) == GM_OK)
        return GM_SANDBOX_ON;
    gm_log(GM_LOG_WARN, "%s; the files are read without a sandbox", err.text);
    return GM_SANDBOX_OFF;
}

enum gm_status gm_cli_enter_sandbox(struct gm_err *err)
{
    const struct gm_sandbox sandbox = {.profile = GM_SANDBOX_LISTER,
                                       .mode = gm_cli_sandbox(),
                                       .max_file_bytes = UINT64_MAX,
                                       .write_dir_fd = -1};
    enum gm_sandbox_state state;
    return gm_sandbox_enter(&sandbox, &state, err);
}
