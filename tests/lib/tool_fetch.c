/* Runs the fetcher without an engine: tool_fetch [-q] [-i INLINE] [-w WINDOW] [-s SPOOL] [-f]
 * [-e ETAG] [-d FOLDER] LIST [OPTION=VALUE ...]
 *
 * LIST is a text list of URLs (of paths with -f), streamed; "-" is standard input. Prints one JSON
 * line for each outcome in order of arrival (-q: only the totals, on standard error). -d writes
 * each body to FOLDER/NUMBER. -e sends a conditional request. OPTION=VALUE are rows of the fetch
 * options. */
#include "base/buf.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/hash.h"
#include "fake_feed.h"
#include "fetch/fetch_opts.h"
#include "fetch/lines.h"
#include "source.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

struct tool {
    struct gm_lines *lines;
    bool quiet, files;
    const char *etag; /* NULL: none */
    int body_dir;     /* -1: none */
    uint64_t n_bad;
    struct gm_buf out;
};

static enum gm_status next_item(void *context, struct gm_item *item, struct gm_err *err)
{
    struct tool *tool = context;
    struct gm_line line;
    enum gm_status status = gm_lines_next(tool->lines, &line, err);
    if (status != GM_OK)
        return status;
    item->kind = tool->files ? GM_ITEM_FILE : GM_ITEM_URL;
    item->etag = tool->etag;
    /* "URL sha256=HEX" and "URL size=N" state what is expected */
    char *rest = line.text;
    item->locator = strsep(&rest, "\t");
    for (char *word; (word = strsep(&rest, "\t"));) {
        if (strncmp(word, "size=", 5) == 0)
            gm_parse_u64(word + 5, strlen(word + 5), &item->expected_bytes, NULL);
        if (strncmp(word, "sha256=", 7) == 0) {
            item->has_sha256 = true;
            for (size_t i = 0; i < 32 && strlen(word) >= 7 + 64; i++) {
                char hex[3] = {word[7 + 2 * i], word[8 + 2 * i], 0};
                item->expected_sha256[i] = (uint8_t)strtoul(hex, NULL, 16);
            }
        }
    }
    return GM_OK;
}

static void text(struct gm_buf *out, const char *key, const char *value)
{
    gm_json_key(out, key);
    if (value)
        gm_json_string(out, value, strlen(value));
    else
        gm_buf_text(out, "null");
}

static void number(struct gm_buf *out, const char *key, uint64_t value)
{
    gm_json_key(out, key);
    gm_json_u64(out, value);
}

static void save(struct tool *tool, const struct gm_fetched *fetched)
{
    char name[32], copy[65536];
    int fd = -1;
    size_t n = 1;
    snprintf(name, sizeof name, "%llu", (unsigned long long)fetched->number);
    if (gm_open_at(tool->body_dir, name, O_WRONLY | O_CREAT | O_TRUNC, &fd, NULL) != GM_OK)
        return;
    if (fetched->body)
        gm_write_full(fd, fetched->body, fetched->n_bytes, name, NULL);
    for (uint64_t at = 0; fetched->fd >= 0 && n; at += n)
        if (gm_pread_full(fetched->fd, copy, sizeof copy, at, &n, NULL) != GM_OK ||
            gm_write_full(fd, copy, n, name, NULL) != GM_OK)
            break;
    gm_close(&fd);
}

static void take(void *context, struct gm_fetched *fetched)
{
    struct tool *tool = context;
    struct gm_buf *out = &tool->out;
    char hex[GM_SHA256_HEX_BYTES];
    tool->n_bad += fetched->reason != GM_REASON_NONE;
    if (tool->body_dir >= 0 && fetched->reason == GM_REASON_NONE && !fetched->unchanged)
        save(tool, fetched);
    if (tool->quiet)
        return;
    gm_buf_clear(out);
    gm_buf_char(out, '{');
    number(out, "number", fetched->number);
    text(out, "reason", gm_reason_code(fetched->reason));
    text(out, "message", fetched->message);
    number(out, "status", fetched->http_status);
    number(out, "bytes", fetched->n_bytes);
    number(out, "wire", fetched->wire_bytes);
    number(out, "tries", fetched->n_tries);
    number(out, "ms", fetched->elapsed_ms);
    text(out, "media", gm_media_name(fetched->media));
    text(out, "where", fetched->fd >= 0 ? "fd" : fetched->body ? "body" : "none");
    text(out, "sha256", fetched->has_sha256 ? gm_sha256_hex(fetched->sha256, hex) : NULL);
    number(out, "unchanged", fetched->unchanged);
    number(out, "complete_unknown", fetched->complete_unknown);
    text(out, "final_url", fetched->final_url);
    text(out, "etag", fetched->etag);
    text(out, "content_type", fetched->content_type);
    gm_buf_text(out, "}\n");
    fwrite(out->data, 1, out->n_bytes, stdout);
    fflush(stdout);
}

