/* See summary.h. */
#include "cli/summary.h"

#include "base/num.h"

#include <stdio.h>
#include <string.h>

void gm_summary_reasons(struct gm_buf *text, const uint64_t reasons[GM_REASON_SLOTS],
                        enum gm_outcome outcome)
{
    bool shown[GM_REASON_SLOTS] = {false};
    char count[GM_NUM_TEXT_BYTES];
    for (;;) {
        unsigned most = 0;
        for (unsigned i = 1; i < GM_REASON_COUNT; i++)
            if (!shown[i] && reasons[i] > 0 && gm_reason_outcome((enum gm_reason)i) == outcome &&
                (most == 0 || reasons[i] > reasons[most]))
                most = i;
        if (most == 0)
            return;
        shown[most] = true;
        gm_buf_printf(text, "    %-20s %10s   %s\n", gm_reason_code((enum gm_reason)most),
                      gm_format_count(reasons[most], count),
                      gm_reason_advice((enum gm_reason)most));
    }
}

void gm_summary_reasons_json(struct gm_buf *text, const uint64_t reasons[GM_REASON_SLOTS])
{
    gm_json_key(text, "reasons");
    gm_buf_char(text, '{');
    for (unsigned i = 1; i < GM_REASON_COUNT; i++) {
        if (reasons[i] == 0)
            continue;
        gm_json_key(text, gm_reason_code((enum gm_reason)i));
        gm_json_u64(text, reasons[i]);
    }
    gm_buf_char(text, '}');
}

static const char *headline(const struct gm_outcome_report *report)
{
    if (report->summary->nothing_new)
        return "nothing new";
    switch (report->status) {
    case GM_OK:
    case GM_FAILED_ITEMS:
        return "finished";
    case GM_STOPPED:
        return "stopped; run it again to go on";
    default:
        return "did not finish";
    }
}

static void print_items(const struct gm_run_summary *summary, struct gm_buf *text)
{
    char n[GM_NUM_TEXT_BYTES];
    gm_buf_printf(text, "  %-10s %12s", "items", gm_format_count(summary->n_items, n));
    if (summary->n_unchanged > 0)
        gm_buf_printf(text, ", %s unchanged", gm_format_count(summary->n_unchanged, n));
    if (summary->n_failing > 0)
        gm_buf_printf(text, ", %s still fail%s", gm_format_count(summary->n_failing, n),
                      summary->n_failing == 1 ? "s" : "");
    if (summary->n_removed > 0)
        gm_buf_printf(text, ", %s removed", gm_format_count(summary->n_removed, n));
    gm_buf_char(text, '\n');
}

static void print_count(struct gm_buf *text, const char *label, uint64_t count)
{
    char n[GM_NUM_TEXT_BYTES];
    gm_buf_printf(text, "  %-10s %12s\n", label, gm_format_count(count, n));
}

static void print_resources(const struct gm_outcome_report *report, struct gm_buf *text)
{
    const struct gm_run_summary *summary = report->summary;
    char a[GM_NUM_TEXT_BYTES], b[GM_NUM_TEXT_BYTES], c[GM_NUM_TEXT_BYTES];
    gm_buf_printf(text, "  %-10s %s peak of %s, %s CPU, ", "used",
                  gm_format_bytes(summary->peak_memory_bytes, a),
                  gm_format_bytes(report->plan->job.memory_bytes, b),
                  gm_format_ms(summary->cpu_ms, c));
    gm_buf_printf(text, "%s fetched", gm_format_bytes(summary->fetched_bytes, a));
    if (summary->n_worker_deaths > 0)
        gm_buf_printf(text, ", %u worker death%s", summary->n_worker_deaths,
                      summary->n_worker_deaths == 1 ? "" : "s");
    gm_buf_char(text, '\n');
}

/* What the sinks have counted, in their own words. */
static void print_counters(const struct gm_outcome_report *report, struct gm_buf *text)
{
    for (uint32_t i = 0; i < report->plan->n_sinks; i++) {
        const struct gm_plan_sink *planned = &report->plan->sinks[i];
        if (planned->sink->describe)
            planned->sink->describe(planned->opts,
                                    report->summary->counters + planned->first_counter, text);
    }
}

