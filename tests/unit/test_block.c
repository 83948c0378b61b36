/* The input block: what goes in comes out, what does not fit is refused, and no damage to a sealed
 * block can make the reader leave it. */
#include "block.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static struct gm_view text(const char *s)
{
    return (struct gm_view){(const uint8_t *)s, s ? strlen(s) : 0};
}

static void add_row(struct gm_block_builder *builder, const struct gm_row *row, const char *body)
{
    assert_int_equal(gm_block_row_begin(builder, row), GM_OK);
    assert_int_equal(gm_block_row_body(builder, body, strlen(body)), GM_OK);
    assert_int_equal(gm_block_row_end(builder, GM_REASON_NONE, NULL), GM_OK);
}

static void assert_view(const struct gm_batch *batch, int column, uint32_t row, const char *want)
{
    struct gm_view view = gm_batch_view(batch, column, row);
    if (!want) {
        assert_null(view.data);
        return;
    }
    assert_non_null(view.data);
    assert_int_equal(view.n_bytes, strlen(want));
    assert_memory_equal(view.data, want, view.n_bytes);
}

/* Four rows: plain, member of an archive with every field, dropped, empty body. */
static size_t build_sample(struct gm_block_builder *builder, uint8_t *data, size_t capacity)
{
    gm_block_start(builder, data, capacity);
    struct gm_row row = {.item = 7, .member = UINT64_MAX, .media = GM_MEDIA_TEXT};
    row.source = text("http://a.example/ä");
    add_row(builder, &row, "first body");
    row = (struct gm_row){.item = 8, .member = 2, .media = GM_MEDIA_JSON_LINE};
    row.source = text("http://a.example/ä");
    row.name = text("dir/näme.txt");
    row.meta = text("{\"label\":1}");
    add_row(builder, &row, "{\"text\":\"x\"}");
    row.member = 3;
    row.media = GM_MEDIA_UNKNOWN;
    assert_int_equal(gm_block_row_begin(builder, &row), GM_OK);
    assert_int_equal(gm_block_row_end(builder, GM_REASON_MEDIA_UNSUPPORTED, "bad \xff byte"),
                     GM_OK);
    row.member = 4;
    row.media = GM_MEDIA_EMPTY;
    row.source = text("");
    add_row(builder, &row, "");
    return gm_block_seal(builder);
}

static void rows_come_out_as_they_went_in(void **state)
{
    (void)state;
    static _Alignas(16) uint8_t data[8192];
    struct gm_block_builder builder;
    gm_block_builder_init(&builder);
    struct gm_batch batch;
    gm_batch_init(&batch);
    struct gm_err err = {0};
    size_t n = build_sample(&builder, data, sizeof data);
    assert_int_equal(gm_block_open(data, n, &batch, &err), GM_OK);
    assert_int_equal(batch.n_rows, 4);
    assert_int_equal(batch.n_columns, GM_IN_COUNT);
    assert_int_equal(gm_batch_u64(&batch, GM_IN_ITEM, 0), 7);
    assert_int_equal(gm_batch_u64(&batch, GM_IN_ITEM, 3), 8);
    assert_true(gm_batch_is_null(&batch, GM_IN_MEMBER, 0));
    assert_int_equal(gm_batch_u64(&batch, GM_IN_MEMBER, 2), 3);
    assert_int_equal(gm_batch_u64(&batch, GM_IN_MEDIA, 1), GM_MEDIA_JSON_LINE);
    assert_view(&batch, GM_IN_SOURCE, 0, "http://a.example/ä");
    assert_view(&batch, GM_IN_SOURCE, 2, "http://a.example/ä");
    assert_view(&batch, GM_IN_SOURCE, 3, "");
    assert_view(&batch, GM_IN_NAME, 0, NULL);
    assert_view(&batch, GM_IN_NAME, 1, "dir/näme.txt");
    assert_view(&batch, GM_IN_META, 0, NULL);
    assert_view(&batch, GM_IN_META, 3, "{\"label\":1}");
    assert_view(&batch, GM_IN_BODY, 0, "first body");
    assert_view(&batch, GM_IN_BODY, 1, "{\"text\":\"x\"}");
    assert_view(&batch, GM_IN_BODY, 2, "");
    assert_view(&batch, GM_IN_BODY, 3, "");
    assert_int_equal(batch.reasons[0], GM_REASON_NONE);
    assert_int_equal(batch.reasons[2], GM_REASON_MEDIA_UNSUPPORTED);
    assert_int_equal(batch.messages[2].n_bytes, 10);
    assert_memory_equal(batch.messages[2].data, "bad ? byte", 10);
    assert_null(batch.messages[0].data);
    gm_batch_free(&batch);
    gm_block_builder_free(&builder);
}

