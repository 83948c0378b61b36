/* Which network addresses may be connected to. The check runs on the resolved address, right before
 * the socket is opened, so that spellings of an address, DNS answers and redirects are all caught.
 *
 * Refused unless allowed: every range that IANA lists as not globally reachable (this host,
 * private, shared, loopback, link-local with the cloud metadata services, documentation,
 * benchmarking, multicast, reserved), and IPv6 forms that carry an IPv4 address of such a range
 * (mapped, compatible, NAT64, 6to4). Any thread. */
#ifndef GM_FETCH_ADDRESS_H
#define GM_FETCH_ADDRESS_H

#include "base/err.h"
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/* An address block. IPv4 is kept as the last four bytes of ::ffff:a.b.c.d, prefix counted from bit
 * 0 of the 16 bytes. */
struct gm_network {
    uint8_t bytes[16];
    unsigned prefix_bits; /* 0..128 */
};

/* "10.0.0.0/8", "fd00::/8", or one address; GM_CONFIG with a text that quotes it. */
enum gm_status gm_network_parse(const char *text, struct gm_network *network, struct gm_err *err);

/* The name of the range that forbids this address ("loopback"), or NULL: it may be connected to.
 * Address families other than IPv4 and IPv6 are forbidden. allowed: networks that the user opened.
 */
const char *gm_address_forbidden(const struct sockaddr *address, const struct gm_network *allowed,
                                 size_t n_allowed);

/* "127.0.0.1", "::1"; text holds at least GM_ADDRESS_TEXT_BYTES; returns text. */
#define GM_ADDRESS_TEXT_BYTES 64
const char *gm_address_text(const struct sockaddr *address, char *text);

#endif
