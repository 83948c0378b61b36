/* The control channel. One packet is one message: a 16-byte head, the data, and at most one
 * descriptor beside it. SEQPACKET keeps the borders, so nothing has to be reassembled and a broken
 * message cannot shift the ones behind it. What is received is checked, because the sender may be a
 * child that has been taken over. */
#include "ipc/control.h"

#include "base/fs.h"
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct head {
    uint32_t kind;
    uint32_t n_bytes;
    uint64_t key;
};
_Static_assert(sizeof(struct head) == 16, "both ends must agree on the layout");
_Static_assert(sizeof(struct gm_err) <= GM_CONTROL_MAX_BYTES, "GM_CONTROL_FATAL carries one");

/* Room for the header of one control message with one descriptor, aligned. */
union descriptor_room {
    struct cmsghdr align;
    uint8_t bytes[CMSG_SPACE(sizeof(int))];
};

enum gm_status gm_control_pair(int *parent_fd, int *child_fd, struct gm_err *err)
{
    int fds[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0)
        return gm_err_sys(err, GM_SYSTEM, errno, "unable to make a control channel");
    *parent_fd = fds[0];
    *child_fd = fds[1];
    return GM_OK;
}

static void attach_descriptor(struct msghdr *packet, union descriptor_room *room, int fd)
{
    packet->msg_control = room->bytes;
    packet->msg_controllen = CMSG_LEN(sizeof fd);
    struct cmsghdr *entry = CMSG_FIRSTHDR(packet);
    entry->cmsg_level = SOL_SOCKET;
    entry->cmsg_type = SCM_RIGHTS;
    entry->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(entry), &fd, sizeof fd);
}

static enum gm_status send_failed(enum gm_control_wait wait, struct gm_err *err)
{
    if (errno == EPIPE || errno == ECONNRESET)
        return GM_END;
    /* ETOOMANYREFS: more descriptors are under way than this user may have; they will arrive. */
    if (wait == GM_CONTROL_NOWAIT && (errno == EAGAIN || errno == ETOOMANYREFS))
        return GM_AGAIN;
    return gm_err_sys(err, GM_SYSTEM, errno, "unable to send on a control channel");
}

enum gm_status gm_control_send(int fd, enum gm_control_kind kind, uint64_t key, const void *data,
                               size_t n_bytes, int fd_to_send, enum gm_control_wait wait,
                               struct gm_err *err)
{
    GM_ASSERT(n_bytes <= GM_CONTROL_MAX_BYTES);
    GM_ASSERT((kind == GM_CONTROL_FD) == (fd_to_send >= 0));
    struct head head = {.kind = kind, .n_bytes = (uint32_t)n_bytes, .key = key};
    struct iovec parts[2] = {{&head, sizeof head}, {(void *)(uintptr_t)data, n_bytes}};
    struct msghdr packet = {.msg_iov = parts, .msg_iovlen = 2};
    union descriptor_room room = {0};
    if (fd_to_send >= 0)
        attach_descriptor(&packet, &room, fd_to_send);
    ssize_t n;
    do
        n = sendmsg(fd, &packet, MSG_NOSIGNAL | (wait == GM_CONTROL_NOWAIT ? MSG_DONTWAIT : 0));
    while (n < 0 && errno == EINTR);
    return n < 0 ? send_failed(wait, err) : GM_OK;
}

/* The first descriptor that came along goes to *fd, any other is closed. */
static void take_descriptors(struct msghdr *packet, int *fd)
{
    for (struct cmsghdr *entry = CMSG_FIRSTHDR(packet); entry; entry = CMSG_NXTHDR(packet, entry)) {
        if (entry->cmsg_level != SOL_SOCKET || entry->cmsg_type != SCM_RIGHTS)
            continue;
        for (size_t at = CMSG_LEN(0); at + sizeof(int) <= entry->cmsg_len; at += sizeof(int)) {
            int received;
            memcpy(&received, (uint8_t *)entry + at, sizeof received);
            if (*fd < 0)
                *fd = received;
            else
                gm_close(&received);
        }
    }
}

static ssize_t receive(int fd, struct msghdr *packet, enum gm_control_wait wait)
{
    int flags = MSG_CMSG_CLOEXEC | (wait == GM_CONTROL_NOWAIT ? MSG_DONTWAIT : 0);
    /* The header of a control message and one descriptor, not the padding behind it: there the
     * kernel would find room for a second one. */
    const size_t control_bytes = CMSG_LEN(sizeof(int));
    ssize_t n;
    do {
        packet->msg_controllen = control_bytes;
        n = recvmsg(fd, packet, flags);
        /* ECONNRESET: the peer went with messages of ours unread. It is told once, and in front of
         * what the peer had to say; that comes with the next call. */
    } while (n < 0 && (errno == EINTR || errno == ECONNRESET));
    return n;
}

static bool is_well_formed(const struct head *head, ssize_t n_received, const struct msghdr *packet,
                           int fd)
{
    return !(packet->msg_flags & (MSG_TRUNC | MSG_CTRUNC)) && n_received >= (ssize_t)sizeof *head &&
           (size_t)n_received - sizeof *head == head->n_bytes && head->kind >= GM_CONTROL_HELLO &&
           head->kind <= GM_CONTROL_TEXT && (head->kind == GM_CONTROL_FD) == (fd >= 0);
}

enum gm_status gm_control_receive(int fd, struct gm_control_message *message,
                                  enum gm_control_wait wait, struct gm_err *err)
{
    struct head head = {0};
    struct iovec parts[2] = {{&head, sizeof head}, {message->data, GM_CONTROL_MAX_BYTES}};
    union descriptor_room room = {0};
    struct msghdr packet = {.msg_iov = parts, .msg_iovlen = 2, .msg_control = room.bytes};
    message->fd = -1;
    ssize_t n = receive(fd, &packet, wait);
    if (n == 0)
        return GM_END;
    if (n < 0 && errno == EAGAIN)
        return GM_AGAIN;
    if (n < 0)
        return gm_err_sys(err, GM_SYSTEM, errno, "unable to receive on a control channel");
    take_descriptors(&packet, &message->fd);
    if (!is_well_formed(&head, n, &packet, message->fd)) {
        gm_close(&message->fd);
        return gm_err_set(err, GM_INTERNAL, "malformed message of %zd bytes on a control channel",
                          n);
    }
    message->kind = (enum gm_control_kind)head.kind;
    message->key = head.key;
    message->n_bytes = head.n_bytes;
    message->data[head.n_bytes] = '\0';
    return GM_OK;
}

static void emit_line(void *context, enum gm_log_level level, const char *line, size_t n_bytes)
{
    int fd = (int)(intptr_t)context;
    uint8_t data[GM_CONTROL_MAX_BYTES];
    if (n_bytes > sizeof data - 1)
        n_bytes = sizeof data - 1;
    data[0] = (uint8_t)level;
    memcpy(data + 1, line, n_bytes);
    if (gm_control_send(fd, GM_CONTROL_LOG, gm_log_dropped(), data, n_bytes + 1, -1,
                        GM_CONTROL_NOWAIT, NULL) != GM_OK)
        gm_log_count_dropped();
}

void gm_control_log_to(int fd)
{
    gm_log_redirect(emit_line, (void *)(intptr_t)fd);
}
