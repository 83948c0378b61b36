/* gristmill fetch LIST... -o DIR: only the downloader. Builds a job whose sink keeps the bodies. */
#include "cli/commands.h"
#include "cli/job.h"

#include <string.h>

#define DEFAULT_OUT "fetched"

static const struct gm_opt table[] = {GM_OPT_END};
static const struct gm_short shorts[] = {{'o', "out"}, {'c', "connections"}, {'\0', NULL}};
static const char *const sections[] = {"fetch", "source.urls", "sink.bodies", "", NULL};

static enum gm_status run(struct gm_cli *cli, const void *opts, struct gm_err *err)
{
    struct gm_buf yaml = GM_BUF_INIT;
    (void)opts;
    gm_buf_text(&yaml, "job: fetch\nout: " DEFAULT_OUT "\nsource:\n");
    for (unsigned i = 0; i < cli->n_arguments; i++) {
        if (strstr(cli->arguments[i], "://")) {
            gm_buf_free(&yaml);
            return gm_err_set(err, GM_USAGE,
                              "\"%s\" is a URL, and a list of URLs is expected; for one: echo URL "
                              "| gristmill fetch -",
                              cli->arguments[i]);
        }
        gm_buf_text(&yaml, "  - urls: ");
        gm_job_quote(&yaml, cli->arguments[i]);
        gm_buf_char(&yaml, '\n');
    }
    gm_buf_text(&yaml, "sink:\n  bodies: {layout: folder}\n");
    enum gm_status status = gm_job_short(cli, &yaml, err);
    gm_buf_free(&yaml);
    return status;
}

const struct gm_command gm_cmd_fetch = {
    .name = "fetch",
    .arguments = "LIST...|-",
    .summary = "download a list of URLs into a folder",
    .details =
        "LIST is a text file with a URL on each line, or CSV, TSV or JSON Lines with a "
        "column or key url; - reads it from standard input. Writes to the folder " DEFAULT_OUT
        " if -o names no other, a file for each body, or with --layout tar into shards. Files "
        "are named by their place in the list and their kind, never by the URL. Stands for a "
        "job that --dry-run prints. Started again it goes on where it was stopped.",
    .examples = "  gristmill fetch urls.txt -o pages --rate 5/s\n"
                "  gristmill fetch files.csv --column link -o files --connections 16\n",
    .min_arguments = 1,
    .max_arguments = 64,
    .opts = table,
    .shorts = shorts,
    .sections = sections,
    .run = run,
};
