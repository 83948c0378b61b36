/* The manifest in memory, and writing it. Reading is in manifest_read.c, verifying in
 * manifest_verify.c. */
#include "run/manifest.h"

#include "base/fs.h"
#include "version.h"
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void gm_manifest_free(struct gm_manifest *manifest)
{
    free(manifest->version);
    free(manifest->job);
    free(manifest->order);
    free(manifest->sandbox);
    for (size_t i = 0; i < manifest->n_files; i++)
        free(manifest->files[i].name);
    free(manifest->files);
    for (size_t i = 0; i < manifest->n_quarantine; i++)
        free(manifest->quarantine[i]);
    free(manifest->quarantine);
    for (size_t i = 0; i < manifest->n_counters; i++)
        free(manifest->counters[i].name);
    free(manifest->counters);
    memset(manifest, 0, sizeof *manifest);
}

char *gm_manifest_text(const char *text)
{
    return text ? strdup(text) : NULL;
}

static enum gm_status no_memory(struct gm_err *err)
{
    return gm_err_set(err, GM_NOMEM, "manifest: no memory");
}

static void count_outcomes(struct gm_manifest *manifest, const struct gm_output_state *state)
{
    manifest->n_in = state->n_in;
    manifest->n_written = state->n_written;
    for (unsigned i = 1; i < GM_REASON_COUNT; i++) {
        manifest->reasons[i] = state->reasons[i];
        if (gm_reason_outcome((enum gm_reason)i) == GM_OUTCOME_FAILED)
            manifest->n_failed += state->reasons[i];
        else
            manifest->n_rejected += state->reasons[i];
    }
}

static int by_stream(const void *a, const void *b)
{
    const struct gm_frame_file *x = a, *y = b;
    if (x->stream != y->stream)
        return x->stream < y->stream ? -1 : 1;
    if (x->shard != y->shard)
        return x->shard < y->shard ? -1 : 1;
    return x->sidecar < y->sidecar ? -1 : x->sidecar > y->sidecar;
}

static enum gm_status add_file(struct gm_manifest *manifest, const struct gm_output *output,
                               const struct gm_output_stream *def, const struct gm_frame_file *from,
                               struct gm_err *err)
{
    struct gm_buf name = GM_BUF_INIT;
    gm_output_file_name(def, from, &name);
    struct gm_manifest_file *file = &manifest->files[manifest->n_files];
    file->name = name.failed ? NULL : strdup(gm_buf_cstr(&name));
    gm_buf_free(&name);
    if (!file->name)
        return no_memory(err);
    file->n_bytes = from->n_bytes;
    file->n_records = from->n_records;
    file->is_list = def->mode == GM_OUTPUT_FILES;
    file->n_listed = file->is_list ? gm_output_total_files(output, from->stream) : 0;
    memcpy(file->sha256, from->sha256, sizeof file->sha256);
    manifest->n_files++;
    return GM_OK;
}

enum gm_status gm_manifest_fill(struct gm_manifest *manifest, const struct gm_output *output,
                                const struct gm_output_config *config, uint32_t hidden,
                                struct gm_err *err)
{
    GM_ASSERT(gm_output_state(output)->finished && !manifest->files);
    manifest->version = strdup(GM_VERSION);
    manifest->generation = config->generation;
    memcpy(manifest->config_sha256, config->config_digest, GM_SHA256_BYTES);
    memcpy(manifest->input_sha256, config->input_digest, GM_SHA256_BYTES);
    count_outcomes(manifest, gm_output_state(output));
    size_t n_files;
    const struct gm_frame_file *files = gm_output_files(output, &n_files);
    struct gm_frame_file *sorted = malloc((n_files + 1) * sizeof *sorted);
    manifest->files = calloc(n_files + 1, sizeof *manifest->files);
    enum gm_status status = sorted && manifest->files && manifest->version ? GM_OK : no_memory(err);
    if (status == GM_OK && n_files > 0) {
        memcpy(sorted, files, n_files * sizeof *sorted);
        qsort(sorted, n_files, sizeof *sorted, by_stream);
    }
    for (size_t i = 0; i < n_files && status == GM_OK; i++)
        if (!(hidden >> sorted[i].stream & 1))
            status =
                add_file(manifest, output, &config->streams[sorted[i].stream], &sorted[i], err);
    free(sorted);
    return status;
}

