/* What each profile may do, as one matrix: every act is tried in every profile, each in a child of
 * its own, and without the sandbox too, where it has to survive: so no line passes because the
 * attempt itself kills. */
#include "sandbox_acts.h"

#include "base/fs.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static const char *const profile_names[] = {"WORKER", "LISTER", "FETCH", "WRITER"};
static const char *const outcome_names[] = {"works", "is refused", "dies", "ends otherwise"};

static enum outcome attempt(const struct sandbox_act *act, const struct gm_sandbox *sandbox,
                            struct place *place)
{
    const int fds[] = {place->inside_fd};
    struct sandboxed what = {
        .sandbox = *sandbox,
        .act = act->act,
        .context = place,
        .keep_fds = fds,
        .n_keep_fds = sandbox->write_dir_fd < 0,
    };
    struct gm_obituary obituary;
    enum outcome outcome = run_sandboxed(&what, &obituary);
    if (outcome == ELSE)
        print_message("%s: %s\n", act->what, obituary.text);
    return outcome;
}

/* Whatever was tried, what is not theirs is as it was. */
static bool outside_is_untouched(const struct place *place)
{
    char text[16] = "";
    int fd = openat(place->outside_fd, "precious", O_RDONLY);
    bool same = fd >= 0 && read(fd, text, sizeof text - 1) == 9 && strcmp(text, "untouched") == 0;
    if (fd >= 0)
        close(fd);
    return same && faccessat(place->outside_fd, "made", F_OK, AT_SYMLINK_NOFOLLOW) != 0;
}

static void try_profile(struct place *place, enum gm_sandbox_profile profile)
{
    bool writes = profile == GM_SANDBOX_FETCH || profile == GM_SANDBOX_WRITER;
    bool has_landlock = sandbox_state_here(GM_SANDBOX_ON) == GM_SANDBOX_STATE_FULL;
    struct gm_sandbox sandbox = {.profile = profile,
                                 .write_dir_fd = writes ? place->inside_fd : -1};
    unsigned n_wrong = 0;
    unsigned n_skipped = 0;
    for (size_t i = 0; sandbox_acts[i].act; i++) {
        const struct sandbox_act *act = &sandbox_acts[i];
        enum outcome expected = act->expected[profile];
        if (!has_landlock && writes && act->by_landlock && expected == REFUSED) {
            n_skipped++;
            continue;
        }
        enum outcome outcome = attempt(act, &sandbox, place);
        if (outcome != expected || !outside_is_untouched(place)) {
            n_wrong++;
            print_error("%s: %s: it %s, expected: it %s%s\n", profile_names[profile], act->what,
                        outcome_names[outcome], outcome_names[expected],
                        outside_is_untouched(place) ? "" : "; AND IT HAD AN EFFECT");
        }
    }
    if (n_skipped > 0)
        print_error("NOT TESTED: this kernel has no Landlock: %u acts of %s\n", n_skipped,
                    profile_names[profile]);
    assert_int_equal(n_wrong, 0);
}

static void worker_may_use_only_what_it_has(void **state)
{
    try_profile(*state, GM_SANDBOX_WORKER);
}

static void lister_may_read_files(void **state)
{
    try_profile(*state, GM_SANDBOX_LISTER);
}

static void fetch_may_connect_and_write_inside(void **state)
{
    try_profile(*state, GM_SANDBOX_FETCH);
}

static void writer_may_write_inside(void **state)
{
    try_profile(*state, GM_SANDBOX_WRITER);
}

static void no_act_kills_itself_without_the_sandbox(void **state)
{
    static const enum gm_sandbox_mode modes[] = {GM_SANDBOX_OFF, GM_SANDBOX_LOG};
    unsigned n_wrong = 0;
    for (size_t m = 0; m < GM_ARRAY_LEN(modes); m++) {
        struct gm_sandbox sandbox = {
            .profile = GM_SANDBOX_WORKER, .mode = modes[m], .write_dir_fd = -1};
        for (size_t i = 0; sandbox_acts[i].act; i++) {
            enum outcome outcome = attempt(&sandbox_acts[i], &sandbox, *state);
            if (outcome != WORKS && outcome != REFUSED) {
                n_wrong++;
                print_error("mode %d: %s: it %s\n", modes[m], sandbox_acts[i].what,
                            outcome_names[outcome]);
            }
        }
    }
    assert_int_equal(n_wrong, 0);
}

/* ---- the place ---- */

static int open_folder(const struct place *place, const char *name)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", place->root, name);
    assert_int_equal(mkdir(path, 0700), 0);
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

static void put_file(int dir_fd, const char *name, const char *text)
{
    int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

static int make_place(void **state)
{
    static struct place place;
    socklen_t n_bytes = sizeof place.listener;
    place = (struct place){.root = "/tmp/gristmill-sandbox-XXXXXX"};
    assert_non_null(mkdtemp(place.root));
    place.inside_fd = open_folder(&place, "inside");
    place.outside_fd = open_folder(&place, "outside");
    put_file(place.outside_fd, "precious", "untouched");
    put_file(place.inside_fd, "seed", "x");
    assert_int_equal(symlinkat("../outside/precious", place.inside_fd, "link"), 0);
    place.listener =
        (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    place.listener_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(place.listener_fd, (struct sockaddr *)&place.listener, n_bytes), 0);
    assert_int_equal(listen(place.listener_fd, 64), 0);
    assert_int_equal(getsockname(place.listener_fd, (struct sockaddr *)&place.listener, &n_bytes),
                     0);
    *state = &place;
    return 0;
}

static int remove_place(void **state)
{
    struct place *place = *state;
    gm_close(&place->inside_fd);
    gm_close(&place->outside_fd);
    gm_close(&place->listener_fd);
    return gm_remove_tree(AT_FDCWD, place->root, NULL) == GM_OK ? 0 : -1;
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_place, remove_place)
    const struct CMUnitTest tests[] = {
        TEST(worker_may_use_only_what_it_has),         TEST(lister_may_read_files),
        TEST(fetch_may_connect_and_write_inside),      TEST(writer_may_write_inside),
        TEST(no_act_kills_itself_without_the_sandbox),
    };
#undef TEST
    return cmocka_run_group_tests(tests, NULL, NULL);
}
