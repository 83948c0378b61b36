/* The body's way from memory to the spool. The SHA-256 of a body in memory is taken in one piece at
 * the end (faster, no state), of most small ones later with others (digest.h); a spooled one is
 * hashed as it comes. */
#include "fetch/store.h"

#include "base/assert.h"
#include "base/fs.h"
#include "fetch/digest.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FIRST_BYTES 16384

void gm_store_init(struct gm_store *store, const struct gm_fetch_settings *settings,
                   const struct gm_spool *spool)
{
    *store = (struct gm_store){.settings = settings, .spool = spool, .fd = -1};
}

void gm_store_fini(struct gm_store *store)
{
    gm_store_drop(store, GM_STORE_KEEP_PART);
    gm_sha256_free(store->hash);
    store->hash = NULL;
}

void gm_store_begin(struct gm_store *store, struct gm_job *job, uint64_t max_bytes)
{
    GM_ASSERT(!store->data && store->fd < 0);
    store->job = job;
    store->max_bytes = max_bytes;
    store->hashing = store->settings->opts->sha256 || job->has_sha256;
    store->n_bytes = 0;
    store->capacity = 0;
    store->head_bytes = 0;
    store->meta.complete = false;
}

/* A robots.txt has no file of its own: its number is that of an item. */
static uint64_t inline_bytes(const struct gm_store *store)
{
    return store->job->kind == GM_JOB_ROBOTS ? store->max_bytes : store->settings->inline_bytes;
}

static enum gm_status start_hash(struct gm_store *store, struct gm_err *err)
{
    if (!store->hashing)
        return GM_OK;
    if (!store->hash && !(store->hash = gm_sha256_new()))
        return gm_err_set(err, GM_NOMEM, "no memory to hash a body");
    gm_sha256_reset(store->hash);
    return GM_OK;
}

enum gm_status gm_store_reopen(struct gm_store *store)
{
    store->meta.url = store->job->locator;
    store->job->has_part = false;
    enum gm_status status = gm_spool_reopen(store->spool, store->job->number, &store->meta,
                                            &store->fd, &store->n_bytes);
    if (status == GM_OK)
        status =
            gm_pread_full(store->fd, store->head, sizeof store->head, 0, &store->head_bytes, NULL);
    if (status != GM_OK)
        gm_store_restart(store);
    return status == GM_OK ? GM_OK : GM_MISSING;
}

enum gm_status gm_store_continue(struct gm_store *store, struct gm_err *err)
{
    enum gm_status status = start_hash(store, err);
    if (status == GM_OK && store->hashing)
        status = gm_spool_hash(store->fd, store->n_bytes, store->hash, err);
    if (status == GM_OK && lseek(store->fd, (off_t)store->n_bytes, SEEK_SET) < 0)
        status = gm_err_sys(err, GM_IO, errno, "unable to go on with a spool file");
    return status;
}

void gm_store_restart(struct gm_store *store)
{
    if (store->fd < 0)
        return;
    gm_close(&store->fd);
    gm_spool_remove(store->spool, store->job->number);
    store->meta.complete = false;
    store->n_bytes = 0;
    store->head_bytes = 0;
}

static enum gm_status to_spool(struct gm_store *store, struct gm_err *err)
{
    store->meta.url = store->job->locator;
    enum gm_status status =
        gm_spool_create(store->spool, store->job->number, &store->meta, &store->fd, err);
    if (status == GM_OK)
        status = start_hash(store, err);
    if (status == GM_OK && store->n_bytes) {
        status = gm_write_full(store->fd, store->data, store->n_bytes, "spool file", err);
        if (store->hashing)
            gm_sha256_update(store->hash, store->data, store->n_bytes);
    }
    free(store->data);
    store->data = NULL;
    store->capacity = 0;
    return status;
}

static enum gm_status grow(struct gm_store *store, size_t n_bytes, uint64_t expected_bytes,
                           struct gm_err *err)
{
    uint64_t limit = inline_bytes(store);
    uint64_t want = store->capacity ? 2 * (uint64_t)store->capacity : FIRST_BYTES;
    if (store->capacity == 0 && expected_bytes <= limit)
        want = expected_bytes;
    if (want > limit)
        want = limit;
    if (want < store->n_bytes + n_bytes)
        want = store->n_bytes + n_bytes;
    uint8_t *data = realloc(store->data, want ? want : 1);
    if (!data)
        return gm_err_set(err, GM_NOMEM, "no memory for a body of %llu bytes",
                          (unsigned long long)want);
    store->data = data;
    store->capacity = (size_t)want;
    return GM_OK;
}

