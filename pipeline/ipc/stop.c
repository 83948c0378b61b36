/* See stop.h. */
#include "ipc/stop.h"

#include "base/assert.h"
#include "base/err.h"

#include <stddef.h>
#include <unistd.h>

static const int stop_signals[] = {SIGTERM, SIGINT, SIGHUP};

static bool is_ignored(int number)
{
    struct sigaction action;
    return sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

void gm_stop_signals(sigset_t *set)
{
    sigemptyset(set);
    for (size_t i = 0; i < GM_ARRAY_LEN(stop_signals); i++)
        if (!is_ignored(stop_signals[i]))
            sigaddset(set, stop_signals[i]);
}

/* In the signal handlers: nothing but what is allowed there. */
static void stop(const char *text, size_t n_bytes)
{
    ssize_t n = write(STDERR_FILENO, text, n_bytes);
    (void)n; /* nobody reads it: then the code has to say it */
    _exit(gm_status_exit_code(GM_STOPPED));
}

static void stop_plain(int number)
{
    static const char text[] = "gristmill: error: stopped at once; run again to resume\n";
    (void)number;
    stop(text, sizeof text - 1);
}

static void stop_json(int number)
{
    static const char text[] = "{\"level\":\"error\",\"process\":\"gristmill\","
                               "\"message\":\"stopped at once; run again to resume\"}\n";
    (void)number;
    stop(text, sizeof text - 1);
}

void gm_stop_handle(bool as_json)
{
    for (size_t i = 0; i < GM_ARRAY_LEN(stop_signals); i++) {
        struct sigaction action = {.sa_handler = as_json ? stop_json : stop_plain};
        sigfillset(&action.sa_mask);
        if (!is_ignored(stop_signals[i]))
            (void)sigaction(stop_signals[i], &action, NULL);
    }
}
