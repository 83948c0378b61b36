/* A link's two ends: descriptors, bells, descriptors of files; a child that blocks; a link that is
 * used again after its child's death. */
#include "fake_supervisor.h"

#include "ipc/wake.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <unistd.h>

#include <cmocka.h>

static struct gm_link *open_link(void)
{
    static struct gm_link link;
    struct gm_err err;
    assert_int_equal(gm_link_open("test", &link, &err), GM_OK);
    return &link;
}

static void both_ends_hear_each_other(void **state)
{
    struct gm_link *link = open_link();
    struct gm_port child;
    struct gm_desc desc = {.kind = GM_DESC_LEASE, .lease = 7}, heard;
    (void)state;
    gm_link_attach_child(link, &child);
    assert_int_equal(gm_port_pop(&child, &heard, NULL), GM_AGAIN);
    assert_int_equal(gm_port_push(&link->parent, &desc, NULL), GM_OK);
    assert_int_equal(gm_port_pop(&child, &heard, NULL), GM_AGAIN); /* not published */
    gm_port_publish(&link->parent);
    assert_int_equal(gm_port_pop(&child, &heard, NULL), GM_OK);
    assert_memory_equal(&heard, &desc, sizeof desc);
    gm_port_release(&child);
    desc.kind = GM_DESC_DONE;
    assert_int_equal(gm_port_send(&child, &desc, NULL), GM_OK);
    assert_int_equal(gm_port_pop(&link->parent, &heard, NULL), GM_OK);
    assert_memory_equal(&heard, &desc, sizeof desc);
    gm_link_close(link);
}

static void a_sleeper_is_rung_once(void **state)
{
    struct gm_link *link = open_link();
    struct gm_port child;
    struct gm_desc desc = {.kind = GM_DESC_NEED};
    (void)state;
    gm_link_attach_child(link, &child);
    assert_true(gm_ring_consumer_sleep(&link->parent.in));
    assert_int_equal(gm_port_push(&child, &desc, NULL), GM_OK);
    gm_port_publish(&child);
    gm_port_publish(&child); /* nothing new */
    assert_true(gm_wake_wait(link->parent.bell_in, -1, 0, NULL));
    assert_int_equal(gm_port_push(&child, &desc, NULL), GM_OK);
    gm_port_publish(&child);
    assert_false(gm_wake_wait(link->parent.bell_in, -1, 0, NULL)); /* it is awake */
    gm_link_close(link);
}

static void what_can_wait_goes_with_the_next_message(void **state)
{
    struct gm_link *link = open_link();
    struct gm_port child;
    struct gm_desc desc = {.kind = GM_DESC_EMIT}, heard;
    (void)state;
    gm_link_attach_child(link, &child);
    assert_true(gm_ring_consumer_sleep(&link->parent.in));
    for (desc.lease = 1; desc.lease < 4; desc.lease++)
        assert_int_equal(gm_port_send_later(&child, &desc, NULL), GM_OK);
    assert_false(gm_wake_wait(link->parent.bell_in, -1, 0, NULL));
    assert_int_equal(gm_port_pop(&link->parent, &heard, NULL), GM_AGAIN);
    assert_int_equal(gm_port_send(&child, &desc, NULL), GM_OK);
    assert_true(gm_wake_wait(link->parent.bell_in, -1, 0, NULL));
    for (uint64_t lease = 1; lease <= 4; lease++) {
        assert_int_equal(gm_port_pop(&link->parent, &heard, NULL), GM_OK);
        assert_int_equal(heard.lease, lease);
    }
    gm_link_close(link);
}

static void renewing_forgets_everything_of_the_dead(void **state)
{
    struct gm_link *link = open_link();
    struct gm_port child;
    struct gm_desc desc = {.kind = GM_DESC_DONE};
    (void)state;
    gm_link_attach_child(link, &child);
    for (int i = 0; i < 50; i++) {
        gm_port_push(&child, &desc, NULL);
        gm_port_push(&link->parent, &desc, NULL);
    }
    gm_port_publish(&child);
    gm_port_publish(&link->parent);
    gm_wake_ring(link->bell_up);
    gm_wake_ring(link->bell_down);
    atomic_store(&link->parent.shared->cur_lease, 9);
    atomic_store(&link->parent.shared->cur_row, 9);
    int old_fd = link->parent.control_fd;
    assert_int_equal(gm_control_send(link->child_control_fd, GM_CONTROL_TEXT, 1, "old", 3, -1,
                                     GM_CONTROL_NOWAIT, NULL),
                     GM_OK);
    assert_int_equal(gm_link_renew(link, NULL), GM_OK);
    gm_link_attach_child(link, &child);
    static struct gm_control_message message;
    assert_int_equal(gm_port_pop(&link->parent, &desc, NULL), GM_AGAIN);
    assert_int_equal(gm_port_pop(&child, &desc, NULL), GM_AGAIN);
    assert_false(gm_wake_wait(link->bell_up, -1, 0, NULL));
    assert_false(gm_wake_wait(link->bell_down, -1, 0, NULL));
    assert_int_equal(atomic_load(&link->parent.shared->cur_lease), 0);
    assert_int_equal(atomic_load(&link->parent.shared->cur_row), 0);
    assert_int_equal(gm_control_receive(link->parent.control_fd, &message, GM_CONTROL_NOWAIT, NULL),
                     GM_AGAIN);
    assert_true(link->parent.control_fd >= 0 && old_fd >= 0);
    for (uint32_t i = 0; i < GM_RING_SLOTS; i++) /* all of the ring is there again */
        assert_int_equal(gm_port_push(&child, &desc, NULL), GM_OK);
    gm_link_close(link);
}