enum gm_status gm_manifest_add_quarantine(struct gm_manifest *manifest, const char *name,
                                          struct gm_err *err)
{
    char **names =
        realloc(manifest->quarantine, (manifest->n_quarantine + 1) * sizeof *manifest->quarantine);
    if (!names)
        return no_memory(err);
    manifest->quarantine = names;
    names[manifest->n_quarantine] = strdup(name);
    if (!names[manifest->n_quarantine])
        return no_memory(err);
    manifest->n_quarantine++;
    return GM_OK;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

enum gm_status gm_manifest_list_quarantine(struct gm_manifest *manifest, int dir_fd,
                                           struct gm_err *err)
{
    struct dirent **entries = NULL;
    enum gm_status status = GM_OK;
    int n = scandirat(dir_fd, "quarantine", &entries, NULL, by_name);
    for (int i = 0; i < n; i++) {
        char name[300];
        snprintf(name, sizeof name, "quarantine/%s", entries[i]->d_name);
        if (entries[i]->d_name[0] != '.' && status == GM_OK)
            status = gm_manifest_add_quarantine(manifest, name, err);
        free(entries[i]);
    }
    free(entries);
    return status;
}

enum gm_status gm_manifest_add_counter(struct gm_manifest *manifest, const char *name,
                                       uint64_t value, struct gm_err *err)
{
    struct gm_manifest_counter *counters =
        realloc(manifest->counters, (manifest->n_counters + 1) * sizeof *counters);
    if (!counters)
        return no_memory(err);
    manifest->counters = counters;
    counters[manifest->n_counters] = (struct gm_manifest_counter){strdup(name), value};
    if (!counters[manifest->n_counters].name)
        return no_memory(err);
    manifest->n_counters++;
    return GM_OK;
}

bool gm_manifest_adds_up(const struct gm_manifest *manifest)
{
    uint64_t n_rejected = 0, n_failed = 0;
    for (unsigned i = 1; i < GM_REASON_COUNT; i++)
        if (gm_reason_outcome((enum gm_reason)i) == GM_OUTCOME_FAILED)
            n_failed += manifest->reasons[i];
        else
            n_rejected += manifest->reasons[i];
    return n_rejected == manifest->n_rejected && n_failed == manifest->n_failed &&
           manifest->n_in == manifest->n_written + n_rejected + n_failed;
}

/* ---- writing ---- */

static void put_text(struct gm_buf *buf, const char *key, const char *text)
{
    gm_buf_printf(buf, "  \"%s\": ", key);
    if (text)
        gm_json_string(buf, text, strlen(text));
    else
        gm_buf_text(buf, "null");
    gm_buf_text(buf, ",\n");
}

static void put_digest(struct gm_buf *buf, const char *key, const uint8_t sha256[GM_SHA256_BYTES])
{
    char hex[GM_SHA256_HEX_BYTES];
    put_text(buf, key, sha256 ? gm_sha256_hex(sha256, hex) : NULL);
}

static void put_number(struct gm_buf *buf, const char *key, uint64_t value)
{
    if (buf->data && buf->n_bytes > 0 && buf->data[buf->n_bytes - 1] != '{')
        gm_buf_text(buf, ", ");
    gm_buf_printf(buf, "\"%s\": %llu", key, (unsigned long long)value);
}

static void put_counts(struct gm_buf *buf, const struct gm_manifest *manifest)
{
    gm_buf_text(buf, "  \"items\": {");
    put_number(buf, "total", manifest->n_items);
    put_number(buf, "unchanged", manifest->n_unchanged);
    put_number(buf, "failing", manifest->n_failing);
    put_number(buf, "removed", manifest->n_removed);
    gm_buf_text(buf, "},\n  \"records\": {");
    put_number(buf, "in", manifest->n_in);
    put_number(buf, "written", manifest->n_written);
    put_number(buf, "rejected", manifest->n_rejected);
    put_number(buf, "failed", manifest->n_failed);
    gm_buf_text(buf, "},\n  \"reasons\": {");
    for (unsigned i = 1; i < GM_REASON_COUNT; i++)
        if (manifest->reasons[i] > 0)
            put_number(buf, gm_reason_code((enum gm_reason)i), manifest->reasons[i]);
    gm_buf_text(buf, "},\n");
    if (manifest->n_counters == 0)
        return;
    gm_buf_text(buf, "  \"counters\": {");
    for (size_t i = 0; i < manifest->n_counters; i++)
        if (manifest->counters[i].value > 0)
            put_number(buf, manifest->counters[i].name, manifest->counters[i].value);
    gm_buf_text(buf, "},\n");
}

static void put_file(struct gm_buf *buf, const struct gm_manifest_file *file)
{
    char hex[GM_SHA256_HEX_BYTES];
    gm_buf_text(buf, "    {\"name\": ");
    gm_json_string(buf, file->name, strlen(file->name));
    put_number(buf, "bytes", file->n_bytes);
    put_number(buf, "records", file->n_records);
    gm_buf_printf(buf, ", \"sha256\": \"%s\"", gm_sha256_hex(file->sha256, hex));
    if (file->is_list)
        put_number(buf, "lists", file->n_listed);
    gm_buf_char(buf, '}');
}

static void encode(const struct gm_manifest *manifest, struct gm_buf *buf)
{
    gm_buf_text(buf, "{\n");
    put_text(buf, "format", GM_MANIFEST_FORMAT);
    put_text(buf, "version", manifest->version);
    put_text(buf, "job", manifest->job);
    gm_buf_printf(buf, "  \"generation\": %u,\n", manifest->generation);
    put_digest(buf, "previous_sha256", manifest->has_previous ? manifest->previous_sha256 : NULL);
    put_digest(buf, "config_sha256", manifest->config_sha256);
    put_digest(buf, "input_sha256", manifest->input_sha256);
    put_text(buf, "order", manifest->order);
    put_text(buf, "sandbox", manifest->sandbox);
    put_counts(buf, manifest);
    gm_buf_text(buf, "  \"files\": [");
    for (size_t i = 0; i < manifest->n_files; i++) {
        gm_buf_text(buf, i ? ",\n" : "\n");
        put_file(buf, &manifest->files[i]);
    }
    gm_buf_text(buf, manifest->n_files ? "\n  ],\n" : "],\n");
    gm_buf_text(buf, "  \"quarantine\": [");
    for (size_t i = 0; i < manifest->n_quarantine; i++) {
        gm_buf_text(buf, i ? ", " : "");
        gm_json_string(buf, manifest->quarantine[i], strlen(manifest->quarantine[i]));
    }
    gm_buf_text(buf, "]\n}\n");
}

enum gm_status gm_manifest_write(const struct gm_manifest *manifest, int dir_fd, const char *folder,
                                 struct gm_err *err)
{
    struct gm_buf buf = GM_BUF_INIT;
    encode(manifest, &buf);
    enum gm_status status =
        buf.failed ? no_memory(err)
                   : gm_write_file_durable(dir_fd, GM_MANIFEST_NAME, buf.data, buf.n_bytes, err);
    gm_buf_free(&buf);
    return status == GM_OK ? GM_OK : gm_err_add(err, "%s", folder);
}
