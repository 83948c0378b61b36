/* What the engine takes to hand a record to a worker and its outcome back to the order:
 *
 *     handover [BYTES [WORKERS [RECORDS]]]     defaults: each of 256, 4096, 65536 and 1048576
 *
 * A whole run of the real engine, in a temporary folder and with the sandbox on; only the work is
 * taken out of it. The splitter emits records from memory, each with bytes of its own; the one
 * stage reads a word of every cache line; the sink writes nothing. So a record is copied into a
 * block, leased, read, counted, put into the order and accounted for in the journal, as in any job.
 *
 * Prints for each size two lines: "ns_per_record BYTES NS" is the time from the first record that
 * is emitted to the last block that is encoded, "cpu_ns_per_record BYTES NS" is the CPU time of all
 * processes from start to end. Start-up, listing and the manifest are in the second alone. */
#include "base/clock.h"
#include "base/fs.h"
#include "run/plan.h"
#include "run/run.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define LINE_BYTES  64
#define BYTES_A_RUN (3ull << 30) /* of all records together, about a second */
#define MAX_RECORDS (8u << 20)

/* Written by the worker processes. */
struct shared {
    _Atomic uint64_t start_ns;
    _Atomic uint64_t end_ns;
    _Atomic uint64_t n_touched;
};

struct load {
    uint64_t n_bytes, n_records;
};

/* The hooks of a splitter and of a sink get options of their own but no other context. */
static struct shared *shared;
static struct load load;

static enum gm_status split(void *ctx, const struct gm_container *container, struct gm_emit *emit,
                            struct gm_err *err)
{
    (void)ctx;
    (void)container;
    const struct gm_member member = {.media = GM_MEDIA_JSON_LINE};
    uint8_t *record = malloc(load.n_bytes);
    if (!record)
        return gm_err_set(err, GM_NOMEM, "no memory for a record");
    for (uint64_t i = 0; i < load.n_bytes; i++)
        record[i] = (uint8_t)(i * 31);
    enum gm_status status = GM_OK;
    atomic_store(&shared->start_ns, gm_now_ns());
    for (uint64_t i = 0; i < load.n_records && status == GM_OK; i++) {
        memcpy(record, &i, sizeof i);
        status = gm_emit_record(emit, &member, record, load.n_bytes, err);
    }
    free(record);
    return status;
}

static const struct gm_opt no_opts[] = {GM_OPT_END};

static const struct gm_splitter splitter = {
    .name = "synthetic", .summary = "records from memory", .opts = no_opts, .split = split};

static enum gm_status touch(void *ctx, struct gm_batch *batch, uint32_t row, struct gm_err *err)
{
    (void)err;
    struct gm_view body = gm_batch_view(batch, GM_IN_BODY, row);
    uint64_t *sum = ctx, word;
    for (size_t at = 0; at + sizeof word <= body.n_bytes; at += LINE_BYTES) {
        memcpy(&word, body.data + at, sizeof word);
        *sum += word;
    }
    return GM_OK;
}

static const struct gm_stage stage = {
    .name = "touch", .opts = no_opts, .ctx_bytes = sizeof(uint64_t), .process = touch};

static enum gm_status count(void *ctx, const struct gm_batch *batch, struct gm_out *out,
                            struct gm_err *err)
{
    (void)ctx;
    (void)out;
    (void)err;
    atomic_fetch_add(&shared->n_touched, batch->n_rows);
    uint64_t now = gm_now_ns(), last = atomic_load(&shared->end_ns);
    while (now > last && !atomic_compare_exchange_weak(&shared->end_ns, &last, now))
        ;
    return GM_OK;
}