static enum gm_status append_memory(struct gm_store *store, const void *data, size_t n_bytes,
                                    uint64_t expected_bytes, struct gm_err *err)
{
    enum gm_status status = GM_OK;
    if (store->n_bytes + n_bytes > store->capacity)
        status = grow(store, n_bytes, expected_bytes, err);
    if (status == GM_OK && n_bytes)
        memcpy(store->data + store->n_bytes, data, n_bytes);
    return status;
}

enum gm_status gm_store_append(struct gm_store *store, const void *data, size_t n_bytes,
                               uint64_t expected_bytes, struct gm_err *err)
{
    enum gm_status status = GM_OK;
    if (store->n_bytes > store->max_bytes || n_bytes > store->max_bytes - store->n_bytes)
        return gm_err_set(err, GM_LIMIT, "the body is larger than max_body (%llu bytes)",
                          (unsigned long long)store->max_bytes);
    if (store->head_bytes < sizeof store->head) {
        size_t n = sizeof store->head - store->head_bytes;
        n = n < n_bytes ? n : n_bytes;
        memcpy(store->head + store->head_bytes, data, n);
        store->head_bytes += n;
    }
    if (store->fd < 0 && store->n_bytes + n_bytes > inline_bytes(store))
        status = to_spool(store, err);
    if (status == GM_OK && store->fd < 0) {
        status = append_memory(store, data, n_bytes, expected_bytes, err);
    } else if (status == GM_OK) {
        status = gm_write_full(store->fd, data, n_bytes, "spool file", err);
        if (store->hashing)
            gm_sha256_update(store->hash, data, n_bytes);
    }
    if (status == GM_OK)
        store->n_bytes += n_bytes;
    return status;
}

/* Remembered as complete, so that a crash before the commit does not cost the download. Small
 * containers are not worth a second file. */
static enum gm_status remember(struct gm_store *store, const uint8_t digest[GM_SHA256_BYTES],
                               struct gm_err *err)
{
    if (store->n_bytes <= store->settings->inline_bytes || !store->hashing)
        return GM_OK;
    memcpy(store->meta.sha256, digest, GM_SHA256_BYTES);
    store->meta.url = store->job->locator;
    store->meta.complete = true;
    store->meta.total_bytes = store->n_bytes;
    return gm_spool_write_meta(store->spool, store->job->number, &store->meta, err);
}

/* Fills in what the body has for a digest: taken here, left for later, or none. */
static void take_digest(struct gm_store *store, struct gm_body *body,
                        uint8_t digest[GM_SHA256_BYTES])
{
    body->digest_due = store->hashing && store->fd < 0 && gm_digest_is_left(store->n_bytes);
    body->sha256 = (store->hashing || store->meta.complete) && !body->digest_due ? digest : NULL;
    if (store->meta.complete)
        memcpy(digest, store->meta.sha256, GM_SHA256_BYTES);
    else if (body->sha256 && store->fd >= 0)
        gm_sha256_final(store->hash, digest);
    else if (body->sha256)
        gm_sha256(store->data, (size_t)store->n_bytes, digest);
}

enum gm_status gm_store_finish(struct gm_store *store, struct gm_err *err)
{
    enum gm_status status = GM_OK;
    uint8_t digest[GM_SHA256_BYTES] = {0};
    enum gm_media media = gm_job_sniff(store->job, store->head, store->head_bytes);
    if (store->fd < 0 && strcmp(gm_media_family(media), "unpack") == 0)
        status = to_spool(store, err);
    if (status != GM_OK)
        return status;
    struct gm_body body = {
        .data = store->data, .fd = store->fd, .n_bytes = store->n_bytes, .media = media};
    take_digest(store, &body, digest);
    if (store->fd >= 0 && !store->meta.complete)
        status = remember(store, digest, err);
    if (status == GM_OK && store->fd >= 0 && lseek(store->fd, 0, SEEK_SET) < 0)
        status = gm_err_sys(err, GM_IO, errno, "unable to rewind a spool file");
    if (status != GM_OK)
        return status;
    store->data = NULL;
    store->fd = -1;
    gm_job_succeed(store->job, &body);
    return GM_OK;
}

void gm_store_drop(struct gm_store *store, enum gm_store_drop what)
{
    free(store->data);
    store->data = NULL;
    if (store->fd < 0)
        return;
    gm_close(&store->fd);
    if (what == GM_STORE_KEEP_PART && gm_spool_validator(&store->meta) && store->n_bytes)
        store->job->has_part = true;
    else
        gm_spool_remove(store->spool, store->job->number);
}
