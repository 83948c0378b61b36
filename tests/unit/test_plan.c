/* Plans of right jobs: routes, columns, implicit parts, the split of the memory, the digest.
 * (Wrong jobs and their messages: tests/cli/config.sh.) */
#include "run/plan.h"

#include "run/plan_parts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#define SOURCE "source:\n  - urls: \"-\"\n"
#define MB     ((uint64_t)1 << 20)

static struct gm_plan *plan_with(const char *yaml, const char *const *settings)
{
    struct gm_setting list[16];
    unsigned n = 0;
    for (; settings && settings[n]; n++)
        list[n].text = settings[n];
    struct gm_plan *plan;
    struct gm_mistakes mistakes;
    struct gm_err err = {0};
    enum gm_status status =
        gm_plan_parse(yaml, strlen(yaml), "dir/job.yaml", list, n, &plan, &mistakes, &err);
    if (status != GM_OK)
        print_error("%s\n%s\n", err.text, gm_buf_cstr(&mistakes.text));
    assert_int_equal(status, GM_OK);
    gm_buf_free(&mistakes.text);
    return plan;
}

static struct gm_plan *plan_of(const char *yaml)
{
    return plan_with(yaml, NULL);
}

static const struct gm_plan_route *route(const struct gm_plan *plan, const char *family)
{
    for (uint32_t i = 0; i < plan->n_routes; i++)
        if (strcmp(plan->routes[i].family, family) == 0)
            return &plan->routes[i];
    return NULL;
}

static void assert_chain(const struct gm_plan_route *chain, const char *expected)
{
    char names[256] = "";
    assert_non_null(chain);
    for (uint32_t i = 0, n = 0; i < chain->n_stages; i++)
        n += (uint32_t)snprintf(names + n, sizeof names - n, "%s%s", i ? " " : "",
                                chain->stages[i].stage->name);
    assert_string_equal(names, expected);
}

static void the_text_chain_begins_with_extract_and_utf8(void **state)
{
    static const struct {
        const char *yaml, *chain;
    } cases[] = {
        {SOURCE "text:\n", "extract utf8"},
        {SOURCE "text: []\n", "extract utf8"},
        {SOURCE "text: [stats]\n", "extract utf8 stats"},
        {SOURCE "text: [utf8: {invalid: replace}, stats]\n", "extract utf8 stats"},
        {SOURCE "text: [extract: {field: body}]\n", "extract utf8"},
        {SOURCE "text:\n  - normalize: {form: nfkc}\n  - stats:\n", "extract utf8 normalize stats"},
    };
    (void)state;
    for (size_t i = 0; i < GM_ARRAY_LEN(cases); i++) {
        struct gm_plan *plan = plan_of(cases[i].yaml);
        assert_chain(route(plan, "text"), cases[i].chain);
        gm_plan_free(plan);
    }
}

static void a_job_without_names_gets_them_from_its_file(void **state)
{
    (void)state;
    struct gm_plan *plan = plan_of(SOURCE "text:\n");
    assert_string_equal(plan->job.job, "job");
    assert_string_equal(plan->job.out, "out/job");
    assert_true(plan->job.max_failed == UINT64_MAX);
    assert_true(plan->job.memory_bytes == 512 * MB);
    gm_plan_free(plan);
}

static void every_kind_of_file_has_its_route(void **state)
{
    (void)state;
    struct gm_plan *plan = plan_of(SOURCE "text:\nimage: [gray]\n");
    assert_int_equal(plan->n_routes, 3);
    assert_ptr_equal(&plan->routes[plan->route_of_media[GM_MEDIA_TEXT]], route(plan, "text"));
    assert_ptr_equal(&plan->routes[plan->route_of_media[GM_MEDIA_JPEG]], route(plan, "image"));
    assert_ptr_equal(&plan->routes[plan->route_of_media[GM_MEDIA_ZIP]], route(plan, "unpack"));
    assert_int_equal(route(plan, "unpack")->kind, GM_ROUTE_SPLIT);
    assert_int_equal(plan->route_of_media[GM_MEDIA_PDF], -1);
    gm_plan_free(plan);

    plan = plan_of(SOURCE "text:\n");
    assert_int_equal(plan->route_of_media[GM_MEDIA_JPEG], -1);
    gm_plan_free(plan);

    plan = plan_of(SOURCE "sink: {bodies: {}}\n");
    assert_int_equal(plan->n_routes, 1);
    for (int media = 0; media < GM_MEDIA_COUNT; media++)
        assert_int_equal(plan->route_of_media[media], 0);
    gm_plan_free(plan);
}

