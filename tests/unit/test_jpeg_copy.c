/* The lossless routes, against libjpeg's own gray decode of the source: every way of coding, damage
 * of every kind, each byte as the last one. */
#include "image/jpeg_copy.h"
#include "jpeg_make.h"
#include "jpeg_reference.h"

#include <stdarg.h>
#include <setjmp.h>

#include <cmocka.h>
#include <string.h>

enum verdict { COPIED, TRANSCODED, REFUSED, PASSED };

struct bench {
    struct gm_jpeg_copier *copier;
    struct gm_picture picture;
    struct gm_buf source, out;
};

static void open_bench(struct bench *bench)
{
    memset(bench, 0, sizeof *bench);
    bench->copier = gm_jpeg_copier_new();
    assert_non_null(bench->copier);
    gm_picture_init(&bench->picture);
}

static void close_bench(struct bench *bench)
{
    gm_jpeg_copier_free(bench->copier);
    gm_picture_fini(&bench->picture);
    gm_buf_free(&bench->source);
    gm_buf_free(&bench->out);
}

static enum verdict route(struct bench *bench, const uint8_t *data, size_t n_bytes,
                          enum gm_jpeg_metadata metadata)
{
    const struct gm_jpeg_file file = {data, n_bytes, metadata};
    const char *name;
    gm_buf_clear(&bench->out);
    enum gm_reason reason =
        gm_jpeg_lossless(bench->copier, &file, &bench->picture, &bench->out, &name);
    if (reason == GM_PICTURE_PASS)
        return PASSED;
    if (reason != GM_REASON_NONE)
        return REFUSED;
    return strcmp(name, "jpeg.copy") == 0 ? COPIED : TRANSCODED;
}

static bool has_same_luma(struct bench *bench, const uint8_t *data, size_t n_bytes)
{
    struct jpeg_reference from, to;
    jpeg_reference_decode(&from, data, n_bytes, UINT64_MAX);
    jpeg_reference_decode(&to, bench->out.data, bench->out.n_bytes, UINT64_MAX);
    bool same = from.plane && to.plane && from.width == to.width && from.height == to.height &&
                to.n_components == 1 && to.n_warnings == 0 &&
                memcmp(from.plane, to.plane, (size_t)from.width * from.height) == 0;
    jpeg_reference_free(&from);
    jpeg_reference_free(&to);
    return same;
}

static void make(struct bench *bench, const struct jpeg_recipe *recipe)
{
    gm_buf_clear(&bench->source);
    jpeg_make(recipe, &bench->source);
}

static enum verdict take(struct bench *bench)
{
    enum verdict verdict =
        route(bench, bench->source.data, bench->source.n_bytes, GM_METADATA_ORIENTATION);
    if (verdict == COPIED || verdict == TRANSCODED)
        assert_true(has_same_luma(bench, bench->source.data, bench->source.n_bytes));
    return verdict;
}

static const unsigned sizes[][2] = {{1, 1},   {8, 8},    {9, 7},   {16, 17},
                                    {33, 31}, {100, 75}, {257, 65}};

static const int samplings[][6] = {
    /* h of Y Cb Cr, v of Y Cb Cr */
    {1, 1, 1, 1, 1, 1}, {2, 1, 1, 1, 1, 1}, {1, 1, 1, 2, 1, 1}, {2, 1, 1, 2, 1, 1},
    {4, 1, 1, 1, 1, 1}, {1, 1, 1, 4, 1, 1}, {2, 2, 1, 2, 1, 2}, {4, 2, 1, 1, 1, 1},
    {2, 2, 2, 2, 1, 1}, {2, 1, 2, 2, 2, 1}, {4, 1, 1, 2, 1, 1}, {3, 1, 1, 1, 1, 1},
    {1, 1, 1, 3, 1, 1},
};

static struct jpeg_recipe sampled(const int *sampling)
{
    struct jpeg_recipe recipe = {.n_components = 3, .noise = 20};
    for (int i = 0; i < 3; i++) {
        recipe.h[i] = sampling[i];
        recipe.v[i] = sampling[3 + i];
    }
    return recipe;
}

