/* Status, text, context, and what happens to text that is too long or not UTF-8. */
#include "base/err.h"

#include "base/utf8.h"
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>

static void context_goes_in_front(void **state)
{
    struct gm_err err = {0};
    (void)state;
    assert_int_equal(gm_err_set(&err, GM_CONFIG, "%d is above %d", 700, 100), GM_CONFIG);
    assert_int_equal(gm_err_add(&err, "%s", "quality"), GM_CONFIG);
    assert_int_equal(gm_err_add(&err, "job.yaml:%d", 12), GM_CONFIG);
    assert_string_equal(err.text, "job.yaml:12: quality: 700 is above 100");
    assert_int_equal(err.status, GM_CONFIG);
    gm_err_clear(&err);
    assert_int_equal(err.status, GM_OK);
    assert_string_equal(err.text, "");
}

static void own_text_may_be_an_argument(void **state)
{
    struct gm_err err = {0};
    (void)state;
    gm_err_set(&err, GM_INPUT, "broken");
    gm_err_set(&err, GM_INTERNAL, "twice %s, %s", err.text, err.text);
    assert_string_equal(err.text, "twice broken, broken");
}

static void no_struct_still_gives_the_status(void **state)
{
    (void)state;
    assert_int_equal(gm_err_set(NULL, GM_LIMIT, "x"), GM_LIMIT);
    assert_int_equal(gm_err_sys(NULL, GM_IO, ENOSPC, "x"), GM_NOSPC);
    assert_int_equal(gm_err_add(NULL, "x"), GM_INTERNAL);
    gm_err_clear(NULL);
}

static void errno_refines_an_io_error_only(void **state)
{
    static const struct {
        enum gm_status given, expected;
        int sys_errno;
    } rows[] = {
        {GM_IO, GM_NOSPC, ENOSPC},
        {GM_IO, GM_NOSPC, EDQUOT},
        {GM_IO, GM_MISSING, ENOENT},
        {GM_IO, GM_PERMISSION, EACCES},
        {GM_IO, GM_PERMISSION, EPERM},
        {GM_IO, GM_NOMEM, ENOMEM},
        {GM_IO, GM_IO, EIO},
        {GM_SYSTEM, GM_SYSTEM, ENOMEM},
        {GM_CONFIG, GM_CONFIG, ENOENT},
    };
    (void)state;
    for (size_t i = 0; i < GM_ARRAY_LEN(rows); i++) {
        struct gm_err err = {0};
        enum gm_status status = gm_err_sys(&err, rows[i].given, rows[i].sys_errno, "x");
        assert_int_equal(status, rows[i].expected);
        assert_int_equal(err.status, rows[i].expected);
        assert_int_equal(err.sys_errno, rows[i].sys_errno);
    }
}

static void system_reason_is_appended(void **state)
{
    struct gm_err err = {0};
    (void)state;
    errno = EBADF;
    gm_err_sys(&err, GM_IO, ENOENT, "unable to open %s", "a.txt");
    assert_string_equal(err.text, "unable to open a.txt: No such file or directory");
    assert_int_equal(errno, EBADF);
    gm_err_sys(&err, GM_IO, 9999, "x");
    assert_string_equal(err.text, "x: unknown system error");
    gm_err_sys(&err, GM_SYSTEM, EMFILE, "unable to open %s", "a.txt");
    assert_string_equal(err.text, "unable to open a.txt: Too many open files (raise `ulimit -n`)");
}

static void long_text_is_cut_behind_a_code_point(void **state)
{
    char text[3000];
    (void)state;
    for (size_t shift = 0; shift < 4; shift++) {
        struct gm_err err = {0};
        memset(text, 'x', shift);
        for (size_t i = shift; i + 4 < sizeof text; i += 3)
            memcpy(text + i, "\xE2\x82\xAC", 4);
        gm_err_set(&err, GM_INPUT, "%s", text);
        size_t n = strlen(err.text);
        assert_true(n > GM_ERR_TEXT_BYTES - 8 && n < GM_ERR_TEXT_BYTES);
        assert_string_equal(err.text + n - 3, "...");
        assert_int_equal(gm_utf8_valid_prefix((const uint8_t *)err.text, n), n);
        assert_null(strchr(err.text, '?'));
        gm_err_add(&err, "front");
        assert_memory_equal(err.text, "front: ", 7);
        n = strlen(err.text);
        assert_string_equal(err.text + n - 3, "...");
        assert_int_equal(gm_utf8_valid_prefix((const uint8_t *)err.text, n), n);
    }
}

static void other_bytes_become_question_marks(void **state)
{
    struct gm_err err = {0};
    (void)state;
    gm_err_set(&err, GM_INPUT, "file \xFF\xC3(\xC3\xA9)\xE2\x82");
    assert_string_equal(err.text, "file ?\?(\xC3\xA9)?\?");
}

static void every_status_has_a_name_and_a_code(void **state)
{
    (void)state;
    for (int status = 0; status < GM_STATUS_COUNT; status++) {
        assert_non_null(gm_status_name((enum gm_status)status));
        int code = gm_status_exit_code((enum gm_status)status);
        assert_true(code == 0 || code == 1 || (code >= 64 && code <= 78));
    }
    assert_string_equal(gm_status_name(GM_NOSPC), "NOSPC");
    assert_int_equal(gm_status_exit_code(GM_NOSPC), 74);
    assert_int_equal(gm_status_exit_code(GM_STOPPED), 75);
    assert_int_equal(gm_status_exit_code(GM_FAILED_ITEMS), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(context_goes_in_front),
        cmocka_unit_test(own_text_may_be_an_argument),
        cmocka_unit_test(no_struct_still_gives_the_status),
        cmocka_unit_test(errno_refines_an_io_error_only),
        cmocka_unit_test(system_reason_is_appended),
        cmocka_unit_test(long_text_is_cut_behind_a_code_point),
        cmocka_unit_test(other_bytes_become_question_marks),
        cmocka_unit_test(every_status_has_a_name_and_a_code),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
