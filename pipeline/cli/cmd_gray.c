/* gristmill gray DIR|FILE|LIST... -o OUT: a folder of images to grayscale, with their features. */
#include "cli/commands.h"
#include "cli/job.h"

#include <string.h>
#include <sys/stat.h>

static const struct gm_opt table[] = {GM_OPT_END};
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

static enum gm_status run(struct gm_cli *cli, const void *opts, struct gm_err *err)
{
    struct gm_buf yaml = GM_BUF_INIT;
    (void)opts;
    gm_buf_text(&yaml, "job: gray\nout: gray\nsource:\n");
    for (unsigned i = 0; i < cli->n_arguments; i++)
        add_source(&yaml, cli->arguments[i]);
    gm_buf_text(&yaml, "image:\n  - gray\n  - features\n"
                       "sink:\n  records: {}\n  images: {}\n");
    enum gm_status status = gm_job_short(cli, &yaml, err);
    gm_buf_free(&yaml);
    return status;
}

const struct gm_command gm_cmd_gray = {
    .name = "gray",
    .arguments = "DIR|FILE|LIST...",
    .summary = "turn images into grayscale and describe them",
    .details = "Takes folders (with all below them), image files, archives of images, and lists "
               "of URLs (.txt, .csv, .tsv, .jsonl, or - for standard input). Writes the gray "
               "images under the names that they had, and a record for each with its size, mean, "
               "deviation and entropy. Stands for a job that --dry-run prints.",
    .examples = "  gristmill gray photos -o gray-photos\n",
    .min_arguments = 1,
    .max_arguments = 64,
    .opts = table,
    .shorts = shorts,
    .sections = sections,
    .run = run,
};