static void every_sampling_size_and_restart_is_copied(void **state)
{
    struct bench bench;
    (void)state;
    open_bench(&bench);
    for (size_t s = 0; s < GM_ARRAY_LEN(samplings); s++)
        for (size_t i = 0; i < GM_ARRAY_LEN(sizes); i++)
            for (int kind = 0; kind < 16; kind++) {
                struct jpeg_recipe recipe = sampled(samplings[s]);
                recipe.width = sizes[i][0];
                recipe.height = sizes[i][1];
                recipe.progressive = kind & 1;
                recipe.optimize = kind & 2;
                recipe.restart = (int[]){0, 1, 3, 7}[kind >> 2];
                recipe.seed = (unsigned)kind;
                recipe.quality = (int[]){30, 75, 90, 100}[(s + i) % 4];
                make(&bench, &recipe);
                if (take(&bench) != COPIED)
                    fail_msg("sampling %zu size %zu kind %d is not copied", s, i, kind);
            }
    close_bench(&bench);
}

static void gray_is_copied_whatever_its_sampling(void **state)
{
    struct bench bench;
    (void)state;
    open_bench(&bench);
    for (int h = 1; h <= 4; h++)
        for (int kind = 0; kind < 4; kind++) {
            struct jpeg_recipe recipe = {
                .width = 77, .height = 61, .n_components = 1, .h = {h}, .v = {5 - h}, .noise = 40};
            recipe.progressive = kind & 1;
            recipe.restart = kind & 2 ? 5 : 0;
            make(&bench, &recipe);
            assert_int_equal(take(&bench), COPIED);
        }
    close_bench(&bench);
}

static void unusual_scan_scripts_are_copied(void **state)
{
    static const char *const scripts[] = {
        "0; 1; 2;",
        "0,1; 2;",
        "1,2; 0;",
        "0:0-0,0,0; 1,2:0-0,0,0; 0:1-63,0,0; 1:1-63,0,0; 2:1-63,0,0;",
        "0,1,2:0-0,0,2; 0,1,2:0-0,2,1; 0,1,2:0-0,1,0; 0:1-63,0,3; 0:1-63,3,2; 0:1-63,2,1; "
        "0:1-63,1,0; 1:1-63,0,0; 2:1-63,0,0;",
        "0,2:0-0,0,1; 1:0-0,0,0; 0,2:0-0,1,0; 0:1-5,0,0; 0:6-63,0,2; 1:1-63,0,0; 0:6-63,2,1; "
        "2:1-63,0,0; 0:6-40,1,0; 0:41-63,1,0;",
    };
    struct bench bench;
    (void)state;
    open_bench(&bench);
    for (size_t i = 0; i < GM_ARRAY_LEN(scripts); i++)
        for (int kind = 0; kind < 9; kind++) {
            struct jpeg_recipe recipe = sampled(samplings[3]);
            recipe.width = 150;
            recipe.height = 99;
            recipe.script = scripts[i];
            recipe.restart = kind % 3 * 4;
            recipe.noise = (int[]){0, 60, 255}[kind / 3];
            make(&bench, &recipe);
            if (take(&bench) != COPIED)
                fail_msg("script %zu is not copied", i);
        }
    close_bench(&bench);
}

static void large_quantisation_values_are_kept(void **state)
{
    struct bench bench;
    (void)state;
    open_bench(&bench);
    for (int progressive = 0; progressive < 2; progressive++) {
        struct jpeg_recipe recipe = {.width = 90,
                                     .height = 70,
                                     .n_components = 3,
                                     .quant_scale = 900,
                                     .progressive = progressive};
        make(&bench, &recipe);
        assert_int_equal(take(&bench), COPIED);
    }
    close_bench(&bench);
}

static void what_cannot_be_copied_takes_the_next_route(void **state)
{
    struct jpeg_recipe recipe = {.width = 60, .height = 50, .n_components = 3, .noise = 9};
    struct bench bench;
    (void)state;
    open_bench(&bench);
    recipe.arithmetic = true;
    make(&bench, &recipe);
    assert_int_equal(take(&bench), TRANSCODED);
    recipe.progressive = true;
    make(&bench, &recipe);
    assert_int_equal(take(&bench), TRANSCODED);
    recipe.arithmetic = recipe.progressive = false;
    recipe.is_rgb = true;
    make(&bench, &recipe);
    assert_int_equal(take(&bench), PASSED);
    recipe.is_rgb = false;
    recipe.h[1] = 2; /* chroma is finer than luma */
    make(&bench, &recipe);
    assert_int_equal(take(&bench), PASSED);
    recipe.h[1] = 1;
    recipe.n_components = 4;
    make(&bench, &recipe);
    assert_int_equal(take(&bench), PASSED);
    close_bench(&bench);
}

