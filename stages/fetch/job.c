/* Jobs: copying an item in, and turning what came of it into a gm_fetched. */
#include "fetch/job.h"

#include "base/assert.h"
#include "base/fs.h"
#include "fetch/robots.h"
#include "fetch/url.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *keep(char **at, const char *text)
{
    if (!text || !*text)
        return NULL;
    size_t n_bytes = strlen(text) + 1;
    char *copy = memcpy(*at, text, n_bytes);
    *at += n_bytes;
    return copy;
}

struct gm_job *gm_job_new(const struct gm_item *item)
{
    const char *texts[] = {item->locator, item->etag, item->last_modified};
    size_t n_bytes = sizeof(struct gm_job) + 1;
    for (size_t i = 0; i < GM_ARRAY_LEN(texts); i++)
        n_bytes += texts[i] ? strlen(texts[i]) + 1 : 0;
    struct gm_job *job = malloc(n_bytes);
    if (!job)
        return NULL;
    *job = (struct gm_job){.kind = item->kind == GM_ITEM_FILE ? GM_JOB_FILE : GM_JOB_URL,
                           .number = item->number,
                           .expected_bytes = item->expected_bytes,
                           .file_bytes = item->file_bytes,
                           .file_mtime_ns = item->file_mtime_ns,
                           .has_sha256 = item->has_sha256,
                           .n_bytes = n_bytes};
    memcpy(job->expected_sha256, item->expected_sha256, GM_SHA256_BYTES);
    char *at = job->strings;
    *at++ = '\0';
    job->locator = keep(&at, item->locator);
    if (!job->locator)
        job->locator = job->strings;
    job->etag = keep(&at, item->etag);
    job->last_modified = keep(&at, item->last_modified);
    job->url = job->locator;
    return job;
}

struct gm_job *gm_job_new_robots(const struct gm_job *asker)
{
    const char *url = asker->url;
    struct gm_url parts;
    const char *problem;
    char target[GM_URL_MAX_BYTES + 16];
    if (gm_url_split(url, &parts, &problem) != GM_REASON_NONE)
        return NULL;
    size_t origin_bytes = (size_t)(parts.host + parts.host_bytes - url);
    snprintf(target, sizeof target, "%.*s/robots.txt", (int)origin_bytes, url);
    struct gm_item item = {.locator = target, .expected_bytes = UINT64_MAX};
    struct gm_job *job = gm_job_new(&item);
    if (!job)
        return NULL;
    job->kind = GM_JOB_ROBOTS;
    job->by_redirect = asker->url != asker->locator;
    return job;
}

void gm_fetched_clear(struct gm_fetched *fetched)
{
    free(fetched->body);
    gm_close(&fetched->fd);
    free(fetched->final_url);
    free(fetched->etag);
    free(fetched->last_modified);
    free(fetched->content_type);
    *fetched = (struct gm_fetched)GM_FETCHED_INIT;
}

void gm_job_free(struct gm_job *job)
{
    if (!job)
        return;
    if (job->result) {
        gm_fetched_clear(job->result);
        free(job->result);
    }
    gm_robots_free(job->robots);
    free(job->redirect_url);
    free(job);
}

struct gm_fetched *gm_job_result(struct gm_job *job)
{
    if (!job->result) {
        job->result = malloc(sizeof *job->result);
        GM_ASSERT(job->result);
        *job->result = (struct gm_fetched)GM_FETCHED_INIT;
    }
    job->result->number = job->number;
    job->result->n_tries = job->n_tries;
    job->result->wire_bytes = job->wire_bytes;
    return job->result;
}

void gm_job_fail(struct gm_job *job, enum gm_reason reason, const char *format, ...)
{
    struct gm_fetched *result = gm_job_result(job);
    va_list args;
    GM_ASSERT(reason != GM_REASON_NONE);
    va_start(args, format);
    vsnprintf(result->message, sizeof result->message, format, args);
    va_end(args);
    result->reason = reason;
    job->verdict = GM_JOB_FINISHED;
}

