/* What stands at the end of a run: counts that add up, reasons, where the outputs are. */
#ifndef GM_CLI_SUMMARY_H
#define GM_CLI_SUMMARY_H

#include "base/buf.h"
#include "run/plan.h"
#include "run/run.h"

struct gm_outcome_report {
    const struct gm_run_summary *summary;
    const struct gm_plan *plan;
    enum gm_status status;
};

void gm_summary_text(const struct gm_outcome_report *report, struct gm_buf *text);
/* One JSON object with a newline. */
void gm_summary_json(const struct gm_outcome_report *report, struct gm_buf *text);
/* A table "reason count advice" of one outcome, the most frequent first; also for status. */
void gm_summary_reasons(struct gm_buf *text, const uint64_t reasons[GM_REASON_SLOTS],
                        enum gm_outcome outcome);
/* "reasons": {"text.empty":2}, in the order of the table. */
void gm_summary_reasons_json(struct gm_buf *text, const uint64_t reasons[GM_REASON_SLOTS]);

#endif