static void every_chain_ends_in_records(void **state)
{
    (void)state;
    struct gm_plan *plan = plan_of(SOURCE "text:\nimage: [gray]\nsink: {images: {}}\n");
    assert_int_equal(plan->n_sinks, 2);
    assert_int_equal(route(plan, "text")->n_sinks, 1);
    assert_string_equal(plan->sinks[route(plan, "text")->sinks[0]].sink->name, "records");
    assert_int_equal(route(plan, "image")->n_sinks, 2);
    assert_int_equal(plan->sinks[0].stream, GM_STREAM_FIRST_SINK);
    assert_int_equal(plan->sinks[1].stream, GM_STREAM_FIRST_SINK + 1);
    gm_plan_free(plan);
}

static void stages_are_bound_to_the_last_column_of_a_name(void **state)
{
    (void)state;
    struct gm_plan *plan = plan_of(SOURCE "text: [normalize, stats]\n");
    const struct gm_plan_route *text = route(plan, "text");
    const struct gm_plan_stage *normalize = &text->stages[2], *stats = &text->stages[3];
    assert_string_equal(text->columns[normalize->in[0]]->name, "text");
    assert_int_equal(stats->in[0], normalize->out[0]);
    for (int i = 0; i < GM_IN_COUNT; i++)
        assert_ptr_equal(text->columns[i], &gm_input_columns[i]);
    gm_plan_free(plan);
}

static void a_gate_knows_its_key(void **state)
{
    (void)state;
    struct gm_plan *plan = plan_of(SOURCE "text: [dedup, stats]\nimage: [gray]\n");
    const struct gm_plan_route *text = route(plan, "text");
    assert_int_equal(text->gate_stage, 2);
    assert_string_equal(text->columns[text->gate_key_column]->name, "dedup_key");
    assert_int_equal(route(plan, "image")->gate_stage, -1);
    gm_plan_free(plan);
}

/* ---- settings ---- */

static uint64_t fetch_u64(const struct gm_plan *plan, const char *name)
{
    const struct gm_opt *opt = gm_opt_find(plan->fetcher->opts, name);
    uint64_t value;
    memcpy(&value, (const char *)plan->fetch_opts + opt->offset, sizeof value);
    return value;
}

static void settings_reach_every_place(void **state)
{
    (void)state;
    static const char *const settings[] = {"memory=1GB",
                                           "fetch.connections=7",
                                           "text.normalize.form=nfkc",
                                           "text.utf8.invalid=replace",
                                           "text.2.newlines=lf",
                                           "source.urls.column=link",
                                           "sink.records.format=jsonl",
                                           NULL};
    struct gm_plan *plan = plan_with(SOURCE "text: [normalize]\n", settings);
    const struct gm_plan *same =
        plan_of("memory: 1GB\nsource: [{urls: \"-\", column: link}]\nfetch: {connections: 7}\n"
                "text: [utf8: {invalid: replace}, normalize: {form: nfkc, newlines: lf}]\n"
                "sink: {records: {format: jsonl}}\n");
    assert_true(plan->job.memory_bytes == 1024 * MB);
    assert_int_equal(fetch_u64(plan, "connections"), 7);
    assert_memory_equal(plan->config_digest, same->config_digest, GM_SHA256_BYTES);
    gm_plan_free((struct gm_plan *)same);
    gm_plan_free(plan);
}

static void a_setting_given_twice_holds_last_but_lists_grow(void **state)
{
    (void)state;
    static const char *const settings[] = {"fetch.connections=7", "fetch.connections=9",
                                           "fetch.headers=A: 1", "fetch.headers=B: 2", NULL};
    struct gm_plan *plan = plan_with(SOURCE "text:\nfetch: {headers: [\"X: 0\"]}\n", settings);
    const struct gm_opt *opt = gm_opt_find(plan->fetcher->opts, "headers");
    const struct gm_opt_list *headers =
        (const struct gm_opt_list *)((const char *)plan->fetch_opts + opt->offset);
    assert_int_equal(fetch_u64(plan, "connections"), 9);
    assert_int_equal(headers->n_items, 2);
    assert_string_equal(headers->items[1], "B: 2");
    gm_plan_free(plan);
}

/* ---- digest ---- */

