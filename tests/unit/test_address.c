/* Which addresses may be connected to, in every spelling that a resolver would turn into one. */
#include "fetch/address.h"

#include "base/assert.h"
#include <netdb.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include <cmocka.h>

/* What getaddrinfo makes of a numeric host, as libcurl asks it. */
static void resolve(const char *text, struct sockaddr_storage *address)
{
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM}, *found;
    int code = getaddrinfo(text, "80", &hints, &found);
    if (code)
        fail_msg("%s does not resolve: %s", text, gai_strerror(code));
    memcpy(address, found->ai_addr, found->ai_addrlen);
    freeaddrinfo(found);
}

static const char *judge(const char *text)
{
    struct sockaddr_storage address = {0};
    resolve(text, &address);
    return gm_address_forbidden((struct sockaddr *)&address, NULL, 0);
}

static void every_spelling_of_a_forbidden_address_is_refused(void **state)
{
    (void)state;
    static const char *const forbidden[] = {
        /* this host, spelled in every way that inet_aton reads */
        "127.0.0.1", "127.1", "127.0.1", "127.255.255.254", "2130706433", "0x7f000001",
        "017700000001", "0x7f.1", "0177.0.0.1", "0x7f.0x0.0x0.0x1", "127.0.0.0x1", "0", "0.0.0.0",
        "0.1.2.3", "0x0",
        /* private, shared, link-local with the metadata service, and the rest of the registry */
        "10.0.0.0", "10.255.255.255", "0x0a000001", "167772161", "172.16.0.1", "172.31.255.255",
        "192.168.0.1", "192.168.255.255", "3232235521", "100.64.0.1", "100.127.255.255",
        "169.254.169.254", "0xa9fea9fe", "2852039166", "192.0.0.1", "192.0.2.5", "198.18.0.1",
        "198.19.255.255", "198.51.100.7", "203.0.113.9", "192.88.99.1", "224.0.0.1",
        "239.255.255.255", "240.0.0.1", "255.255.255.255",
        /* IPv6, its own ranges */
        "::", "::1", "0:0:0:0:0:0:0:1", "fe80::1", "febf::1", "fec0::1", "fc00::1", "fd12:3456::1",
        "fdff:ffff::1", "ff02::1", "ff0e::1", "2001:db8::1", "2001::1", "2001:10::1", "100::1",
        "3fff::1", "5f00::1", "64:ff9b:1::1",
        /* IPv6 around an IPv4 address */
        "::ffff:127.0.0.1", "::ffff:7f00:1", "0:0:0:0:0:ffff:10.0.0.1", "::ffff:169.254.169.254",
        "::127.0.0.1", "::10.1.2.3", "64:ff9b::127.0.0.1", "64:ff9b::10.0.0.1",
        "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "2002:a00:1::1", "2002:c0a8:101::1",
        "::ffff:0:127.0.0.1"};
    for (size_t i = 0; i < GM_ARRAY_LEN(forbidden); i++)
        if (!judge(forbidden[i]))
            fail_msg("%s is let through", forbidden[i]);
    assert_true(GM_ARRAY_LEN(forbidden) >= 40);
}

static void public_addresses_pass(void **state)
{
    (void)state;
    static const char *const allowed[] = {"1.1.1.1",         "8.8.8.8",
                                          "9.255.255.255",   "11.0.0.0",
                                          "100.63.255.255",  "100.128.0.0",
                                          "126.255.255.255", "128.0.0.1",
                                          "169.253.255.255", "169.255.0.0",
                                          "172.15.255.255",  "172.32.0.0",
                                          "192.0.1.1",       "192.167.255.255",
                                          "192.169.0.0",     "198.17.255.255",
                                          "198.20.0.0",      "223.255.255.255",
                                          "2606:4700::1111", "2a00:1450::1",
                                          "2001:200::1",     "2001:4860:4860::8888",
                                          "::ffff:8.8.8.8",  "64:ff9b::8.8.8.8",
                                          "2002:808:808::1"};
    for (size_t i = 0; i < GM_ARRAY_LEN(allowed); i++)
        if (judge(allowed[i]))
            fail_msg("%s is refused as %s", allowed[i], judge(allowed[i]));
}

static void the_range_is_named(void **state)
{
    (void)state;
    assert_string_equal(judge("127.0.0.1"), "loopback");
    assert_string_equal(judge("169.254.169.254"), "link-local");
    assert_string_equal(judge("::ffff:10.0.0.1"), "private");
    assert_string_equal(judge("64:ff9b::127.0.0.1"), "loopback");
}

static void other_families_are_refused(void **state)
{
    (void)state;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    assert_non_null(gm_address_forbidden((struct sockaddr *)&address, NULL, 0));
}

static void an_allowed_network_opens_exactly_itself(void **state)
{
    (void)state;
    struct sockaddr_storage address = {0};
    struct gm_network networks[2];
    assert_int_equal(gm_network_parse("10.1.0.0/16", &networks[0], NULL), GM_OK);
    assert_int_equal(gm_network_parse("fd00:1::/33", &networks[1], NULL), GM_OK);
    resolve("10.1.255.1", &address);
    assert_null(gm_address_forbidden((struct sockaddr *)&address, networks, 2));
    resolve("::ffff:10.1.2.3", &address);
    assert_null(gm_address_forbidden((struct sockaddr *)&address, networks, 2));
    resolve("10.2.0.0", &address);
    assert_non_null(gm_address_forbidden((struct sockaddr *)&address, networks, 2));
    resolve("fd00:1:7fff::1", &address);
    assert_null(gm_address_forbidden((struct sockaddr *)&address, networks, 2));
    resolve("fd00:1:8000::1", &address);
    assert_non_null(gm_address_forbidden((struct sockaddr *)&address, networks, 2));
}

static void blocks_are_read_strictly(void **state)
{
    (void)state;
    struct gm_network network;
    struct gm_err err;
    static const char *const good[] = {"0.0.0.0/0", "::/0", "127.0.0.1", "::1/128", "10.0.0.0/32"};
    static const char *const bad[] = {"",     "10.0.0.0/33", "10.0.0/8",    "::/129",
                                      "::1/", "10.0.0.0/-1", "10.0.0.0/8 ", "host",
                                      "/8",   "1.2.3.4/x",   "10.0.0.256"};
    for (size_t i = 0; i < GM_ARRAY_LEN(good); i++)
        assert_int_equal(gm_network_parse(good[i], &network, &err), GM_OK);
    for (size_t i = 0; i < GM_ARRAY_LEN(bad); i++)
        if (gm_network_parse(bad[i], &network, &err) != GM_CONFIG)
            fail_msg("'%s' is accepted", bad[i]);
}

static void addresses_print_as_written(void **state)
{
    (void)state;
    char text[GM_ADDRESS_TEXT_BYTES];
    struct sockaddr_storage address = {0};
    resolve("127.1", &address);
    assert_string_equal(gm_address_text((struct sockaddr *)&address, text), "127.0.0.1");
    resolve("0:0::1", &address);
    assert_string_equal(gm_address_text((struct sockaddr *)&address, text), "::1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_spelling_of_a_forbidden_address_is_refused),
        cmocka_unit_test(public_addresses_pass),
        cmocka_unit_test(the_range_is_named),
        cmocka_unit_test(other_families_are_refused),
        cmocka_unit_test(an_allowed_network_opens_exactly_itself),
        cmocka_unit_test(blocks_are_read_strictly),
        cmocka_unit_test(addresses_print_as_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
