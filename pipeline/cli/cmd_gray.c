/* gristmill gray DIR|FILE|LIST... -o OUT: a folder of images to grayscale; on demand with features
 * of their pixels, and which of them are near-duplicates. The features need the decoded pixels,
 * which a lossless copy of a JPEG does not: without them the command is several times faster. */
#include "cli/commands.h"
#include "cli/dups.h"
#include "cli/job.h"
#include "cli/near.h"

#include "base/fs.h"

#include <string.h>
#include <unistd.h>
#include <sys/stat.h>

#define DEFAULT_OUT "gray"

struct opts {
    bool features, dups;
    uint64_t distance;
    int hash;
};

static const char *const hash_names[] = {"phash", "dhash", "ahash", NULL};

#define FIELD(name) offsetof(struct opts, name)
static const struct gm_opt table[] = {
    {"features", GM_OPT_BOOL, FIELD(features), "false", 0, 0, NULL, NULL,
     "describe the pixels too: statistics, sharpness, perceptual hashes; --dups and the options of "
     "features imply it"},
    {"dups", GM_OPT_BOOL, FIELD(dups), "false", 0, 0, NULL, NULL,
     "report near-duplicates in dups.jsonl of the run folder; without a source: of a run that is "
     "there"},
    {"distance", GM_OPT_U64, FIELD(distance), "4", 0, GM_NEAR_MAX_DISTANCE, NULL, "bits",
     "near-duplicates differ in at most so many of the hash's 64 bits"},
    {"hash", GM_OPT_ENUM, FIELD(hash), "phash", 0, 0, hash_names, NULL, "which hash is compared"},
    GM_OPT_END};
#undef FIELD
static const struct gm_short shorts[] = {{'o', "out"}, {'\0', NULL}};
static const char *const sections[] = {"image.gray", "image.features", "sink.images", "fetch", "",
                                       NULL};

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), n_end = strlen(end);
    return n >= n_end && strcmp(text + n - n_end, end) == 0;
}

/* A list of URLs goes by its name; everything else is a file to read. */
static bool is_list(const char *argument)
{
    static const char *const endings[] = {".txt",    ".csv",    ".tsv",    ".jsonl",
                                          ".txt.gz", ".csv.gz", ".tsv.gz", ".jsonl.gz"};
    if (strcmp(argument, "-") == 0)
        return true;
    for (size_t i = 0; i < GM_ARRAY_LEN(endings); i++)
        if (ends_with(argument, endings[i]))
            return true;
    return false;
}

static void add_source(struct gm_buf *yaml, const char *argument)
{
    struct stat info;
    bool folder = stat(argument, &info) == 0 && S_ISDIR(info.st_mode);
    gm_buf_printf(yaml, "  - %s: ", !folder && is_list(argument) ? "urls" : "files");
    gm_job_quote(yaml, argument);
    gm_buf_char(yaml, '\n');
}

/* Asked for, or needed for what was asked for. */
static bool wants_features(const struct gm_cli *cli, const struct opts *opts)
{
    static const char section[] = "image.features.";
    bool wants = opts->features || opts->dups;
    for (size_t i = 0; i < cli->settings.n_items; i++)
        wants |= strncmp(cli->settings.items[i], section, sizeof section - 1) == 0;
    return wants;
}

static enum gm_status run_job(struct gm_cli *cli, const struct opts *opts, struct gm_err *err)
{
    struct gm_buf yaml = GM_BUF_INIT;
    gm_buf_text(&yaml, "job: gray\nout: " DEFAULT_OUT "\nsource:\n");
    for (unsigned i = 0; i < cli->n_arguments; i++)
        add_source(&yaml, cli->arguments[i]);
    gm_buf_text(&yaml, "image:\n  - gray\n");
    if (wants_features(cli, opts))
        gm_buf_text(&yaml, "  - features\n");
    gm_buf_text(&yaml, "sink:\n  records: {}\n  images: {}\n");
    enum gm_status status = gm_job_short(cli, &yaml, err);
    gm_buf_free(&yaml);
    return status;
}

