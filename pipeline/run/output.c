/* The output folder: dispatches the parts of a block to growing files (outfile.c) and placed files
 * (placer.c), and ties them to the journal (journal.c) at each commit. */
#include "run/output.h"

#include "base/fs.h"
#include "run/outfile.h"
#include "run/placer.h"
#include "run/sidecar.h"
#include <stdlib.h>
#include <string.h>

struct gm_output {
    struct gm_output_config config;
    struct gm_output_state state;
    struct gm_journal journal;
    struct gm_outfile files[GM_MAX_STREAMS];
    struct gm_placer place;
    bool changed; /* since the last commit */
    bool failed;
    bool keep_bytes; /* a commit has failed: whatever is in the files, it is not touched again */
    bool expects;    /* the next block is known by its checksum */
    uint64_t expected;
    uint64_t uncommitted_bytes;
    struct gm_buf path, line; /* of the placed file at hand */
    struct gm_buf sizes;      /* of the part at hand, copied out of shared memory */
};

/* A step through the parts of a block. */
struct walk {
    const uint8_t *block;
    size_t n_bytes;
    size_t offset; /* of the next part */
    struct gm_out_part part;
    const uint8_t *name, *payload;
};

static bool has_stream(const struct gm_output *output, uint32_t stream)
{
    return stream < output->config.n_streams && output->config.streams[stream].name;
}

/* ---- opening ---- */

static enum gm_status check_new(const struct gm_output *output, struct gm_err *err)
{
    enum gm_status status = GM_OK;
    for (uint32_t i = 0; i < output->config.n_streams && status == GM_OK; i++)
        if (has_stream(output, i))
            status = gm_outfile_check_new(&output->config, i, err);
    return status;
}

static enum gm_status open_journal(struct gm_output *output, struct gm_err *err)
{
    const struct gm_output_config *config = &output->config;
    struct gm_frame_start start = {.generation = config->generation,
                                   .n_streams = config->n_streams};
    memcpy(start.config_digest, config->config_digest, sizeof start.config_digest);
    memcpy(start.input_digest, config->input_digest, sizeof start.input_digest);
    struct gm_journal earlier;
    enum gm_status status = gm_journal_read(&earlier, config->dir_fd, config->folder, NULL);
    if (status == GM_OK)
        gm_journal_close(&earlier);
    else if (status == GM_MISSING)
        status = check_new(output, err);
    else
        status = GM_OK; /* torn or damaged: opening it tells */
    bool existed = false;
    if (status == GM_OK)
        status = gm_journal_open(&output->journal, config->dir_fd, config->folder, &start,
                                 config->durability != GM_DURABILITY_NONE, &existed, err);
    if (status != GM_OK)
        return status;
    const struct gm_frame_commit *last = &output->journal.last;
    struct gm_output_state *state = &output->state;
    state->next = last->next;
    state->n_in = last->n_in;
    state->n_written = last->n_written;
    memcpy(state->reasons, last->reasons, sizeof state->reasons);
    memcpy(state->counters, last->counters, sizeof state->counters);
    state->resumed = existed;
    state->finished = last->finished != 0;
    return GM_OK;
}

static enum gm_status open_files(struct gm_output *output, struct gm_err *err)
{
    const struct gm_output_config *config = &output->config;
    const struct gm_frame_commit *last = &output->journal.last;
    enum gm_status status =
        gm_placer_open(&output->place, config->dir_fd, config->folder,
                       config->durability != GM_DURABILITY_NONE, output->journal.last_number, err);
    for (uint32_t i = 0; i < config->n_streams && status == GM_OK; i++) {
        if (!has_stream(output, i))
            continue;
        status = gm_outfile_open(&output->files[i], &output->config, i, &last->streams[i], err);
        if (status == GM_OK && config->streams[i].mode == GM_OUTPUT_FILES)
            status = gm_make_dirs(config->dir_fd, config->streams[i].name, err);
    }
    return status;
}

