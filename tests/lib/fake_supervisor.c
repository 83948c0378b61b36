/* See fake_supervisor.h. */
#include "fake_supervisor.h"

#include "base/assert.h"
#include "base/clock.h"
#include "base/fs.h"
#include "block.h"
#include "ipc/wake.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HANG_MS 20000 /* nothing here takes this long unless it hangs */
#define LOOK_MS 50

struct gm_plan *fake_plan(void)
{
    static const char *const families[N_FAKE_ROUTES] = {"text", "unpack", "image"};
    static const enum gm_media text[] = {GM_MEDIA_TEXT, GM_MEDIA_JSON_LINE};
    static const enum gm_media archives[] = {GM_MEDIA_JSONL, GM_MEDIA_GZIP, GM_MEDIA_TAR};
    struct gm_plan *plan = calloc(1, sizeof *plan);
    GM_ASSERT(plan);
    plan->job.sandbox = GM_SANDBOX_OFF;
    plan->job.max_record_bytes = 3u << 20;
    plan->job.record_deadline_ms = 60000;
    plan->n_cpus = 2;
    plan->n_routes = N_FAKE_ROUTES;
    for (int r = 0; r < N_FAKE_ROUTES; r++) {
        struct gm_plan_route *route = &plan->routes[r];
        snprintf(route->family, sizeof route->family, "%s", families[r]);
        route->kind = r == ROUTE_UNPACK ? GM_ROUTE_SPLIT : GM_ROUTE_CHAIN;
        route->n_workers = 1;
        route->gate_stage = -1;
        route->heap_bytes = route->limit_bytes = 256u << 20;
        for (route->n_columns = 0; route->n_columns < GM_IN_COUNT; route->n_columns++)
            route->columns[route->n_columns] = &gm_input_columns[route->n_columns];
    }
    for (int media = 0; media < GM_MEDIA_COUNT; media++)
        plan->route_of_media[media] = -1;
    for (size_t i = 0; i < GM_ARRAY_LEN(text); i++)
        plan->route_of_media[text[i]] = ROUTE_TEXT;
    for (size_t i = 0; i < GM_ARRAY_LEN(archives); i++)
        plan->route_of_media[archives[i]] = ROUTE_UNPACK;
    plan->route_of_media[GM_MEDIA_PNG] = ROUTE_IMAGE;
    plan->memory.fetch_heap = 1u << 20;
    plan->memory.inline_bytes = 64u << 10;
    plan->memory.max_block_bytes = 4u << 20;
    plan->memory.large = 16u << 20;
    return plan;
}

void fake_supervisor_open(struct fake_supervisor *fake, uint32_t n_small, uint64_t large_bytes)
{
    struct gm_err err;
    const struct gm_pool_size size = {n_small, GM_BLOCK_BYTES, large_bytes};
    memset(fake, 0, sizeof *fake);
    fake->child = (struct gm_child)GM_CHILD_INIT;
    fake->plan = fake_plan();
    fake->budget = (struct gm_large_budget){
        .limit_bytes = large_bytes, .pools = fake->arenas, .n_pools = N_FAKE_ARENAS};
    for (int i = 0; i < N_FAKE_ARENAS; i++) {
        fake->arenas[i] = &fake->pools[i];
        GM_ASSERT(gm_pool_create("fake", &size, &fake->budget, &fake->pools[i], &err) == GM_OK);
    }
    GM_ASSERT(gm_link_open("fake", &fake->link, &err) == GM_OK);
}

void fake_supervisor_close(struct fake_supervisor *fake)
{
    gm_child_kill(&fake->child, NULL);
    gm_link_close(&fake->link);
    for (int i = 0; i < N_FAKE_ARENAS; i++)
        gm_pool_destroy(&fake->pools[i]);
    free(fake->plan);
}