/* The size that the list states. false: the job has failed. */
static bool check_size(struct gm_job *job, uint64_t n_bytes)
{
    if (job->expected_bytes == UINT64_MAX || job->expected_bytes == n_bytes)
        return true;
    gm_job_fail(job, GM_REASON_FETCH_CHECKSUM, "%llu bytes, but the list states %llu",
                (unsigned long long)n_bytes, (unsigned long long)job->expected_bytes);
    return false;
}

/* The sha256 that the list states. digest: NULL if there is none. false: the job has failed. */
static bool check_digest(struct gm_job *job, const uint8_t *digest)
{
    char want[GM_SHA256_HEX_BYTES], have[GM_SHA256_HEX_BYTES];
    if (!job->has_sha256 || (digest && memcmp(job->expected_sha256, digest, GM_SHA256_BYTES) == 0))
        return true;
    gm_job_fail(job, GM_REASON_FETCH_CHECKSUM, "sha256 is %s, but the list states %s",
                digest ? gm_sha256_hex(digest, have) : "unknown",
                gm_sha256_hex(job->expected_sha256, want));
    return false;
}

enum gm_media gm_job_sniff(const struct gm_job *job, const uint8_t *head, size_t head_bytes)
{
    const char *name = job->locator;
    size_t name_bytes = strlen(name);
    struct gm_url parts;
    const char *problem;
    if (job->kind == GM_JOB_URL && gm_url_split(name, &parts, &problem) == GM_REASON_NONE) {
        name = parts.path;
        name_bytes = parts.path_bytes;
    }
    return gm_media_sniff(head, head_bytes, name, name_bytes);
}

static void set_digest(struct gm_fetched *result, const uint8_t *digest)
{
    result->has_sha256 = digest != NULL;
    if (digest)
        memcpy(result->sha256, digest, GM_SHA256_BYTES);
}

void gm_job_succeed(struct gm_job *job, const struct gm_body *body)
{
    struct gm_fetched *result = gm_job_result(job);
    if (!check_size(job, body->n_bytes) ||
        (!body->digest_due && !check_digest(job, body->sha256))) {
        int fd = body->fd;
        free(body->data);
        gm_close(&fd);
        return;
    }
    result->reason = GM_REASON_NONE;
    result->body = body->data;
    result->fd = body->fd;
    result->n_bytes = body->n_bytes;
    result->media = body->media;
    set_digest(result, body->sha256);
    job->digest_due = body->digest_due;
    job->verdict = GM_JOB_FINISHED;
}

void gm_job_set_digest(struct gm_job *job, const uint8_t digest[GM_SHA256_BYTES])
{
    struct gm_fetched *result = job->result;
    GM_ASSERT(job->digest_due && result);
    job->digest_due = false;
    if (check_digest(job, digest)) {
        set_digest(result, digest);
        return;
    }
    free(result->body);
    result->body = NULL;
    result->n_bytes = 0;
    result->media = GM_MEDIA_UNKNOWN;
}

void gm_job_list_push(struct gm_job_list *list, struct gm_job *job)
{
    job->next = NULL;
    if (list->last)
        list->last->next = job;
    else
        list->first = job;
    list->last = job;
}

void gm_job_list_unshift(struct gm_job_list *list, struct gm_job *job)
{
    job->next = list->first;
    list->first = job;
    if (!list->last)
        list->last = job;
}

struct gm_job *gm_job_list_pop(struct gm_job_list *list)
{
    struct gm_job *job = list->first;
    if (job) {
        list->first = job->next;
        if (!list->first)
            list->last = NULL;
        job->next = NULL;
    }
    return job;
}

void gm_job_list_join(struct gm_job_list *to, struct gm_job_list *from)
{
    if (!from->first)
        return;
    if (to->last)
        to->last->next = from->first;
    else
        to->first = from->first;
    to->last = from->last;
    *from = (struct gm_job_list){0};
}

void gm_job_list_free(struct gm_job_list *list)
{
    struct gm_job *job;
    while ((job = gm_job_list_pop(list)))
        gm_job_free(job);
}
