/* The control channel: borders, descriptors, a full pipe, a peer that is gone or lies. */
#include "ipc/control.h"

#include "base/fs.h"
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

struct pair {
    int parent_fd, child_fd;
};

static int make_pair(void **state)
{
    static struct pair pair;
    assert_int_equal(gm_control_pair(&pair.parent_fd, &pair.child_fd, NULL), GM_OK);
    *state = &pair;
    return 0;
}

static int close_pair(void **state)
{
    struct pair *pair = *state;
    gm_close(&pair->parent_fd);
    gm_close(&pair->child_fd);
    return 0;
}

static enum gm_status send_text(int fd, uint64_t key, const char *text)
{
    return gm_control_send(fd, GM_CONTROL_TEXT, key, text, strlen(text), -1, GM_CONTROL_NOWAIT,
                           NULL);
}

static enum gm_status receive(int fd, struct gm_control_message *message)
{
    memset(message, 0xA5, sizeof *message);
    return gm_control_receive(fd, message, GM_CONTROL_NOWAIT, NULL);
}

static void messages_keep_borders_order_and_keys(void **state)
{
    struct pair *pair = *state;
    struct gm_control_message message;
    static const char raw[] = "a\0b";
    assert_int_equal(gm_control_send(pair->child_fd, GM_CONTROL_HELLO, 17, raw, sizeof raw, -1,
                                     GM_CONTROL_WAIT, NULL),
                     GM_OK);
    assert_int_equal(send_text(pair->child_fd, UINT64_MAX, "one"), GM_OK);
    assert_int_equal(send_text(pair->child_fd, 2, ""), GM_OK);
    assert_int_equal(receive(pair->parent_fd, &message), GM_OK);
    assert_int_equal(message.kind, GM_CONTROL_HELLO);
    assert_int_equal(message.key, 17);
    assert_int_equal(message.n_bytes, sizeof raw);
    assert_memory_equal(message.data, raw, sizeof raw);
    assert_int_equal(receive(pair->parent_fd, &message), GM_OK);
    assert_int_equal(message.kind, GM_CONTROL_TEXT);
    assert_true(message.key == UINT64_MAX);
    assert_string_equal((char *)message.data, "one");
    assert_int_equal(message.fd, -1);
    assert_int_equal(receive(pair->parent_fd, &message), GM_OK);
    assert_int_equal(message.n_bytes, 0);
    assert_string_equal((char *)message.data, "");
    assert_int_equal(receive(pair->parent_fd, &message), GM_AGAIN);
}

static void largest_message_passes_whole(void **state)
{
    struct pair *pair = *state;
    struct gm_control_message message;
    char data[GM_CONTROL_MAX_BYTES];
    memset(data, 'z', sizeof data);
    assert_int_equal(gm_control_send(pair->parent_fd, GM_CONTROL_TEXT, 1, data, sizeof data, -1,
                                     GM_CONTROL_WAIT, NULL),
                     GM_OK);
    assert_int_equal(receive(pair->child_fd, &message), GM_OK);
    assert_int_equal(message.n_bytes, sizeof data);
    assert_memory_equal(message.data, data, sizeof data);
    assert_int_equal(message.data[sizeof data], 0);
}

static void descriptor_arrives_with_its_key_and_works(void **state)
{
    struct pair *pair = *state;
    struct gm_control_message message;
    int pipe_fds[2];
    char byte;
    assert_int_equal(pipe(pipe_fds), 0);
    assert_int_equal(gm_control_send(pair->parent_fd, GM_CONTROL_FD, 42, "spool/x", 7, pipe_fds[0],
                                     GM_CONTROL_WAIT, NULL),
                     GM_OK);
    close(pipe_fds[0]);
    assert_int_equal(receive(pair->child_fd, &message), GM_OK);
    assert_int_equal(message.kind, GM_CONTROL_FD);
    assert_int_equal(message.key, 42);
    assert_string_equal((char *)message.data, "spool/x");
    assert_true(fcntl(message.fd, F_GETFD) & FD_CLOEXEC);
    assert_int_equal(write(pipe_fds[1], "q", 1), 1);
    assert_int_equal(read(message.fd, &byte, 1), 1);
    assert_int_equal(byte, 'q');
    close(message.fd);
    close(pipe_fds[1]);
}

