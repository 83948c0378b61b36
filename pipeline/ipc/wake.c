/* Bells. The eventfd counts rings, so a bell that is rung before anybody listens is still heard,
 * and many rings are heard as one. */
#include "ipc/wake.h"

#include "base/clock.h"
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum gm_status gm_wake_open(int *fd, struct gm_err *err)
{
    int opened = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (opened < 0)
        return gm_err_sys(err, GM_SYSTEM, errno, "unable to make an eventfd");
    *fd = opened;
    return GM_OK;
}

void gm_wake_ring(int fd)
{
    const uint64_t one = 1;
    ssize_t n = write(fd, &one, sizeof one);
    /* EAGAIN: rung 2^64 - 2 times and not heard yet; it will be. */
    GM_ASSERT(n == sizeof one || errno == EAGAIN);
}

static bool drain(int fd)
{
    uint64_t count;
    ssize_t n = read(fd, &count, sizeof count);
    GM_ASSERT(n == sizeof count || errno == EAGAIN);
    return n == sizeof count;
}

void gm_wake_drain(int fd)
{
    drain(fd);
}

bool gm_wake_wait(int fd, int extra_fd, int timeout_ms, bool *extra_ready)
{
    struct pollfd polled[2] = {{.fd = fd, .events = POLLIN}, {.fd = extra_fd, .events = POLLIN}};
    uint64_t deadline_ms = timeout_ms < 0 ? UINT64_MAX : gm_now_ms() + (uint64_t)timeout_ms;
    int left_ms = timeout_ms;
    int n;
    while ((n = poll(polled, 2, left_ms)) < 0) {
        GM_ASSERT(errno == EINTR);
        if (timeout_ms >= 0) {
            uint64_t now_ms = gm_now_ms();
            left_ms = now_ms < deadline_ms ? (int)(deadline_ms - now_ms) : 0;
        }
    }
    if (extra_ready)
        *extra_ready = n > 0 && polled[1].revents != 0;
    return n > 0 && polled[0].revents != 0 && drain(fd);
}
