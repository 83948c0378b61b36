/* See run.h. Reads from top to bottom like the life of a run behind begin.c: engine (again after
 * the death of one of its keepers), manifest, index. */
#include "run/run.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/num.h"
#include "run/failing.h"
#include "run/manifest.h"
#include "run/run_parts.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define MAX_RESTARTS_IN_PLACE 5   /* without a step forward, after faults of their own */
#define MAX_EXTERNAL_IN_PLACE 100 /* after somebody's kill -9 */

/* ---- the engine ---- */

static bool has_gate(const struct gm_plan *plan)
{
    for (uint32_t i = 0; i < plan->n_routes; i++)
        if (plan->routes[i].kind == GM_ROUTE_CHAIN && plan->routes[i].gate_stage >= 0)
            return true;
    return false;
}

static enum gm_status load_gate(struct gm_run *run, struct gm_engine *engine, struct gm_err *err)
{
    int fd = -1;
    gm_gate_init(&engine->gate, run->plan->memory.large / 2);
    engine->has_gate = has_gate(run->plan);
    if (!engine->has_gate)
        return GM_OK;
    enum gm_status status = gm_open_at(run->folder.generation_fd, "gate.keys", O_RDONLY, &fd, NULL);
    if (status == GM_MISSING)
        return GM_OK;
    off_t n_bytes = status == GM_OK ? lseek(fd, 0, SEEK_END) : 0;
    if (status == GM_OK)
        status = gm_gate_load(&engine->gate, fd, n_bytes > 0 ? (uint64_t)n_bytes : 0, err);
    gm_close(&fd);
    return status;
}

static void set_up(struct gm_run *run, struct gm_engine *engine)
{
    const struct gm_order_key *next = &run->state.next;
    engine->index_pid = run->indexer.step.child.pid;
    engine->resume = (struct gm_cursor){next->task, next->segment, next->sub};
    engine->feed_setup = (struct gm_feed_setup){
        .plan = run->plan,
        .snapshot_fd = run->snapshot_fd,
        .spool_fd = run->folder.spool_fd,
        .hold_fd = run->hold_fd,
        .n_items = run->info.n_items,
        .start = {next->task, next->segment, next->rows},
        .in_order = engine->has_gate,
    };
    engine->writer_setup =
        (struct gm_writer_setup){.plan = run->plan,
                                 .output = run->output,
                                 .spill_fd = run->spill_fd,
                                 .snapshot_fd = run->is_first ? run->snapshot_fd : -1};
}

enum outcome { OVER, AGAIN, AGAIN_EXTERNAL };

static void free_engine(struct gm_run *run)
{
    if (run->engine)
        gm_engine_free_shared(run->engine);
    free(run->engine);
    run->engine = NULL;
}

/* An engine that hears signals; gm_engine_staff is next. */
static enum gm_status open_engine(struct gm_run *run, struct gm_err *err)
{
    free_engine(run);
    struct gm_engine *engine = run->engine = calloc(1, sizeof *engine);
    if (!engine)
        return gm_err_set(err, GM_NOMEM, "no memory for the engine");
    engine->plan = run->plan;
    engine->progress = run->progress;
    engine->lost = run->spoiled.lost;
    engine->n_lost = run->spoiled.n_lost;
    return gm_engine_open(engine, err);
}

static void take_results(struct gm_run *run)
{
    struct gm_engine *engine = run->engine;
    run->summary->n_worker_deaths += engine->n_deaths;
    run->summary->cpu_ms += engine->cpu_ns / 1000000;
    run->summary->fetched_bytes += engine->shown.fetched_bytes;
    run->summary->output_bytes += engine->shown.output_bytes;
    if (engine->peak_memory_bytes > run->summary->peak_memory_bytes)
        run->summary->peak_memory_bytes = engine->peak_memory_bytes;
    if (run->plan->job.sandbox == GM_SANDBOX_ON && engine->sandbox == GM_SANDBOX_STATE_SECCOMP)
        gm_log(GM_LOG_INFO, "this kernel has no Landlock: children are held by seccomp alone");
    gm_gate_free(&engine->gate);
    gm_spoiled_note(&run->spoiled, &engine->bad);
}

