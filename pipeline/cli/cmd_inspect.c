/* gristmill inspect RUN: looks at records, or at what was rejected, without knowing the formats. */
#include "cli/commands.h"
#include "cli/shard.h"
#include "cli/runfolder.h"

#include "base/jread.h"
#include "base/num.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SHOWN_BYTES 160 /* of a value, without --full */

struct opts {
    bool rejected, full;
    uint64_t number;
    char *id;
};

#define FIELD(name) offsetof(struct opts, name)
static const struct gm_opt table[] = {
    {"rejected", GM_OPT_BOOL, FIELD(rejected), "false", 0, 0, NULL, NULL,
     "show what was rejected or failed, not the records"},
    {"number", GM_OPT_U64, FIELD(number), "5", 0, 1e15, NULL, "records",
     "how many to show; 0: all"},
    {"id", GM_OPT_STRING, FIELD(id), NULL, 0, 0, NULL, NULL,
     "only the record with this id, all of one item (17), or those of a URL, path or name"},
    {"full", GM_OPT_BOOL, FIELD(full), "false", 0, 0, NULL, NULL, "do not cut long values"},
    GM_OPT_END};
#undef FIELD
static const struct gm_short shorts[] = {{'n', "number"}, {'r', "rejected"}, {'\0', NULL}};

struct inspection {
    struct gm_cli *cli;
    const struct opts *opts;
    uint64_t n_shown;
};

/* An item's number, and a member's behind a dot: "17", "17.3", "000000017.000003". */
struct id {
    uint64_t item, member;
    bool has_member;
};

static bool parse_id(const char *text, size_t n_bytes, struct id *id)
{
    const char *dot = memchr(text, '.', n_bytes);
    size_t n = dot ? (size_t)(dot - text) : n_bytes;
    *id = (struct id){.has_member = dot != NULL};
    if (gm_parse_u64(text, n, &id->item, NULL) != GM_OK)
        return false;
    return !dot || gm_parse_u64(dot + 1, n_bytes - n - 1, &id->member, NULL) == GM_OK;
}

/* Whether the text is the record's id; an item's number stands for all of its members. */
static bool is_id(const struct id *wanted, const struct gm_buf *text)
{
    struct id id;
    return parse_id((const char *)text->data, text->n_bytes, &id) && id.item == wanted->item &&
           (!wanted->has_member || (id.has_member && id.member == wanted->member));
}

/* Whether the record has this id, source or name. */
static bool is_wanted(const char *text, const char *line, size_t n_bytes)
{
    struct id wanted;
    bool by_number = parse_id(text, strlen(text), &wanted), found = false;
    struct gm_jread reader;
    gm_jread_init(&reader, line, n_bytes);
    if (gm_jread_next(&reader) == GM_JREAD_OBJECT) {
        while (!found && gm_jread_next(&reader) == GM_JREAD_KEY) {
            bool is_key = gm_jread_is(&reader, "id");
            bool is_text = gm_jread_is(&reader, "source") || gm_jread_is(&reader, "name");
            enum gm_jread_token token = gm_jread_next(&reader);
            if (token == GM_JREAD_STRING)
                found = (is_key && by_number && is_id(&wanted, &reader.value)) ||
                        (is_text && gm_jread_is(&reader, text));
            if (!gm_jread_skip(&reader, token))
                break;
        }
    }
    gm_jread_free(&reader);
    return found;
}

/* Text of a record, cut after `most` bytes. What a terminal could act upon is shown as '?': JSON
 * should have escaped it, but the file may be anybody's. */
static void print_text(struct gm_buf *out, const char *text, size_t n_bytes, size_t most)
{
    size_t n = n_bytes;
    if (n > most) {
        n = most;
        while (n > 0 && ((uint8_t)text[n] & 0xc0) == 0x80)
            n--;
    }
    for (size_t i = 0; i < n; i++) {
        uint8_t byte = (uint8_t)text[i];
        bool c1 = byte == 0xc2 && i + 1 < n && (uint8_t)text[i + 1] < 0xa0;
        gm_buf_char(out, c1 || byte < 0x20 || byte == 0x7f ? '?' : text[i]);
        i += c1;
    }
    if (n < n_bytes) {
        char count[GM_NUM_TEXT_BYTES];
        gm_buf_printf(out, "... (%s bytes)", gm_format_count(n_bytes, count));
    }
}

static void print_key(struct gm_buf *out, const struct gm_buf *key)
{
    size_t n_before = out->n_bytes;
    gm_buf_text(out, "  ");
    print_text(out, (const char *)key->data, key->n_bytes, SHOWN_BYTES);
    do
        gm_buf_char(out, ' ');
    while (!out->failed && out->n_bytes < n_before + 24);
}

