/* The sink "tokens": parts, sizes and counts of a block, types, and the index files of a shard by
 * the byte. Whole runs are in tests/conformance/tokenize/. */
#include "sink/tokens.h"

#include "out.h"
#include "sink_rows.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

extern const struct gm_sink gm_sink_tokens;

enum { N_ROWS = 5 };
static const uint32_t ids[] = {1,  2,  65535, 7,  0,  9,  10, 11, 12,
                               13, 14, 15,    16, 17, 18, 19, 20, 21};
static const uint32_t lengths[N_ROWS] = {1, 3, 2, 18, 1};
enum { DROPPED = 2 };

static const struct gm_column_def columns[] = {
    {"input_ids", GM_TYPE_LIST_U32, 0, NULL, "ids"},
    {"token_bytes", GM_TYPE_U64, GM_COLUMN_HIDDEN, NULL, "bytes"},
    {"n_unknown", GM_TYPE_U64, GM_COLUMN_HIDDEN, NULL, "unknown"},
    {"truncated", GM_TYPE_U64, 0, NULL, "cut off"},
};

/* Rows with the first lengths[row] of ids. */
static void fill(struct gm_batch *batch, uint32_t n_rows)
{
    gm_batch_init(batch);
    batch->n_rows = n_rows;
    batch->reasons = gm_batch_alloc(batch, N_ROWS * sizeof *batch->reasons);
    batch->messages = gm_batch_alloc(batch, N_ROWS * sizeof *batch->messages);
    assert_non_null(batch->reasons);
    memset(batch->reasons, 0, N_ROWS * sizeof *batch->reasons);
    for (size_t i = 0; i < GM_IN_COUNT; i++)
        gm_batch_add_column(batch, &gm_input_columns[i]);
    for (size_t i = 0; i < GM_ARRAY_LEN(columns); i++)
        gm_batch_add_column(batch, &columns[i]);
    for (uint32_t row = 0; row < n_rows; row++) {
        gm_batch_set_view(batch, GM_IN_COUNT, row, ids, 4 * lengths[row]);
        gm_batch_set_u64(batch, GM_IN_COUNT + 1, row, 10 * lengths[row]);
        gm_batch_set_u64(batch, GM_IN_COUNT + 2, row, row == 1);
        gm_batch_set_u64(batch, GM_IN_COUNT + 3, row, row == 3 ? 100 : 0);
        if (row == DROPPED)
            batch->reasons[row] = GM_REASON_TEXT_EMPTY;
    }
}

struct fixture {
    struct gm_batch batch;
    struct gm_out out;
    struct sink_run run;
};

static void settle(struct gm_tokens_opts *opts, uint64_t n_ids)
{
    struct gm_err err = {0};
    struct gm_facts facts = {.n_facts = 0};
    gm_fact_add(&facts, "input_ids.n_ids", n_ids, NULL);
    gm_fact_add(&facts, "input_ids.tokenizer", 0, "some/tokenizer.json");
    if (gm_sink_tokens.settle(opts, &facts, &err) != GM_OK)
        fail_msg("%s", err.text);
}

static void set_up(struct fixture *f, const char *settings, uint32_t n_rows, uint64_t n_ids)
{
    struct gm_err err = {0};
    fill(&f->batch, n_rows);
    gm_out_init(&f->out);
    if (sink_run_open(&f->run, &gm_sink_tokens, settings, &f->batch, &err) != GM_OK)
        fail_msg("%s", err.text);
    settle(f->run.opts, n_ids);
    gm_out_reset(&f->out);
    f->out.stream = 3;
    f->out.sizes_stream = 4;
    f->out.first_counter = 2;
    if (gm_sink_tokens.encode(f->run.ctx, &f->batch, &f->out, &err) != GM_OK ||
        gm_out_finish(&f->out, &err) != GM_OK)
        fail_msg("%s", err.text);
}

static void tear_down(struct fixture *f)
{
    sink_run_close(&f->run);
    gm_batch_free(&f->batch);
    gm_out_free(&f->out);
}

/* ---- blocks ---- */