/* ---- damage ---- */

static void every_truncation_is_refused(void **state)
{
    struct bench bench;
    (void)state;
    open_bench(&bench);
    for (int kind = 0; kind < 8; kind++) {
        struct jpeg_recipe recipe = sampled(samplings[kind & 4 ? 0 : 3]);
        recipe.width = 70;
        recipe.height = 60;
        recipe.progressive = kind & 1;
        recipe.restart = kind & 2 ? 2 : 0;
        make(&bench, &recipe);
        for (size_t n = 0; n < bench.source.n_bytes; n++) {
            enum verdict verdict = route(&bench, bench.source.data, n, GM_METADATA_STRIP);
            enum gm_reason reason =
                gm_picture_decode(&bench.picture, GM_MEDIA_JPEG, bench.source.data, n);
            if (verdict != REFUSED || reason == GM_REASON_NONE)
                fail_msg("kind %d cut to %zu of %zu bytes is taken", kind, n, bench.source.n_bytes);
        }
    }
    close_bench(&bench);
}

/* Takes bytes out, as a lost network packet does. What is still taken must be what libjpeg makes of
 * it; there is no third way. */
static void a_hole_is_refused_or_read_as_libjpeg_reads_it(void **state)
{
    struct bench bench;
    struct gm_buf holed = GM_BUF_INIT;
    (void)state;
    open_bench(&bench);
    for (int kind = 0; kind < 4; kind++) {
        struct jpeg_recipe recipe = sampled(samplings[3]);
        recipe.width = 70;
        recipe.height = 60;
        recipe.progressive = kind & 1;
        recipe.optimize = kind & 2;
        make(&bench, &recipe);
        for (size_t at = 2; at + 40 < bench.source.n_bytes; at += 3) {
            size_t hole = 1 + at % 37;
            gm_buf_clear(&holed);
            gm_buf_append(&holed, bench.source.data, at);
            gm_buf_append(&holed, bench.source.data + at + hole, bench.source.n_bytes - at - hole);
            enum verdict verdict = route(&bench, holed.data, holed.n_bytes, GM_METADATA_STRIP);
            if (verdict == COPIED || verdict == TRANSCODED)
                assert_true(has_same_luma(&bench, holed.data, holed.n_bytes));
        }
    }
    gm_buf_free(&holed);
    close_bench(&bench);
}

static void garbage_behind_the_end_is_ignored(void **state)
{
    static const uint8_t garbage[] = {0xff, 0xd8, 0xff, 0xda, 0, 1, 2, 3, 0xff, 0xd9};
    struct jpeg_recipe recipe = {.width = 40, .height = 30, .n_components = 3};
    struct bench bench;
    (void)state;
    open_bench(&bench);
    make(&bench, &recipe);
    gm_buf_append(&bench.source, garbage, sizeof garbage);
    assert_int_equal(take(&bench), COPIED);
    close_bench(&bench);
}

/* Puts bytes in front of the n-th marker of a kind. */
static void insert_before(struct bench *bench, uint8_t marker, const char *bytes, size_t n_bytes)
{
    struct gm_buf made = GM_BUF_INIT;
    size_t at = 2;
    while (bench->source.data[at] != 0xff || bench->source.data[at + 1] != marker)
        at++;
    gm_buf_append(&made, bench->source.data, at);
    gm_buf_append(&made, bytes, n_bytes);
    gm_buf_append(&made, bench->source.data + at, bench->source.n_bytes - at);
    gm_buf_free(&bench->source);
    bench->source = made;
}

static void junk_and_fill_bytes_between_markers_are_passed_over(void **state)
{
    struct jpeg_recipe recipe = {.width = 40, .height = 30, .n_components = 3, .restart = 2};
    struct bench bench;
    (void)state;
    open_bench(&bench);
    make(&bench, &recipe);
    insert_before(&bench, 0xdb, "junk", 4);
    insert_before(&bench, 0xc0, "\xff\xff\xff", 3);
    insert_before(&bench, 0xd0, "\xff\xff", 2);
    insert_before(&bench, 0xd9, "\xff", 1);
    assert_int_equal(take(&bench), COPIED);
    make(&bench, &recipe);
    insert_before(&bench, 0xd9, "pad", 3); /* looks like more data: not for the first route */
    assert_int_equal(take(&bench), TRANSCODED);
    close_bench(&bench);
}