enum gm_status gm_output_open(struct gm_output **result, const struct gm_output_config *config,
                              struct gm_err *err)
{
    GM_ASSERT(config->n_streams <= GM_MAX_STREAMS);
    *result = NULL;
    struct gm_output *output = calloc(1, sizeof *output);
    if (!output)
        return gm_err_set(err, GM_NOMEM, "output: no memory");
    output->config = *config;
    output->journal.fd = -1;
    output->place.temporary_fd = -1;
    output->place.parent_fd = -1;
    for (uint32_t i = 0; i < GM_MAX_STREAMS; i++)
        output->files[i].fd = -1;
    enum gm_status status = open_journal(output, err);
    if (status == GM_OK)
        status = open_files(output, err);
    if (status != GM_OK) {
        gm_output_close(output);
        return status;
    }
    *result = output;
    return GM_OK;
}

void gm_output_close(struct gm_output *output)
{
    if (!output)
        return;
    for (uint32_t i = 0; i < GM_MAX_STREAMS; i++) {
        if (output->changed && !output->keep_bytes)
            gm_outfile_rollback(&output->files[i]);
        gm_outfile_close(&output->files[i]);
    }
    gm_placer_close(&output->place);
    gm_journal_close(&output->journal);
    gm_buf_free(&output->path);
    gm_buf_free(&output->line);
    gm_buf_free(&output->sizes);
    free(output);
}

const struct gm_output_state *gm_output_state(const struct gm_output *output)
{
    return &output->state;
}

/* ---- appending ---- */

static enum gm_status check_part(const struct gm_output *output, const struct gm_out_part *part,
                                 const uint8_t *name, struct gm_err *err)
{
    if (!has_stream(output, part->stream))
        return gm_err_set(err, GM_INTERNAL, "output block: no stream %u", part->stream);
    const struct gm_output_stream *def = &output->config.streams[part->stream];
    if (def->mode != GM_OUTPUT_FILES && part->name_bytes > 0)
        return gm_err_set(err, GM_INTERNAL, "output block: a name for \"%s\"", def->name);
    if (def->mode == GM_OUTPUT_FILES && !gm_placer_name_ok(name, part->name_bytes))
        return gm_err_set(err, GM_INTERNAL, "output block: bad file name for \"%s\"", def->name);
    if (def->mode == GM_OUTPUT_SIZES)
        return gm_err_set(err, GM_INTERNAL, "output block: sizes without their part");
    if (def->sizes > 0 && part->n_bytes == 0)
        return gm_err_set(err, GM_INTERNAL, "output block: an empty part for \"%s\"", def->name);
    return GM_OK;
}

/* The next part and, for a stream that keeps sizes, the part of sizes behind it, as a private copy
 * in output->sizes. Everything of both is checked. */
static enum gm_status next_part(struct gm_output *output, struct walk *walk, struct gm_err *err)
{
    enum gm_status status = gm_out_next(walk->block, walk->n_bytes, &walk->offset, &walk->part,
                                        &walk->name, &walk->payload, err);
    if (status == GM_OK)
        status = check_part(output, &walk->part, walk->name, err);
    if (status != GM_OK || output->config.streams[walk->part.stream].sizes == 0)
        return status;
    const struct gm_output_stream *def = &output->config.streams[walk->part.stream];
    struct gm_out_part part;
    const uint8_t *name, *payload;
    status = gm_out_next(walk->block, walk->n_bytes, &walk->offset, &part, &name, &payload, err);
    if (status != GM_OK && status != GM_END)
        return status;
    gm_buf_clear(&output->sizes);
    if (status == GM_OK)
        gm_buf_append(&output->sizes, payload, part.n_bytes);
    if (output->sizes.failed)
        return gm_err_set(err, GM_NOMEM, "output: no memory");
    if (status == GM_END || part.stream != def->sizes || part.name_bytes > 0 ||
        !gm_sizes_fit(def, &walk->part, (const uint32_t *)(const void *)output->sizes.data,
                      output->sizes.n_bytes))
        return gm_err_set(err, GM_INTERNAL, "output block: wrong sizes for \"%s\"", def->name);
    return GM_OK;
}