void fake_supervisor_start(struct fake_supervisor *fake, int (*main)(void *), void *context,
                           const int *keep_fds, unsigned n_keep_fds)
{
    struct gm_err err;
    int keep[8] = {fake->link.bell_down, fake->link.bell_up, fake->link.child_control_fd};
    GM_ASSERT(n_keep_fds <= GM_ARRAY_LEN(keep) - 3);
    if (n_keep_fds > 0)
        memcpy(keep + 3, keep_fds, n_keep_fds * sizeof *keep);
    struct gm_child_spec spec = {.title = "fake",
                                 .keep_fds = keep,
                                 .n_keep_fds = n_keep_fds + 3,
                                 .main = main,
                                 .context = context};
    GM_ASSERT(gm_child_start(&spec, &fake->child, &err) == GM_OK);
    gm_close(&fake->link.child_control_fd);
}

/* Last words of a child that failed, for whoever reads the test's output. */
static void print_last_words(struct fake_supervisor *fake)
{
    static struct gm_control_message message;
    while (gm_control_receive(fake->link.parent.control_fd, &message, GM_CONTROL_NOWAIT, NULL) ==
           GM_OK) {
        struct gm_err err;
        if (message.kind == GM_CONTROL_FATAL && message.n_bytes == sizeof err) {
            memcpy(&err, message.data, sizeof err);
            fprintf(stderr, "child: %s\n", err.text);
        } else if (message.kind == GM_CONTROL_LOG && message.n_bytes > 0) {
            fprintf(stderr, "child: %s\n", (const char *)message.data + 1);
        }
        gm_close(&message.fd);
    }
}

bool fake_supervisor_hear(struct fake_supervisor *fake, struct gm_desc *desc)
{
    struct gm_port *port = &fake->link.parent;
    uint64_t deadline_ms = gm_now_ms() + HANG_MS;
    bool ended = false;
    for (;;) {
        enum gm_status status = gm_port_pop(port, desc, NULL);
        gm_port_release(port);
        if (status == GM_OK)
            return true;
        GM_ASSERT(status == GM_AGAIN);
        if (ended)
            return false;
        struct pollfd polled = {.fd = fake->child.pidfd, .events = POLLIN};
        if (gm_now_ms() >= deadline_ms) {
            fprintf(stderr, "the child hangs\n");
            print_last_words(fake);
            gm_child_kill(&fake->child, NULL);
            abort();
        }
        if (fake->child.pid == 0 || poll(&polled, 1, 0) == 1)
            ended = true;
        else if (gm_ring_consumer_sleep(&port->in))
            gm_wake_wait(port->bell_in, fake->child.pidfd, LOOK_MS, NULL);
        gm_ring_awake(&port->in);
    }
}

void fake_supervisor_say(struct fake_supervisor *fake, const struct gm_desc *desc)
{
    GM_ASSERT(gm_port_push(&fake->link.parent, desc, NULL) == GM_OK);
    gm_port_publish(&fake->link.parent);
}

bool fake_supervisor_grant(struct fake_supervisor *fake, uint32_t arena, uint32_t n_bytes,
                           uint64_t lease)
{
    struct gm_span span;
    enum gm_status status = gm_pool_take(fake->arenas[arena], n_bytes, GM_POOL_INPUT, &span, NULL);
    GM_ASSERT(status == GM_OK || status == GM_AGAIN);
    if (status == GM_AGAIN)
        return false;
    const struct gm_desc desc = {
        .kind = GM_DESC_GRANT, .lease = lease, .out_page = span.page, .out_bytes = span.n_bytes};
    fake_supervisor_say(fake, &desc);
    return true;
}

int fake_supervisor_take_fd(struct fake_supervisor *fake, uint64_t key)
{
    static struct gm_control_message message;
    int fd = -1;
    while (fd < 0 && gm_control_receive(fake->link.parent.control_fd, &message, GM_CONTROL_NOWAIT,
                                        NULL) == GM_OK) {
        if (message.kind == GM_CONTROL_FD && message.key == key)
            fd = message.fd;
        else
            gm_close(&message.fd);
    }
    return fd;
}

struct gm_obituary fake_supervisor_wait(struct fake_supervisor *fake)
{
    struct gm_obituary obituary = {.death = GM_DEATH_EXTERNAL};
    struct pollfd polled = {.fd = fake->child.pidfd, .events = POLLIN};
    if (fake->child.pid == 0)
        return obituary;
    if (poll(&polled, 1, HANG_MS) != 1)
        fprintf(stderr, "the child does not end\n");
    print_last_words(fake);
    gm_child_kill(&fake->child, &obituary);
    return obituary;
}