static void sizes_beyond_the_limit_are_refused_unseen(void **state)
{
    struct jpeg_recipe recipe = {.width = 16, .height = 16, .n_components = 3};
    struct bench bench;
    (void)state;
    open_bench(&bench);
    make(&bench, &recipe);
    size_t at = 2;
    while (bench.source.data[at] != 0xff || bench.source.data[at + 1] != 0xc0)
        at++;
    memset(bench.source.data + at + 5, 0xff, 4);
    bench.picture.limits.max_pixels = 100000000;
    const struct gm_jpeg_file file = {bench.source.data, bench.source.n_bytes, GM_METADATA_STRIP};
    assert_int_equal(gm_jpeg_copy(bench.copier, &file, &bench.picture, &bench.out),
                     GM_REASON_LIMIT_PIXELS);
    bench.picture.limits.max_pixels = UINT64_MAX;
    bench.picture.limits.max_bytes = 1 << 20;
    assert_int_equal(gm_jpeg_copy(bench.copier, &file, &bench.picture, &bench.out),
                     GM_REASON_LIMIT_MEMORY);
    close_bench(&bench);
}

/* The marker's first byte. */
static size_t find_marker(const struct gm_buf *file, uint8_t marker)
{
    size_t at = 2;
    while (file->data[at] != 0xff || file->data[at + 1] != marker)
        at++;
    return at;
}

static void scan_bombs_are_refused(void **state)
{
    struct jpeg_recipe recipe = {
        .width = 16, .height = 16, .n_components = 1, .script = "0:0-0,0,0; 0:1-63,0,0;"};
    struct bench bench;
    struct gm_buf bomb = GM_BUF_INIT;
    (void)state;
    open_bench(&bench);
    make(&bench, &recipe);
    /* The last scan with its table, again and again: libjpeg sees nothing wrong in it. */
    size_t end = bench.source.n_bytes - 2, start = end;
    while (bench.source.data[start] != 0xff || bench.source.data[start + 1] != 0xc4)
        start--;
    gm_buf_append(&bomb, bench.source.data, end);
    for (int i = 0; i < 2000; i++)
        gm_buf_append(&bomb, bench.source.data + start, end - start);
    gm_buf_append(&bomb, bench.source.data + end, 2);
    assert_int_equal(route(&bench, bomb.data, bomb.n_bytes, GM_METADATA_STRIP), REFUSED);
    assert_non_null(strstr(bench.picture.message, "more than 100 scans"));
    gm_buf_free(&bomb);
    close_bench(&bench);
}

/* Sets a byte of a marker's segment and expects that no route makes more of it than libjpeg does.
 */
static void lie(struct bench *bench, const struct gm_buf *good, uint8_t marker, size_t offset,
                uint8_t value)
{
    gm_buf_clear(&bench->source);
    gm_buf_append(&bench->source, good->data, good->n_bytes);
    bench->source.data[find_marker(good, marker) + offset] = value;
    enum verdict verdict =
        route(bench, bench->source.data, bench->source.n_bytes, GM_METADATA_STRIP);
    if (verdict == COPIED || verdict == TRANSCODED)
        assert_true(has_same_luma(bench, bench->source.data, bench->source.n_bytes));
}

static void lies_in_headers_are_seen_through(void **state)
{
    static const uint8_t markers[] = {0xc0, 0xc2, 0xc4, 0xda, 0xdb, 0xdd};
    static const uint8_t values[] = {0, 1, 2, 3, 4, 0x11, 0x22, 0x44, 0x7f, 0x80, 0xc0, 0xff};
    struct bench bench;
    struct gm_buf good = GM_BUF_INIT;
    (void)state;
    open_bench(&bench);
    bench.picture.limits = (struct gm_picture_limits){1 << 22, 64u << 20, 0};
    for (int progressive = 0; progressive < 2; progressive++) {
        struct jpeg_recipe recipe = sampled(samplings[3]);
        recipe.width = recipe.height = 40;
        recipe.progressive = progressive;
        recipe.restart = 3;
        gm_buf_clear(&good);
        jpeg_make(&recipe, &good);
        for (size_t m = 0; m < sizeof markers; m++) {
            if (markers[m] == (progressive ? 0xc0 : 0xc2))
                continue;
            for (size_t offset = 1; offset < 40; offset++)
                for (size_t v = 0; v < sizeof values; v++)
                    lie(&bench, &good, markers[m], offset, values[v]);
        }
    }
    gm_buf_free(&good);
    close_bench(&bench);
}