static void check_part(const struct fixture *f, uint32_t unit)
{
    struct gm_out_part part;
    const uint8_t *name, *data;
    size_t offset = sizeof(struct gm_out_header), at = 0;
    assert_int_equal(
        gm_out_next(f->out.bytes.data, f->out.bytes.n_bytes, &offset, &part, &name, &data, NULL),
        GM_OK);
    assert_int_equal(part.stream, 3);
    assert_int_equal(part.n_records, N_ROWS - 1);
    assert_int_equal(part.n_bytes, 23 * unit);
    for (uint32_t row = 0; row < N_ROWS; row++)
        for (uint32_t i = 0; row != DROPPED && i < lengths[row]; i++, at += unit) {
            uint32_t id = 0;
            memcpy(&id, data + at, unit);
            assert_int_equal(id, ids[i]);
        }
    assert_int_equal(
        gm_out_next(f->out.bytes.data, f->out.bytes.n_bytes, &offset, &part, &name, &data, NULL),
        GM_OK);
    static const uint32_t sizes[] = {1, 3, 18, 1};
    assert_int_equal(part.stream, 4);
    assert_int_equal(part.n_bytes, sizeof sizes);
    assert_memory_equal(data, sizes, sizeof sizes);
}

static void ids_and_sizes_of_rows_that_are_in(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f, "format=ds", N_ROWS, 65536);
    check_part(&f, 2);
    tear_down(&f);
    set_up(&f, "format=megatron", N_ROWS, 65536);
    check_part(&f, 4);
    tear_down(&f);
    set_up(&f, "format=npy dtype=i32", N_ROWS, 100);
    check_part(&f, 4);
    const uint64_t *counters = f.out.header.counters + 2; /* first_counter */
    static const uint64_t want[] = {4, 23, 230, 1, 1, 100, 2, 1, 0, 0, 1};
    assert_memory_equal(counters, want, sizeof want);
    tear_down(&f);
}

static void counting_alone_writes_nothing(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f, "format=none", N_ROWS, 65536);
    assert_int_equal(f.out.header.n_parts, 0);
    assert_int_equal(f.out.header.counters[2], 4);
    tear_down(&f);
    set_up(&f, "format=ds", 0, 65536); /* no row at all: no part either */
    assert_int_equal(f.out.header.n_parts, 0);
    tear_down(&f);
}

/* ---- options ---- */

static void the_type_follows_from_the_vocabulary(void **state)
{
    (void)state;
    static const struct {
        int format, dtype;
        uint64_t n_ids;
        int settled; /* -1: refused */
    } cases[] = {
        {GM_TOKENS_MEGATRON, GM_TOKEN_AUTO, 65499, GM_TOKEN_U16},
        {GM_TOKENS_MEGATRON, GM_TOKEN_AUTO, 65500, GM_TOKEN_I32},
        {GM_TOKENS_MEGATRON, GM_TOKEN_U16, 65536, GM_TOKEN_U16},
        {GM_TOKENS_MEGATRON, GM_TOKEN_U16, 65537, -1},
        {GM_TOKENS_DS, GM_TOKEN_AUTO, 65536, GM_TOKEN_U16},
        {GM_TOKENS_DS, GM_TOKEN_AUTO, 65537, GM_TOKEN_U32},
        {GM_TOKENS_NPY, GM_TOKEN_AUTO, 65537, GM_TOKEN_U32},
        {GM_TOKENS_NPY, GM_TOKEN_I32, 10, GM_TOKEN_I32},
    };
    for (size_t i = 0; i < GM_ARRAY_LEN(cases); i++) {
        struct gm_err err = {0};
        struct gm_tokens_opts opts = {.format = cases[i].format, .dtype = cases[i].dtype};
        struct gm_facts facts = {.n_facts = 0};
        gm_fact_add(&facts, "input_ids.n_ids", cases[i].n_ids, NULL);
        enum gm_status status = gm_sink_tokens.settle(&opts, &facts, &err);
        assert_int_equal(status, cases[i].settled < 0 ? GM_CONFIG : GM_OK);
        if (cases[i].settled >= 0)
            assert_int_equal(opts.dtype, cases[i].settled);
    }
}

