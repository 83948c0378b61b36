/* See step.h. */
#include "run/step.h"

#include "base/assert.h"
#include "base/fs.h"
#include "ipc/control.h"
#include "ipc/stop.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

struct start {
    const struct gm_step *step;
    int control_fd;
    sigset_t old_mask;
};

static int step_main(void *context)
{
    const struct start *start = context;
    struct gm_err err = {0};
    sigprocmask(SIG_SETMASK, &start->old_mask, NULL);
    gm_control_log_to(start->control_fd);
    enum gm_status status = start->step->main(start->step->context, &err);
    if (status != GM_OK)
        gm_control_send(start->control_fd, GM_CONTROL_FATAL, 0, &err, sizeof err, -1,
                        GM_CONTROL_WAIT, NULL);
    return gm_status_exit_code(status);
}

/* Signals that have come are answered: a pending one would end us once it is let through. */
static bool take_signals(int signal_fd)
{
    struct signalfd_siginfo info;
    bool any = false;
    while (read(signal_fd, &info, sizeof info) == sizeof info)
        any = true;
    return any;
}

/* Log lines go on; last words are kept. */
static void take_control(int fd, struct gm_control_message *message, struct gm_err *last_words)
{
    while (gm_control_receive(fd, message, GM_CONTROL_NOWAIT, NULL) == GM_OK) {
        if (message->kind == GM_CONTROL_LOG && message->n_bytes > 0)
            gm_log((enum gm_log_level)message->data[0], "%s", (const char *)message->data + 1);
        if (message->kind == GM_CONTROL_FATAL && message->n_bytes == sizeof *last_words)
            memcpy(last_words, message->data, sizeof *last_words);
        gm_close(&message->fd);
    }
}

static enum gm_status wait_for(struct gm_child *child, int control_fd, int signal_fd,
                               struct gm_err *err)
{
    struct gm_control_message *message = malloc(sizeof *message);
    struct gm_err last_words = {0};
    struct gm_obituary obituary = {0};
    bool stopped = false;
    if (!message)
        return gm_err_set(err, GM_NOMEM, "no memory to wait for a child");
    struct pollfd polled[] = {{.fd = child->pidfd, .events = POLLIN},
                              {.fd = signal_fd, .events = POLLIN},
                              {.fd = control_fd, .events = POLLIN}};
    do {
        if (poll(polled, GM_ARRAY_LEN(polled), -1) < 0 && errno != EINTR)
            break;
        take_control(control_fd, message, &last_words);
        if (polled[2].revents & POLLHUP)
            polled[2].fd = -1;
        stopped = take_signals(signal_fd);
    } while (!stopped && !gm_child_reap(child, &obituary));
    take_control(control_fd, message, &last_words);
    gm_child_kill(child, NULL);
    free(message);
    if (stopped)
        return gm_err_set(err, GM_STOPPED, "stopped; run again to resume");
    last_words.text[GM_ERR_TEXT_BYTES - 1] = '\0';
    if (last_words.status != GM_OK && err)
        *err = last_words;
    if (last_words.status != GM_OK)
        return last_words.status;
    if (obituary.death != GM_DEATH_EXIT || obituary.code != 0)
        return gm_err_set(err, GM_INTERNAL, "%s", obituary.text);
    return GM_OK;
}

static enum gm_status start(const struct gm_step *step, const sigset_t *mask,
                            struct gm_step_run *run, struct gm_err *err)
{
    int child_fd = -1;
    int keep[7];
    struct start start = {.step = step, .old_mask = *mask};
    GM_ASSERT(step->n_keep_fds < GM_ARRAY_LEN(keep));
    *run = (struct gm_step_run)GM_STEP_RUN_INIT;
    enum gm_status status = gm_control_pair(&run->control_fd, &child_fd, err);
    if (status != GM_OK)
        return status;
    start.control_fd = child_fd;
    if (step->n_keep_fds > 0)
        memcpy(keep, step->keep_fds, step->n_keep_fds * sizeof keep[0]);
    keep[step->n_keep_fds] = child_fd;
    struct gm_child_spec spec = {.title = step->title,
                                 .keep_fds = keep,
                                 .n_keep_fds = step->n_keep_fds + 1,
                                 .main = step_main,
                                 .context = &start};
    status = gm_child_start(&spec, &run->child, err);
    gm_close(&child_fd);
    if (status != GM_OK)
        gm_close(&run->control_fd);
    return status;
}

void gm_step_hold_signals(sigset_t *old_mask)
{
    sigset_t mask;
    gm_stop_signals(&mask);
    sigprocmask(SIG_BLOCK, &mask, old_mask);
}

/* With the signals blocked. */
static enum gm_status finish(struct gm_step_run *run, struct gm_err *err)
{
    sigset_t mask;
    gm_stop_signals(&mask);
    int signal_fd = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
    enum gm_status status = wait_for(&run->child, run->control_fd, signal_fd, err);
    gm_close(&run->control_fd);
    gm_close(&signal_fd);
    return status;
}

enum gm_status gm_step_start(const struct gm_step *step, struct gm_step_run *run,
                             struct gm_err *err)
{
    sigset_t mask;
    sigprocmask(SIG_SETMASK, NULL, &mask);
    return start(step, &mask, run, err);
}

enum gm_status gm_step_wait(struct gm_step_run *run, struct gm_err *err)
{
    sigset_t old_mask;
    gm_step_hold_signals(&old_mask);
    enum gm_status status = finish(run, err);
    sigprocmask(SIG_SETMASK, &old_mask, NULL);
    return status;
}

void gm_step_drop(struct gm_step_run *run)
{
    gm_child_kill(&run->child, NULL);
    gm_close(&run->control_fd);
}

enum gm_status gm_step_run(const struct gm_step *step, struct gm_err *err)
{
    struct gm_step_run run;
    sigset_t old_mask;
    gm_step_hold_signals(&old_mask);
    enum gm_status status = start(step, &old_mask, &run, err);
    if (status == GM_OK)
        status = finish(&run, err);
    sigprocmask(SIG_SETMASK, &old_mask, NULL);
    return status;
}
