/* The job of output_job.h, and the digest of a folder. */
#include "output_job.h"

#include "base/fs.h"
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char trailer[] = "end of the shard";

static enum gm_status make_ends(const void *opts, struct gm_shard_io *io, struct gm_err *err)
{
    uint32_t sizes[7];
    uint64_t end = 0;
    size_t n = 1;
    enum gm_status status = GM_OK;
    GM_ASSERT(opts == trailer);
    for (int pass = 0; pass < 2; pass++) { /* the first one only proves that rewind does it */
        status = io->rewind(io, err);
        end = 0;
        while (status == GM_OK && (status = io->sizes(io, sizes, 7, &n, err)) == GM_OK && n > 0)
            for (size_t i = 0; i < n && status == GM_OK; i++) {
                end += sizes[i];
                if (pass == 1)
                    status = io->put(io, &end, sizeof end, err);
            }
    }
    GM_ASSERT(status != GM_OK || end * JOB_UNIT_BYTES == io->facts.n_bytes);
    return status;
}

static enum gm_status make_info(const void *opts, struct gm_shard_io *io, struct gm_err *err)
{
    char text[64];
    (void)opts;
    int n = snprintf(text, sizeof text, "%llu items\n", (unsigned long long)io->facts.n_records);
    return io->put(io, text, (size_t)n, err);
}

static void make_head(const void *opts, const struct gm_shard_facts *facts, uint8_t *head)
{
    (void)opts;
    const struct job_head bytes = {facts->n_records, facts->n_bytes};
    memcpy(head, &bytes, sizeof bytes);
}

static const struct gm_sidecar sidecars[] = {
    {".ends", make_ends}, {".info", make_info}, {NULL, NULL}};

const struct gm_output_stream job_streams[GM_MAX_STREAMS] = {
    [GM_STREAM_ITEMS] = {.name = "items", .mode = GM_OUTPUT_APPEND, .extension = ".jsonl"},
    [GM_STREAM_REJECTS] = {.name = "rejects", .mode = GM_OUTPUT_APPEND, .extension = ".jsonl"},
    [JOB_RECORDS] = {.name = "records",
                     .mode = GM_OUTPUT_SHARDS,
                     .extension = ".bin",
                     .shard_bytes = 3000,
                     .trailer = trailer,
                     .trailer_bytes = sizeof trailer - 1},
    [JOB_IMAGES] = {.name = "images", .mode = GM_OUTPUT_FILES, .extension = ""},
    [JOB_ITEMS] = {.name = "sized",
                   .mode = GM_OUTPUT_SHARDS,
                   .extension = ".bin",
                   .shard_bytes = 900,
                   .sizes = JOB_SIZES,
                   .unit_bytes = JOB_UNIT_BYTES,
                   .sidecars = sidecars,
                   .head_bytes = sizeof(struct job_head),
                   .head = make_head,
                   .opts = trailer},
    [JOB_SIZES] = {.name = "sized", .mode = GM_OUTPUT_SIZES, .extension = ".sizes"},
};

struct gm_output_config job_config(int dir_fd, const char *folder, enum job_kind kind)
{
    struct gm_output_config config = {.dir_fd = dir_fd,
                                      .folder = folder,
                                      .streams = job_streams,
                                      .generation = 1,
                                      .cached_bytes = 5000,
                                      .piece_bytes = 4096};
    config.n_streams = kind == JOB_WITH_FILES ? JOB_SIZES + 1 : JOB_RECORDS + 1;
    memset(config.config_digest, 0xC0, sizeof config.config_digest);
    memset(config.input_digest, 0x1D, sizeof config.input_digest);
    return config;
}

static uint64_t mix(uint64_t x)
{
    return gm_xxh64(&x, sizeof x, 7);
}

static void add_images(struct gm_out *out, uint64_t number)
{
    static const char *const names[] = {"a/b.jpg", "a", "a/b.jpg", "deep/er/c.png", "x.y/z", "x.y"};
    for (uint64_t i = 0; i < mix(number) % 3; i++) {
        char data[64];
        int n = snprintf(data, sizeof data, "image %llu.%llu", (unsigned long long)number,
                         (unsigned long long)i);
        out->stream = JOB_IMAGES;
        GM_ASSERT(gm_out_part(out, names[mix(number + i) % GM_ARRAY_LEN(names)], data, (size_t)n, 1,
                              NULL) == GM_OK);
        gm_out_count(out, GM_REASON_NONE);
    }
}

static void add_items(struct gm_out *out, uint64_t number)
{
    uint32_t sizes[8], n_items = (uint32_t)(mix(number) % 9), sum = 0;
    uint8_t bytes[8 * 40 * JOB_UNIT_BYTES];
    for (uint32_t i = 0; i < n_items; i++) {
        sizes[i] = (uint32_t)(mix(number * 100 + i) % 40);
        sum += sizes[i];
    }
    if (sum == 0)
        return;
    memset(bytes, (int)number, sizeof bytes);
    out->stream = JOB_ITEMS;
    out->sizes_stream = JOB_SIZES;
    GM_ASSERT(gm_out_part(out, NULL, bytes, JOB_UNIT_BYTES * sum, n_items, NULL) == GM_OK);
    GM_ASSERT(gm_out_sizes(out, sizes, n_items, NULL) == GM_OK);
    gm_out_add(out, JOB_COUNTER, n_items);
}