void gm_summary_text(const struct gm_outcome_report *report, struct gm_buf *text)
{
    const struct gm_run_summary *summary = report->summary;
    char time[GM_NUM_TEXT_BYTES], bytes[GM_NUM_TEXT_BYTES];
    gm_buf_printf(text, "gristmill: %s: %s after %s%s\n", report->plan->job.job, headline(report),
                  gm_format_ms(summary->elapsed_ms, time), summary->resumed ? " (resumed)" : "");
    bool has_begun = summary->n_items > 0 || summary->peak_memory_bytes > 0;
    if (!has_begun && report->status != GM_OK)
        return; /* the message that follows says it all */
    print_items(summary, text);
    if (summary->nothing_new)
        return;
    print_count(text, "records in", summary->n_in);
    print_count(text, "written", summary->n_written);
    print_count(text, "rejected", summary->n_rejected);
    gm_summary_reasons(text, summary->reasons, GM_OUTCOME_REJECTED);
    print_count(text, "failed", summary->n_failed);
    gm_summary_reasons(text, summary->reasons, GM_OUTCOME_FAILED);
    if (report->status == GM_OK || report->status == GM_FAILED_ITEMS)
        print_counters(report, text);
    if (summary->folder[0])
        gm_buf_printf(text, "  %-10s %s (%s)\n", "outputs", summary->folder,
                      gm_format_bytes(summary->output_bytes, bytes));
    print_resources(report, text);
}

static void json_count(struct gm_buf *text, const char *key, uint64_t value)
{
    gm_json_key(text, key);
    gm_json_u64(text, value);
}

static void json_text(struct gm_buf *text, const char *key, const char *value)
{
    gm_json_key(text, key);
    gm_json_string(text, value, strlen(value));
}

static void json_flag(struct gm_buf *text, const char *key, int value)
{
    gm_json_key(text, key);
    gm_buf_text(text, value ? "true" : "false");
}

static void json_counters(struct gm_buf *text, const struct gm_outcome_report *report)
{
    char key[96];
    if (report->plan->n_counters == 0)
        return;
    gm_json_key(text, "counters");
    gm_buf_char(text, '{');
    for (uint32_t i = 0; i < report->plan->n_sinks; i++) {
        const struct gm_plan_sink *planned = &report->plan->sinks[i];
        for (uint32_t k = 0; k < planned->n_counters; k++) {
            snprintf(key, sizeof key, "%s.%s", planned->sink->name,
                     planned->sink->counters[k].name);
            json_count(text, key, report->summary->counters[planned->first_counter + k]);
        }
    }
    gm_buf_char(text, '}');
}

void gm_summary_json(const struct gm_outcome_report *report, struct gm_buf *text)
{
    const struct gm_run_summary *summary = report->summary;
    gm_buf_char(text, '{');
    json_text(text, "job", report->plan->job.job);
    json_text(text, "status", gm_status_name(report->status));
    json_count(text, "exit_code", (uint64_t)gm_status_exit_code(report->status));
    json_text(text, "folder", summary->folder);
    json_count(text, "generation", summary->generation);
    json_flag(text, "nothing_new", summary->nothing_new);
    json_flag(text, "resumed", summary->resumed);
    json_count(text, "items", summary->n_items);
    json_count(text, "items_unchanged", summary->n_unchanged);
    json_count(text, "items_failing", summary->n_failing);
    json_count(text, "items_removed", summary->n_removed);
    json_count(text, "in", summary->n_in);
    json_count(text, "written", summary->n_written);
    json_count(text, "rejected", summary->n_rejected);
    json_count(text, "failed", summary->n_failed);
    gm_summary_reasons_json(text, summary->reasons);
    json_counters(text, report);
    json_count(text, "fetched_bytes", summary->fetched_bytes);
    json_count(text, "output_bytes", summary->output_bytes);
    json_count(text, "elapsed_ms", summary->elapsed_ms);
    json_count(text, "cpu_ms", summary->cpu_ms);
    json_count(text, "peak_memory_bytes", summary->peak_memory_bytes);
    json_count(text, "memory_budget_bytes", report->plan->job.memory_bytes);
    json_count(text, "worker_deaths", summary->n_worker_deaths);
    gm_buf_text(text, "}\n");
}
