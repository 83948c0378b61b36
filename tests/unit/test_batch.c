/* The batch: typed columns, shadowing, nulls, rejects, and memory that is reused. */
#include "batch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static const struct gm_column_def def_count = {"count", GM_TYPE_U64, 0, NULL, NULL};
static const struct gm_column_def def_delta = {"delta", GM_TYPE_I64, 0, NULL, NULL};
static const struct gm_column_def def_ratio = {"ratio", GM_TYPE_F64, 0, NULL, NULL};
static const struct gm_column_def def_flag = {"flag", GM_TYPE_BOOL, 0, NULL, NULL};
static const struct gm_column_def def_text = {"text", GM_TYPE_STRING, 0, NULL, NULL};
static const struct gm_column_def def_text2 = {"text", GM_TYPE_STRING, 0, NULL, NULL};

/* A batch of n rows as gm_block_open leaves it, without input columns. */
static void start(struct gm_batch *batch, uint32_t n_rows)
{
    gm_batch_reset(batch);
    batch->n_rows = n_rows;
    batch->reasons = gm_batch_alloc(batch, n_rows * sizeof *batch->reasons);
    batch->messages = gm_batch_alloc(batch, n_rows * sizeof *batch->messages);
    memset(batch->reasons, 0, n_rows * sizeof *batch->reasons);
    memset(batch->messages, 0, n_rows * sizeof *batch->messages);
}

static void columns_start_null_and_keep_values(void **state)
{
    (void)state;
    struct gm_batch batch;
    gm_batch_init(&batch);
    start(&batch, 3);
    int count = gm_batch_add_column(&batch, &def_count);
    int delta = gm_batch_add_column(&batch, &def_delta);
    int ratio = gm_batch_add_column(&batch, &def_ratio);
    int flag = gm_batch_add_column(&batch, &def_flag);
    int text = gm_batch_add_column(&batch, &def_text);
    for (int c = count; c <= text; c++)
        for (uint32_t row = 0; row < 3; row++)
            assert_true(gm_batch_is_null(&batch, c, row));
    gm_batch_set_u64(&batch, count, 1, UINT64_MAX);
    gm_batch_set_i64(&batch, delta, 1, INT64_MIN);
    gm_batch_set_f64(&batch, ratio, 1, 0.5);
    gm_batch_set_u64(&batch, flag, 1, 1);
    char word[] = "word";
    assert_true(gm_batch_set_copy(&batch, text, 1, word, 4));
    word[0] = '?';
    assert_true(gm_batch_u64(&batch, count, 1) == UINT64_MAX);
    assert_true(gm_batch_i64(&batch, delta, 1) == INT64_MIN);
    assert_true(gm_batch_f64(&batch, ratio, 1) == 0.5);
    assert_true(gm_batch_u64(&batch, flag, 1) == 1);
    struct gm_view view = gm_batch_view(&batch, text, 1);
    assert_int_equal(view.n_bytes, 4);
    assert_memory_equal(view.data, "word", 4);
    for (int c = count; c <= text; c++) {
        assert_true(gm_batch_is_null(&batch, c, 0));
        assert_false(gm_batch_is_null(&batch, c, 1));
        assert_true(gm_batch_is_null(&batch, c, 2));
    }
    gm_batch_free(&batch);
}

static void an_empty_text_is_not_null(void **state)
{
    (void)state;
    struct gm_batch batch;
    gm_batch_init(&batch);
    start(&batch, 2);
    int text = gm_batch_add_column(&batch, &def_text);
    assert_true(gm_batch_set_copy(&batch, text, 0, NULL, 0));
    assert_false(gm_batch_is_null(&batch, text, 0));
    gm_batch_set_view(&batch, text, 0, NULL, 0);
    assert_true(gm_batch_is_null(&batch, text, 0));
    gm_batch_free(&batch);
}

static void the_last_column_of_a_name_is_found(void **state)
{
    (void)state;
    struct gm_batch batch;
    gm_batch_init(&batch);
    start(&batch, 1);
    assert_int_equal(gm_batch_find(&batch, "text"), GM_NO_COLUMN);
    int first = gm_batch_add_column(&batch, &def_text);
    gm_batch_add_column(&batch, &def_count);
    assert_int_equal(gm_batch_find(&batch, "text"), first);
    int second = gm_batch_add_column(&batch, &def_text2);
    assert_int_equal(gm_batch_find(&batch, "text"), second);
    gm_batch_free(&batch);
}