/* Finds every fault of a block before anything of it is written. */
static enum gm_status check_block(struct gm_output *output, const uint8_t *block, size_t n_bytes,
                                  struct gm_out_header *header, struct gm_err *err)
{
    enum gm_status status = gm_out_check(block, n_bytes, header, err);
    if (status == GM_OK && output->expects && header->checksum != output->expected)
        status = gm_err_set(err, GM_INTERNAL, "output block: changed after it was handed over");
    struct walk walk = {.block = block, .n_bytes = header->n_bytes, .offset = sizeof *header};
    while (status == GM_OK)
        status = next_part(output, &walk, err);
    return status == GM_END ? GM_OK : status;
}

/* Whether the commit of the group at hand syncs the whole file system: no file needs its own sync
 * then, nor does the folder. */
static bool syncs_all(const struct gm_output *output)
{
    return output->place.sync && output->place.n_entries > 0;
}

/* Completes a stream's growing file, with its index files, for the next commit. */
static enum gm_status complete(struct gm_output *output, uint32_t stream, struct gm_err *err)
{
    const struct gm_output_stream *def = &output->config.streams[stream];
    struct gm_outfile *sizes = def->sizes > 0 ? &output->files[def->sizes] : NULL;
    struct gm_frame_file shard, ignored;
    struct gm_sidecar_input input = {
        .config = &output->config, .shard = &shard, .sizes_fd = sizes ? sizes->fd : -1};
    enum gm_outfile_sync sync = syncs_all(output) ? GM_OUTFILE_SYNC_LATER : GM_OUTFILE_SYNC;
    enum gm_status status =
        gm_outfile_complete(&output->files[stream], sync, &shard, &input.facts, err);
    if (status != GM_OK)
        return status == GM_END ? GM_OK : status;
    status = gm_journal_add_file(&output->journal, &shard, err);
    if (status == GM_OK && gm_sidecar_count(def) > 0) {
        output->files[stream].created = true;
        status = gm_sidecar_make(&input, &output->journal, err);
    }
    if (status == GM_OK &&
        sizes) /* nothing waits for it: it is not needed when this is committed */
        status = gm_outfile_complete(sizes, sync, &ignored, &input.facts, err);
    return status == GM_END ? GM_OK : status;
}

/* One line as sha256sum writes it: a name with a backslash, LF or CR is escaped, and the line then
 * starts with a backslash. */
static void put_list_line(struct gm_buf *line, const uint8_t sha256[GM_SHA256_BYTES],
                          const char *path)
{
    char hex[GM_SHA256_HEX_BYTES];
    gm_buf_clear(line);
    if (strpbrk(path, "\\\n\r"))
        gm_buf_char(line, '\\');
    gm_buf_text(line, gm_sha256_hex(sha256, hex));
    gm_buf_text(line, "  ");
    for (const char *c = path; *c; c++) {
        if (*c == '\\')
            gm_buf_text(line, "\\\\");
        else if (*c == '\n')
            gm_buf_text(line, "\\n");
        else if (*c == '\r')
            gm_buf_text(line, "\\r");
        else
            gm_buf_char(line, *c);
    }
    gm_buf_char(line, '\n');
}

static enum gm_status append_placed(struct gm_output *output, const struct gm_out_part *part,
                                    const uint8_t *name, const uint8_t *payload, struct gm_err *err)
{
    struct gm_outfile *list = &output->files[part->stream];
    struct gm_placer_file file = {name, part->name_bytes, payload, part->n_bytes};
    gm_buf_clear(&output->path);
    enum gm_status status =
        gm_placer_add(&output->place, list->def->name, &output->path, &file, err);
    if (status != GM_OK)
        return status;
    uint8_t sha256[GM_SHA256_BYTES];
    gm_sha256(payload, part->n_bytes, sha256);
    put_list_line(&output->line, sha256, gm_buf_cstr(&output->path));
    if (output->line.failed)
        return gm_err_set(err, GM_NOMEM, "output: no memory");
    list->now.total_files++;
    return gm_outfile_append(list, output->line.data, output->line.n_bytes, part->n_records, err);
}

