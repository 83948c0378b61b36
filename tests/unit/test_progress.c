/* The progress line: what fits at which width, what a terminal and a pipe get to see. */
#include "run/progress.h"

#include "base/clock.h"
#include "run/progress_line.h"

#include <fcntl.h>
#include <pty.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <cmocka.h>

/* Time goes as these tests want it. */
static uint64_t now_ms = 1000;

uint64_t gm_now_ms(void)
{
    return now_ms;
}

uint64_t gm_now_ns(void)
{
    return now_ms * 1000000;
}

char *gm_wall_time(char *text)
{
    return strcpy(text, "2026-01-31T12:00:00Z");
}

static struct gm_progress_state busy_state(void)
{
    return (struct gm_progress_state){.n_items_total = 40000,
                                      .n_items_listed = 40000,
                                      .n_items_done = 12345,
                                      .n_written = 12000,
                                      .n_rejected = 300,
                                      .n_failed = 45,
                                      .fetched_bytes = 123456789,
                                      .memory_bytes = 210 << 20,
                                      .n_busy_workers = 3,
                                      .n_workers = 4,
                                      .n_deaths = 1,
                                      .bottleneck = "fetch",
                                      .phase = "running"};
}

static const char *line_at(const struct gm_progress_state *state, unsigned n_columns,
                           struct gm_buf *line)
{
    struct gm_progress_view view = {.state = state,
                                    .elapsed_ms = 15000,
                                    .eta_ms = 34000,
                                    .items_per_s = 812.3,
                                    .bytes_per_s = 8 << 20};
    gm_buf_clear(line);
    unsigned n = gm_progress_line(&view, n_columns, false, line);
    assert_int_equal(n, line->n_bytes);
    assert_true(n <= n_columns);
    return gm_buf_cstr(line);
}

static void every_width_is_kept_and_the_important_stays(void **state)
{
    (void)state;
    struct gm_progress_state busy = busy_state();
    struct gm_buf line = GM_BUF_INIT;
    for (unsigned n = 0; n < 300; n++)
        line_at(&busy, n, &line);
    assert_string_equal(line_at(&busy, 19, &line), "12,345/40,000 items");
    const char *at_60 = line_at(&busy, 60, &line);
    assert_non_null(strstr(at_60, "12,345/40,000"));
    assert_non_null(strstr(at_60, "30 %"));
    assert_non_null(strstr(at_60, "eta 34"));
    assert_non_null(strstr(at_60, "45 failed"));
    assert_null(strstr(at_60, "limit"));
    const char *at_200 = line_at(&busy, 200, &line);
    assert_non_null(strstr(at_200, "[######..............]"));
    assert_non_null(strstr(at_200, "812/s"));
    assert_non_null(strstr(at_200, "300 rejected"));
    assert_non_null(strstr(at_200, "limit: fetch"));
    assert_non_null(strstr(at_200, "1 worker death"));
    gm_buf_free(&line);
}

static void a_total_that_is_not_known_has_no_percentage(void **state)
{
    (void)state;
    struct gm_progress_state listing = {
        .n_items_listed = 500, .n_items_done = 20, .phase = "listing"};
    struct gm_buf line = GM_BUF_INIT;
    const char *text = line_at(&listing, 200, &line);
    assert_non_null(strstr(text, "20 of 500+ items"));
    assert_null(strstr(text, "%"));
    gm_buf_free(&line);
}

static void done_is_never_more_than_all(void **state)
{
    (void)state;
    struct gm_progress_state odd = {.n_items_total = 10, .n_items_done = 12};
    struct gm_buf line = GM_BUF_INIT;
    assert_non_null(strstr(line_at(&odd, 200, &line), "100 %"));
    gm_buf_free(&line);
}

static void json_has_null_for_what_is_unknown(void **state)
{
    (void)state;
    struct gm_progress_state listing = {.n_items_done = 20, .phase = "listing"};
    struct gm_progress_view view = {.state = &listing, .eta_ms = UINT64_MAX};
    struct gm_buf line = GM_BUF_INIT;
    gm_progress_json(&view, &line);
    const char *text = gm_buf_cstr(&line);
    assert_non_null(strstr(text, "\"event\":\"progress\",\"phase\":\"listing\""));
    assert_non_null(strstr(text, "\"eta_ms\":null,\"items_total\":null"));
    assert_non_null(strstr(text, "\"bottleneck\":null}"));
    gm_buf_free(&line);
}

/* ---- what arrives at the other end ---- */

static size_t read_some(int fd, char *text, size_t text_bytes)
{
    ssize_t n = read(fd, text, text_bytes - 1);
    text[n > 0 ? n : 0] = '\0';
    return n > 0 ? (size_t)n : 0;
}