/* One "key  value" a line. false: not a JSON object, print it as it is. */
static bool print_fields(struct gm_buf *out, const char *line, size_t n_bytes, size_t most)
{
    struct gm_jread reader;
    size_t n_before = out->n_bytes;
    enum gm_jread_token token = GM_JREAD_ERROR;
    gm_jread_init(&reader, line, n_bytes);
    if (gm_jread_next(&reader) == GM_JREAD_OBJECT) {
        while ((token = gm_jread_next(&reader)) == GM_JREAD_KEY) {
            print_key(out, &reader.value);
            size_t from = reader.at;
            if (!gm_jread_skip(&reader, gm_jread_next(&reader)))
                break;
            while (from < reader.at && strchr(": \t", line[from]))
                from++;
            print_text(out, line + from, reader.at - from, most);
            gm_buf_char(out, '\n');
        }
    }
    gm_jread_free(&reader);
    if (token != GM_JREAD_OBJECT_END)
        out->n_bytes = n_before;
    return token == GM_JREAD_OBJECT_END;
}

static enum gm_status show(struct inspection *inspection, const char *line, size_t n_bytes,
                           struct gm_err *err)
{
    struct gm_buf *out = &inspection->cli->out;
    size_t most = inspection->opts->full ? SIZE_MAX : SHOWN_BYTES;
    inspection->n_shown++;
    if (inspection->cli->common.json) {
        gm_buf_append(out, line, n_bytes);
        gm_buf_char(out, '\n');
    } else {
        gm_buf_text(out, inspection->n_shown > 1 ? "\n" : "");
        if (!print_fields(out, line, n_bytes, most))
            gm_buf_printf(out, "  (not a JSON object, %zu bytes)\n", n_bytes);
    }
    return out->n_bytes > (64u << 10) ? gm_cli_flush(inspection->cli, err) : GM_OK;
}

static enum gm_status inspect_file(struct inspection *inspection, int dir_fd, const char *name,
                                   struct gm_err *err)
{
    struct gm_shard *shard;
    const char *line;
    size_t n_bytes;
    const struct opts *opts = inspection->opts;
    enum gm_status status = gm_shard_open(&shard, dir_fd, name, err);
    while (status == GM_OK && (opts->number == 0 || inspection->n_shown < opts->number)) {
        status = gm_shard_next(shard, &line, &n_bytes, err);
        if (status == GM_END) {
            gm_shard_close(shard);
            return GM_OK;
        }
        if (status == GM_OK && (!opts->id || is_wanted(opts->id, line, n_bytes)))
            status = show(inspection, line, n_bytes, err);
    }
    gm_shard_close(shard);
    return status;
}

static int is_records(const struct dirent *entry)
{
    return strncmp(entry->d_name, "records-", 8) == 0 && strstr(entry->d_name, ".jsonl") != NULL;
}

static int is_rejects(const struct dirent *entry)
{
    return strcmp(entry->d_name, "rejects.jsonl") == 0;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static enum gm_status inspect_generation(struct inspection *inspection,
                                         const struct gm_generation *generation, struct gm_err *err)
{
    struct dirent **entries;
    enum gm_status status = GM_OK;
    int n = scandirat(generation->dir_fd, ".", &entries,
                      inspection->opts->rejected ? is_rejects : is_records, by_name);
    if (n < 0)
        return gm_err_set(err, GM_IO, "unable to list %s", generation->path);
    for (int i = 0; i < n; i++) {
        if (status == GM_OK)
            status = inspect_file(inspection, generation->dir_fd, entries[i]->d_name, err);
        free(entries[i]);
    }
    free(entries);
    return status;
}

static enum gm_status run(struct gm_cli *cli, const void *options, struct gm_err *err)
{
    struct inspection inspection = {cli, options, 0};
    struct gm_runfolder folder;
    enum gm_status status = gm_runfolder_open(&folder, cli->arguments[0], err);
    if (status != GM_OK)
        return status;
    for (uint32_t i = 0; i < folder.n_generations && status == GM_OK; i++)
        status = inspect_generation(&inspection, &folder.generations[i], err);
    gm_runfolder_close(&folder);
    if (status == GM_OK && inspection.n_shown == 0 && !cli->common.json && !cli->common.quiet)
        gm_buf_text(&cli->out,
                    inspection.opts->rejected ? "nothing was rejected\n" : "no such records\n");
    return status;
}

const struct gm_command gm_cmd_inspect = {
    .name = "inspect",
    .arguments = "RUN",
    .summary = "look at records of a run, or at what was rejected",
    .details = "Prints the first records of the shards, decompressed, one field a line; with "
               "--json one record a line, as it was written.",
    .examples = "  gristmill inspect out/sft-web -n 2\n"
                "  gristmill inspect out/sft-web --rejected --id 17\n",
    .min_arguments = 1,
    .max_arguments = 1,
    .opts = table,
    .shorts = shorts,
    .opts_bytes = sizeof(struct opts),
    .run = run,
};
