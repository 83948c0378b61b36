/* The parts of the planner, one file each; plan.c calls them in this order. Each adds what it
 * finds wrong to the report and goes on as well as it can, so that all mistakes come out at once.
 *
 *   plan_set.c     implicit stages and --set, on the tree
 *   plan_opts.c    the job's own options; any table from any mapping
 *   plan_source.c  source:, fetch:, unpack:
 *   plan_chain.c   text:, image:, columns
 *   plan_sink.c    sink:, routes for media
 *   plan_memory.c  workers and the budget
 *   plan_digest.c  what identifies the outputs of a job
 */
#ifndef GM_RUN_PLAN_PARTS_H
#define GM_RUN_PLAN_PARTS_H

#include "run/config.h"
#include "run/plan.h"
#include "run/report.h"

struct gm_planner {
    struct gm_config *config;
    const struct gm_origin *origin; /* the file */
    struct gm_node *root;
    struct gm_report *report;
    struct gm_plan *plan;
    bool out_of_memory;
    bool stopped; /* by a signal, while a child was at work */
};

/* Sections of a job besides its options; ended by NULL. */
extern const char *const gm_job_sections[];
/* Sections that hold a list of stages: "text", "image"; ended by NULL. */
extern const char *const gm_chain_families[];

/* A mistake at a place; the hint is the last argument but the format's. */
void gm_plan_mistake(struct gm_planner *planner, const struct gm_place *place, const char *hint,
                     const char *format, ...) GM_PRINTF(4, 5);
/* The start of the job, for what is missing altogether. */
struct gm_place gm_plan_start(const struct gm_planner *planner);
/* Zeroed memory, or NULL with out_of_memory set. */
void *gm_plan_memory(struct gm_planner *planner, size_t n_bytes);

/* plan_set.c */
void gm_plan_add_implicit(struct gm_planner *planner);
void gm_plan_apply_setting(struct gm_planner *planner, const char *text);

/* plan_opts.c */
struct gm_opts_target {
    const struct gm_opt *table;
    void *values;              /* initialised with the defaults */
    const char *path;          /* "fetch", "text.stats"; "" for the job's own */
    const char *const *others; /* keys of the mapping that are not options; NULL: none */
};
/* Fills an options struct from a mapping (NULL or empty: the defaults stay). */
void gm_plan_fill(struct gm_planner *planner, const struct gm_opts_target *target,
                  const struct gm_node *mapping);
/* One option from a scalar or, for a list, a list of scalars. */
void gm_plan_fill_one(struct gm_planner *planner, const struct gm_opts_target *target,
                      const struct gm_opt *opt, const struct gm_node *node);
/* What a check hook has found: "option: text" is put at the option's value, if it stands in
 * mapping. */
void gm_plan_check_failed(struct gm_planner *planner, const struct gm_opts_target *target,
                          const struct gm_node *mapping, const struct gm_place *place,
                          const struct gm_err *err);
/* Allocates and initialises options; NULL with out_of_memory set. */
void *gm_plan_new_opts(struct gm_planner *planner, const struct gm_opt *table, size_t n_bytes);
void gm_plan_job(struct gm_planner *planner);

/* The others */
void gm_plan_sources(struct gm_planner *planner);
void gm_plan_chains(struct gm_planner *planner);
void gm_plan_sinks(struct gm_planner *planner);
void gm_plan_split_memory(struct gm_planner *planner);
void gm_plan_digest(struct gm_plan *plan);
/* Appends "section.name=value" lines of an options struct, canonical: equal values give equal
 * text however they were written. skip: names to leave out, ended by NULL, or NULL. */
void gm_plan_canonical(struct gm_buf *text, const char *section, const struct gm_opt *table,
                       const void *values, const char *const *skip);
/* Options of `fetch:` that cannot change an output byte; ended by NULL. */
extern const char *const gm_digest_skips_fetch[];

#endif