void job_block(struct gm_out *out, uint64_t number, enum job_kind kind)
{
    gm_out_reset(out);
    uint8_t record[1500];
    size_t n = 1 + mix(number) % sizeof record;
    for (size_t i = 0; i < n; i++)
        record[i] = (uint8_t)mix(number * 4096 + i / 64);
    out->stream = JOB_RECORDS;
    GM_ASSERT(gm_out_part(out, NULL, record, n, 1, NULL) == GM_OK);
    gm_out_count(out, GM_REASON_NONE);
    if (number % 3 == 0) {
        char line[64];
        int n_line = snprintf(line, sizeof line, "{\"reject\":%llu}\n", (unsigned long long)number);
        out->stream = GM_STREAM_REJECTS;
        GM_ASSERT(gm_out_part(out, NULL, line, (size_t)n_line, 1, NULL) == GM_OK);
        gm_out_count(out, GM_REASON_TEXT_EMPTY);
    }
    if (kind == JOB_WITH_FILES) {
        add_images(out, number);
        add_items(out, number);
    }
    GM_ASSERT(gm_out_finish(out, NULL) == GM_OK);
}

enum gm_status job_run(const struct gm_output_config *config, uint64_t n_blocks,
                       uint64_t group_blocks, struct gm_err *err)
{
    enum job_kind kind = config->n_streams > JOB_IMAGES ? JOB_WITH_FILES : JOB_SHARDS_ONLY;
    struct gm_output *output;
    struct gm_out out;
    gm_out_init(&out);
    enum gm_status status = gm_output_open(&output, config, err);
    while (status == GM_OK && !gm_output_state(output)->finished) {
        struct gm_order_key key = gm_output_state(output)->next;
        if (key.task == n_blocks)
            break;
        job_block(&out, key.task, kind);
        key.task++;
        status = gm_output_append(output, out.bytes.data, out.bytes.n_bytes, &key, err);
        if (status == GM_OK && group_blocks > 0 && key.task % group_blocks == 0)
            status = gm_output_commit(output, err);
    }
    if (status == GM_OK)
        status = gm_output_finish(output, err);
    gm_output_close(output);
    gm_out_free(&out);
    return status;
}

/* ---- digest ---- */

struct entry {
    char *path;
    uint8_t digest[GM_SHA256_BYTES];
};

static struct {
    struct entry *entries;
    size_t n_entries;
} walked; /* nftw has no context parameter */

static int visit(const char *path, const struct stat *info, int type, struct FTW *place)
{
    (void)info;
    const char *name = path + place->base;
    if (type == FTW_D || (place->level == 1 && strcmp(name, GM_JOURNAL_NAME) == 0))
        return 0;
    struct gm_buf data = GM_BUF_INIT;
    GM_ASSERT(gm_read_file(AT_FDCWD, path, 1u << 30, &data, NULL) == GM_OK);
    walked.entries = realloc(walked.entries, (walked.n_entries + 1) * sizeof *walked.entries);
    GM_ASSERT(walked.entries);
    struct entry *entry = &walked.entries[walked.n_entries++];
    entry->path = strdup(path);
    GM_ASSERT(entry->path);
    gm_sha256(data.data ? data.data : (const uint8_t *)"", data.n_bytes, entry->digest);
    gm_buf_free(&data);
    return 0;
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct entry *)a)->path, ((const struct entry *)b)->path);
}

void job_digest(const char *folder, char hex[GM_SHA256_HEX_BYTES])
{
    walked.entries = NULL;
    walked.n_entries = 0;
    GM_ASSERT(nftw(folder, visit, 16, FTW_PHYS) == 0);
    qsort(walked.entries, walked.n_entries, sizeof *walked.entries, by_path);
    struct gm_sha256 *state = gm_sha256_new();
    GM_ASSERT(state);
    for (size_t i = 0; i < walked.n_entries; i++) {
        const char *below = walked.entries[i].path + strlen(folder);
        gm_sha256_update(state, below, strlen(below) + 1);
        gm_sha256_update(state, walked.entries[i].digest, GM_SHA256_BYTES);
        free(walked.entries[i].path);
    }
    uint8_t digest[GM_SHA256_BYTES];
    gm_sha256_final(state, digest);
    gm_sha256_hex(digest, hex);
    gm_sha256_free(state);
    free(walked.entries);
}

/* ---- folders ---- */

static void open_folder(struct job_folder *folder)
{
    GM_ASSERT(gm_open_at(AT_FDCWD, folder->path, O_RDONLY | O_DIRECTORY, &folder->fd, NULL) ==
              GM_OK);
}

void job_folder_make(struct job_folder *folder)
{
    snprintf(folder->path, sizeof folder->path, "/tmp/gm-output-XXXXXX");
    GM_ASSERT(mkdtemp(folder->path));
    open_folder(folder);
}

void job_folder_drop(struct job_folder *folder)
{
    gm_close(&folder->fd);
    GM_ASSERT(gm_remove_tree(AT_FDCWD, folder->path, NULL) == GM_OK);
}

void job_folder_empty(struct job_folder *folder)
{
    job_folder_drop(folder);
    GM_ASSERT(mkdir(folder->path, 0700) == 0);
    open_folder(folder);
}

void job_reference(enum job_kind kind, uint64_t n_blocks, char hex[GM_SHA256_HEX_BYTES])
{
    struct job_folder folder;
    job_folder_make(&folder);
    struct gm_output_config config = job_config(folder.fd, folder.path, kind);
    config.durability = GM_DURABILITY_NONE;
    GM_ASSERT(job_run(&config, n_blocks, 0, NULL) == GM_OK);
    job_digest(folder.path, hex);
    job_folder_drop(&folder);
}