/* With a staffed engine. */
static enum gm_status run_once(struct gm_run *run, enum outcome *outcome, struct gm_err *err)
{
    struct gm_engine *engine = run->engine;
    enum gm_status status = load_gate(run, engine, err);
    if (status != GM_OK) {
        gm_engine_abandon(engine);
        gm_gate_free(&engine->gate);
        return status;
    }
    set_up(run, engine);
    status = gm_engine_run(engine, err);
    *outcome = OVER;
    if (engine->restart && !engine->failed && status == GM_AGAIN)
        *outcome = engine->restart_external ? AGAIN_EXTERNAL : AGAIN;
    take_results(run);
    return status;
}

static int compare_keys(const struct gm_order_key *a, const struct gm_order_key *b)
{
    struct gm_cursor at = {b->task, b->segment, b->sub};
    return gm_cursor_compare(a->task, a->segment, a->sub, &at);
}

/* The sources of a first run are listed while its workers start. The indexer is started in between:
 * when the last engine's memory is gone and this one's is not there yet, of which it would hold on
 * to what it inherits. */
static enum gm_status begin_first(struct gm_run *run, struct gm_err *err)
{
    enum gm_status status = open_engine(run, err);
    if (status != GM_OK)
        return status;
    status = gm_run_list(run, err);
    if (status != GM_OK) {
        gm_engine_abandon(run->engine);
        return status;
    }
    gm_indexer_start(&run->indexer, run->folder.path, run->folder.generation);
    status = gm_engine_staff(run->engine, err);
    if (status != GM_OK)
        return status;
    status = gm_run_listed(run, err);
    if (status == GM_OK)
        status = gm_run_prepare_output(run, err);
    if (status != GM_OK)
        gm_engine_abandon(run->engine);
    return status;
}

static enum gm_status begin_again(struct gm_run *run, struct gm_err *err)
{
    gm_indexer_drop(&run->indexer); /* what it has read may have been cut off again */
    enum gm_status status = open_engine(run, err);
    if (status != GM_OK)
        return status;
    gm_indexer_start(&run->indexer, run->folder.path, run->folder.generation);
    return gm_engine_staff(run->engine, err);
}

/* Where the journal says that the run is. A first one has none until its writer has made it. */
static enum gm_status look_again(struct gm_run *run, struct gm_err *err)
{
    enum gm_status status = GM_OK;
    if (run->is_first)
        status = gm_list_publish(run->folder.generation_fd, run->snapshot_fd, err);
    run->is_first = false;
    return status == GM_OK ? gm_run_look_at_output(run, err) : status;
}

/* fetch or the writer may die (somebody's kill -9): everything starts again from the journal, as
 * long as it gets anywhere. */
static enum gm_status run_engine(struct gm_run *run, struct gm_err *err)
{
    uint32_t n_in_place = 0, n_external = 0;
    enum outcome outcome = AGAIN;
    enum gm_status status = GM_OK;
    while (status == GM_OK && outcome != OVER && !run->state.finished) {
        struct gm_order_key before = run->state.next;
        status = run->is_first ? begin_first(run, err) : begin_again(run, err);
        if (status == GM_OK)
            status = run_once(run, &outcome, err);
        if (status != GM_AGAIN || outcome == OVER)
            break;
        status = look_again(run, err);
        bool moved = compare_keys(&before, &run->state.next) != 0;
        n_in_place = moved ? 0 : n_in_place + (outcome == AGAIN);
        n_external = moved ? 0 : n_external + (outcome == AGAIN_EXTERNAL);
        if (n_in_place >= MAX_RESTARTS_IN_PLACE || n_external >= MAX_EXTERNAL_IN_PLACE)
            return gm_err_set(err, GM_INTERNAL,
                              "fetch or writer died %u times without a step forward; see the log",
                              n_in_place + n_external);
    }
    return status;
}

/* A run that goes on, or a next generation. */
static enum gm_status go_on(struct gm_run *run, struct gm_err *err)
{
    enum gm_status status = gm_run_prepare_output(run, err);
    if (status == GM_OK)
        status = gm_run_look_at_output(run, err);
    if (status == GM_OK && run->state.next.task + run->state.next.segment + run->state.next.sub > 0)
        gm_log(GM_LOG_INFO, "resuming at item %llu of %llu",
               (unsigned long long)(run->state.next.task * GM_TASK_ITEMS + run->state.next.rows),
               (unsigned long long)run->info.n_items);
    return status;
}

/* ---- after the engine ---- */

