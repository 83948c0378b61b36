/* robots.txt by RFC 9309. */
#include "fetch/robots.h"

#include "base/assert.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static bool allows(const char *text, const char *path)
{
    struct gm_robots *robots = gm_robots_parse((const uint8_t *)text, strlen(text));
    bool allowed = gm_robots_allows(robots, path, strlen(path));
    gm_robots_free(robots);
    return allowed;
}

static void nothing_said_is_everything_allowed(void **state)
{
    (void)state;
    assert_true(allows("", "/x"));
    assert_true(allows("User-agent: other\nDisallow: /\n", "/x"));
    assert_true(allows("User-agent: *\nDisallow:\n", "/x"));
    assert_true(allows("Disallow: /\n", "/x"));
    assert_true(allows("<html>not a robots file: at all</html>", "/x"));
}

static void our_group_wins_over_the_star(void **state)
{
    (void)state;
    static const char text[] =
        "user-agent: *\ndisallow: /\n\nUSER-AGENT: GristMill/0.1\nallow: /a\n"
        "disallow: /a/secret\n";
    assert_true(allows(text, "/a/x"));
    assert_true(allows(text, "/b"));
    assert_false(allows(text, "/a/secret/1"));
    assert_false(allows("User-agent: gristmill\nUser-agent: other\nDisallow: /x\n", "/x1"));
    assert_true(allows("User-agent: gristmillion\nDisallow: /\n", "/x"));
}

static void groups_of_the_same_agent_add_up(void **state)
{
    (void)state;
    static const char text[] = "User-agent: *\nDisallow: /a\nUser-agent: other\nDisallow: /b\n"
                               "User-agent: *\nDisallow: /c\n";
    assert_false(allows(text, "/a"));
    assert_true(allows(text, "/b"));
    assert_false(allows(text, "/c"));
}

static void the_longest_rule_wins_and_allow_wins_a_tie(void **state)
{
    (void)state;
    static const char text[] = "User-agent: *\nDisallow: /a\nAllow: /a/b\nDisallow: /a/b/c\n"
                               "Disallow: /t\nAllow: /t\n";
    assert_false(allows(text, "/a/x"));
    assert_true(allows(text, "/a/b/x"));
    assert_false(allows(text, "/a/b/c"));
    assert_true(allows(text, "/t"));
}

static void star_and_dollar_match_as_the_standard_says(void **state)
{
    (void)state;
    static const struct {
        const char *rule, *path;
        bool matches;
    } table[] = {
        {"/*.gif$", "/a/b.gif", true},
        {"/*.gif$", "/a/b.gifx", false},
        {"/*.gif$", "/a.gif.gif", true},
        {"/*.gif", "/a.gifx", true},
        {"/x*y*z", "/x1y2z3", true},
        {"/x*y*z", "/x1z2y3", false},
        {"/exact$", "/exact", true},
        {"/exact$", "/exact/", false},
        {"/a$b", "/a$b", true},
        {"/", "", true},
        {"*", "/any", true},
        {"/?q=", "/?q=1", true},
        {"/**", "/x", true},
    };
    for (size_t i = 0; i < GM_ARRAY_LEN(table); i++) {
        char text[128];
        snprintf(text, sizeof text, "User-agent: *\nDisallow: %s\n", table[i].rule);
        if (allows(text, table[i].path) == table[i].matches)
            fail_msg("rule %s, path %s", table[i].rule, table[i].path);
    }
}

static void comments_blanks_cr_and_bom_are_taken(void **state)
{
    (void)state;
    static const char text[] = "\xef\xbb\xbf# hello\r\nUser-agent : * # all\r\n\r\n"
                               "  Disallow:   /x   # why\r\nSitemap: http://a/\r\nDisallow: /y";
    assert_false(allows(text, "/x/1"));
    assert_false(allows(text, "/y"));
    assert_true(allows(text, "/z"));
    assert_true(allows("User-agent: *\nDisallow: /\n", "/robots.txt"));
}

static void a_failing_server_forbids_everything(void **state)
{
    (void)state;
    struct gm_robots *robots = gm_robots_forbid_all();
    assert_false(gm_robots_allows(robots, "/", 1));
    assert_false(gm_robots_allows(robots, "/x?y", 4));
    gm_robots_free(robots);
}

static void huge_files_are_bounded(void **state)
{
    (void)state;
    size_t n_bytes = 2u << 20, at = 0;
    char *text = malloc(n_bytes);
    at += (size_t)snprintf(text, n_bytes, "User-agent: *\nDisallow: /first\n");
    while (at + 64 < n_bytes)
        at += (size_t)snprintf(text + at, n_bytes - at, "Disallow: /%zu\n", at);
    struct gm_robots *robots = gm_robots_parse((const uint8_t *)text, at);
    assert_false(gm_robots_allows(robots, "/first", 6));
    assert_true(gm_robots_allows(robots, "/other", 6));
    gm_robots_free(robots);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_said_is_everything_allowed),
        cmocka_unit_test(our_group_wins_over_the_star),
        cmocka_unit_test(groups_of_the_same_agent_add_up),
        cmocka_unit_test(the_longest_rule_wins_and_allow_wins_a_tie),
        cmocka_unit_test(star_and_dollar_match_as_the_standard_says),
        cmocka_unit_test(comments_blanks_cr_and_bom_are_taken),
        cmocka_unit_test(a_failing_server_forbids_everything),
        cmocka_unit_test(huge_files_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
