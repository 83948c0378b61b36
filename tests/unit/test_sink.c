/* The sinks: what they write is read back with zstd and libarchive, which share no code with them.
 */
#include "sink_rows.h"

#include <archive.h>
#include <archive_entry.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>
#include <cmocka.h>

#include "sink/tar.h"

extern const struct gm_sink gm_sink_records, gm_sink_images, gm_sink_bodies;

struct fixture {
    struct gm_batch batch;
    struct gm_out out;
    struct sink_run run;
};

static void set_up(struct fixture *f, const struct gm_sink *sink, const char *settings)
{
    struct gm_err err = {0};
    gm_batch_init(&f->batch);
    gm_out_init(&f->out);
    sink_rows_fill(&f->batch);
    if (sink_run_open(&f->run, sink, settings, &f->batch, &err) != GM_OK)
        fail_msg("%s", err.text);
    sink_run_encode(&f->run, &f->batch, &f->out);
}

static void tear_down(struct fixture *f)
{
    sink_run_close(&f->run);
    gm_batch_free(&f->batch);
    gm_out_free(&f->out);
}

/* Part number i; false: there are fewer. */
static bool part_at(const struct gm_out *out, size_t i, struct gm_out_part *part,
                    struct gm_buf *name, const uint8_t **data)
{
    size_t offset = sizeof(struct gm_out_header);
    const uint8_t *name_bytes = NULL;
    for (size_t n = 0; n <= i; n++)
        if (gm_out_next(out->bytes.data, out->bytes.n_bytes, &offset, part, &name_bytes, data,
                        NULL) != GM_OK)
            return false;
    if (name) {
        gm_buf_clear(name);
        gm_buf_append(name, name_bytes, part->name_bytes);
        gm_buf_cstr(name);
    }
    return true;
}

/* ---- records ---- */

static const char row_0[] =
    "{\"id\":\"000000017\",\"source\":\"http://a.example/\\\"x\\\"?ü\",\"name\":null,"
    "\"media\":\"jpeg\",\"text\":\"plain\",\"count\":0,\"delta\":0,\"ratio\":0.5,\"flag\":false,"
    "\"ids\":[],\"file\":\"a.jpg\",\"meta\":null}\n";
static const char row_1[] =
    "{\"id\":\"000000017.000001\",\"source\":\"http://a.example/\\\"x\\\"?ü\",\"name\":\"\","
    "\"media\":\"jpeg\",\"text\":\"\",\"count\":18446744073709551615,"
    "\"delta\":-9223372036854775808,\"ratio\":-0.0,\"flag\":true,\"ids\":[1],"
    "\"file\":\"b/a.jpg\",\"meta\":{\"label\":[1,null]}}\n";
static const char row_9[] =
    "{\"id\":\"000000021.000009\",\"source\":\"http://a.example/\\\"x\\\"?ü\",\"name\":null,"
    "\"media\":\"json\",\"text\":null,\"count\":null,\"delta\":null,\"ratio\":null,\"flag\":null,"
    "\"ids\":null,\"file\":null,\"meta\":{\"label\":[1,null]}}\n";

static void a_record_is_one_line_with_every_visible_column(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f, &gm_sink_records, "format=jsonl");
    struct gm_out_part part;
    const uint8_t *data;
    assert_true(part_at(&f.out, 0, &part, NULL, &data));
    assert_int_equal(part.n_records, SINK_ROWS - 1);
    struct gm_buf text = GM_BUF_INIT;
    gm_buf_append(&text, data, part.n_bytes);
    const char *lines = gm_buf_cstr(&text);
    assert_memory_equal(lines, row_0, strlen(row_0));
    assert_memory_equal(lines + strlen(row_0), row_1, strlen(row_1));
    assert_non_null(strstr(lines, row_9));
    assert_non_null(strstr(lines, "\"meta\":{\"a\":  1}}\n")); /* stays on one line */
    assert_null(strstr(lines, "shadowed"));
    assert_null(strstr(lines, "hidden\":"));
    assert_null(strstr(lines, "dropped"));
    size_t n_lines = 0;
    for (const char *c = lines; *c; c++)
        n_lines += *c == '\n';
    assert_int_equal(n_lines, part.n_records);
    assert_false(part_at(&f.out, 1, &part, NULL, &data));
    gm_buf_free(&text);
    tear_down(&f);
}