/* The last -o or --set out=; else what run_job writes. */
static const char *run_folder(const struct gm_cli *cli)
{
    const char *folder = DEFAULT_OUT;
    for (size_t i = 0; i < cli->settings.n_items; i++)
        if (strncmp(cli->settings.items[i], "out=", 4) == 0)
            folder = cli->settings.items[i] + 4;
    return folder;
}

static enum gm_status report_dups(struct gm_cli *cli, const struct opts *opts, struct gm_err *err)
{
    struct gm_dups_opts dups = {hash_names[opts->hash], (unsigned)opts->distance};
    struct gm_dups_summary summary;
    const char *folder = run_folder(cli);
    enum gm_status status = gm_dups_report(folder, &dups, &summary, err);
    if (status != GM_OK)
        return gm_err_add(err, "near-duplicates");
    if (cli->common.quiet || cli->common.json)
        return GM_OK;
    struct gm_buf text = GM_BUF_INIT;
    gm_buf_printf(&text, "  near-duplicates: %llu of %llu images in %llu groups: %s/dups.jsonl\n",
                  (unsigned long long)summary.n_images, (unsigned long long)summary.n_records,
                  (unsigned long long)summary.n_groups, folder);
    status = gm_write_full(STDERR_FILENO, text.data, text.n_bytes, "standard error", err);
    gm_buf_free(&text);
    return status;
}

/* A run folder among the pictures is fine, its files are not listed; one that is the folder of the
 * pictures is a slip. */
static enum gm_status check_folders(const struct gm_cli *cli, struct gm_err *err)
{
    struct stat in, out;
    if (stat(run_folder(cli), &out) != 0)
        return GM_OK;
    for (unsigned i = 0; i < cli->n_arguments; i++)
        if (stat(cli->arguments[i], &in) == 0 && in.st_dev == out.st_dev && in.st_ino == out.st_ino)
            return gm_err_set(err, GM_USAGE, "%s is the source and the output: choose another -o",
                              cli->arguments[i]);
    return GM_OK;
}

static enum gm_status run(struct gm_cli *cli, const void *values, struct gm_err *err)
{
    const struct opts *opts = values;
    enum gm_status status = check_folders(cli, err);
    if (status != GM_OK)
        return status;
    if (cli->n_arguments == 0 && !opts->dups)
        return gm_err_set(err, GM_USAGE, "nothing to do: name a folder, file or list");
    status = cli->n_arguments ? run_job(cli, opts, err) : GM_OK;
    if (status == GM_OK && opts->dups && !cli->common.dry_run)
        status = report_dups(cli, opts, err);
    return status;
}

const struct gm_command gm_cmd_gray = {
    .name = "gray",
    .arguments = "DIR|FILE|LIST...",
    .summary = "turn images into grayscale",
    .details =
        "Takes folders (with all below them), image files, archives of images, and lists "
        "of URLs (.txt, .csv, .tsv, .jsonl, or - for standard input). Writes the gray "
        "images under the names that they had, to the folder " DEFAULT_OUT
        " if -o names no other, and "
        "a record for each: format, size, frames, SHA-256 of the file, and how it was converted. "
        "Stands for a job that --dry-run "
        "prints.\n\n"
        "With --features the records also describe the pixels: mean, deviation, entropy, "
        "sharpness, perceptual hashes. That takes longer, for JPEGs several times: without it "
        "they are converted without being decoded.\n\n"
        "With --dups, OUT/dups.jsonl then holds a line for each image that has a "
        "near-duplicate, those that belong together one after the other.",
    .examples = "  gristmill gray photos -o gray-photos\n"
                "  gristmill gray photos -o gray-photos --features --histogram\n"
                "  gristmill gray photos -o gray-photos --dups --distance 6\n",
    .min_arguments = 0,
    .max_arguments = 64,
    .opts = table,
    .opts_bytes = sizeof(struct opts),
    .shorts = shorts,
    .sections = sections,
    .run = run,
};