static void assert_digests(const char *a, const char *b, bool equal)
{
    struct gm_plan *left = plan_of(a), *right = plan_of(b);
    bool same = memcmp(left->config_digest, right->config_digest, GM_SHA256_BYTES) == 0;
    if (same != equal)
        print_error("%s\n%s\n", a, b);
    assert_int_equal(same, equal);
    gm_plan_free(left);
    gm_plan_free(right);
}

static void the_digest_is_of_what_can_change_a_byte(void **state)
{
    (void)state;
    static const char *const same[] = {
        "job: x\nout: y\n" SOURCE "text: [stats]\n",
        SOURCE "text: [stats]\nmemory: 1GB\nworkers: 1\n",
        SOURCE "text: [stats]\nsandbox: off\ndurability: none\nmax_failed: 3\n",
        SOURCE "text: [stats]\nfetch: {connections: 3, rate: 5/s, retries: 0, deadline: 5s}\n",
        SOURCE "text:\n  - extract\n  - utf8: {invalid: error}\n  - stats: {}\n",
        SOURCE "text: [stats]\nsink: {records: {}}\n",
    };
    static const char *const different[] = {
        "source:\n  - urls: \"-\"\n    column: link\ntext: [stats]\n",
        SOURCE "text: [normalize, stats]\n",
        SOURCE "text: [utf8: {invalid: replace}, stats]\n",
        SOURCE "text: [stats]\nimage:\n",
        SOURCE "text: [stats]\nfetch: {max_body: 1MB}\n",
        SOURCE "text: [stats]\nmax_record: 1MB\n",
        SOURCE "text: [stats]\nunpack: {max_depth: 3}\n",
        SOURCE "text: [stats]\nsink: {records: {format: jsonl}}\n",
    };
    for (size_t i = 0; i < GM_ARRAY_LEN(same); i++)
        assert_digests(SOURCE "text: [stats]\n", same[i], true);
    for (size_t i = 0; i < GM_ARRAY_LEN(different); i++)
        assert_digests(SOURCE "text: [stats]\n", different[i], false);
}

static void what_the_digest_leaves_out_exists(void **state)
{
    (void)state;
    for (size_t i = 0; gm_digest_skips_fetch[i]; i++)
        if (!gm_opt_find(gm_fetch.opts, gm_digest_skips_fetch[i]))
            fail_msg("fetch has no option \"%s\"", gm_digest_skips_fetch[i]);
}

/* ---- memory ---- */

static uint64_t sum_of(const struct gm_plan *plan)
{
    const struct gm_memory_plan *memory = &plan->memory;
    uint64_t sum =
        memory->fixed + memory->fetch_heap + memory->fetch_arena + memory->writer + memory->large;
    uint64_t heaps = 0;
    for (uint32_t i = 0; i < plan->n_routes; i++) {
        const struct gm_plan_route *r = &plan->routes[i];
        heaps += r->n_workers * r->heap_bytes;
        sum += r->n_workers * (r->heap_bytes + (r->kind == GM_ROUTE_SPLIT ? memory->unpack_arena
                                                                          : memory->worker_arena));
    }
    assert_true(heaps == memory->heaps);
    return sum;
}

static void check_memory(const struct gm_plan *plan)
{
    const struct gm_memory_plan *memory = &plan->memory;
    assert_true(memory->total == plan->job.memory_bytes);
    assert_true(sum_of(plan) <= memory->total);
    assert_true(memory->large >= 2 * memory->max_block_bytes);
    assert_true(plan->job.max_record_bytes < memory->max_block_bytes);
    assert_true(memory->fetch_blocks >= 8 && memory->worker_blocks >= 2);
    assert_true(memory->inline_bytes >= 16 * 1024);
    for (uint32_t i = 0; i < plan->n_routes; i++)
        assert_true(plan->routes[i].n_workers >= 1 && plan->routes[i].heap_bytes >= 8 * MB);
}

static void the_parts_never_exceed_the_budget(void **state)
{
    static const char *const jobs[] = {SOURCE "text: [stats]\n", SOURCE "image: [gray, features]\n",
                                       SOURCE "text: [stats]\nimage: [gray]\n",
                                       SOURCE "sink: {bodies: {}}\n"};
    static const char *const memories[] = {"memory=160MB", "memory=200MB", "memory=300MB",
                                           "memory=512MB", "memory=700MB", "memory=1GB",
                                           "memory=1500MB"};
    (void)state;
    uint64_t machine = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    for (size_t i = 0; i < GM_ARRAY_LEN(jobs); i++) {
        for (size_t k = 0; k < GM_ARRAY_LEN(memories); k++) {
            if (machine < 1600 * MB && k >= 4)
                continue; /* more than this machine has is a mistake */
            const char *const settings[] = {memories[k], NULL};
            struct gm_plan *plan = plan_with(jobs[i], settings);
            check_memory(plan);
            gm_plan_free(plan);
        }
    }
}