static void each_part_is_a_zstd_frame_with_size_and_checksum(void **state)
{
    (void)state;
    struct fixture plain, packed;
    set_up(&plain, &gm_sink_records, "format=jsonl");
    set_up(&packed, &gm_sink_records, "level=5");
    struct gm_out_part want, have;
    const uint8_t *want_data, *have_data;
    assert_true(part_at(&plain.out, 0, &want, NULL, &want_data));
    assert_true(part_at(&packed.out, 0, &have, NULL, &have_data));
    assert_int_equal(ZSTD_getFrameContentSize(have_data, have.n_bytes), want.n_bytes);
    assert_int_equal(ZSTD_findFrameCompressedSize(have_data, have.n_bytes), have.n_bytes);
    assert_int_equal(have_data[4] >> 2 & 1, 1); /* Content_Checksum_flag of the format */
    char *text = malloc(want.n_bytes);
    assert_int_equal(ZSTD_decompress(text, want.n_bytes, have_data, have.n_bytes), want.n_bytes);
    assert_memory_equal(text, want_data, want.n_bytes);
    free(text);
    tear_down(&plain);
    tear_down(&packed);
}

static void fields_can_be_chosen(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f, &gm_sink_records, "format=jsonl fields=text fields=count fields=id");
    struct gm_out_part part;
    const uint8_t *data;
    assert_true(part_at(&f.out, 0, &part, NULL, &data));
    static const char want[] = "{\"id\":\"000000017\",\"text\":\"plain\",\"count\":0}\n";
    assert_memory_equal(data, want, strlen(want));
    tear_down(&f);
    set_up(&f, &gm_sink_records,
           "format=jsonl exclude=source exclude=name exclude=media exclude=delta exclude=ratio "
           "exclude=flag exclude=ids exclude=file exclude=meta exclude=count");
    assert_true(part_at(&f.out, 0, &part, NULL, &data));
    static const char less[] = "{\"id\":\"000000017\",\"text\":\"plain\"}\n";
    assert_memory_equal(data, less, strlen(less));
    struct gm_err err = {0};
    struct sink_run run;
    static const char *const wrong[] = {"fields=txt", "exclude=hidden", "fields=gray_image"};
    for (size_t i = 0; i < GM_ARRAY_LEN(wrong); i++) {
        assert_int_equal(sink_run_open(&run, &gm_sink_records, wrong[i], &f.batch, &err),
                         GM_CONFIG);
        assert_non_null(strstr(err.text, strchr(wrong[i], '=') + 1));
        sink_run_close(&run);
    }
    tear_down(&f);
}

static void bytes_do_not_depend_on_what_came_before(void **state)
{
    (void)state;
    static const struct {
        const struct gm_sink *sink;
        const char *settings;
    } cases[] = {
        {&gm_sink_records, NULL},           {&gm_sink_records, "level=19"},
        {&gm_sink_images, "layout=folder"}, {&gm_sink_images, "layout=tar"},
        {&gm_sink_bodies, "layout=folder"}, {&gm_sink_bodies, "layout=tar"},
    };
    for (size_t i = 0; i < GM_ARRAY_LEN(cases); i++) {
        struct fixture one, two;
        set_up(&one, cases[i].sink, cases[i].settings);
        set_up(&two, cases[i].sink, cases[i].settings);
        two.batch.reasons[0] = GM_REASON_TEXT_EMPTY;
        sink_run_encode(&two.run, &two.batch, &two.out);
        two.batch.reasons[0] = GM_REASON_NONE;
        sink_run_encode(&two.run, &two.batch, &two.out);
        assert_int_equal(one.out.bytes.n_bytes, two.out.bytes.n_bytes);
        assert_memory_equal(one.out.bytes.data, two.out.bytes.data, one.out.bytes.n_bytes);
        for (uint32_t row = 0; row < SINK_ROWS; row++)
            two.batch.reasons[row] = GM_REASON_TEXT_EMPTY;
        sink_run_encode(&two.run, &two.batch, &two.out);
        assert_int_equal(two.out.header.n_parts, 0);
        tear_down(&one);
        tear_down(&two);
    }
}

