/* The control channel of a child: a SOCK_SEQPACKET pair for what is small and rare: hello, log
 * lines, and descriptors on their way to a child (SCM_RIGHTS). Payload never passes here. The
 * child's end is non-blocking for logs: a full pipe drops lines (counted), it never blocks a
 * worker. */
#ifndef GM_IPC_CONTROL_H
#define GM_IPC_CONTROL_H

#include "base/err.h"
#include "base/log.h"
#include <stdint.h>

#define GM_CONTROL_MAX_BYTES 4096

enum gm_control_kind {
    GM_CONTROL_HELLO = 1, /* child -> supervisor: it starts; key: enum gm_sandbox_state */
    GM_CONTROL_LOG,       /* child -> supervisor: level byte + text; key: lines dropped before */
    GM_CONTROL_FATAL,     /* child -> supervisor: struct gm_err: why it is about to exit */
    GM_CONTROL_FD,        /* both ways: one descriptor, tagged with a 64-bit key */
    GM_CONTROL_TEXT       /* both ways: a text tagged with a 64-bit key */
};

struct gm_control_message {
    enum gm_control_kind kind;
    uint64_t key;
    int fd;         /* received descriptor (owned by the receiver), or -1 */
    size_t n_bytes; /* of data; always NUL-terminated behind */
    uint8_t data[GM_CONTROL_MAX_BYTES + 1];
};

enum gm_status gm_control_pair(int *parent_fd, int *child_fd, struct gm_err *err);
/* fd_to_send is -1 for all kinds but GM_CONTROL_FD, and stays the caller's. Blocks only if wait is
 * GM_CONTROL_WAIT; else GM_AGAIN when the pipe is full. GM_END: the peer is gone. Neither fills
 * err. */
enum gm_control_wait { GM_CONTROL_NOWAIT, GM_CONTROL_WAIT };
enum gm_status gm_control_send(int fd, enum gm_control_kind kind, uint64_t key, const void *data,
                               size_t n_bytes, int fd_to_send, enum gm_control_wait wait,
                               struct gm_err *err);
/* GM_AGAIN: nothing there (never blocks with NOWAIT). GM_END: the peer is gone, and all that it
 * sent has been received. Neither fills err. Truncated or malformed: GM_INTERNAL, the message is
 * lost. */
enum gm_status gm_control_receive(int fd, struct gm_control_message *message,
                                  enum gm_control_wait wait, struct gm_err *err);
/* Sends this process's log lines through fd (for children). */
void gm_control_log_to(int fd);

#endif
