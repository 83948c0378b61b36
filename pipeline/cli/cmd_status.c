/* gristmill status RUN: what a run folder holds, how far it is, what failed and why. */
#include "cli/commands.h"
#include "cli/runfolder.h"
#include "cli/summary.h"

#include "base/num.h"

#include <string.h>

static const struct gm_opt table[] = {GM_OPT_END};

struct counts {
    uint64_t n_in, n_written, n_rejected, n_failed;
    const uint64_t *reasons;
};

static struct counts counts_of(const struct gm_generation *generation)
{
    const struct gm_manifest *manifest = &generation->manifest;
    const struct gm_frame_commit *last = &generation->journal.last;
    if (generation->complete)
        return (struct counts){manifest->n_in, manifest->n_written, manifest->n_rejected,
                               manifest->n_failed, manifest->reasons};
    struct counts counts = {last->n_in, last->n_written, 0, 0, last->reasons};
    for (unsigned i = 1; i < GM_REASON_COUNT; i++) {
        if (gm_reason_outcome((enum gm_reason)i) == GM_OUTCOME_REJECTED)
            counts.n_rejected += last->reasons[i];
        else
            counts.n_failed += last->reasons[i];
    }
    return counts;
}

static const char *state_of(const struct gm_runfolder *folder,
                            const struct gm_generation *generation)
{
    bool last = generation->number == folder->n_generations;
    if (generation->complete)
        return "complete";
    return folder->running && last ? "running" : "stopped";
}

static void print_count(struct gm_buf *out, const char *label, uint64_t n)
{
    char text[GM_NUM_TEXT_BYTES];
    gm_buf_printf(out, "  %-10s %12s\n", label, gm_format_count(n, text));
}

static void print_files(struct gm_buf *out, const struct gm_manifest *manifest)
{
    char bytes[GM_NUM_TEXT_BYTES], n[GM_NUM_TEXT_BYTES];
    for (size_t i = 0; i < manifest->n_files; i++) {
        const struct gm_manifest_file *file = &manifest->files[i];
        gm_buf_printf(out, "    %-32s %10s  %s %s\n", file->name,
                      gm_format_bytes(file->n_bytes, bytes),
                      gm_format_count(file->is_list ? file->n_listed : file->n_records, n),
                      file->is_list ? "files listed" : "records");
    }
    for (size_t i = 0; i < manifest->n_quarantine; i++)
        gm_buf_printf(out, "    %-32s made a worker crash\n", manifest->quarantine[i]);
}

static void print_counters(struct gm_buf *out, const struct gm_manifest *manifest)
{
    char n[GM_NUM_TEXT_BYTES];
    for (size_t i = 0; i < manifest->n_counters; i++)
        if (manifest->counters[i].value > 0)
            gm_buf_printf(out, "    %-32s %14s\n", manifest->counters[i].name,
                          gm_format_count(manifest->counters[i].value, n));
}

static void print_generation(struct gm_buf *out, const struct gm_runfolder *folder,
                             const struct gm_generation *generation)
{
    struct counts counts = counts_of(generation);
    const char *state = state_of(folder, generation);
    if (folder->n_generations > 1)
        gm_buf_printf(out, "generation %u (%s): %s\n", generation->number, generation->path, state);
    else
        gm_buf_printf(out, "%s: %s\n", generation->path, state);
    if (generation->complete) {
        print_count(out, "items", generation->manifest.n_items);
        if (generation->manifest.n_unchanged > 0)
            print_count(out, "unchanged", generation->manifest.n_unchanged);
        if (generation->manifest.n_failing > 0)
            print_count(out, "still fail", generation->manifest.n_failing);
        if (generation->manifest.n_removed > 0)
            print_count(out, "removed", generation->manifest.n_removed);
    } else {
        print_count(out, "items done", generation->journal.last.next.task);
    }
    print_count(out, "records in", counts.n_in);
    print_count(out, "written", counts.n_written);
    print_count(out, "rejected", counts.n_rejected);
    gm_summary_reasons(out, counts.reasons, GM_OUTCOME_REJECTED);
    print_count(out, "failed", counts.n_failed);
    gm_summary_reasons(out, counts.reasons, GM_OUTCOME_FAILED);
    if (generation->complete)
        print_counters(out, &generation->manifest);
    if (generation->complete)
        print_files(out, &generation->manifest);
    else if (strcmp(state, "stopped") == 0)
        gm_buf_text(out, "  run the job again to go on\n");
}

static void json_text(struct gm_buf *out, const char *key, const char *text)
{
    gm_json_key(out, key);
    gm_json_string(out, text, strlen(text));
}

static void json_count(struct gm_buf *out, const char *key, uint64_t value)
{
    gm_json_key(out, key);
    gm_json_u64(out, value);
}

static void json_counters(struct gm_buf *out, const struct gm_manifest *manifest)
{
    gm_json_key(out, "counters");
    gm_buf_char(out, '{');
    for (size_t i = 0; i < manifest->n_counters; i++)
        json_count(out, manifest->counters[i].name, manifest->counters[i].value);
    gm_buf_char(out, '}');
}

/* One line for each generation. */
static void json_generation(struct gm_buf *out, const struct gm_runfolder *folder,
                            const struct gm_generation *generation)
{
    struct counts counts = counts_of(generation);
    gm_buf_char(out, '{');
    json_text(out, "folder", generation->path);
    json_count(out, "generation", generation->number);
    json_text(out, "state", state_of(folder, generation));
    if (generation->complete) {
        json_text(out, "job", generation->manifest.job);
        json_count(out, "items", generation->manifest.n_items);
    } else {
        json_count(out, "items_done", generation->journal.last.next.task);
    }
    json_count(out, "in", counts.n_in);
    json_count(out, "written", counts.n_written);
    json_count(out, "rejected", counts.n_rejected);
    json_count(out, "failed", counts.n_failed);
    gm_summary_reasons_json(out, counts.reasons);
    if (generation->complete && generation->manifest.n_counters > 0)
        json_counters(out, &generation->manifest);
    gm_buf_text(out, "}\n");
}

static enum gm_status run(struct gm_cli *cli, const void *opts, struct gm_err *err)
{
    struct gm_runfolder folder;
    (void)opts;
    enum gm_status status = gm_runfolder_open(&folder, cli->arguments[0], err);
    if (status != GM_OK)
        return status;
    for (uint32_t i = 0; i < folder.n_generations; i++) {
        if (cli->common.json)
            json_generation(&cli->out, &folder, &folder.generations[i]);
        else
            print_generation(&cli->out, &folder, &folder.generations[i]);
    }
    gm_runfolder_close(&folder);
    return GM_OK;
}

const struct gm_command gm_cmd_status = {
    .name = "status",
    .arguments = "RUN",
    .summary = "show what a run folder holds and what failed",
    .details = "Works on finished, stopped and running runs; for a running one it shows what is "
               "committed. For questions of other kinds, run.db in the folder is a SQLite "
               "database: sqlite3 RUN/run.db",
    .min_arguments = 1,
    .max_arguments = 1,
    .opts = table,
    .run = run,
};
