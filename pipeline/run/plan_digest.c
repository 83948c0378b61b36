/* What identifies the outputs of a job: SHA-256 over a canonical text of every option that can
 * change an output byte, and of the files that stages have read. Two jobs with the same digest and
 * the same input give the same bytes, so a run may be resumed after a change of anything that is
 * left out here: workers, memory, progress, and how politely or patiently the network is used. */
#include "run/plan_parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define DIGEST_VERSION 1 /* raise it when the same options begin to mean other bytes */

const char *const gm_digest_skips_fetch[] = {
    "connections",     "per_host",        "rate",      "retries",        "backoff",  "backoff_max",
    "retry_after_max", "connect_timeout", "low_speed", "low_speed_time", "deadline", "contact",
    "proxy",           "ca_file",         "threads",   "http2",          "client",   NULL};

/* Of the job's own, all but these reach the outputs. */
static const char *const job_skips[] = {
    "job",        "out",        "memory",          "workers",        "sandbox",
    "durability", "max_failed", "record_deadline", "drain_deadline", NULL};

static bool is_one_of(const char *const *words, const char *word)
{
    for (; words && *words; words++)
        if (strcmp(*words, word) == 0)
            return true;
    return false;
}

static void put_string(struct gm_buf *text, const char *value)
{
    if (value)
        gm_json_string(text, value, strlen(value));
    else
        gm_buf_text(text, "null");
}

static void put_list(struct gm_buf *text, const struct gm_opt_list *list)
{
    gm_buf_char(text, '[');
    for (size_t i = 0; i < list->n_items; i++) {
        put_string(text, list->items[i]);
        gm_buf_char(text, ',');
    }
    gm_buf_char(text, ']');
}

static void put_value(struct gm_buf *text, const struct gm_opt *opt, const void *values)
{
    const void *field = (const char *)values + opt->offset;
    switch (opt->type) {
    case GM_OPT_BOOL:
        gm_buf_text(text, *(const bool *)field ? "true" : "false");
        break;
    case GM_OPT_U64:
    case GM_OPT_BYTES:
    case GM_OPT_MS:
        gm_buf_printf(text, "%" PRIu64, *(const uint64_t *)field);
        break;
    case GM_OPT_F64:
    case GM_OPT_RATE:
        gm_json_f64(text, *(const double *)field);
        break;
    case GM_OPT_STRING:
        put_string(text, *(char *const *)field);
        break;
    case GM_OPT_ENUM:
        gm_buf_text(text, opt->choices[*(const int *)field]);
        break;
    case GM_OPT_LIST:
        put_list(text, field);
        break;
    }
}

void gm_plan_canonical(struct gm_buf *text, const char *section, const struct gm_opt *table,
                       const void *values, const char *const *skip)
{
    gm_buf_printf(text, "[%s]\n", section);
    for (const struct gm_opt *opt = table; opt->name; opt++) {
        if (is_one_of(skip, opt->name))
            continue;
        gm_buf_printf(text, "%s=", opt->name);
        put_value(text, opt, values);
        gm_buf_char(text, '\n');
    }
}

static void put_stage(struct gm_buf *text, const char *section, const struct gm_plan_stage *planned)
{
    const struct gm_stage *stage = planned->stage;
    gm_plan_canonical(text, section, stage->opts, planned->opts, stage->free_opts);
    char hex[GM_SHA256_HEX_BYTES];
    if (stage->prepare)
        gm_buf_printf(text, "contents=%s\n", gm_sha256_hex(planned->prepared.digest, hex));
}

void gm_plan_digest(struct gm_plan *plan)
{
    struct gm_buf text = GM_BUF_INIT;
    char section[96];
    gm_buf_printf(&text, "gristmill job %d\n", DIGEST_VERSION);
    gm_plan_canonical(&text, "job", gm_job_opts, &plan->job, job_skips);
    for (uint32_t i = 0; i < plan->n_sources; i++) {
        snprintf(section, sizeof section, "source.%s", plan->sources[i].lister->name);
        gm_plan_canonical(&text, section, plan->sources[i].lister->opts, plan->sources[i].opts,
                          NULL);
    }
    gm_plan_canonical(&text, "fetch", plan->fetcher->opts, plan->fetch_opts, gm_digest_skips_fetch);
    for (uint32_t i = 0; i < plan->n_routes; i++) {
        const struct gm_plan_route *route = &plan->routes[i];
        gm_buf_printf(&text, "route %s\n", route->family);
        if (route->kind == GM_ROUTE_SPLIT)
            gm_plan_canonical(&text, "unpack", plan->splitter->opts, plan->unpack_opts, NULL);
        for (uint32_t k = 0; k < route->n_stages; k++) {
            snprintf(section, sizeof section, "%s.%s", route->family, route->stages[k].stage->name);
            put_stage(&text, section, &route->stages[k]);
        }
    }
    for (uint32_t i = 0; i < plan->n_sinks; i++) {
        snprintf(section, sizeof section, "sink.%s", plan->sinks[i].sink->name);
        gm_plan_canonical(&text, section, plan->sinks[i].sink->opts, plan->sinks[i].opts, NULL);
    }
    gm_sha256(text.data, text.n_bytes, plan->config_digest);
    gm_buf_free(&text);
}
