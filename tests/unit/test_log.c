/* What a line looks like, that it stays one line whatever the message holds, and that a full
 * descriptor costs the line and not the process. */
#include "base/log.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

static char line[4096];
static size_t n_lines;
static enum gm_log_level line_level;

static void take_line(void *context, enum gm_log_level level, const char *text, size_t n_bytes)
{
    assert_ptr_equal(context, line);
    assert_true(n_bytes < sizeof line);
    memcpy(line, text, n_bytes);
    line[n_bytes] = '\0';
    line_level = level;
    n_lines++;
}

static void start(enum gm_log_level level, enum gm_log_format format)
{
    gm_log_setup(STDERR_FILENO, level, format, "gristmill text.3");
    gm_log_redirect(take_line, line);
    n_lines = 0;
}

static void text_line_names_process_and_level(void **state)
{
    (void)state;
    start(GM_LOG_INFO, GM_LOG_TEXT);
    errno = EBADF;
    gm_log(GM_LOG_WARN, "host %s: %d tries", "a.example", 4);
    assert_int_equal(errno, EBADF);
    assert_string_equal(line, "gristmill text.3: warn: host a.example: 4 tries");
    assert_int_equal(line_level, GM_LOG_WARN);
    assert_int_equal(n_lines, 1);
}

static void lines_above_the_level_are_not_made(void **state)
{
    (void)state;
    start(GM_LOG_WARN, GM_LOG_TEXT);
    gm_log(GM_LOG_INFO, "no");
    gm_log(GM_LOG_DEBUG, "no");
    assert_int_equal(n_lines, 0);
    gm_log(GM_LOG_ERROR, "yes");
    assert_int_equal(n_lines, 1);
}

static void controls_are_escaped(void **state)
{
    (void)state;
    start(GM_LOG_INFO, GM_LOG_TEXT);
    gm_log(GM_LOG_INFO, "a\tb\n\x1b[2J\x7f \xc2\x85 \xe2\x80\xae \xd8\x9c \xff \xc3\xa9");
    assert_string_equal(line, "gristmill text.3: info: a\tb\\n\\x1b[2J\\x7f \\u0085 \\u202e "
                              "\\u061c \\xff \xc3\xa9");
}

static void json_line_is_one_object(void **state)
{
    (void)state;
    start(GM_LOG_INFO, GM_LOG_JSON);
    gm_log(GM_LOG_ERROR, "say \"%s\"\n\xff\xe2\x80\xae\\", "hi");
    assert_memory_equal(line, "{\"time\":\"", 9);
    assert_string_equal(line + 9 + 20, "\",\"level\":\"error\",\"process\":\"gristmill text.3\","
                                       "\"message\":\"say \\\"hi\\\"\\u000a\\ufffd\\u202e\\\\\"}");
}

static void long_lines_are_cut_at_2000_bytes(void **state)
{
    char message[5000];
    (void)state;
    for (int format = GM_LOG_TEXT; format <= GM_LOG_JSON; format++) {
        for (size_t shift = 0; shift < 4; shift++) {
            start(GM_LOG_INFO, (enum gm_log_format)format);
            memset(message, 'x', shift);
            for (size_t i = shift; i + 4 < sizeof message; i += 3)
                memcpy(message + i, "\xE2\x82\xAC", 4);
            gm_log(GM_LOG_INFO, "%s", message);
            size_t n = strlen(line);
            const char *end = format == GM_LOG_JSON ? "\xAC...\"}" : "\xAC...";
            assert_true(n <= 2000 && n > 1990);
            assert_string_equal(line + n - strlen(end), end);
        }
    }
}

static void a_message_that_just_fits_is_not_cut(void **state)
{
    char message[2001];
    size_t n_front = strlen("gristmill text.3: info: ");
    (void)state;
    start(GM_LOG_INFO, GM_LOG_TEXT);
    memset(message, 'y', sizeof message);
    message[2000 - 2 - n_front] = '\0';
    gm_log(GM_LOG_INFO, "%s", message);
    assert_int_equal(line[strlen(line) - 1], 'y');
}

static void descriptor_gets_whole_lines(void **state)
{
    int ends[2];
    char text[200];
    (void)state;
    assert_int_equal(pipe(ends), 0);
    gm_log_setup(ends[1], GM_LOG_INFO, GM_LOG_TEXT, "a name that is longer than thirty-one bytes");
    gm_log_redirect(NULL, NULL);
    gm_log(GM_LOG_INFO, "one");
    ssize_t n = read(ends[0], text, sizeof text - 1);
    assert_true(n > 0);
    text[n] = '\0';
    assert_string_equal(text, "a name that is longer than thir: info: one\n");
    close(ends[0]);
    close(ends[1]);
}

static void a_full_pipe_drops_and_counts(void **state)
{
    int ends[2];
    char text[65536];
    (void)state;
    assert_int_equal(pipe(ends), 0);
    gm_log_setup(ends[1], GM_LOG_INFO, GM_LOG_TEXT, "gristmill");
    gm_log_redirect(NULL, NULL);
    uint64_t before = gm_log_dropped();
    int n_logged = 0;
    /* The descriptor is a blocking one: a log call that waited would hang here. */
    while (gm_log_dropped() == before && n_logged < 100000) {
        gm_log(GM_LOG_INFO, "%0100d", n_logged);
        n_logged++;
    }
    assert_int_equal(gm_log_dropped(), before + 1);
    int n_newlines = 0;
    struct pollfd poll_fd = {.fd = ends[0], .events = POLLIN};
    while (poll(&poll_fd, 1, 0) == 1) {
        ssize_t n = read(ends[0], text, sizeof text);
        assert_true(n > 0);
        for (ssize_t i = 0; i < n; i++)
            n_newlines += text[i] == '\n';
    }
    assert_int_equal(n_newlines, n_logged - 1);
    gm_log(GM_LOG_INFO, "room again");
    assert_int_equal(gm_log_dropped(), before + 1);
    close(ends[0]);
    close(ends[1]);
}

static void levels_have_names(void **state)
{
    (void)state;
    assert_string_equal(gm_log_level_name(GM_LOG_ERROR), "error");
    assert_string_equal(gm_log_level_name(GM_LOG_DEBUG), "debug");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_line_names_process_and_level),
        cmocka_unit_test(lines_above_the_level_are_not_made),
        cmocka_unit_test(controls_are_escaped),
        cmocka_unit_test(json_line_is_one_object),
        cmocka_unit_test(long_lines_are_cut_at_2000_bytes),
        cmocka_unit_test(a_message_that_just_fits_is_not_cut),
        cmocka_unit_test(descriptor_gets_whole_lines),
        cmocka_unit_test(a_full_pipe_drops_and_counts),
        cmocka_unit_test(levels_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