static enum gm_status set_options(void *opts, char **settings, struct gm_err *err)
{
    gm_opts_init(gm_fetch.opts, opts, gm_fetch.opts_bytes);
    for (; *settings; settings++) {
        char *value = strchr(*settings, '=');
        if (!value)
            return gm_err_set(err, GM_USAGE, "%s: no value", *settings);
        *value++ = '\0';
        const struct gm_opt *opt = gm_opt_find(gm_fetch.opts, *settings);
        if (!opt)
            return gm_err_set(err, GM_USAGE, "%s: no such option", *settings);
        enum gm_status status = gm_opt_apply(opt, opts, value, strlen(value), err);
        if (status != GM_OK)
            return status;
    }
    return gm_fetch.check(opts, err);
}

static void report(const struct gm_feed *feed, const struct tool *tool, uint64_t start_ns)
{
    struct rusage usage;
    double wall_s = (double)(gm_now_ns() - start_ns) / 1e9;
    getrusage(RUSAGE_SELF, &usage);
    double cpu_s = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                   (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
    double n = (double)fake_feed_n_done(feed);
    fprintf(stderr,
            "%.0f items, %llu bad, %llu requests, %llu retries, %.3f s, %.0f/s, cpu %.3f s = %.1f "
            "us/item, rss %ld KB\n",
            n, (unsigned long long)tool->n_bad, (unsigned long long)fake_feed_n_requests(feed),
            (unsigned long long)fake_feed_n_retries(feed), wall_s, n / wall_s, cpu_s,
            n > 0 ? cpu_s * 1e6 / n : 0, usage.ru_maxrss);
}

struct arguments {
    uint64_t inline_bytes, window;
    const char *spool;
};

static bool parse(int argc, char **argv, struct tool *tool, struct arguments *arguments)
{
    int option;
    while ((option = getopt(argc, argv, "qfi:w:s:e:d:")) != -1) {
        switch (option) {
        case 'q':
            tool->quiet = true;
            break;
        case 'f':
            tool->files = true;
            break;
        case 'e':
            tool->etag = optarg;
            break;
        case 's':
            arguments->spool = optarg;
            break;
        case 'i':
            gm_parse_u64(optarg, strlen(optarg), &arguments->inline_bytes, NULL);
            break;
        case 'w':
            gm_parse_u64(optarg, strlen(optarg), &arguments->window, NULL);
            break;
        default:
            tool->body_dir = option == 'd' ? open(optarg, O_DIRECTORY | O_CLOEXEC) : -1;
            if (tool->body_dir < 0)
                return false;
        }
    }
    return optind < argc;
}

static enum gm_status run(struct tool *tool, const struct gm_fetch_opts *opts,
                          const struct arguments *arguments, struct gm_err *err)
{
    int spool_fd = -1;
    if (gm_open_at(AT_FDCWD, arguments->spool, O_RDONLY | O_DIRECTORY, &spool_fd, err) != GM_OK)
        return err->status;
    struct gm_feed *feed = fake_feed_new(arguments->inline_bytes, spool_fd);
    fake_feed_set_source(feed, next_item, tool);
    fake_feed_set_sink(feed, take, tool);
    fake_feed_set_window(feed, arguments->window);
    uint64_t start_ns = gm_now_ns();
    enum gm_status status = gm_fetch.run(opts, feed, err);
    report(feed, tool, start_ns);
    fake_feed_free(feed);
    gm_close(&spool_fd);
    return status;
}

int main(int argc, char **argv)
{
    struct tool tool = {.body_dir = -1};
    struct arguments arguments = {.inline_bytes = 256 * 1024};
    struct gm_fetch_opts opts;
    struct gm_err err = {0};
    char spool[] = "/tmp/tool_fetch.XXXXXX";
    if (!parse(argc, argv, &tool, &arguments)) {
        fputs("usage: tool_fetch [-qf] [-i INLINE] [-w WINDOW] [-s SPOOL] [-e ETAG] [-d FOLDER] "
              "LIST [OPTION=VALUE ...]\n",
              stderr);
        return 64;
    }
    bool own_spool = !arguments.spool;
    if (own_spool)
        arguments.spool = mkdtemp(spool);
    enum gm_status status = set_options(&opts, argv + optind + 1, &err);
    if (status == GM_OK)
        status = gm_lines_open(argv[optind], 0, &tool.lines, &err);
    if (status == GM_OK)
        status = run(&tool, &opts, &arguments, &err);
    if (own_spool)
        gm_remove_tree(AT_FDCWD, spool, NULL);
    gm_lines_close(tool.lines);
    gm_buf_free(&tool.out);
    gm_opts_free(gm_fetch.opts, &opts);
    if (status != GM_OK)
        fprintf(stderr, "tool_fetch: %s\n", err.text);
    return gm_status_exit_code(status);
}