static void types_that_readers_do_not_know_are_refused(void **state)
{
    (void)state;
    struct gm_err err = {0};
    struct gm_tokens_opts opts = {.format = GM_TOKENS_MEGATRON, .dtype = GM_TOKEN_U32};
    assert_int_equal(gm_sink_tokens.check(&opts, &err), GM_CONFIG);
    assert_non_null(strstr(err.text, "dtype: readers of megatron"));
    opts = (struct gm_tokens_opts){.format = GM_TOKENS_DS, .dtype = GM_TOKEN_I32};
    assert_int_equal(gm_sink_tokens.check(&opts, &err), GM_CONFIG);
    opts.dtype = GM_TOKEN_AUTO;
    assert_int_equal(gm_sink_tokens.check(&opts, &err), GM_OK);
}

/* ---- index files ---- */

/* More sizes than fit one chunk of the writer: size i is i % 5 + 1. */
struct played {
    struct gm_shard_io io;
    uint64_t at;
    struct gm_buf file;
};

static enum gm_status play_sizes(struct gm_shard_io *io, uint32_t *sizes, size_t capacity,
                                 size_t *n_sizes, struct gm_err *err)
{
    struct played *played = (struct played *)io;
    (void)err;
    for (*n_sizes = 0; *n_sizes < capacity && played->at < io->facts.n_records; played->at++)
        sizes[(*n_sizes)++] = (uint32_t)(played->at % 5 + 1);
    return GM_OK;
}

static enum gm_status play_rewind(struct gm_shard_io *io, struct gm_err *err)
{
    (void)err;
    ((struct played *)io)->at = 0;
    return GM_OK;
}

static enum gm_status play_put(struct gm_shard_io *io, const void *data, size_t n_bytes,
                               struct gm_err *err)
{
    (void)err;
    gm_buf_append(&((struct played *)io)->file, data, n_bytes);
    return GM_OK;
}

/* Index file `number` of a shard of n documents; the caller frees it. */
static struct gm_buf index_of(const struct gm_tokens_opts *opts, unsigned number, uint64_t n)
{
    struct gm_shard_extras extras = {0};
    struct gm_err err = {0};
    uint64_t n_ids = n / 5 * 15 + (n % 5) * (n % 5 + 1) / 2;
    gm_sink_tokens.extras(opts, &extras);
    struct played played = {
        .io = {{n, n_ids * extras.unit_bytes}, play_sizes, play_rewind, play_put},
        .file = GM_BUF_INIT};
    assert_int_equal(extras.sidecars[number].make(opts, &played.io, &err), GM_OK);
    assert_false(played.file.failed);
    return played.file;
}

static uint64_t number_at(const struct gm_buf *file, size_t at, size_t n_bytes)
{
    uint64_t number = 0;
    assert_true(at + n_bytes <= file->n_bytes);
    memcpy(&number, file->data + at, n_bytes);
    return number;
}

static void an_idx_is_megatrons(void **state)
{
    (void)state;
    static const uint64_t counts[] = {0, 1, 3, 4096, 10001};
    for (size_t i = 0; i < GM_ARRAY_LEN(counts); i++) {
        uint64_t n = counts[i], start = 0;
        struct gm_tokens_opts opts = {.format = GM_TOKENS_MEGATRON, .dtype = GM_TOKEN_I32};
        struct gm_buf file = index_of(&opts, 0, n);
        assert_int_equal(file.n_bytes, 42 + 20 * n);
        assert_memory_equal(file.data, "MMIDIDX\0\0\1\0\0\0\0\0\0\0\4", 18);
        assert_int_equal(number_at(&file, 18, 8), n);
        assert_int_equal(number_at(&file, 26, 8), n + 1);
        for (uint64_t k = 0; k < n; k++) {
            assert_int_equal(number_at(&file, 34 + 4 * k, 4), k % 5 + 1);
            assert_int_equal(number_at(&file, 34 + 4 * n + 8 * k, 8), 4 * start);
            assert_int_equal(number_at(&file, 34 + 12 * n + 8 * k, 8), k);
            start += k % 5 + 1;
        }
        assert_int_equal(number_at(&file, 34 + 20 * n, 8), n);
        gm_buf_free(&file);
    }
    struct gm_tokens_opts narrow = {.format = GM_TOKENS_MEGATRON, .dtype = GM_TOKEN_U16};
    struct gm_buf file = index_of(&narrow, 0, 2);
    assert_int_equal(file.data[17], 8);
    assert_int_equal(number_at(&file, 34 + 8 + 8, 8), 2); /* the second starts behind one of 2 */
    gm_buf_free(&file);
}

