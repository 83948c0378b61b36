/* The table of forbidden address ranges and the match against it. Everything is brought to 16 bytes
 * first (IPv4 as ::ffff:a.b.c.d), so that one comparison serves all. IPv6 addresses that embed an
 * IPv4 address are judged by the embedded one, because that is where the packets end up. */
#include "fetch/address.h"

#include "base/assert.h"
#include "base/num.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#define V4(a, b, c, d) 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d
#define V4_BITS        96u

struct range {
    struct gm_network network;
    const char *name;
};

/* IANA's special-purpose address registries, the rows that are not globally reachable. */
static const struct range forbidden[] = {
    {{{V4(0, 0, 0, 0)}, V4_BITS + 8}, "this host"},
    {{{V4(10, 0, 0, 0)}, V4_BITS + 8}, "private"},
    {{{V4(100, 64, 0, 0)}, V4_BITS + 10}, "shared (carrier NAT)"},
    {{{V4(127, 0, 0, 0)}, V4_BITS + 8}, "loopback"},
    {{{V4(169, 254, 0, 0)}, V4_BITS + 16}, "link-local"},
    {{{V4(172, 16, 0, 0)}, V4_BITS + 12}, "private"},
    {{{V4(192, 0, 0, 0)}, V4_BITS + 24}, "protocol assignments"},
    {{{V4(192, 0, 2, 0)}, V4_BITS + 24}, "documentation"},
    {{{V4(192, 88, 99, 0)}, V4_BITS + 24}, "6to4 relay"},
    {{{V4(192, 168, 0, 0)}, V4_BITS + 16}, "private"},
    {{{V4(198, 18, 0, 0)}, V4_BITS + 15}, "benchmarking"},
    {{{V4(198, 51, 100, 0)}, V4_BITS + 24}, "documentation"},
    {{{V4(203, 0, 113, 0)}, V4_BITS + 24}, "documentation"},
    {{{V4(224, 0, 0, 0)}, V4_BITS + 4}, "multicast"},
    {{{V4(240, 0, 0, 0)}, V4_BITS + 4}, "reserved"},
    {{{0}, 128}, "unspecified"},
    {{{[15] = 1}, 128}, "loopback"},
    {{{0, 0x64, 0xff, 0x9b, 0, 1}, 48}, "local-use NAT64"},
    {{{1}, 64}, "discard only"},
    {{{0x20, 0x01}, 23}, "protocol assignments"},
    {{{0x20, 0x01, 0x0d, 0xb8}, 32}, "documentation"},
    {{{0x3f, 0xff}, 20}, "documentation"},
    {{{0x5f}, 16}, "segment routing"},
    {{{0xfc}, 7}, "private (unique local)"},
    {{{0xfe, 0x80}, 10}, "link-local"},
    {{{0xfe, 0xc0}, 10}, "site-local"},
    {{{0xff}, 8}, "multicast"},
};

/* Prefixes whose addresses carry an IPv4 address at the given byte. */
struct carrier {
    struct gm_network network;
    unsigned v4_at;
};
static const struct carrier carriers[] = {
    {{{0}, 96}, 12},                      /* IPv4-compatible, deprecated */
    {{{0, 0x64, 0xff, 0x9b}, 96}, 12},    /* NAT64 */
    {{{0x20, 0x02}, 16}, 2},              /* 6to4 */
    {{{[8] = 0xff, [9] = 0xff}, 96}, 12}, /* IPv4-translated, RFC 2765 */
};

static bool contains(const struct gm_network *network, const uint8_t bytes[16])
{
    unsigned whole = network->prefix_bits / 8;
    unsigned rest = network->prefix_bits % 8;
    if (memcmp(network->bytes, bytes, whole) != 0)
        return false;
    if (rest == 0)
        return true;
    unsigned mask = (0xff00u >> rest) & 0xffu;
    return ((network->bytes[whole] ^ bytes[whole]) & mask) == 0;
}

static void from_v4(const void *v4, uint8_t bytes[16])
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    memcpy(bytes, mapped, sizeof mapped);
    memcpy(bytes + 12, v4, 4);
}

static const char *forbidden_name(const uint8_t bytes[16])
{
    for (size_t i = 0; i < GM_ARRAY_LEN(forbidden); i++)
        if (contains(&forbidden[i].network, bytes))
            return forbidden[i].name;
    return NULL;
}

static bool to_bytes(const struct sockaddr *address, uint8_t bytes[16])
{
    if (address->sa_family == AF_INET) {
        struct sockaddr_in v4;
        memcpy(&v4, address, sizeof v4);
        from_v4(&v4.sin_addr, bytes);
        return true;
    }
    if (address->sa_family == AF_INET6) {
        struct sockaddr_in6 v6;
        memcpy(&v6, address, sizeof v6);
        memcpy(bytes, &v6.sin6_addr, 16);
        return true;
    }
    return false;
}

const char *gm_address_forbidden(const struct sockaddr *address, const struct gm_network *allowed,
                                 size_t n_allowed)
{
    uint8_t bytes[16];
    if (!to_bytes(address, bytes))
        return "not an internet address";
    for (size_t i = 0; i < n_allowed; i++)
        if (contains(&allowed[i], bytes))
            return NULL;
    const char *name = forbidden_name(bytes);
    for (size_t i = 0; !name && i < GM_ARRAY_LEN(carriers); i++) {
        if (!contains(&carriers[i].network, bytes))
            continue;
        uint8_t inner[16];
        from_v4(bytes + carriers[i].v4_at, inner);
        name = forbidden_name(inner);
    }
    return name;
}

enum gm_status gm_network_parse(const char *text, struct gm_network *network, struct gm_err *err)
{
    char address[GM_ADDRESS_TEXT_BYTES];
    const char *slash = strchr(text, '/');
    size_t length = slash ? (size_t)(slash - text) : strlen(text);
    struct gm_network result = {.prefix_bits = 128};
    uint8_t v4[4];
    if (length >= sizeof address)
        return gm_err_set(err, GM_CONFIG, "'%.80s' is not an address block", text);
    memcpy(address, text, length);
    address[length] = '\0';

    unsigned base_bits = 0;
    if (inet_pton(AF_INET, address, v4) == 1) {
        from_v4(v4, result.bytes);
        base_bits = V4_BITS;
    } else if (inet_pton(AF_INET6, address, result.bytes) != 1) {
        return gm_err_set(err, GM_CONFIG,
                          "'%.80s' is not an address block: write it as 10.0.0.0/8 or fd00::/8",
                          text);
    }
    if (slash) {
        uint64_t bits = 0;
        if (gm_parse_u64(slash + 1, strlen(slash + 1), &bits, NULL) != GM_OK ||
            bits > 128 - base_bits)
            return gm_err_set(err, GM_CONFIG, "'%.80s': the prefix length must be 0 to %u", text,
                              128 - base_bits);
        result.prefix_bits = base_bits + (unsigned)bits;
    }
    *network = result;
    return GM_OK;
}

const char *gm_address_text(const struct sockaddr *address, char *text)
{
    uint8_t bytes[16];
    const char *done = NULL;
    if (address->sa_family == AF_INET && to_bytes(address, bytes))
        done = inet_ntop(AF_INET, bytes + 12, text, GM_ADDRESS_TEXT_BYTES);
    else if (to_bytes(address, bytes))
        done = inet_ntop(AF_INET6, bytes, text, GM_ADDRESS_TEXT_BYTES);
    return done ? done : memcpy(text, "?", 2);
}
