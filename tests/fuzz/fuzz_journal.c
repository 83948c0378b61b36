/* Fuzz target: any bytes as a journal, with magic, numbers and checksums made right, so that what
 * the frames say is reached: the output folder is opened on it, and closed or refused. */
#include "run/output.h"

#include "base/fs.h"
#include "output_job.h"
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

enum { MAX_FRAMES = 16 };

static size_t repair(const uint8_t *data, size_t n_bytes, struct gm_frame *frames,
                     const struct gm_output_config *config)
{
    size_t n_frames = 0;
    for (size_t at = 0; at < n_bytes && n_frames < MAX_FRAMES; at += GM_FRAME_BYTES, n_frames++) {
        struct gm_frame *frame = &frames[n_frames];
        size_t n = n_bytes - at < sizeof *frame ? n_bytes - at : sizeof *frame;
        memset(frame, 0, sizeof *frame);
        memcpy(frame, data + at, n);
        frame->magic = GM_JOURNAL_MAGIC;
        frame->number = n_frames;
        frame->kind = n_frames == 0 ? GM_FRAME_START : GM_FRAME_FILE + frame->kind % 2;
        if (n_frames == 0) {
            memcpy(frame->start.config_digest, config->config_digest, GM_SHA256_BYTES);
            memcpy(frame->start.input_digest, config->input_digest, GM_SHA256_BYTES);
            frame->start.generation = config->generation;
            frame->start.n_streams = config->n_streams;
        }
        frame->checksum = 0;
        frame->checksum = gm_xxh64(frame, sizeof *frame, 0);
    }
    return n_frames;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
    static struct gm_frame frames[MAX_FRAMES];
    char folder[] = "/dev/shm/gm-fuzz-XXXXXX";
    int dir_fd = -1;
    GM_ASSERT(mkdtemp(folder) &&
              gm_open_at(AT_FDCWD, folder, O_RDONLY | O_DIRECTORY, &dir_fd, NULL) == GM_OK);
    struct gm_output_config config = job_config(dir_fd, folder, JOB_WITH_FILES);
    config.durability = GM_DURABILITY_NONE;
    size_t n_frames = repair(data, n_bytes, frames, &config);
    int fd = -1;
    GM_ASSERT(gm_open_at(dir_fd, GM_JOURNAL_NAME, O_WRONLY | O_CREAT, &fd, NULL) == GM_OK);
    GM_ASSERT(gm_write_full(fd, frames, n_frames * sizeof *frames, "journal", NULL) == GM_OK);
    gm_close(&fd);
    struct gm_output *output;
    struct gm_err err;
    if (gm_output_open(&output, &config, &err) == GM_OK)
        gm_output_close(output);
    GM_ASSERT(gm_remove_tree(AT_FDCWD, folder, NULL) == GM_OK);
    gm_close(&dir_fd);
    return 0;
}
