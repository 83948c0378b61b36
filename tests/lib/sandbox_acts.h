/* Acts that a sandbox may forbid, and what has to become of each in every profile. No act does harm
 * where the sandbox fails: its target does not exist, is the process itself, or lies in a folder
 * made for it. */
#ifndef GM_TESTS_SANDBOX_ACTS_H
#define GM_TESTS_SANDBOX_ACTS_H

#include "sandboxed.h"

#include <netinet/in.h>

/* root/inside is the folder of FETCH and WRITER, root/outside is not theirs. */
struct place {
    char root[64];
    int inside_fd;
    int outside_fd;
    struct sockaddr_in listener;
    int listener_fd;
};

struct sandbox_act {
    bool (*act)(void *place);
    const char *what;
    enum outcome expected[4]; /* WORKER, LISTER, FETCH, WRITER */
    bool by_landlock;         /* a refusal of FETCH or WRITER is Landlock's */
};

/* Ends with act = NULL. */
extern const struct sandbox_act sandbox_acts[];

#endif
