/* What came of a request: success, another hop, another try or a failure with its reason.
 *
 *      gave up by ourselves        reason and retry as noted
 *      libcurl error               curl_error.c's table
 *      2xx                         the body
 *      304 to a conditional GET    unchanged
 *      3xx with a Location         back to the schedule with the new URL
 *      anything else               fetch.http, retried by retry.c's list */
#include "fetch/transfer.h"

#include "base/assert.h"
#include "fetch/curl_error.h"
#include "fetch/retry.h"
#include "fetch/robots.h"
#include "fetch/url.h"
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* When the next try may start, from backoff and Retry-After; UINT64_MAX: not before the deadline.
 */
static uint64_t next_try_ms(struct gm_transfer *transfer, uint64_t now_ms)
{
    const struct gm_fetch_opts *opts = transfer->settings->opts;
    const struct gm_response *response = &transfer->response;
    struct gm_job *job = transfer->job;
    uint64_t asked_ms = 0;
    uint64_t wait_ms = gm_retry_backoff_ms(opts->backoff_ms, opts->backoff_max_ms, job->n_tries,
                                           gm_retry_random(&transfer->random));
    if (*response->retry_after &&
        gm_retry_after_ms(response->retry_after, (int64_t)time(NULL), &asked_ms)) {
        asked_ms = asked_ms < opts->retry_after_max_ms ? asked_ms : opts->retry_after_max_ms;
        wait_ms = wait_ms > asked_ms ? wait_ms : asked_ms;
        if (gm_retry_status_slow_down(response->status))
            job->pause_ms = asked_ms;
    }
    if (now_ms + wait_ms >= job->first_start_ms + opts->deadline_ms)
        return UINT64_MAX;
    return now_ms + wait_ms;
}

/* robots.txt: a server that fails forbids everything, one that cannot be reached will show by the
 * failures of the items themselves (RFC 9309, section 2.3.1). */
static void finish_robots(struct gm_transfer *transfer)
{
    struct gm_job *job = transfer->job;
    unsigned status = transfer->response.status;
    if (transfer->reason == GM_REASON_FETCH_HTTP && status >= 500)
        job->robots = gm_robots_forbid_all();
    job->verdict = GM_JOB_FINISHED;
}

static void fail(struct gm_transfer *transfer, uint64_t now_ms)
{
    struct gm_job *job = transfer->job;
    const char *why_last = "";
    job->unreachable = !transfer->connected && (transfer->reason == GM_REASON_FETCH_DNS ||
                                                transfer->reason == GM_REASON_FETCH_CONNECT);
    char tries[32] = "";
    if (transfer->retry && job->n_tries <= transfer->settings->opts->retries) {
        job->due_ms = next_try_ms(transfer, now_ms);
        if (job->due_ms != UINT64_MAX) {
            gm_store_drop(&transfer->store, GM_STORE_KEEP_PART);
            free(job->redirect_url);
            job->redirect_url = NULL;
            job->url = job->locator;
            job->n_redirects = 0;
            job->verdict = GM_JOB_RETRY;
            return;
        }
        why_last = "; no time for another try before the deadline";
    }
    gm_store_drop(&transfer->store, GM_STORE_REMOVE);
    if (job->kind == GM_JOB_ROBOTS) {
        finish_robots(transfer);
        return;
    }
    if (job->n_tries > 1)
        snprintf(tries, sizeof tries, " (%u tries)", job->n_tries);
    gm_job_fail(job, transfer->reason, "%s%s%s", transfer->problem, tries, why_last);
    gm_job_result(job)->http_status = transfer->response.status;
}

static void judge_curl_error(struct gm_transfer *transfer, CURLcode code)
{
    const struct gm_curl_error *row = gm_curl_error_find(code, transfer->error);
    if (transfer->refused && code == CURLE_COULDNT_CONNECT) {
        transfer->reason = GM_REASON_FETCH_ADDRESS; /* problem was written by the callback */
        return;
    }
    if (code == CURLE_OUT_OF_MEMORY && transfer->response.status && !transfer->response.complete) {
        gm_transfer_give_up(transfer, GM_REASON_FETCH_PROTOCOL, false,
                            "a response header of more than 100 KB"); /* libcurl's own bound */
        return;
    }
    gm_transfer_give_up(transfer, row->reason, row->retry, "%s%s%s", row->text,
                        *transfer->error ? ": " : "", transfer->error);
}

/* true: the job goes on at another URL. */
static bool redirect(struct gm_transfer *transfer)
{
    struct gm_job *job = transfer->job;
    struct gm_url parts;
    const char *problem;
    const char *location = transfer->response.location;
    if (transfer->response.status < 301 || transfer->response.status > 308 ||
        transfer->response.status == 304 || !location)
        return false;
    if (job->n_redirects >= transfer->settings->opts->max_redirects) {
        gm_transfer_give_up(transfer, GM_REASON_FETCH_REDIRECTS, false, "more than %u redirects",
                            job->n_redirects);
        return false;
    }
    char *target = gm_url_resolve(job->url, location);
    if (!target) {
        gm_transfer_give_up(transfer, GM_REASON_LIMIT_MEMORY, false, "no memory for a redirect");
        return false;
    }
    enum gm_reason reason = gm_url_split(target, &parts, &problem);
    if (reason != GM_REASON_NONE) {
        bool secret = strchr(target, '@') != NULL; /* credentials stay out of the records */
        gm_transfer_give_up(transfer, reason, false, "redirected to %.80s: %s",
                            secret ? "(a URL with a user name)" : target, problem);
        free(target);
        return false;
    }
    free(job->redirect_url);
    job->redirect_url = target;
    job->url = target;
    job->n_redirects++;
    job->verdict = GM_JOB_REDIRECT;
    return true;
}

