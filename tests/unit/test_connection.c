/* Kept connections: found by their key, the last one first, and never too many or too old. */
#include "fetch/connection.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <fcntl.h>
#include <sys/eventfd.h>

static struct gm_connection *open_one(struct gm_connections *all, const char *key)
{
    struct gm_connection *connection = gm_connection_open(all, eventfd(0, EFD_CLOEXEC), key);
    assert_non_null(connection);
    assert_ptr_equal(gm_connection_find(all, connection->fd), connection);
    return connection;
}

static bool is_open(int fd)
{
    return fcntl(fd, F_GETFD) >= 0;
}

static void the_last_one_kept_is_taken_first(void **state)
{
    struct gm_connections all;
    (void)state;
    assert_true(gm_connections_init(&all, 8));
    struct gm_connection *a = open_one(&all, "a:80"), *b = open_one(&all, "b:80");
    struct gm_connection *c = open_one(&all, "a:80");
    assert_null(gm_connection_take(&all, "a:80", 0));
    gm_connection_keep(&all, a, 1);
    gm_connection_keep(&all, b, 2);
    gm_connection_keep(&all, c, 3);
    assert_int_equal(all.n_kept, 3);
    assert_null(gm_connection_take(&all, "a:8", 4));
    assert_ptr_equal(gm_connection_take(&all, "a:80", 4), c);
    assert_ptr_equal(gm_connection_take(&all, "a:80", 4), a);
    assert_null(gm_connection_take(&all, "a:80", 4));
    assert_false(a->is_kept);
    gm_connection_close(&all, a);
    gm_connection_keep(&all, c, 5);
    gm_connections_fini(&all);
}

static void the_oldest_is_closed_if_there_are_too_many(void **state)
{
    struct gm_connections all;
    int fds[40];
    (void)state;
    assert_true(gm_connections_init(&all, 20));
    for (int i = 0; i < 40; i++) {
        char key[16];
        snprintf(key, sizeof key, "%d:1", i / 2);
        struct gm_connection *connection = open_one(&all, key);
        fds[i] = connection->fd;
        gm_connection_keep(&all, connection, 0);
        /* a closed number is used again: what is found by it is the new one */
        assert_true(gm_connection_find(&all, fds[i]) == connection);
    }
    assert_int_equal(all.n_kept, 20);
    assert_null(gm_connection_take(&all, "9:1", 0));
    for (int i = 0; i < 10; i++) {
        char key[16];
        snprintf(key, sizeof key, "%d:1", 10 + i);
        struct gm_connection *connection = gm_connection_take(&all, key, 0);
        assert_non_null(connection);
        gm_connection_close(&all, connection);
    }
    assert_int_equal(all.n_kept, 10);
    gm_connections_fini(&all);
    for (int i = 0; i < 40; i++)
        assert_false(is_open(fds[i]));
}

static void the_old_are_closed(void **state)
{
    struct gm_connections all;
    (void)state;
    assert_true(gm_connections_init(&all, 4));
    struct gm_connection *a = open_one(&all, "a:80"), *b = open_one(&all, "a:80");
    int fd = a->fd;
    gm_connection_keep(&all, a, 1000);
    gm_connection_keep(&all, b, 2000);
    struct gm_connection *taken =
        gm_connection_take(&all, "x:80", 1001 + GM_CONNECTION_MAX_IDLE_MS);
    assert_null(taken);
    assert_false(is_open(fd));
    assert_null(gm_connection_find(&all, fd));
    assert_ptr_equal(gm_connection_take(&all, "a:80", 1001 + GM_CONNECTION_MAX_IDLE_MS), b);
    gm_connection_keep(&all, b, 3000);
    gm_connection_close(&all, b);
    assert_int_equal(all.n_kept, 0);
    assert_null(gm_connection_find(&all, 100000));
    gm_connection_close(&all, NULL);
    gm_connections_fini(&all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_one_kept_is_taken_first),
        cmocka_unit_test(the_oldest_is_closed_if_there_are_too_many),
        cmocka_unit_test(the_old_are_closed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