static void equal_texts_in_a_run_are_stored_once(void **state)
{
    (void)state;
    static _Alignas(16) uint8_t data[65536];
    struct gm_block_builder builder;
    gm_block_builder_init(&builder);
    gm_block_start(&builder, data, sizeof data);
    char source[2001];
    memset(source, 's', 2000);
    source[2000] = '\0';
    struct gm_row row = {.member = UINT64_MAX, .media = GM_MEDIA_TEXT, .source = text(source)};
    for (int i = 0; i < 20; i++)
        add_row(&builder, &row, "x");
    assert_true(gm_block_seal(&builder) < 2 * 2000);
    gm_block_builder_free(&builder);
}

/* Fills blocks of many sizes to the brim with rows of the given body size. Every second of the
 * sizes comes with hashes, which begin at the third row and are not in every one. */
static void fill(struct gm_block_builder *builder, struct gm_batch *batch, uint8_t *data,
                 size_t capacity, size_t body_bytes)
{
    struct gm_row row = {.item = 1, .member = 5, .media = GM_MEDIA_TEXT};
    row.source = text("source");
    row.meta = text("{}");
    char name[16];
    static const uint8_t body[4096];
    static const char hash[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    uint32_t n_rows = 0;
    gm_block_start(builder, data, capacity);
    for (;; n_rows++) {
        snprintf(name, sizeof name, "%u", n_rows);
        row.name = text(name);
        row.sha256 = body_bytes % 2 && n_rows % 3 == 2 ? text(hash) : (struct gm_view){NULL, 0};
        size_t room = gm_block_room_bytes(builder, &row);
        enum gm_status status = gm_block_row_begin(builder, &row);
        assert_int_equal(status, room == 0 ? GM_AGAIN : GM_OK);
        if (status != GM_OK)
            break;
        status = gm_block_row_body(builder, body, body_bytes);
        assert_true(status == GM_OK || room < body_bytes); /* equal texts make more room */
        if (status != GM_OK) {
            gm_block_row_abort(builder);
            break;
        }
        char message[600];
        memset(message, 'm', sizeof message);
        message[599] = '\0';
        assert_int_equal(gm_block_row_end(builder, GM_REASON_TEXT_UTF8, message), GM_OK);
    }
    if (n_rows == 0)
        return;
    size_t n = gm_block_seal(builder);
    assert_true(n <= capacity);
    gm_batch_reset(batch);
    assert_int_equal(gm_block_open(data, n, batch, NULL), GM_OK);
    assert_int_equal(batch->n_rows, n_rows);
    snprintf(name, sizeof name, "%u", n_rows - 1);
    assert_view(batch, GM_IN_NAME, n_rows - 1, name);
    for (uint32_t i = 0; i < n_rows; i++)
        assert_view(batch, GM_IN_SHA256, i, body_bytes % 2 && i % 3 == 2 ? hash : NULL);
    assert_int_equal(batch->messages[n_rows - 1].n_bytes, GM_BLOCK_MESSAGE_BYTES);
}

static void a_full_block_can_always_be_sealed(void **state)
{
    (void)state;
    uint8_t *data = malloc(20000);
    assert_non_null(data);
    struct gm_block_builder builder;
    gm_block_builder_init(&builder);
    struct gm_batch batch;
    gm_batch_init(&batch);
    for (size_t capacity = 64; capacity <= 20000; capacity += 97)
        for (size_t body = 0; body <= 300; body += 43)
            fill(&builder, &batch, data, capacity, body);
    gm_batch_free(&batch);
    gm_block_builder_free(&builder);
    free(data);
}

static void the_stated_need_is_enough(void **state)
{
    (void)state;
    struct gm_row row = {.item = 1, .member = 5, .media = GM_MEDIA_TEXT};
    row.source = text("source");
    row.name = text("name");
    for (size_t body = 0; body < 3000; body += 101) {
        size_t n = gm_block_need_bytes(&row, body);
        uint8_t *data = malloc(n);
        assert_non_null(data);
        struct gm_block_builder builder;
        gm_block_builder_init(&builder);
        gm_block_start(&builder, data, n);
        assert_true(gm_block_room_bytes(&builder, &row) >= body);
        assert_int_equal(gm_block_row_begin(&builder, &row), GM_OK);
        size_t room;
        memset(gm_block_row_space(&builder, &room), 'b', body);
        assert_true(room >= body);
        gm_block_row_filled(&builder, body);
        assert_int_equal(gm_block_row_view(&builder).n_bytes, body);
        assert_int_equal(gm_block_row_end(&builder, GM_REASON_NONE, NULL), GM_OK);
        assert_true(gm_block_seal(&builder) <= n);
        gm_block_builder_free(&builder);
        free(data);
    }
}

static void an_aborted_row_leaves_no_trace(void **state)
{
    (void)state;
    static _Alignas(16) uint8_t one[4096], two[4096];
    struct gm_block_builder builder;
    gm_block_builder_init(&builder);
    struct gm_row row = {.item = 1, .member = UINT64_MAX, .media = GM_MEDIA_TEXT};
    row.source = text("same");
    gm_block_start(&builder, one, sizeof one);
    add_row(&builder, &row, "a");
    add_row(&builder, &row, "b");
    size_t n_one = gm_block_seal(&builder);
    gm_block_start(&builder, two, sizeof two);
    add_row(&builder, &row, "a");
    struct gm_row other = row;
    other.name = text("gone");
    assert_int_equal(gm_block_row_begin(&builder, &other), GM_OK);
    assert_int_equal(gm_block_row_body(&builder, "zzzzzzzzz", 9), GM_OK);
    gm_block_row_abort(&builder);
    add_row(&builder, &row, "b");
    size_t n_two = gm_block_seal(&builder);
    assert_int_equal(n_one, n_two);
    assert_memory_equal(one, two, n_one);
    gm_block_builder_free(&builder);
}

static void invalid_utf8_is_malformed(void **state)
{
    (void)state;
    static _Alignas(16) uint8_t data[4096];
    struct gm_block_builder builder;
    gm_block_builder_init(&builder);
    gm_block_start(&builder, data, sizeof data);
    struct gm_row row = {.member = UINT64_MAX, .media = GM_MEDIA_TEXT, .source = text("\xc3\x28")};
    add_row(&builder, &row, "x");
    size_t n = gm_block_seal(&builder);
    struct gm_batch batch;
    gm_batch_init(&batch);
    struct gm_err err = {0};
    assert_int_equal(gm_block_open(data, n, &batch, &err), GM_INTERNAL);
    assert_non_null(strstr(err.text, "UTF-8"));
    /* Two halves of one character in two rows are valid together, and wrong each. */
    gm_block_start(&builder, data, sizeof data);
    row.source = text("\xc3");
    add_row(&builder, &row, "x");
    row.source = text("\xa4");
    add_row(&builder, &row, "x");
    n = gm_block_seal(&builder);
    assert_int_equal(gm_block_open(data, n, &batch, &err), GM_INTERNAL);
    gm_batch_free(&batch);
    gm_block_builder_free(&builder);
}

/* Reads every byte that the batch offers, so that a sanitizer sees a view that is out of bounds. */
static uint64_t touch(const struct gm_batch *batch)
{
    uint64_t sum = 0;
    for (uint32_t row = 0; row < batch->n_rows; row++) {
        for (int c = 0; c < GM_IN_COUNT; c++) {
            if (batch->columns[c].def->type == GM_TYPE_U64) {
                sum += gm_batch_u64(batch, c, row);
                continue;
            }
            struct gm_view view = gm_batch_view(batch, c, row);
            for (size_t i = 0; i < view.n_bytes; i++)
                sum += view.data[i];
        }
        for (size_t i = 0; i < batch->messages[row].n_bytes; i++)
            sum += batch->messages[row].data[i];
        assert_true(batch->reasons[row] < GM_REASON_COUNT);
        assert_true(gm_batch_u64(batch, GM_IN_MEDIA, row) < GM_MEDIA_COUNT);
    }
    return sum;
}

static uint32_t next_random(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*seed >> 33);
}