static enum gm_status append_part(struct gm_output *output, const struct walk *walk,
                                  struct gm_err *err)
{
    const struct gm_out_part *part = &walk->part;
    const struct gm_output_stream *def = &output->config.streams[part->stream];
    struct gm_outfile *file = &output->files[part->stream];
    enum gm_status status = GM_OK;
    output->uncommitted_bytes += part->n_bytes;
    if (def->mode == GM_OUTPUT_FILES)
        return append_placed(output, part, walk->name, walk->payload, err);
    if (gm_outfile_is_full(file, part->n_bytes))
        status = complete(output, part->stream, err);
    if (status == GM_OK)
        status = gm_outfile_append(file, walk->payload, part->n_bytes, part->n_records, err);
    if (status == GM_OK && def->sizes > 0)
        status = gm_outfile_append(&output->files[def->sizes], output->sizes.data,
                                   output->sizes.n_bytes, 0, err);
    return status;
}

void gm_output_expect(struct gm_output *output, uint64_t checksum)
{
    output->expects = true;
    output->expected = checksum;
}

bool gm_output_is_whole(const struct gm_output *output)
{
    return !output->failed;
}

enum gm_status gm_output_append(struct gm_output *output, const uint8_t *block, size_t n_bytes,
                                const struct gm_order_key *next, struct gm_err *err)
{
    GM_ASSERT(!output->failed && !output->state.finished);
    struct gm_out_header header;
    enum gm_status status = check_block(output, block, n_bytes, &header, err);
    output->expects = false;
    if (status != GM_OK)
        return status;
    output->changed = true;
    /* All is checked again: the block is shared memory, and may have changed since. */
    struct walk walk = {.block = block, .n_bytes = header.n_bytes, .offset = sizeof header};
    while (status == GM_OK) {
        status = next_part(output, &walk, err);
        if (status == GM_OK)
            status = append_part(output, &walk, err);
    }
    if (status != GM_END) {
        output->failed = true;
        return status;
    }
    struct gm_output_state *state = &output->state;
    state->n_in += header.n_in;
    state->n_written += header.n_written;
    for (unsigned i = 0; i < GM_REASON_SLOTS; i++)
        state->reasons[i] += header.reasons[i];
    for (unsigned i = 0; i < GM_COUNTER_SLOTS; i++)
        state->counters[i] += header.counters[i];
    state->next = *next;
    return output->config.durability == GM_DURABILITY_RECORD ? gm_output_commit(output, err)
                                                             : GM_OK;
}

uint64_t gm_output_uncommitted_bytes(const struct gm_output *output)
{
    return output->uncommitted_bytes;
}

/* ---- committing ---- */

/* What the streams still hold, to the files; for who syncs all at once. */
static enum gm_status flush_files(struct gm_output *output, struct gm_err *err)
{
    enum gm_status status = GM_OK;
    for (uint32_t i = 0; i < output->config.n_streams && status == GM_OK; i++)
        if (has_stream(output, i))
            status = gm_outfile_flush(&output->files[i], err);
    return status;
}

/* Bytes, then the names of new files. */
static enum gm_status make_durable(struct gm_output *output, struct gm_err *err)
{
    bool created = false;
    if (syncs_all(output))
        return flush_files(output, err);
    for (uint32_t i = 0; i < output->config.n_streams; i++) {
        if (!has_stream(output, i))
            continue;
        enum gm_status status = gm_outfile_sync(&output->files[i], err);
        if (status != GM_OK)
            return status;
        created |= output->files[i].created;
    }
    if (!created || output->config.durability == GM_DURABILITY_NONE)
        return GM_OK;
    enum gm_status status = gm_sync_dir(output->config.dir_fd, ".", err);
    return status == GM_OK ? GM_OK : gm_err_add(err, "%s", output->config.folder);
}