static void full_pipe_never_blocks(void **state)
{
    struct pair *pair = *state;
    struct gm_control_message message;
    enum gm_status status;
    unsigned n_sent = 0;
    unsigned n_received = 0;
    while ((status = send_text(pair->child_fd, n_sent, "line")) == GM_OK)
        n_sent++;
    assert_int_equal(status, GM_AGAIN);
    assert_true(n_sent > 10);
    for (; receive(pair->parent_fd, &message) == GM_OK; n_received++)
        assert_int_equal(message.key, n_received);
    assert_int_equal(n_received, n_sent);
    assert_int_equal(send_text(pair->child_fd, 0, "there is room again"), GM_OK);
}

static void logs_of_a_full_pipe_are_dropped_and_counted(void **state)
{
    struct pair *pair = *state;
    struct gm_control_message message;
    uint64_t n_dropped = gm_log_dropped();
    gm_log_setup(STDERR_FILENO, GM_LOG_INFO, GM_LOG_TEXT, "gristmill text.1");
    gm_control_log_to(pair->child_fd);
    gm_log(GM_LOG_WARN, "cannot read %s", "x\n.png");
    assert_int_equal(receive(pair->parent_fd, &message), GM_OK);
    assert_int_equal(message.kind, GM_CONTROL_LOG);
    assert_int_equal(message.data[0], GM_LOG_WARN);
    assert_int_equal(message.key, n_dropped);
    assert_string_equal((char *)message.data + 1, "gristmill text.1: warn: cannot read x\\n.png");
    while (send_text(pair->child_fd, 0, "filler") == GM_OK)
        ;
    gm_log(GM_LOG_INFO, "lost");
    gm_log(GM_LOG_INFO, "lost too");
    assert_int_equal(gm_log_dropped(), n_dropped + 2);
    while (receive(pair->parent_fd, &message) == GM_OK)
        assert_int_equal(message.kind, GM_CONTROL_TEXT);
    gm_log(GM_LOG_INFO, "heard");
    assert_int_equal(receive(pair->parent_fd, &message), GM_OK);
    assert_int_equal(message.key, n_dropped + 2); /* the supervisor learns how many */
    gm_log_redirect(NULL, NULL);
}

static void end_comes_behind_the_last_message(void **state)
{
    struct pair *pair = *state;
    struct gm_control_message message;
    assert_int_equal(send_text(pair->child_fd, 1, "last words"), GM_OK);
    gm_close(&pair->child_fd);
    assert_int_equal(receive(pair->parent_fd, &message), GM_OK);
    assert_string_equal((char *)message.data, "last words");
    assert_int_equal(receive(pair->parent_fd, &message), GM_END);
    assert_int_equal(receive(pair->parent_fd, &message), GM_END);
    assert_int_equal(send_text(pair->parent_fd, 1, "too late"), GM_END);
}

static void last_words_survive_unread_mail(void **state)
{
    struct pair *pair = *state;
    struct gm_control_message message;
    /* The child goes without having read what it was sent: the kernel then tells a reset first. */
    assert_int_equal(send_text(pair->parent_fd, 1, "never read"), GM_OK);
    assert_int_equal(send_text(pair->child_fd, 2, "last words"), GM_OK);
    gm_close(&pair->child_fd);
    assert_int_equal(receive(pair->parent_fd, &message), GM_OK);
    assert_string_equal((char *)message.data, "last words");
    assert_int_equal(receive(pair->parent_fd, &message), GM_END);
}

/* ---- a peer that lies ---- */

struct forged {
    uint32_t kind, n_bytes;
    uint64_t key;
    char data[16];
};