static void a_ds_has_ends_and_metadata(void **state)
{
    (void)state;
    struct gm_tokens_opts opts = {
        .format = GM_TOKENS_DS, .dtype = GM_TOKEN_U16, .tokenizer = "a/b.json"};
    struct gm_buf file = index_of(&opts, 0, 7);
    static const uint64_t ends[] = {1, 3, 6, 10, 15, 16, 18};
    assert_int_equal(file.n_bytes, sizeof ends);
    assert_memory_equal(file.data, ends, sizeof ends);
    gm_buf_free(&file);
    static const struct {
        uint64_t n;
        const char *want;
    } cases[] = {{1, "a/b.json|2\n1\n1.00 T"},
                 {6, "a/b.json|2\n16\n16.0 T"},
                 {40, "a/b.json|2\n120\n120 T"},
                 {500, "a/b.json|2\n1500\n1.50 kT"},
                 {5000000, "a/b.json|2\n15000000\n15.0 MT"}};
    for (size_t i = 0; i < GM_ARRAY_LEN(cases); i++) {
        file = index_of(&opts, 1, cases[i].n);
        assert_string_equal(gm_buf_cstr(&file), cases[i].want);
        gm_buf_free(&file);
    }
}

static void an_npy_starts_with_its_header(void **state)
{
    (void)state;
    static const char want[] = "\x93NUMPY\1\0v\0{'descr': '<u2', 'fortran_order': False, "
                               "'shape': (12345678901,), }";
    struct gm_tokens_opts opts = {.format = GM_TOKENS_NPY, .dtype = GM_TOKEN_U16};
    struct gm_shard_extras extras = {0};
    gm_sink_tokens.extras(&opts, &extras);
    assert_int_equal(extras.head_bytes, 128);
    uint8_t head[128];
    const struct gm_shard_facts facts = {3, 2 * 12345678901};
    extras.head(&opts, &facts, head);
    assert_memory_equal(head, want, sizeof want - 1);
    for (size_t i = sizeof want - 1; i < 127; i++)
        assert_int_equal(head[i], ' ');
    assert_int_equal(head[127], '\n');
    struct gm_buf file = index_of(&opts, 0, 2);
    assert_int_equal(file.n_bytes, 128 + 16);
    assert_non_null(strstr((const char *)file.data + 10, "'<u8'"));
    assert_int_equal(number_at(&file, 128 + 8, 8), 3);
    gm_buf_free(&file);
}

static void people_read_the_counts(void **state)
{
    (void)state;
    struct fixture f;
    struct gm_buf text = GM_BUF_INIT;
    set_up(&f, "format=none", N_ROWS, 100);
    gm_sink_tokens.describe(f.run.opts, f.out.header.counters + 2, &text);
    assert_non_null(strstr(gm_buf_cstr(&text), "10.000 bytes a token"));
    assert_non_null(strstr(gm_buf_cstr(&text), "100 tokens cut off"));
    assert_non_null(strstr(gm_buf_cstr(&text), "16+ "));
    assert_null(strstr(gm_buf_cstr(&text), "32+ "));
    const uint64_t none[GM_COUNTER_SLOTS] = {0};
    gm_buf_clear(&text);
    gm_sink_tokens.describe(f.run.opts, none, &text); /* and nothing divides by zero */
    assert_null(strstr(gm_buf_cstr(&text), "bytes a token"));
    gm_buf_free(&text);
    tear_down(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_and_sizes_of_rows_that_are_in),
        cmocka_unit_test(counting_alone_writes_nothing),
        cmocka_unit_test(the_type_follows_from_the_vocabulary),
        cmocka_unit_test(types_that_readers_do_not_know_are_refused),
        cmocka_unit_test(an_idx_is_megatrons),
        cmocka_unit_test(a_ds_has_ends_and_metadata),
        cmocka_unit_test(an_npy_starts_with_its_header),
        cmocka_unit_test(people_read_the_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