static enum gm_status commit_frame(struct gm_output *output, uint32_t finished,
                                   enum gm_journal_sync sync, struct gm_err *err)
{
    const struct gm_output_state *state = &output->state;
    struct gm_frame_commit commit = {.next = state->next,
                                     .finished = finished,
                                     .n_in = state->n_in,
                                     .n_written = state->n_written};
    memcpy(commit.reasons, state->reasons, sizeof commit.reasons);
    memcpy(commit.counters, state->counters, sizeof commit.counters);
    for (uint32_t i = 0; i < output->config.n_streams; i++)
        if (has_stream(output, i))
            commit.streams[i] = gm_outfile_frame(&output->files[i]);
    enum gm_status status = gm_journal_commit(&output->journal, &commit, sync, err);
    return status == GM_OK ? GM_OK : gm_err_add(err, "%s", output->config.folder);
}

/* Index files are made out of all that a shard holds; that takes a while. */
static bool has_index_files(const struct gm_output *output)
{
    for (uint32_t i = 0; i < output->config.n_streams; i++)
        if (has_stream(output, i) && gm_sidecar_count(&output->config.streams[i]) > 0)
            return true;
    return false;
}

/* The last renames of a finished output are synced anyway, with everything: the frame, too, unless
 * there are files that must stay until it is. */
static enum gm_journal_sync frame_sync(const struct gm_output *output, uint32_t finished)
{
    return finished && syncs_all(output) && !has_index_files(output) ? GM_JOURNAL_SYNC_LATER
                                                                     : GM_JOURNAL_SYNC;
}

static enum gm_status commit_group(struct gm_output *output, uint32_t finished, struct gm_err *err)
{
    enum gm_status status = make_durable(output, err);
    if (status == GM_OK)
        status = gm_placer_move(&output->place, gm_journal_next_number(&output->journal), err);
    if (status == GM_OK)
        status = commit_frame(output, finished, frame_sync(output, finished), err);
    if (status != GM_OK) {
        output->failed = true;
        output->keep_bytes = true;
        return status;
    }
    for (uint32_t i = 0; i < output->config.n_streams; i++)
        if (has_stream(output, i))
            gm_outfile_committed(&output->files[i]);
    gm_placer_committed(&output->place);
    output->changed = false;
    output->uncommitted_bytes = 0;
    return GM_OK;
}

enum gm_status gm_output_commit(struct gm_output *output, struct gm_err *err)
{
    GM_ASSERT(!output->failed);
    return output->changed ? commit_group(output, 0, err) : GM_OK;
}

enum gm_status gm_output_finish(struct gm_output *output, struct gm_err *err)
{
    if (output->state.finished)
        return gm_placer_finish(&output->place, err);
    enum gm_status status = has_index_files(output) ? gm_output_commit(output, err) : GM_OK;
    output->changed = true;
    for (uint32_t i = 0; i < output->config.n_streams && status == GM_OK; i++)
        if (has_stream(output, i) && output->config.streams[i].mode != GM_OUTPUT_SIZES)
            status = complete(output, i, err);
    if (status == GM_OK)
        status = commit_group(output, 1, err);
    if (status != GM_OK) {
        output->failed = true;
        return status;
    }
    output->state.finished = true;
    return gm_placer_finish(&output->place, err);
}

/* ---- results ---- */

const struct gm_frame_file *gm_output_files(const struct gm_output *output, size_t *n_files)
{
    *n_files = output->journal.n_files;
    return output->journal.files;
}

uint64_t gm_output_total_files(const struct gm_output *output, uint32_t stream)
{
    GM_ASSERT(has_stream(output, stream));
    return output->files[stream].committed.total_files;
}
