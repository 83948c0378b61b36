/* The signals that stop a run: SIGTERM, SIGINT and SIGHUP. Whoever runs a job waits for them where
 * it takes its time (the engine, a step); here is which they are, and what they do elsewhere. In
 * the supervisor only: a child sets its signals itself. */
#ifndef GM_IPC_STOP_H
#define GM_IPC_STOP_H

#include <signal.h>
#include <stdbool.h>

/* Those of them that count: one that is ignored when we start (nohup; a shell's background job) is
 * nobody's wish to stop us, and would come through a signalfd all the same. */
void gm_stop_signals(sigset_t *set);
/* From here on one that nobody holds back ends the process at once with the exit code of
 * GM_STOPPED and a message, a JSON line if as_json. What the folder holds then is what a crash
 * leaves: the same command goes on. */
void gm_stop_handle(bool as_json);

#endif
