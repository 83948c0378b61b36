/* A run before its engine: the folder, what it is that is begun, the list of items. */
#include "run/run_parts.h"

#include "base/fs.h"
#include "run/manifest.h"

#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>

#define WANTED_FILES 65536

/* Containers and connections are descriptors; children inherit the limit. */
static void raise_file_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= WANTED_FILES)
        return;
    limit.rlim_cur = limit.rlim_max < WANTED_FILES ? limit.rlim_max : WANTED_FILES;
    setrlimit(RLIMIT_NOFILE, &limit);
}

/* A finished run: is it the same job, and is there anything new? GM_END: nothing. */
static enum gm_status begin_next(struct gm_run *run, struct gm_err *err)
{
    struct gm_manifest manifest = {0};
    enum gm_status status = gm_manifest_read(&manifest, run->folder.generation_fd, run->folder.path,
                                             run->previous_sha256, err);
    if (status != GM_OK)
        return status;
    bool same = memcmp(manifest.config_sha256, run->plan->config_digest, GM_SHA256_BYTES) == 0;
    gm_manifest_free(&manifest);
    if (!same)
        return gm_err_set(err, GM_CONFIG,
                          "%s holds the outputs of another configuration: give this job another "
                          "out: folder, or move the old one away",
                          run->folder.path);
    run->has_previous = true;
    status = gm_folder_next(&run->folder, err);
    if (status == GM_OK)
        status = gm_list_sources(run->plan, &run->folder, true, &run->info, err);
    if (status != GM_OK || run->info.n_items > 0 || run->info.n_removed > 0)
        return status;
    status = gm_folder_drop(&run->folder, err);
    run->summary->n_unchanged = run->info.n_unchanged;
    return status == GM_OK ? GM_END : status;
}

enum gm_status gm_run_update_index(struct gm_run *run, struct gm_err *err)
{
    run->indexer.folder = run->folder.path;
    run->indexer.generation = run->folder.generation;
    return gm_indexer_finish(&run->indexer, err);
}

static enum gm_status read_previous_digest(struct gm_run *run, struct gm_err *err)
{
    struct gm_manifest manifest = {0};
    char name[GM_GENERATION_NAME_BYTES];
    int fd = -1;
    if (run->folder.generation <= 1 || run->has_previous)
        return GM_OK;
    enum gm_status status =
        gm_open_at(run->folder.fd, gm_generation_name(run->folder.generation - 1, name),
                   O_RDONLY | O_DIRECTORY, &fd, err);
    if (status == GM_OK)
        status = gm_manifest_read(&manifest, fd, run->folder.path, run->previous_sha256, err);
    run->has_previous = status == GM_OK;
    gm_manifest_free(&manifest);
    gm_close(&fd);
    return status;
}

/* A complete generation, or one of which not even the list is complete. */
static enum gm_status begin_after(struct gm_run *run, struct gm_err *err)
{
    enum gm_status status =
        run->folder.complete ? gm_run_update_index(run, err) : gm_folder_drop(&run->folder, err);
    return status == GM_OK ? begin_next(run, err) : status;
}

enum gm_status gm_run_begin(struct gm_run *run, struct gm_err *err)
{
    struct gm_folder *folder = &run->folder;
    raise_file_limit();
    enum gm_status status = gm_folder_open(run->plan->job.out, folder, err);
    if (status != GM_OK)
        return status;
    bool is_new = folder->generation == 0;
    if (is_new)
        folder->generation = run->summary->generation = 1;
    run->is_first = is_new && !gm_folder_has(folder->generation_fd, GM_JOURNAL_NAME);
    if (run->is_first)
        return GM_OK;
    if (is_new) /* somebody has taken the list away; the journal tells whether this one is it */
        status = gm_list_sources(run->plan, folder, false, &run->info, err);
    else if (folder->complete || !gm_folder_has(folder->generation_fd, GM_SNAPSHOT_NAME))
        status = begin_after(run, err);
    else
        run->summary->resumed = true;
    if (status == GM_OK)
        status = read_previous_digest(run, err);
    if (status == GM_OK)
        status =
            gm_open_at(folder->generation_fd, GM_SNAPSHOT_NAME, O_RDONLY, &run->snapshot_fd, err);
    if (status == GM_OK)
        status = gm_snapshot_info(run->snapshot_fd, &run->info, err);
    run->summary->generation = folder->generation;
    run->summary->n_unchanged = run->info.n_unchanged;
    return status;
}

enum gm_status gm_run_list(struct gm_run *run, struct gm_err *err)
{
    return gm_list_start(run->plan, &run->folder, false, &run->listing, err);
}

enum gm_status gm_run_listed(struct gm_run *run, struct gm_err *err)
{
    enum gm_status status = gm_list_finish(&run->listing, &run->info, err);
    if (status == GM_IO)
        gm_err_add(err, "%s", run->folder.path);
    run->snapshot_fd = run->listing.fd;
    run->listing.fd = -1;
    return status;
}

enum gm_status gm_run_prepare_output(struct gm_run *run, struct gm_err *err)
{
    uint8_t input[GM_SHA256_BYTES];
    gm_sha256(&run->info, sizeof run->info, input);
    run->output.n_streams = gm_output_streams(run->plan, run->streams);
    run->output.dir_fd = run->folder.generation_fd;
    run->output.folder = run->folder.path;
    run->output.streams = run->streams;
    run->output.generation = run->folder.generation;
    run->output.durability = run->plan->job.durability;
    run->output.cached_bytes = GM_OUTPUT_CACHED_BYTES;
    run->output.piece_bytes = GM_OUTPUT_PIECE_BYTES;
    memcpy(run->output.config_digest, run->plan->config_digest, GM_SHA256_BYTES);
    memcpy(run->output.input_digest, input, GM_SHA256_BYTES);
    enum gm_status status = gm_folder_spool(&run->folder, err);
    if (status == GM_OK)
        status = gm_folder_scratch(&run->folder, "hold", &run->hold_fd, err);
    if (status == GM_OK)
        status = gm_folder_scratch(&run->folder, "spill", &run->spill_fd, err);
    return status;
}

enum gm_status gm_run_look_at_output(struct gm_run *run, struct gm_err *err)
{
    struct gm_output *output = NULL;
    enum gm_status status = gm_output_open(&output, &run->output, err);
    if (status == GM_OK)
        run->state = *gm_output_state(output);
    gm_output_close(output);
    return status;
}