static void tables_of_one_file_do_not_serve_the_next(void **state)
{
    struct bench bench;
    struct gm_buf first = GM_BUF_INIT;
    (void)state;
    open_bench(&bench);
    /* More tables than the cache holds, each file twice, in between each other. */
    for (unsigned seed = 1; seed < 40; seed++) {
        struct jpeg_recipe recipe = sampled(samplings[seed % 6]);
        recipe.width = 120;
        recipe.height = 40;
        recipe.optimize = true;
        recipe.seed = seed;
        recipe.noise = (int)seed;
        recipe.quality = 40 + (int)seed;
        make(&bench, &recipe);
        assert_int_equal(take(&bench), COPIED);
        if (seed == 1)
            gm_buf_append(&first, bench.source.data, bench.source.n_bytes);
        assert_int_equal(route(&bench, first.data, first.n_bytes, GM_METADATA_STRIP), COPIED);
        assert_true(has_same_luma(&bench, first.data, first.n_bytes));
    }
    gm_buf_free(&first);
    close_bench(&bench);
}

/* ---- metadata ---- */

static const char exif[] =
    "\xff\xe1\x00\x22"
    "Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";

static bool contains(const struct gm_buf *out, const char *bytes, size_t n_bytes)
{
    return memmem(out->data, out->n_bytes, bytes, n_bytes) != NULL;
}

static void metadata_is_kept_as_asked(void **state)
{
    static const char comment[] = "\xff\xfe\x00\x07hello",
                      profile[] = "\xff\xe2\x00\x10ICC_PROFILE\0\1\1";
    struct jpeg_recipe recipe = {.width = 16, .height = 16, .n_components = 3};
    struct bench bench;
    (void)state;
    open_bench(&bench);
    for (int arithmetic = 0; arithmetic < 2; arithmetic++) {
        recipe.arithmetic = arithmetic;
        make(&bench, &recipe);
        insert_before(&bench, 0xdb, exif, sizeof exif - 1);
        insert_before(&bench, 0xdb, comment, sizeof comment - 1);
        insert_before(&bench, 0xdb, profile, sizeof profile - 1);
        const struct gm_buf *source = &bench.source, *out = &bench.out;
        route(&bench, source->data, source->n_bytes, GM_METADATA_KEEP);
        assert_true(contains(out, exif, sizeof exif - 1));
        assert_true(contains(out, comment, sizeof comment - 1));
        assert_false(contains(out, "ICC_PROFILE", 11)); /* of a color picture */
        route(&bench, source->data, source->n_bytes, GM_METADATA_STRIP);
        assert_false(contains(out, "Exif", 4) || contains(out, "hello", 5));
        route(&bench, source->data, source->n_bytes, GM_METADATA_ORIENTATION);
        assert_false(contains(out, "hello", 5));
        struct gm_jpeg_frame frame;
        gm_jpeg_frame_read_segments(&frame, out->data, out->n_bytes);
        assert_int_equal(gm_jpeg_orientation(&frame), 6);
    }
    close_bench(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_sampling_size_and_restart_is_copied),
        cmocka_unit_test(gray_is_copied_whatever_its_sampling),
        cmocka_unit_test(unusual_scan_scripts_are_copied),
        cmocka_unit_test(large_quantisation_values_are_kept),
        cmocka_unit_test(what_cannot_be_copied_takes_the_next_route),
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(a_hole_is_refused_or_read_as_libjpeg_reads_it),
        cmocka_unit_test(garbage_behind_the_end_is_ignored),
        cmocka_unit_test(junk_and_fill_bytes_between_markers_are_passed_over),
        cmocka_unit_test(sizes_beyond_the_limit_are_refused_unseen),
        cmocka_unit_test(scan_bombs_are_refused),
        cmocka_unit_test(lies_in_headers_are_seen_through),
        cmocka_unit_test(tables_of_one_file_do_not_serve_the_next),
        cmocka_unit_test(metadata_is_kept_as_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