/* As configured: a resumed run may end without having started a worker that could tell more. */
static const char *sandbox_text(const struct gm_run *run)
{
    static const char *const texts[] = {
        [GM_SANDBOX_ON] = "on", [GM_SANDBOX_LOG] = "log", [GM_SANDBOX_OFF] = "off"};
    return texts[run->plan->job.sandbox];
}

static enum gm_status add_counters(struct gm_run *run, struct gm_manifest *manifest,
                                   const struct gm_output_state *state, struct gm_err *err)
{
    enum gm_status status = GM_OK;
    for (uint32_t i = 0; i < run->plan->n_sinks; i++) {
        const struct gm_plan_sink *planned = &run->plan->sinks[i];
        for (uint32_t k = 0; k < planned->n_counters && status == GM_OK; k++) {
            char name[96];
            uint64_t value = state->counters[planned->first_counter + k];
            snprintf(name, sizeof name, "%s.%s", planned->sink->name,
                     planned->sink->counters[k].name);
            run->summary->counters[planned->first_counter + k] = value;
            status = gm_manifest_add_counter(manifest, name, value, err);
        }
    }
    return status;
}

static void summarize(struct gm_run *run, const struct gm_manifest *manifest)
{
    struct gm_run_summary *summary = run->summary;
    summary->n_in = manifest->n_in;
    summary->n_written = manifest->n_written;
    summary->n_rejected = manifest->n_rejected;
    summary->n_failed = manifest->n_failed;
    memcpy(summary->reasons, manifest->reasons, sizeof summary->reasons);
    summary->n_items = run->info.n_items;
    summary->n_removed = run->info.n_removed;
}

static enum gm_status fill_manifest(struct gm_run *run, struct gm_manifest *manifest,
                                    struct gm_err *err)
{
    struct gm_output *output = NULL;
    const uint32_t hidden = 1u << GM_STREAM_ITEMS | 1u << GM_STREAM_KEYS;
    enum gm_status status = gm_output_open(&output, &run->output, err);
    if (status == GM_OK)
        status = gm_manifest_fill(manifest, output, &run->output, hidden, err);
    if (status == GM_OK)
        status = add_counters(run, manifest, gm_output_state(output), err);
    gm_output_close(output);
    if (status != GM_OK)
        return status;
    manifest->job = gm_manifest_text(run->plan->job.job);
    manifest->order = gm_manifest_text("input");
    manifest->sandbox = gm_manifest_text(sandbox_text(run));
    manifest->has_previous = run->has_previous;
    memcpy(manifest->previous_sha256, run->previous_sha256, GM_SHA256_BYTES);
    manifest->n_items = run->info.n_items;
    manifest->n_unchanged = run->info.n_unchanged;
    manifest->n_removed = run->info.n_removed;
    manifest->n_failing = run->summary->n_failing;
    if (!manifest->job || !manifest->order || !manifest->sandbox)
        return gm_err_set(err, GM_NOMEM, "no memory for the manifest");
    return gm_manifest_list_quarantine(manifest, run->folder.generation_fd, err);
}

/* GM_END: a later generation in which every URL answered that nothing has changed, or failed as it
 * did before; it is dropped. */
static enum gm_status write_manifest(struct gm_run *run, struct gm_err *err)
{
    struct gm_manifest manifest = {0};
    enum gm_status status = GM_OK;
    if (run->folder.generation > 1)
        status = gm_failing_count(run->folder.generation_fd, &run->summary->n_failing, err);
    if (status == GM_OK)
        status = fill_manifest(run, &manifest, err);
    if (status == GM_OK && !gm_manifest_adds_up(&manifest))
        status = gm_err_set(
            err, GM_INTERNAL,
            "the accounts do not add up: %llu in, %llu written, %llu rejected, "
            "%llu failed",
            (unsigned long long)manifest.n_in, (unsigned long long)manifest.n_written,
            (unsigned long long)manifest.n_rejected, (unsigned long long)manifest.n_failed);
    if (status == GM_OK)
        summarize(run, &manifest);
    bool empty = run->folder.generation > 1 && manifest.n_in == 0 && run->info.n_removed == 0;
    if (status == GM_OK && empty) {
        run->summary->n_unchanged += run->info.n_items - run->summary->n_failing;
        run->summary->generation--;
        status = gm_folder_drop(&run->folder, err);
        status = status == GM_OK ? GM_END : status;
    } else if (status == GM_OK) {
        status = gm_manifest_write(&manifest, run->folder.generation_fd, run->folder.path, err);
    }
    gm_manifest_free(&manifest);
    return status;
}