static void a_pipe_gets_whole_lines_without_escapes(void **state)
{
    (void)state;
    int fds[2];
    char text[4096];
    assert_int_equal(pipe(fds), 0);
    struct gm_progress *progress = gm_progress_new(fds[1], GM_PROGRESS_AUTO, true);
    struct gm_progress_state busy = busy_state();
    gm_progress_update(progress, &busy);
    gm_progress_log(progress, GM_LOG_WARN, "gristmill: careful", 18);
    now_ms += 4999;
    gm_progress_update(progress, &busy);
    now_ms += 1;
    gm_progress_update(progress, &busy);
    gm_progress_update(progress, &busy);
    gm_progress_free(progress);
    close(fds[1]);
    read_some(fds[0], text, sizeof text);
    close(fds[0]);
    assert_null(strpbrk(text, "\r\033"));
    assert_ptr_equal(strstr(text, "gristmill: careful\ngristmill: running  "), text);
    assert_null(strstr(text + 30, "gristmill:"));
    assert_int_equal(text[strlen(text) - 1], '\n');
}

static void quiet_says_nothing_but_log_lines(void **state)
{
    (void)state;
    int fds[2];
    char text[4096];
    assert_int_equal(pipe(fds), 0);
    struct gm_progress *progress = gm_progress_new(fds[1], GM_PROGRESS_QUIET, true);
    struct gm_progress_state busy = busy_state();
    gm_progress_update(progress, &busy);
    gm_progress_log(progress, GM_LOG_ERROR, "oh", 2);
    now_ms += 100000;
    gm_progress_update(progress, &busy);
    gm_progress_free(progress);
    close(fds[1]);
    read_some(fds[0], text, sizeof text);
    close(fds[0]);
    assert_string_equal(text, "oh\n");
}

/* A terminal of n columns; returns what it gets of a line that is drawn and erased. */
static void on_terminal(unsigned short n_columns, bool use_color, char *text, size_t text_bytes)
{
    int master, slave;
    struct winsize size = {.ws_row = 24, .ws_col = n_columns};
    assert_int_equal(openpty(&master, &slave, NULL, NULL, &size), 0);
    struct gm_progress *progress = gm_progress_new(slave, GM_PROGRESS_AUTO, use_color);
    struct gm_progress_state busy = busy_state();
    now_ms += 100;
    gm_progress_update(progress, &busy);
    gm_progress_free(progress);
    close(slave);
    size_t n = 0, more;
    while ((more = read_some(master, text + n, text_bytes - n)) > 0)
        n += more;
    close(master);
}

static void a_terminal_gets_a_line_that_never_wraps(void **state)
{
    (void)state;
    char text[4096];
    static const unsigned short widths[] = {1, 2, 10, 40, 60, 80, 200};
    for (size_t i = 0; i < GM_ARRAY_LEN(widths); i++) {
        on_terminal(widths[i], false, text, sizeof text);
        assert_int_equal(text[0], '\r');
        assert_null(strchr(text, '\033'));
        size_t n_drawn = strcspn(text + 1, "\r");
        assert_true(n_drawn < widths[i]);
        if (n_drawn > 0) {
            const char *erased = text + n_drawn + 2; /* after two returns of the cursor */
            assert_int_equal(strspn(erased + 1, " "), n_drawn);
            assert_string_equal(erased + 1 + n_drawn, "\r");
        }
    }
    on_terminal(200, true, text, sizeof text);
    assert_non_null(strstr(text, "\033[31m45 failed\033[0m"));
}

static void a_full_pipe_does_not_stop_the_run(void **state)
{
    (void)state;
    int fds[2];
    char block[4096] = {0};
    assert_int_equal(pipe2(fds, O_NONBLOCK), 0);
    while (write(fds[1], block, sizeof block) > 0)
        ;
    fcntl(fds[1], F_SETFL, 0); /* a blocking write would now hang for good */
    struct gm_progress *progress = gm_progress_new(fds[1], GM_PROGRESS_JSON, false);
    struct gm_progress_state busy = busy_state();
    gm_progress_log(progress, GM_LOG_INFO, "lost", 4);
    now_ms += 1000;
    gm_progress_update(progress, &busy);
    gm_progress_free(progress);
    close(fds[0]);
    close(fds[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_width_is_kept_and_the_important_stays),
        cmocka_unit_test(a_total_that_is_not_known_has_no_percentage),
        cmocka_unit_test(done_is_never_more_than_all),
        cmocka_unit_test(json_has_null_for_what_is_unknown),
        cmocka_unit_test(a_pipe_gets_whole_lines_without_escapes),
        cmocka_unit_test(quiet_says_nothing_but_log_lines),
        cmocka_unit_test(a_terminal_gets_a_line_that_never_wraps),
        cmocka_unit_test(a_full_pipe_does_not_stop_the_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