static bool is_unchanged(const struct gm_transfer *transfer)
{
    return transfer->response.status == 304 && !transfer->resume_from &&
           (transfer->job->etag || transfer->job->last_modified);
}

static void fill_result(struct gm_transfer *transfer)
{
    struct gm_response *response = &transfer->response;
    struct gm_fetched *result = gm_job_result(transfer->job);
    result->http_status = response->status;
    result->complete_unknown = response->status != 304 && !gm_response_is_framed(response);
    result->etag = response->etag;
    result->last_modified = response->last_modified;
    result->content_type = response->content_type;
    response->etag = response->last_modified = response->content_type = NULL;
    result->final_url = transfer->job->redirect_url;
    transfer->job->redirect_url = NULL;
    transfer->job->url = transfer->job->locator;
}

/* The status is known; false: gave up. */
static bool judge_status(struct gm_transfer *transfer)
{
    const struct gm_response *response = &transfer->response;
    const struct gm_job *job = transfer->job;
    if (response->status == 416 && transfer->resume_from) {
        gm_store_restart(&transfer->store);
        gm_transfer_give_up(transfer, GM_REASON_FETCH_HTTP, true, "HTTP 416 to a range request");
    } else if (response->status < 200 || response->status > 299) {
        gm_transfer_give_up(transfer, GM_REASON_FETCH_HTTP, gm_retry_status(response->status),
                            "HTTP %u", response->status);
    } else if (!transfer->body_started && !gm_transfer_start_body(transfer)) {
        return false; /* an empty body */
    } else if (transfer->store.n_bytes < job->expected_bytes && job->expected_bytes != UINT64_MAX &&
               !gm_response_is_framed(response)) {
        gm_transfer_give_up(
            transfer, GM_REASON_FETCH_TRUNCATED, true,
            "the connection ended after %llu of the %llu bytes that the list states",
            (unsigned long long)transfer->store.n_bytes, (unsigned long long)job->expected_bytes);
    } else if (transfer->resume_from && response->range_total != UINT64_MAX &&
               transfer->store.n_bytes != response->range_total && response->status == 206) {
        gm_store_restart(&transfer->store);
        gm_transfer_give_up(transfer, GM_REASON_FETCH_TRUNCATED, true,
                            "the ranges do not add up to the whole body");
    }
    return transfer->reason == GM_REASON_NONE;
}

static void succeed(struct gm_transfer *transfer)
{
    struct gm_job *job = transfer->job;
    struct gm_store *store = &transfer->store;
    if (job->kind == GM_JOB_ROBOTS) {
        job->robots = gm_robots_parse(store->data, store->n_bytes);
        gm_store_drop(store, GM_STORE_REMOVE);
        job->verdict = GM_JOB_FINISHED;
        return;
    }
    fill_result(transfer);
    if (gm_store_finish(store, &transfer->fatal) != GM_OK)
        gm_job_fail(job, GM_REASON_FETCH_IO, "%s", transfer->fatal.text);
}

static void judge(struct gm_transfer *transfer, CURLcode code, uint64_t now_ms)
{
    struct gm_job *job = transfer->job;
    /* A page that was too long to be thrown away to its end is judged by its status alone. */
    bool cut = transfer->discard && code == CURLE_WRITE_ERROR;
    if (transfer->reason == GM_REASON_NONE && code != CURLE_OK && !cut)
        judge_curl_error(transfer, code);
    if (transfer->reason == GM_REASON_NONE && !transfer->response.complete)
        gm_transfer_give_up(transfer, GM_REASON_FETCH_PROTOCOL, true,
                            "the connection closed inside the response head");
    if (transfer->reason == GM_REASON_NONE && redirect(transfer)) {
        gm_store_drop(&transfer->store, GM_STORE_KEEP_PART);
        return;
    }
    if (transfer->reason == GM_REASON_NONE && is_unchanged(transfer)) {
        fill_result(transfer);
        gm_job_result(job)->unchanged = true;
        job->verdict = GM_JOB_FINISHED;
        return;
    }
    if (transfer->reason == GM_REASON_NONE && judge_status(transfer))
        succeed(transfer);
    else
        fail(transfer, now_ms);
}

void gm_transfer_finish(struct gm_transfer *transfer, CURLcode code, uint64_t now_ms)
{
    struct gm_job *job = transfer->job;
    GM_ASSERT(job);
    job->wire_bytes += transfer->body_bytes + transfer->response.head_bytes;
    job->pause_ms = 0;
    job->unreachable = false;
    judge(transfer, code, now_ms);
    gm_store_drop(&transfer->store, GM_STORE_REMOVE);
    if (job->verdict == GM_JOB_FINISHED && job->kind == GM_JOB_URL)
        gm_job_result(job)->elapsed_ms = now_ms - job->first_start_ms;
    transfer->job = NULL;
}

struct gm_job *gm_transfer_abandon(struct gm_transfer *transfer)
{
    struct gm_job *job = transfer->job;
    gm_store_drop(&transfer->store, GM_STORE_KEEP_PART);
    transfer->job = NULL;
    return job;
}
