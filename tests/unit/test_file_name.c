/* Output names: they mirror the input, are safe paths, and no two rows share one. */
#include "image/file_name.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NO_MEMBER UINT64_MAX

static const char *const png[] = {"png", NULL};
static const char *const jpeg[] = {"jpg", "jpeg", "jpe", "jfif", NULL};

static void name_bytes(struct gm_buf *out, uint64_t member, const void *name, size_t n_bytes,
                       const char *const *extensions)
{
    struct gm_file_name from = {.item = 17,
                                .member = member,
                                .is_member = member != NO_MEMBER,
                                .name = name,
                                .name_bytes = n_bytes,
                                .extensions = extensions};
    gm_file_name(&from, out);
    assert_false(out->failed);
}

static void expect(const char *name, uint64_t member, const char *const *extensions,
                   const char *wanted)
{
    struct gm_buf out = GM_BUF_INIT;
    name_bytes(&out, member, name, name ? strlen(name) : 0, extensions);
    assert_string_equal(gm_buf_cstr(&out), wanted);
    gm_buf_free(&out);
}

static void names_mirror_the_input(void **state)
{
    (void)state;
    expect("a.jpg", NO_MEMBER, jpeg, "a.jpg");
    expect("cats/Big.JPEG", NO_MEMBER, jpeg, "cats/Big.JPEG");
    expect("a.gif", NO_MEMBER, png, "a.gif.png");
    expect("a.png", NO_MEMBER, jpeg, "a.png.jpg");
    expect("a.tar.png", NO_MEMBER, png, "a.tar.png");
    expect("scan", NO_MEMBER, png, "scan#.png");
    expect("photo.2019", NO_MEMBER, jpeg, "photo.2019#.jpg");
    expect("\xc3\xa9t\xc3\xa9.png", NO_MEMBER, png, "\xc3\xa9t\xc3\xa9.png");
    expect(NULL, NO_MEMBER, jpeg, "item-000000017.jpg");
    expect(NULL, 3, png, "item-000000017/000003.png");
    expect("cats/1.jpg", 3, jpeg, "item-000000017/cats/1#3.jpg");
    expect("cats/1.gif", 3, png, "item-000000017/cats/1.gif#3.png");
    expect("cats/1", 0, png, "item-000000017/cats/1#0.png");
}

static void names_are_safe_paths(void **state)
{
    (void)state;
    expect("../../etc/passwd", NO_MEMBER, png, "%2E%2E/%2E%2E/etc/passwd#.png");
    expect("/etc/x.png", NO_MEMBER, png, "%/etc/x.png");
    expect("a//b/./c.png", NO_MEMBER, png, "a/%/b/%2E/c.png");
    expect("a\nb\x1b.png", NO_MEMBER, png, "a%0Ab%1B.png");
    expect("50%#1\\2.png", NO_MEMBER, png, "50%25%231%5C2.png");
    expect("bad\xff.png", NO_MEMBER, png, "bad%FF.png");
    expect("c1\xc2\x85.png", NO_MEMBER, png, "c1%C2%85.png");
    expect("rtl\xe2\x80\xae.png", NO_MEMBER, png, "rtl%E2%80%AE.png");
    expect("item-000000018.png", NO_MEMBER, png, "%69tem-000000018.png");
    expect("", NO_MEMBER, png, "%#.png");
    expect(".png", NO_MEMBER, png, ".png#.png");
    expect("dir.png/a.png", NO_MEMBER, png, "dir%2Epng/a.png");
    expect("../x.jpg", 5, jpeg, "item-000000017/%2E%2E/x#5.jpg");
}

static void a_replaced_name_gets_the_number_of_its_item(void **state)
{
    (void)state;
    expect("a\xef\xbf\xbd.jpg", NO_MEMBER, jpeg, "a\xef\xbf\xbd#17.jpg");
    expect("a\xef\xbf\xbd", NO_MEMBER, jpeg, "a\xef\xbf\xbd#17.jpg");
}

static void long_names_are_cut_and_stay_distinct(void **state)
{
    (void)state;
    char name[5000];
    struct gm_buf one = GM_BUF_INIT, two = GM_BUF_INIT;
    for (size_t length = 150; length < sizeof(name); length += 97) {
        for (size_t i = 0; i + 1 < length; i += 2)
            memcpy(name + i, i % 6 ? "\xc3\xa9" : "%a", 2);
        if (length > 1500)
            for (size_t i = 99; i < length; i += 100)
                name[i] = '/', name[i - 1] = 'x';
        memcpy(name + length - 5, "A.png", 5);
        gm_buf_clear(&one);
        gm_buf_clear(&two);
        name_bytes(&one, NO_MEMBER, name, length, png);
        name[length - 5] = 'B';
        name_bytes(&two, NO_MEMBER, name, length, png);
        assert_true(one.n_bytes <= GM_FILE_NAME_BYTES);
        assert_string_not_equal(gm_buf_cstr(&one), gm_buf_cstr(&two));
        for (char *part = (char *)one.data; part; part = strchr(part, '/')) {
            part += *part == '/';
            assert_true(strcspn(part, "/") <= 255);
        }
        assert_string_equal(gm_buf_cstr(&one) + one.n_bytes - 4, ".png");
    }
    gm_buf_free(&one);
    gm_buf_free(&two);
}

struct row {
    char in[64], out[128];
};

static int by_out(const void *a, const void *b)
{
    return strcmp(((const struct row *)a)->out, ((const struct row *)b)->out);
}

/* All strings of up to four pieces that escaping, extensions and markers treat specially. */
static void no_two_names_become_one(void **state)
{
    (void)state;
    static const char *const pieces[] = {"a",   ".png",      ".jpg",  ".gif", "/",     "%",
                                         "#",   "%2E",       ".",     "#.",   "item-", "\xff",
                                         "%69", "000000017", ".jpeg", "",     "#3",    "\\"};
    enum { N = GM_ARRAY_LEN(pieces) };
    struct row *rows = calloc(N * N * N * N, sizeof(*rows));
    assert_non_null(rows);
    size_t n = 0;
    for (size_t i = 0; i < N * N * N * N; i++) {
        struct row *row = &rows[n];
        snprintf(row->in, sizeof(row->in), "%s%s%s%s", pieces[i % N], pieces[i / N % N],
                 pieces[i / N / N % N], pieces[i / N / N / N]);
        struct gm_buf out = GM_BUF_INIT;
        name_bytes(&out, NO_MEMBER, row->in, strlen(row->in), i % 2 ? png : jpeg);
        snprintf(row->out, sizeof(row->out), "%s", gm_buf_cstr(&out));
        gm_buf_free(&out);
        n++;
    }
    qsort(rows, n, sizeof(*rows), by_out);
    for (size_t i = 1; i < n; i++)
        if (strcmp(rows[i - 1].out, rows[i].out) == 0 && strcmp(rows[i - 1].in, rows[i].in) != 0)
            fail_msg("\"%s\" and \"%s\" both become \"%s\"", rows[i - 1].in, rows[i].in,
                     rows[i].out);
    free(rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_mirror_the_input),
        cmocka_unit_test(names_are_safe_paths),
        cmocka_unit_test(a_replaced_name_gets_the_number_of_its_item),
        cmocka_unit_test(long_names_are_cut_and_stay_distinct),
        cmocka_unit_test(no_two_names_become_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