/* ---- tar ---- */

struct member {
    const char *name;
    const void *data;
    size_t n_bytes;
};

static struct archive *open_tar(const struct gm_buf *tar)
{
    struct archive *archive = archive_read_new();
    archive_read_support_format_tar(archive);
    assert_int_equal(archive_read_open_memory(archive, tar->data, tar->n_bytes), ARCHIVE_OK);
    return archive;
}

static void assert_member(struct archive *archive, const struct member *want)
{
    struct archive_entry *entry;
    int code = archive_read_next_header(archive, &entry);
    if (code != ARCHIVE_OK)
        fail_msg("%s: %s", want->name, archive_error_string(archive));
    assert_string_equal(archive_entry_pathname(entry), want->name);
    assert_int_equal(archive_entry_perm(entry), 0444);
    assert_int_equal(archive_entry_mtime(entry), 0);
    assert_int_equal(archive_entry_uid(entry), 0);
    assert_int_equal(archive_entry_size(entry), want->n_bytes);
    char *data = malloc(want->n_bytes + 1);
    assert_int_equal(archive_read_data(archive, data, want->n_bytes + 1), want->n_bytes);
    if (want->n_bytes > 0)
        assert_memory_equal(data, want->data, want->n_bytes);
    free(data);
}

static void names_and_bodies_of_any_length_come_back(void **state)
{
    (void)state;
    struct gm_buf tar = GM_BUF_INIT;
    static uint8_t data[3000];
    char name[700];
    memset(data, 0xA5, sizeof data);
    for (int round = 0; round < 2; round++) {
        struct archive *archive = round ? open_tar(&tar) : NULL;
        for (size_t n = 1; n < 600; n++) {
            memset(name, 'n', n);
            name[n] = '\0';
            for (size_t i = 37; n % 2 && i + 1 < n; i += 37)
                name[i] = '/';
            struct member member = {name, data, n * 5};
            if (round)
                assert_member(archive, &member);
            else
                gm_tar_put(&tar, name, n, data, n * 5);
        }
        if (!round) {
            gm_buf_append(&tar, gm_tar_end, GM_TAR_END_BYTES);
            assert_int_equal(tar.n_bytes % 512, 0);
            continue;
        }
        struct archive_entry *entry;
        assert_int_equal(archive_read_next_header(archive, &entry), ARCHIVE_EOF);
        archive_read_free(archive);
    }
    gm_buf_free(&tar);
}

/* The members of the sink's tar run, in order: KEY.FIELD and KEY.json of each row. */
static void assert_samples(struct fixture *f, const char *const *keys, const char *const *fields,
                           int column)
{
    struct gm_out_part part;
    const uint8_t *data;
    size_t n_end;
    assert_true(part_at(&f->out, 0, &part, NULL, &data));
    struct gm_buf tar = GM_BUF_INIT;
    gm_buf_append(&tar, data, part.n_bytes);
    const void *end = f->run.sink->trailer(f->run.opts, &n_end);
    gm_buf_append(&tar, end, n_end);
    struct archive *archive = open_tar(&tar);
    for (size_t row = 0; row < SINK_ROWS; row++) {
        if (!keys[row])
            continue;
        char name[512];
        snprintf(name, sizeof name, "%s.%s", keys[row], fields[row]);
        struct gm_view view = gm_batch_view(&f->batch, column, (uint32_t)row);
        assert_member(archive, &(struct member){name, view.data, view.n_bytes});
        struct archive_entry *entry;
        snprintf(name, sizeof name, "%s.json", keys[row]);
        assert_int_equal(archive_read_next_header(archive, &entry), ARCHIVE_OK);
        assert_string_equal(archive_entry_pathname(entry), name);
        char json[2048] = "";
        assert_true(archive_read_data(archive, json, sizeof json - 1) > 0);
        assert_memory_equal(json, "{\"id\":\"0000000", 14);
        assert_int_equal(json[strlen(json) - 1], '}');
    }
    struct archive_entry *entry;
    assert_int_equal(archive_read_next_header(archive, &entry), ARCHIVE_EOF);
    archive_read_free(archive);
    gm_buf_free(&tar);
}

