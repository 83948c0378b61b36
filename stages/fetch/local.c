/* Reading one file. It is opened without blocking, so that a FIFO in a folder cannot hang the run,
 * and its size and time are compared with what was listed: a file that changed in between would
 * make the run unrepeatable, so it fails with source.changed. */
#include "fetch/local.h"

#include "base/assert.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/hash.h"
#include "fetch/digest.h"
#include "source.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MAX_THREADS 8

struct gm_local {
    const struct gm_fetch_settings *settings;
    struct gm_exchange *exchange;
    struct gm_feed *feed;
    pthread_t threads[MAX_THREADS];
    unsigned n_threads;
};

/* errno of open or read to a reason. */
static void fail_errno(struct gm_job *job, int code, const char *verb)
{
    static const struct {
        int code;
        enum gm_reason reason;
    } table[] = {{ENOENT, GM_REASON_FETCH_MISSING},
                 {ENOTDIR, GM_REASON_FETCH_MISSING},
                 {EACCES, GM_REASON_FETCH_PERMISSION},
                 {EPERM, GM_REASON_FETCH_PERMISSION},
                 {ENOMEM, GM_REASON_LIMIT_MEMORY}};
    enum gm_reason reason = GM_REASON_FETCH_IO;
    for (size_t i = 0; i < GM_ARRAY_LEN(table); i++)
        if (table[i].code == code)
            reason = table[i].reason;
    gm_job_fail(job, reason, "unable to %s: %s", verb, strerrordesc_np(code));
}

/* false: the job has failed. */
static bool check_file(struct gm_job *job, int fd, struct stat *info)
{
    if (fstat(fd, info) != 0) {
        fail_errno(job, errno, "look at it");
        return false;
    }
    int64_t mtime_ns = (int64_t)info->st_mtim.tv_sec * 1000000000 + info->st_mtim.tv_nsec;
    bool listed = job->file_bytes != 0 || job->file_mtime_ns != 0;
    if (!S_ISREG(info->st_mode))
        gm_job_fail(job, GM_REASON_FETCH_IO, "not a regular file");
    else if (listed &&
             ((uint64_t)info->st_size != job->file_bytes || mtime_ns != job->file_mtime_ns))
        gm_job_fail(job, GM_REASON_SOURCE_CHANGED,
                    "the file changed after it was listed (%llu bytes then, %llu now)",
                    (unsigned long long)job->file_bytes, (unsigned long long)info->st_size);
    else
        return true;
    return false;
}

static void give_fd(struct gm_job *job, int *fd, uint64_t n_bytes, enum gm_media media)
{
    struct gm_body body = {.fd = *fd, .n_bytes = n_bytes, .media = media};
    *fd = -1;
    gm_job_succeed(job, &body);
}

static void read_inline(const struct gm_fetch_settings *settings, struct gm_job *job, int *fd,
                        size_t n_bytes)
{
    uint8_t digest[GM_SHA256_BYTES];
    size_t n_read = 0;
    uint8_t *data = malloc(n_bytes ? n_bytes : 1);
    struct gm_err err;
    if (!data) {
        gm_job_fail(job, GM_REASON_LIMIT_MEMORY, "no memory for %zu bytes", n_bytes);
        return;
    }
    if (gm_pread_full(*fd, data, n_bytes, 0, &n_read, &err) != GM_OK) {
        free(data);
        fail_errno(job, err.sys_errno, "read it");
        return;
    }
    if (n_read < n_bytes) {
        free(data);
        gm_job_fail(job, GM_REASON_SOURCE_CHANGED, "the file became shorter while it was read");
        return;
    }
    enum gm_media media =
        gm_job_sniff(job, data, n_bytes < GM_MEDIA_HEAD_BYTES ? n_bytes : GM_MEDIA_HEAD_BYTES);
    if (strcmp(gm_media_family(media), "unpack") == 0) {
        free(data);
        give_fd(job, fd, n_bytes, media);
        return;
    }
    bool hashing = settings->opts->sha256 || job->has_sha256;
    bool later = hashing && gm_digest_is_left(n_bytes);
    if (hashing && !later)
        gm_sha256(data, n_bytes, digest);
    struct gm_body body = {.data = data,
                           .fd = -1,
                           .n_bytes = n_bytes,
                           .media = media,
                           .sha256 = hashing && !later ? digest : NULL,
                           .digest_due = later};
    gm_job_succeed(job, &body);
}

static void read_head(struct gm_job *job, int *fd, uint64_t n_bytes)
{
    uint8_t head[GM_MEDIA_HEAD_BYTES];
    size_t n_read = 0;
    struct gm_err err;
    if (gm_pread_full(*fd, head, sizeof head, 0, &n_read, &err) == GM_OK)
        give_fd(job, fd, n_bytes, gm_job_sniff(job, head, n_read));
    else
        fail_errno(job, err.sys_errno, "read it");
}

void gm_local_read(const struct gm_fetch_settings *settings, struct gm_job *job)
{
    struct stat info;
    struct gm_err err;
    int fd = -1;
    uint64_t start_ms = gm_now_ms();
    job->n_tries = 1;
    if (gm_open_at(AT_FDCWD, job->locator, O_RDONLY | O_NONBLOCK | O_NOCTTY, &fd, &err) != GM_OK) {
        fail_errno(job, err.sys_errno, "open it");
    } else if (check_file(job, fd, &info)) {
        uint64_t n_bytes = (uint64_t)info.st_size;
        if (n_bytes <= settings->inline_bytes)
            read_inline(settings, job, &fd, (size_t)n_bytes);
        else
            read_head(job, &fd, n_bytes);
    }
    gm_close(&fd);
    gm_job_result(job)->elapsed_ms = gm_now_ms() - start_ms;
}

static void *thread_main(void *data)
{
    struct gm_local *local = data;
    struct gm_job *job;
    while ((job = gm_exchange_take_file(local->exchange))) {
        gm_local_read(local->settings, job);
        gm_feed_count(local->feed, 1, job->result->n_bytes, 0);
        gm_exchange_finish_file(local->exchange, job);
    }
    return NULL;
}

enum gm_status gm_local_start(unsigned n_threads, const struct gm_fetch_settings *settings,
                              struct gm_exchange *exchange, struct gm_feed *feed,
                              struct gm_local **local, struct gm_err *err)
{
    sigset_t all, old;
    int code = 0;
    GM_ASSERT(n_threads >= 1 && n_threads <= MAX_THREADS);
    struct gm_local *made = calloc(1, sizeof *made);
    if (!made)
        return gm_err_set(err, GM_NOMEM, "no memory for the file threads");
    made->settings = settings;
    made->exchange = exchange;
    made->feed = feed;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    while (code == 0 && made->n_threads < n_threads) {
        code = pthread_create(&made->threads[made->n_threads], NULL, thread_main, made);
        made->n_threads += code == 0;
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    *local = made; /* one thread is enough to go on */
    if (made->n_threads > 0)
        return GM_OK;
    free(made);
    *local = NULL;
    return gm_err_sys(err, GM_SYSTEM, code, "unable to start a file thread");
}

void gm_local_join(struct gm_local *local)
{
    if (!local)
        return;
    for (unsigned i = 0; i < local->n_threads; i++)
        pthread_join(local->threads[i], NULL);
    free(local);
}