static void closing_twice_or_nothing_is_fine(void **state)
{
    struct gm_link *link = open_link();
    struct gm_link never = {0};
    (void)state;
    gm_link_close(link);
    gm_link_close(link);
    gm_link_close(&never);
    gm_link_close(NULL);
}

/* ---- with a child that blocks ---- */

enum { N_ECHOES = 5000 };

static int echo_main(void *context)
{
    struct gm_port port;
    gm_link_attach_child(context, &port);
    for (uint64_t i = 0;; i++) {
        struct gm_desc desc;
        if (gm_port_receive(&port, &desc, NULL) != GM_OK || desc.lease != i)
            return 1;
        if (desc.kind == GM_DESC_STOP)
            return 0;
        if (gm_port_send(&port, &desc, NULL) != GM_OK)
            return 2;
    }
}

/* Pushes as much as fits, in bursts, so that each side is full and empty again and again. */
static void nothing_is_lost_between_blocking_peers(void **state)
{
    struct fake_supervisor fake;
    struct gm_desc desc = {.kind = GM_DESC_GRANT};
    uint64_t n_said = 0, n_heard = 0;
    (void)state;
    fake_supervisor_open(&fake, 1, 1u << 20);
    fake_supervisor_start(&fake, echo_main, &fake.link, NULL, 0);
    while (n_heard < N_ECHOES) {
        uint64_t burst = n_heard % 200; /* more than both rings hold, at times */
        while (n_said < N_ECHOES && n_said < n_heard + 1 + burst) {
            desc.lease = n_said;
            if (gm_port_push(&fake.link.parent, &desc, NULL) != GM_OK)
                break;
            n_said++;
        }
        gm_port_publish(&fake.link.parent);
        struct gm_desc heard;
        assert_true(fake_supervisor_hear(&fake, &heard));
        assert_int_equal(heard.lease, n_heard);
        n_heard++;
    }
    desc = (struct gm_desc){.kind = GM_DESC_STOP, .lease = N_ECHOES};
    fake_supervisor_say(&fake, &desc);
    struct gm_obituary obituary = fake_supervisor_wait(&fake);
    assert_int_equal(obituary.code, 0);
    assert_int_equal(obituary.death, GM_DEATH_EXIT);
    fake_supervisor_close(&fake);
}

static int flood_main(void *context)
{
    struct gm_port port;
    gm_link_attach_child(context, &port);
    for (uint64_t i = 0; i < N_ECHOES; i++) {
        const struct gm_desc desc = {.kind = GM_DESC_NEED, .lease = i};
        if (gm_port_send(&port, &desc, NULL) != GM_OK)
            return 1;
    }
    return 0;
}

static void a_full_ring_makes_the_sender_wait(void **state)
{
    struct fake_supervisor fake;
    struct gm_desc desc;
    (void)state;
    fake_supervisor_open(&fake, 1, 1u << 20);
    fake_supervisor_start(&fake, flood_main, &fake.link, NULL, 0);
    for (uint64_t i = 0; i < N_ECHOES; i++) {
        assert_true(fake_supervisor_hear(&fake, &desc));
        assert_int_equal(desc.lease, i);
    }
    assert_false(fake_supervisor_hear(&fake, &desc));
    assert_int_equal(fake_supervisor_wait(&fake).code, 0);
    fake_supervisor_close(&fake);
}

static int corrupt_main(void *context)
{
    struct gm_port port;
    gm_link_attach_child(context, &port);
    atomic_store(&port.shared->up.tail, 1000);
    return 0;
}

static void a_corrupt_ring_is_reported(void **state)
{
    struct fake_supervisor fake;
    struct gm_desc desc;
    (void)state;
    fake_supervisor_open(&fake, 1, 1u << 20);
    fake_supervisor_start(&fake, corrupt_main, &fake.link, NULL, 0);
    fake_supervisor_wait(&fake);
    assert_int_equal(gm_port_pop(&fake.link.parent, &desc, NULL), GM_INTERNAL);
    fake_supervisor_close(&fake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_ends_hear_each_other),
        cmocka_unit_test(a_sleeper_is_rung_once),
        cmocka_unit_test(what_can_wait_goes_with_the_next_message),
        cmocka_unit_test(renewing_forgets_everything_of_the_dead),
        cmocka_unit_test(closing_twice_or_nothing_is_fine),
        cmocka_unit_test(nothing_is_lost_between_blocking_peers),
        cmocka_unit_test(a_full_ring_makes_the_sender_wait),
        cmocka_unit_test(a_corrupt_ring_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