static void malformed_messages_are_refused_one_by_one(void **state)
{
    struct pair *pair = *state;
    static const struct {
        struct forged packet;
        size_t n_sent;
    } cases[] = {
        {{GM_CONTROL_TEXT, 4, 0, "abcd"}, 15}, /* head cut */
        {{GM_CONTROL_TEXT, 5, 0, "abcd"}, 20}, /* says more than it sent */
        {{GM_CONTROL_TEXT, 3, 0, "abcd"}, 20}, /* says less */
        {{GM_CONTROL_TEXT, UINT32_MAX, 0, ""}, 16},
        {{0, 0, 0, ""}, 16}, /* no such kind */
        {{GM_CONTROL_TEXT + 1, 0, 0, ""}, 16},
        {{GM_CONTROL_FD, 0, 0, ""}, 16}, /* without a descriptor */
    };
    struct gm_control_message message;
    for (size_t i = 0; i < GM_ARRAY_LEN(cases); i++) {
        assert_int_equal(send(pair->child_fd, &cases[i].packet, cases[i].n_sent, 0),
                         cases[i].n_sent);
        assert_int_equal(receive(pair->parent_fd, &message), GM_INTERNAL);
        assert_int_equal(message.fd, -1);
    }
    static const char big[GM_CONTROL_MAX_BYTES + 17];
    assert_int_equal(send(pair->child_fd, big, sizeof big, 0), sizeof big);
    assert_int_equal(receive(pair->parent_fd, &message), GM_INTERNAL);
    assert_int_equal(send_text(pair->child_fd, 1, "good"), GM_OK);
    assert_int_equal(receive(pair->parent_fd, &message), GM_OK);
}

static int count_descriptors(void)
{
    int n_open = 0;
    for (int fd = 0; fd < 256; fd++)
        n_open += fcntl(fd, F_GETFD) != -1;
    return n_open;
}

static void send_descriptors(int fd, enum gm_control_kind kind, unsigned n_fds)
{
    struct forged packet = {.kind = kind};
    struct iovec part = {&packet, 16};
    _Alignas(struct cmsghdr) uint8_t room[CMSG_SPACE(4 * sizeof(int))] = {0};
    struct msghdr header = {.msg_iov = &part,
                            .msg_iovlen = 1,
                            .msg_control = room,
                            .msg_controllen = CMSG_SPACE(n_fds * sizeof(int))};
    struct cmsghdr *entry = CMSG_FIRSTHDR(&header);
    int fds[4] = {STDERR_FILENO, STDERR_FILENO, STDERR_FILENO, STDERR_FILENO};
    entry->cmsg_level = SOL_SOCKET;
    entry->cmsg_type = SCM_RIGHTS;
    entry->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
    memcpy(CMSG_DATA(entry), fds, n_fds * sizeof(int));
    assert_int_equal(sendmsg(fd, &header, 0), 16);
}

static void unwanted_descriptors_are_refused_and_do_not_leak(void **state)
{
    struct pair *pair = *state;
    struct gm_control_message message;
    int n_before = count_descriptors();
    for (unsigned n_fds = 2; n_fds <= 4; n_fds++) {
        send_descriptors(pair->child_fd, GM_CONTROL_FD, n_fds);
        assert_int_equal(receive(pair->parent_fd, &message), GM_INTERNAL);
        assert_int_equal(message.fd, -1);
    }
    send_descriptors(pair->child_fd, GM_CONTROL_TEXT, 1);
    assert_int_equal(receive(pair->parent_fd, &message), GM_INTERNAL);
    assert_int_equal(count_descriptors(), n_before);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_pair, close_pair)
    const struct CMUnitTest tests[] = {
        TEST(messages_keep_borders_order_and_keys),
        TEST(largest_message_passes_whole),
        TEST(descriptor_arrives_with_its_key_and_works),
        TEST(full_pipe_never_blocks),
        TEST(logs_of_a_full_pipe_are_dropped_and_counted),
        TEST(end_comes_behind_the_last_message),
        TEST(last_words_survive_unread_mail),
        TEST(malformed_messages_are_refused_one_by_one),
        TEST(unwanted_descriptors_are_refused_and_do_not_leak),
    };
#undef TEST
    return cmocka_run_group_tests(tests, NULL, NULL);
}