/* The budget is a promise; a broken one is told. */
static void check_memory(const struct gm_run *run)
{
    uint64_t budget = run->plan->job.memory_bytes;
    char peak[GM_NUM_TEXT_BYTES], allowed[GM_NUM_TEXT_BYTES];
    if (run->summary->peak_memory_bytes > budget + budget / 20)
        gm_log(GM_LOG_WARN, "used %s of memory, more than the %s that the job allows",
               gm_format_bytes(run->summary->peak_memory_bytes, peak),
               gm_format_bytes(budget, allowed));
}

/* What still fails counts too: a job that must not fail says so every night. */
static enum gm_status judge(const struct gm_run *run, struct gm_err *err)
{
    const struct gm_run_summary *summary = run->summary;
    if (summary->n_failed + summary->n_failing <= run->plan->job.max_failed)
        return GM_OK;
    return gm_err_set(err, GM_FAILED_ITEMS, "%llu records failed%s; max_failed allows %llu",
                      (unsigned long long)(summary->n_failed + summary->n_failing),
                      summary->n_failing ? ", or still fail" : "",
                      (unsigned long long)run->plan->job.max_failed);
}

static enum gm_status finish(struct gm_run *run, struct gm_err *err)
{
    /* Nothing is appended any more, and all of it is durable, if anything is. A later generation
     * may yet turn out to be empty. */
    if (run->folder.generation == 1 && run->plan->job.durability != GM_DURABILITY_NONE)
        gm_indexer_complete(&run->indexer);
    enum gm_status status = write_manifest(run, err);
    if (status == GM_MISSING) /* the folder is not there any more: the input is not to blame */
        status = err->status = GM_IO;
    if (status == GM_OK || status == GM_END)
        gm_folder_remove_spool(&run->folder);
    if (status == GM_OK)
        gm_indexer_complete(&run->indexer);
    free_engine(run); /* while the index is completed */
    if (status == GM_OK)
        status = gm_run_update_index(run, err);
    check_memory(run);
    run->summary->nothing_new = status == GM_END;
    return status == GM_OK || status == GM_END ? judge(run, err) : status;
}

static void close_run(struct gm_run *run)
{
    struct rusage usage;
    gm_list_drop(&run->listing);
    free_engine(run);
    gm_indexer_drop(&run->indexer);
    getrusage(RUSAGE_SELF, &usage);
    run->summary->cpu_ms += (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000 +
                            (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1000;
    gm_close(&run->snapshot_fd);
    gm_close(&run->hold_fd);
    gm_close(&run->spill_fd);
    gm_folder_close(&run->folder);
}

static void name_folder(struct gm_run *run)
{
    char name[GM_GENERATION_NAME_BYTES];
    bool first = run->folder.generation <= 1;
    snprintf(run->summary->folder, sizeof run->summary->folder, "%s%s%s", run->plan->job.out,
             first ? "" : "/", first ? "" : gm_generation_name(run->folder.generation, name));
}

enum gm_status gm_run(const struct gm_plan *plan, struct gm_progress *progress,
                      struct gm_run_summary *summary, struct gm_err *err)
{
    struct gm_run run = {.plan = plan,
                         .progress = progress,
                         .summary = summary,
                         .folder = GM_FOLDER_INIT,
                         .listing = GM_LISTING_INIT,
                         .indexer = GM_INDEXER_INIT,
                         .snapshot_fd = -1,
                         .hold_fd = -1,
                         .spill_fd = -1};
    uint64_t start_ms = gm_now_ms();
    memset(summary, 0, sizeof *summary);
    enum gm_status status = GM_OK;
    if (plan->job.sandbox == GM_SANDBOX_ON)
        status = gm_sandbox_probe(err);
    if (status == GM_OK)
        status = gm_run_begin(&run, err);
    if (status == GM_OK && !run.is_first)
        status = go_on(&run, err);
    if (status == GM_OK)
        status = run_engine(&run, err);
    if (status == GM_OK)
        status = finish(&run, err);
    name_folder(&run);
    if (status == GM_END) {
        summary->nothing_new = true;
        status = GM_OK;
    }
    close_run(&run);
    summary->elapsed_ms = gm_now_ms() - start_ms;
    return status;
}