static void workers_are_as_many_as_were_asked_for(void **state)
{
    (void)state;
    static const char *const settings[] = {"workers=3", "memory=512MB", NULL};
    struct gm_plan *plan = plan_with(SOURCE "text: [stats]\n", settings);
    assert_int_equal(route(plan, "text")->n_workers, 3);
    assert_int_equal(route(plan, "unpack")->n_workers, 2);
    check_memory(plan);
    gm_plan_free(plan);
}

/* Otherwise a large record would come out with two workers and be rejected with eight. */
static void what_a_record_may_use_hangs_on_max_record_only(void **state)
{
    (void)state;
    static const char *const few[] = {"workers=1", "memory=512MB", NULL};
    static const char *const many[] = {"workers=4", "memory=512MB", NULL};
    struct gm_plan *roomy = plan_with(SOURCE "text: [stats]\nimage: [gray]\n", few);
    struct gm_plan *tight = plan_with(SOURCE "text: [stats]\nimage: [gray]\n", many);
    assert_int_equal(roomy->n_routes, tight->n_routes);
    assert_true(roomy->memory.max_block_bytes == tight->memory.max_block_bytes);
    for (uint32_t i = 0; i < roomy->n_routes; i++) {
        assert_true(roomy->routes[i].limit_bytes == tight->routes[i].limit_bytes);
        assert_true(roomy->routes[i].limit_bytes > roomy->job.max_record_bytes);
    }
    gm_plan_free(roomy);
    gm_plan_free(tight);
}

static void more_connections_get_smaller_bodies_each(void **state)
{
    (void)state;
    static const char *const settings[] = {"fetch.connections=1000", NULL};
    struct gm_plan *few = plan_of(SOURCE "text:\n");
    struct gm_plan *many = plan_with(SOURCE "text:\n", settings);
    assert_true(many->memory.inline_bytes < few->memory.inline_bytes);
    assert_true(1000 * many->memory.inline_bytes <= many->memory.fetch_heap);
    gm_plan_free(few);
    gm_plan_free(many);
}

static void the_description_names_all_parts(void **state)
{
    (void)state;
    static const char *const expected[] = {"job (dir/job.yaml)",
                                           "urls: -",
                                           "extract > utf8 > stats",
                                           "--> records",
                                           "unpack",
                                           "n_words",
                                           "budget"};
    struct gm_plan *plan = plan_of(SOURCE "text: [stats]\nimage: [gray]\nsink: {images: }\n");
    struct gm_buf text = GM_BUF_INIT;
    gm_plan_describe(plan, &text);
    for (size_t i = 0; i < GM_ARRAY_LEN(expected); i++)
        if (!strstr(gm_buf_cstr(&text), expected[i]))
            fail_msg("\"%s\" is not in:\n%s", expected[i], gm_buf_cstr(&text));
    gm_buf_free(&text);
    gm_plan_free(plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_text_chain_begins_with_extract_and_utf8),
        cmocka_unit_test(a_job_without_names_gets_them_from_its_file),
        cmocka_unit_test(every_kind_of_file_has_its_route),
        cmocka_unit_test(every_chain_ends_in_records),
        cmocka_unit_test(stages_are_bound_to_the_last_column_of_a_name),
        cmocka_unit_test(a_gate_knows_its_key),
        cmocka_unit_test(settings_reach_every_place),
        cmocka_unit_test(a_setting_given_twice_holds_last_but_lists_grow),
        cmocka_unit_test(the_digest_is_of_what_can_change_a_byte),
        cmocka_unit_test(what_the_digest_leaves_out_exists),
        cmocka_unit_test(the_parts_never_exceed_the_budget),
        cmocka_unit_test(workers_are_as_many_as_were_asked_for),
        cmocka_unit_test(what_a_record_may_use_hangs_on_max_record_only),
        cmocka_unit_test(more_connections_get_smaller_bodies_each),
        cmocka_unit_test(the_description_names_all_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