static void damage_never_leads_outside(void **state)
{
    (void)state;
    static _Alignas(16) uint8_t good[8192];
    struct gm_block_builder builder;
    gm_block_builder_init(&builder);
    struct gm_batch batch;
    gm_batch_init(&batch);
    size_t n_good = build_sample(&builder, good, sizeof good);
    uint64_t seed = 42;
    int n_refused = 0;
    for (int round = 0; round < 20000; round++) {
        size_t n = round % 4 == 0 ? next_random(&seed) % (n_good + 1) : n_good;
        uint8_t *bad = malloc(n ? n : 1); /* exact size: the sanitizer guards its end */
        assert_non_null(bad);
        memcpy(bad, good, n);
        for (uint32_t i = next_random(&seed) % 6; i > 0 && n > 0; i--) {
            size_t at = next_random(&seed) % 2 ? next_random(&seed) % n
                                               : next_random(&seed) % (n < 64 ? n : 64);
            bad[at] = next_random(&seed) % 2 ? (uint8_t)next_random(&seed) : 0xFF;
        }
        gm_batch_reset(&batch);
        enum gm_status status = gm_block_open(bad, n, &batch, NULL);
        if (status == GM_OK)
            (void)*(volatile uint64_t *)&(uint64_t){touch(&batch)};
        else
            n_refused++;
        free(bad);
    }
    assert_true(n_refused > 10000);
    for (size_t n = 0; n < n_good; n++) {
        gm_batch_reset(&batch);
        assert_int_equal(gm_block_open(good, n, &batch, NULL), GM_INTERNAL);
    }
    gm_batch_free(&batch);
    gm_block_builder_free(&builder);
}

