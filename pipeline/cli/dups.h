/* The report of near-duplicates over the records of a run: dups.jsonl in the run folder. */
#ifndef GM_CLI_DUPS_H
#define GM_CLI_DUPS_H

#include "base/err.h"
#include <stdint.h>

struct gm_dups_opts {
    const char *hash; /* the records' key: "phash" */
    unsigned distance;
};

struct gm_dups_summary {
    uint64_t n_records; /* with a hash */
    uint64_t n_groups;  /* of two and more */
    uint64_t n_images;  /* in those */
};

/* Reads all records of the run folder, writes the report, durably. Of each source those count that
 * the last generation made that had its bytes: none if it was rejected or removed. The same records
 * give the same bytes. GM_MISSING, GM_INPUT as gm_runfolder_open; GM_INPUT too if there are records
 * and none has such a hash; GM_NOMEM, GM_IO. */
enum gm_status gm_dups_report(const char *run, const struct gm_dups_opts *opts,
                              struct gm_dups_summary *summary, struct gm_err *err);

#endif