static void images_go_into_tar_samples(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f, &gm_sink_images, "layout=tar");
    assert_int_equal(f.run.sink->mode(f.run.opts), GM_STREAM_SHARDS);
    assert_string_equal(f.run.sink->extension(f.run.opts), ".tar");
    char long_8[300];
    memset(long_8, 'n', sizeof long_8);
    for (size_t i = 40; i < 180; i += 40)
        long_8[i] = '/';
    memcpy(long_8 + 180, "%2Ejpg", 7);
    const char *const keys[SINK_ROWS] = {"a%2Ejpg",
                                         "b/a%2Ejpg",
                                         "b/a%2Epng",
                                         "b.c/d%2Ee%2Ef%2EPNG",
                                         "%2Ehidden%2Epng",
                                         NULL,
                                         "日本/写真%2Ejpg",
                                         "with space/%25%2Ejpg",
                                         long_8,
                                         NULL,
                                         "deep/1%2Epng",
                                         "deep/2"};
    const char *const fields[SINK_ROWS] = {"jpg", "jpg", "png", "png", "png", NULL,
                                           "jpg", "jpg", "jpg", NULL,  "png", "bin"};
    assert_samples(&f, keys, fields, SINK_IMAGE);
    tear_down(&f);
}

static void bodies_go_into_tar_samples(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f, &gm_sink_bodies, NULL);
    char text[SINK_ROWS][40];
    const char *keys[SINK_ROWS], *fields[SINK_ROWS];
    for (uint32_t row = 0; row < SINK_ROWS; row++) {
        if (row % 2)
            snprintf(text[row], sizeof text[row], "item-%09u-%06u", 17 + row / 2, row);
        else
            snprintf(text[row], sizeof text[row], "item-%09u", 17 + row / 2);
        keys[row] = row == 5 ? NULL : text[row];
        fields[row] = row == 9 ? "jsonl" : "jpg";
    }
    assert_samples(&f, keys, fields, GM_IN_BODY);
    tear_down(&f);
}

static void folders_get_one_part_a_file(void **state)
{
    (void)state;
    struct fixture f;
    struct gm_buf name = GM_BUF_INIT;
    struct gm_out_part part;
    const uint8_t *data;
    set_up(&f, &gm_sink_images, NULL);
    assert_int_equal(f.run.sink->mode(f.run.opts), GM_STREAM_FILES);
    assert_true(part_at(&f.out, 3, &part, &name, &data));
    assert_string_equal((char *)name.data, "b.c/d.e.f.PNG");
    struct gm_view image = gm_batch_view(&f.batch, SINK_IMAGE, 3);
    assert_int_equal(part.n_bytes, image.n_bytes);
    assert_memory_equal(data, image.data, image.n_bytes);
    assert_int_equal(f.out.header.n_parts, SINK_ROWS - 2); /* one dropped, one without an image */
    tear_down(&f);
    set_up(&f, &gm_sink_bodies, "layout=folder");
    assert_true(part_at(&f.out, 2, &part, &name, &data));
    assert_string_equal((char *)name.data, "item-000000017-000001.jpg");
    assert_int_equal(part.n_records, 1);
    assert_true(part_at(&f.out, 3, &part, &name, &data));
    assert_string_equal((char *)name.data, "item-000000017-000001.json");
    assert_int_equal(part.n_records, 0);
    tear_down(&f);
    gm_buf_free(&name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_is_one_line_with_every_visible_column),
        cmocka_unit_test(each_part_is_a_zstd_frame_with_size_and_checksum),
        cmocka_unit_test(fields_can_be_chosen),
        cmocka_unit_test(bytes_do_not_depend_on_what_came_before),
        cmocka_unit_test(names_and_bodies_of_any_length_come_back),
        cmocka_unit_test(images_go_into_tar_samples),
        cmocka_unit_test(bodies_go_into_tar_samples),
        cmocka_unit_test(folders_get_one_part_a_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