/* A row put at once is the row made in steps, and fits exactly when that does. */
static void a_row_put_at_once_is_the_same(void **state)
{
    static _Alignas(16) uint8_t data[2][4096];
    static const char *const names[] = {"a", "a", NULL, "bcd", "bcd"};
    struct gm_block_builder builders[2];
    char body[300];
    (void)state;
    memset(body, 'x', sizeof body);
    for (int i = 0; i < 2; i++) {
        gm_block_builder_init(&builders[i]);
        gm_block_start(&builders[i], data[i], sizeof data[i]);
    }
    uint32_t n_rows = 0;
    for (;; n_rows++) {
        struct gm_row row = {.item = n_rows, .member = n_rows % 7 ? n_rows : UINT64_MAX};
        row.media = GM_MEDIA_TEXT;
        row.source = text("http://a.example/");
        row.name = text(names[n_rows % 5]);
        size_t n_bytes = n_rows * 37 % sizeof body;
        size_t room = gm_block_room_bytes(&builders[0], &row);
        bool fits = room > 0 && n_bytes <= room;
        enum gm_status status = gm_block_row_put(&builders[1], &row, body, n_bytes);
        assert_int_equal(status, fits ? GM_OK : GM_AGAIN);
        if (!fits)
            break;
        assert_int_equal(gm_block_row_begin(&builders[0], &row), GM_OK);
        assert_int_equal(gm_block_row_body(&builders[0], body, n_bytes), GM_OK);
        assert_int_equal(gm_block_row_end(&builders[0], GM_REASON_NONE, NULL), GM_OK);
    }
    assert_true(n_rows > 5);
    size_t n_bytes = gm_block_seal(&builders[0]);
    assert_int_equal(gm_block_seal(&builders[1]), n_bytes);
    assert_memory_equal(data[0], data[1], n_bytes);
    for (int i = 0; i < 2; i++)
        gm_block_builder_free(&builders[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_come_out_as_they_went_in),
        cmocka_unit_test(a_row_put_at_once_is_the_same),
        cmocka_unit_test(equal_texts_in_a_run_are_stored_once),
        cmocka_unit_test(a_full_block_can_always_be_sealed),
        cmocka_unit_test(the_stated_need_is_enough),
        cmocka_unit_test(an_aborted_row_leaves_no_trace),
        cmocka_unit_test(invalid_utf8_is_malformed),
        cmocka_unit_test(damage_never_leads_outside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
