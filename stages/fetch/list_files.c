/* `files:` files by patterns, in bytewise order of their paths within each pattern, patterns in the
 * order of the config. The item's name is the path below the pattern's fixed root. */
#include "fetch/glob.h"
#include "source.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct opts {
    struct gm_opt_list patterns;
    bool hidden;
    bool follow;
};

static const struct gm_opt opt_table[] = {
    {"path", GM_OPT_LIST, offsetof(struct opts, patterns), NULL, 0, 0, NULL, NULL,
     "files, folders or patterns such as corpus/**/*.txt (** is any number of folders)"},
    {"hidden", GM_OPT_BOOL, offsetof(struct opts, hidden), "false", 0, 0, NULL, NULL,
     "also take names that start with a dot"},
    {"follow", GM_OPT_BOOL, offsetof(struct opts, follow), "false", 0, 0, NULL, NULL,
     "go into folders behind symbolic links"},
    GM_OPT_END};

static unsigned glob_flags(const struct opts *opts)
{
    return (opts->hidden ? GM_GLOB_HIDDEN : 0u) | (opts->follow ? GM_GLOB_FOLLOW : 0u);
}

static enum gm_status see_file(void *context, const struct gm_glob_entry *entry, struct gm_err *err)
{
    bool *found = context;
    (void)err;
    *found = *found || entry->problem == 0;
    return *found ? GM_END : GM_OK;
}

static enum gm_status files_check(const void *values, struct gm_err *err)
{
    const struct opts *opts = values;
    if (opts->patterns.n_items == 0)
        return gm_err_set(err, GM_CONFIG, "path: name files, a folder or a pattern");
    for (size_t i = 0; i < opts->patterns.n_items; i++) {
        bool found = false;
        const char *pattern = opts->patterns.items[i];
        enum gm_status status = gm_glob_walk(pattern, glob_flags(opts), see_file, &found, err);
        if (status != GM_OK)
            return status;
        if (!found)
            return gm_err_set(err, GM_MISSING,
                              "%s matches no file: correct the pattern, or put files there%s",
                              pattern, opts->hidden ? "" : " (hidden: true takes dot files too)");
    }
    return GM_OK;
}

static enum gm_status add_file(void *context, const struct gm_glob_entry *entry, struct gm_err *err)
{
    char message[256];
    struct gm_item item = {.kind = GM_ITEM_FILE,
                           .locator = entry->path,
                           .name = entry->name,
                           .expected_bytes = UINT64_MAX,
                           .file_bytes = entry->n_bytes,
                           .file_mtime_ns = entry->mtime_ns};
    if (entry->problem) {
        bool denied = entry->problem == EACCES || entry->problem == EPERM;
        bool gone = entry->problem == ENOENT;
        item.reason = denied ? GM_REASON_FETCH_PERMISSION
                      : gone ? GM_REASON_FETCH_MISSING
                             : GM_REASON_FETCH_IO;
        snprintf(message, sizeof message, "unable to read it: %s", strerrordesc_np(entry->problem));
        item.message = message;
    }
    return gm_lister_add(context, &item, err);
}

static enum gm_status files_list(const void *values, int stdin_fd, struct gm_lister_sink *sink,
                                 struct gm_err *err)
{
    const struct opts *opts = values;
    enum gm_status status = GM_OK;
    (void)stdin_fd;
    for (size_t i = 0; status == GM_OK && i < opts->patterns.n_items; i++)
        status = gm_glob_walk(opts->patterns.items[i], glob_flags(opts) | GM_GLOB_AHEAD, add_file,
                              sink, err);
    return status;
}

const struct gm_lister gm_list_files = {
    .name = "files",
    .summary = "local files by patterns, recursive and sorted",
    .opts = opt_table,
    .opts_bytes = sizeof(struct opts),
    .check = files_check,
    .list = files_list,
};