/* The plan of a JSON Lines job with the work taken out. */
static void simplify(struct gm_plan *plan, struct gm_sink *sink)
{
    static int body[] = {GM_IN_BODY};
    plan->splitter = &splitter;
    for (uint32_t i = 0; i < plan->n_routes; i++) {
        struct gm_plan_route *route = &plan->routes[i];
        if (route->kind != GM_ROUTE_CHAIN)
            continue;
        route->n_stages = 1;
        route->stages[0] = (struct gm_plan_stage){.stage = &stage, .in = body};
        route->n_columns = GM_IN_COUNT;
    }
    *sink = *plan->sinks[0].sink;
    sink->ctx_bytes = 0;
    sink->open = NULL;
    sink->encode = count;
    sink->close = NULL;
    plan->sinks[0].sink = sink;
}

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *state)
{
    (void)info;
    (void)kind;
    (void)state;
    return remove(path);
}

static int fail(const char *what, const struct gm_err *err)
{
    fprintf(stderr, "handover: %s: %s\n", what, err->text);
    return 1;
}

static int run_job(const char *yaml, uint64_t n_records)
{
    struct gm_plan *plan;
    struct gm_mistakes mistakes;
    struct gm_run_summary summary;
    struct gm_sink sink;
    struct gm_err err = {0};
    load.n_records = n_records;
    memset(shared, 0, sizeof *shared);
    enum gm_status status =
        gm_plan_parse(yaml, strlen(yaml), "handover.yaml", NULL, 0, &plan, &mistakes, &err);
    if (status != GM_OK)
        return fail(mistakes.n_mistakes ? gm_buf_cstr(&mistakes.text) : "plan", &err);
    simplify(plan, &sink);
    status = gm_run(plan, NULL, &summary, &err); /* the plan is left to the end of the process */
    if (status != GM_OK)
        return fail("run", &err);
    if (summary.n_written != n_records || atomic_load(&shared->n_touched) != n_records) {
        fprintf(stderr, "handover: %llu of %llu records arrived\n",
                (unsigned long long)summary.n_written, (unsigned long long)n_records);
        return 1;
    }
    uint64_t ns = atomic_load(&shared->end_ns) - atomic_load(&shared->start_ns);
    printf("ns_per_record %llu %.1f\n", (unsigned long long)load.n_bytes,
           (double)ns / (double)n_records);
    printf("cpu_ns_per_record %llu %.1f\n", (unsigned long long)load.n_bytes,
           (double)summary.cpu_ms * 1e6 / (double)n_records);
    return fflush(stdout);
}

static int measure(uint64_t n_bytes, const char *workers, uint64_t n_records)
{
    char folder[] = "/tmp/gm-handover-XXXXXX";
    char yaml[512], path[64];
    struct gm_err err = {0};
    if (!mkdtemp(folder))
        return 1;
    snprintf(path, sizeof path, "%s/seed.jsonl", folder);
    snprintf(yaml, sizeof yaml,
             "out: %s/out\nworkers: %s\nsource:\n  - files: %s\ntext: [utf8]\n"
             "sink: {records: {format: jsonl}}\n",
             folder, workers, path);
    load.n_bytes = n_bytes;
    if (n_records == 0)
        n_records = BYTES_A_RUN / n_bytes < MAX_RECORDS ? BYTES_A_RUN / n_bytes : MAX_RECORDS;
    int code = gm_write_file_durable(AT_FDCWD, path, "{}\n", 3, &err) == GM_OK
                   ? run_job(yaml, n_records)
                   : fail("seed", &err);
    nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    return code;
}

int main(int argc, char **argv)
{
    static const uint64_t sizes[] = {256, 4096, 65536, 1048576};
    const char *workers = argc > 2 ? argv[2] : "1";
    uint64_t n_records = argc > 3 ? strtoull(argv[3], NULL, 10) : 0;
    int code = 0;
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        return 1;
    if (argc > 1)
        return measure(strtoull(argv[1], NULL, 10), workers, n_records);
    for (size_t i = 0; i < GM_ARRAY_LEN(sizes) && code == 0; i++)
        code = measure(sizes[i], workers, n_records);
    return code;
}