static void there_is_room_for_exactly_64_columns(void **state)
{
    (void)state;
    struct gm_batch batch;
    gm_batch_init(&batch);
    start(&batch, 1);
    for (int i = 0; i < GM_MAX_COLUMNS; i++)
        assert_int_equal(gm_batch_add_column(&batch, &def_count), i);
    assert_int_equal(gm_batch_add_column(&batch, &def_count), GM_NO_COLUMN);
    gm_batch_free(&batch);
}

static void the_first_reject_wins(void **state)
{
    (void)state;
    struct gm_batch batch;
    gm_batch_init(&batch);
    start(&batch, 2);
    gm_batch_reject(&batch, 1, GM_REASON_TEXT_UTF8, "byte %d", 17);
    gm_batch_reject(&batch, 1, GM_REASON_TEXT_EMPTY, "later");
    assert_int_equal(batch.reasons[0], GM_REASON_NONE);
    assert_int_equal(batch.reasons[1], GM_REASON_TEXT_UTF8);
    assert_int_equal(batch.messages[1].n_bytes, 7);
    assert_memory_equal(batch.messages[1].data, "byte 17", 7);
    assert_null(batch.messages[0].data);
    gm_batch_free(&batch);
}

static void a_long_message_is_cut(void **state)
{
    (void)state;
    struct gm_batch batch;
    gm_batch_init(&batch);
    start(&batch, 1);
    gm_batch_reject(&batch, 0, GM_REASON_TEXT_JSON, "%4000d", 1);
    assert_true(batch.messages[0].n_bytes > 100 && batch.messages[0].n_bytes < 4000);
    gm_batch_free(&batch);
}

static void memory_is_aligned_distinct_and_reused(void **state)
{
    (void)state;
    struct gm_batch batch;
    gm_batch_init(&batch);
    size_t steady = 0;
    for (int round = 0; round < 5; round++) {
        uint8_t *last = NULL;
        for (int i = 0; i < 2000; i++) {
            size_t n = (size_t)(i * 7 % 1000);
            uint8_t *p = gm_batch_alloc(&batch, n);
            assert_non_null(p);
            assert_int_equal((uintptr_t)p % 16, 0);
            memset(p, i & 0xFF, n);
            if (last && (i - 1) * 7 % 1000 > 0)
                assert_int_equal(last[0], (i - 1) & 0xFF);
            last = p;
        }
        gm_batch_reset(&batch);
        if (round == 2)
            steady = batch.allocated_bytes;
    }
    assert_int_equal(batch.allocated_bytes, steady);
    assert_non_null(gm_batch_alloc(&batch, 100u << 20));
    assert_true(batch.allocated_bytes >= 100u << 20);
    gm_batch_reset(&batch);
    assert_true(batch.allocated_bytes < 100u << 20);
    assert_null(gm_batch_alloc(&batch, SIZE_MAX - 8));
    gm_batch_free(&batch);
}

static void the_end_of_an_allocation_is_given_back(void **state)
{
    struct gm_batch batch;
    (void)state;
    gm_batch_init(&batch);
    uint8_t *first = gm_batch_alloc(&batch, 100000);
    assert_non_null(first);
    memset(first, 1, 100);
    gm_batch_trim(&batch, first, 100);
    uint8_t *second = gm_batch_alloc(&batch, 50);
    assert_ptr_equal(second, first + 112); /* aligned */
    gm_batch_trim(&batch, second, 0);
    assert_ptr_equal(gm_batch_alloc(&batch, 10), second);
    assert_int_equal(first[99], 1);
    gm_batch_free(&batch);
}

static void record_ids_sort_and_grow(void **state)
{
    (void)state;
    char text[GM_RECORD_ID_BYTES];
    assert_int_equal(gm_record_id(17, UINT64_MAX, text), 9);
    assert_string_equal(text, "000000017");
    gm_record_id(17, 3, text);
    assert_string_equal(text, "000000017.000003");
    gm_record_id(UINT64_MAX, UINT64_MAX - 1, text);
    assert_string_equal(text, "18446744073709551615.18446744073709551614");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_start_null_and_keep_values),
        cmocka_unit_test(an_empty_text_is_not_null),
        cmocka_unit_test(the_last_column_of_a_name_is_found),
        cmocka_unit_test(there_is_room_for_exactly_64_columns),
        cmocka_unit_test(the_first_reject_wins),
        cmocka_unit_test(a_long_message_is_cut),
        cmocka_unit_test(memory_is_aligned_distinct_and_reused),
        cmocka_unit_test(the_end_of_an_allocation_is_given_back),
        cmocka_unit_test(record_ids_sort_and_grow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
