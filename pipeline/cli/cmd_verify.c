/* gristmill verify RUN: reads every output again and compares it with the manifest. */
#include "cli/commands.h"
#include "cli/runfolder.h"

#include "base/num.h"

#include <string.h>

static const struct gm_opt table[] = {GM_OPT_END};

struct totals {
    uint64_t n_files, n_bytes, n_problems;
};

/* The manifest of a generation names that of the one before by digest. */
static void check_chain(const struct gm_runfolder *folder, uint32_t i, struct totals *totals,
                        struct gm_buf *out)
{
    const struct gm_generation *generation = &folder->generations[i];
    if (i == 0 || (generation->manifest.has_previous &&
                   memcmp(generation->manifest.previous_sha256,
                          folder->generations[i - 1].manifest_sha256, GM_SHA256_BYTES) == 0))
        return;
    totals->n_problems++;
    gm_buf_printf(out, "%s: does not follow the manifest of generation %u\n", generation->path, i);
}

static enum gm_status verify(const struct gm_runfolder *folder, uint32_t i, struct totals *totals,
                             struct gm_buf *out, struct gm_err *err)
{
    const struct gm_generation *generation = &folder->generations[i];
    struct gm_verify_result result = {.problems = GM_BUF_INIT};
    if (!generation->complete)
        return gm_err_set(err, GM_INPUT, "%s: the run is not complete; run the job again first",
                          generation->path);
    if (!gm_manifest_adds_up(&generation->manifest)) {
        totals->n_problems++;
        gm_buf_printf(out, "%s: the counts of the manifest do not add up\n", generation->path);
    }
    check_chain(folder, i, totals, out);
    enum gm_status status =
        gm_manifest_verify(&generation->manifest, generation->dir_fd, &result, err);
    totals->n_files += result.n_files;
    totals->n_bytes += result.n_bytes;
    totals->n_problems += result.n_problems;
    gm_buf_append(out, result.problems.data, result.problems.n_bytes);
    gm_buf_free(&result.problems);
    return status;
}

static void print(const struct gm_cli *cli, const struct totals *totals, struct gm_buf *out)
{
    char files[GM_NUM_TEXT_BYTES], bytes[GM_NUM_TEXT_BYTES];
    if (!cli->common.json) {
        gm_buf_printf(out, "%s: %s files with %s are as the manifest says\n", cli->arguments[0],
                      gm_format_count(totals->n_files, files),
                      gm_format_bytes(totals->n_bytes, bytes));
        return;
    }
    gm_buf_char(out, '{');
    gm_json_key(out, "files");
    gm_json_u64(out, totals->n_files);
    gm_json_key(out, "bytes");
    gm_json_u64(out, totals->n_bytes);
    gm_json_key(out, "problems");
    gm_json_u64(out, totals->n_problems);
    gm_buf_text(out, "}\n");
}

static enum gm_status run(struct gm_cli *cli, const void *opts, struct gm_err *err)
{
    struct gm_runfolder folder;
    struct totals totals = {0};
    struct gm_buf problems = GM_BUF_INIT;
    (void)opts;
    enum gm_status status = gm_runfolder_open(&folder, cli->arguments[0], err);
    if (status != GM_OK)
        return status;
    for (uint32_t i = 0; i < folder.n_generations && status == GM_OK; i++)
        status = verify(&folder, i, &totals, &problems, err);
    if (!cli->common.json)
        gm_buf_append(&cli->out, problems.data, problems.n_bytes);
    if (status == GM_OK)
        print(cli, &totals, &cli->out);
    if (status == GM_OK && totals.n_problems > 0)
        status =
            gm_err_set(err, GM_INPUT, "%s: %llu difference%s from the manifest", cli->arguments[0],
                       (unsigned long long)totals.n_problems, totals.n_problems == 1 ? "" : "s");
    gm_buf_free(&problems);
    gm_runfolder_close(&folder);
    return status;
}

const struct gm_command gm_cmd_verify = {
    .name = "verify",
    .arguments = "RUN",
    .summary = "read all outputs again and compare them with the manifest",
    .details = "Recomputes the SHA-256 of every file that the manifest names. Exit code 65 if "
               "anything differs, is missing or does not add up.",
    .min_arguments = 1,
    .max_arguments = 1,
    .opts = table,
    .run = run,
};
