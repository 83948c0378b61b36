/* The two hashes of the project. SHA-256 (FIPS 180-4, libcrypto) wherever a person may compare or
 * an adversary may choose the bytes; XXH3 (libxxhash 0.8, 64 and 128 bits) for checksums of our
 * own frames and for tables in memory. Any process, any thread; one state per thread. */
#ifndef GM_BASE_HASH_H
#define GM_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

#define GM_SHA256_BYTES     32
#define GM_SHA256_HEX_BYTES 65 /* with the NUL */

struct gm_sha256; /* streaming state */

struct gm_sha256 *gm_sha256_new(void);        /* NULL: no memory */
void gm_sha256_free(struct gm_sha256 *state); /* NULL allowed */
void gm_sha256_reset(struct gm_sha256 *state);
void gm_sha256_update(struct gm_sha256 *state, const void *data, size_t n_bytes);
/* Writes the digest of all bytes so far; the state goes on as if nothing had happened. */
void gm_sha256_peek(struct gm_sha256 *state, uint8_t digest[GM_SHA256_BYTES]);
/* Writes the digest; the state must be reset before it is used again. */
void gm_sha256_final(struct gm_sha256 *state, uint8_t digest[GM_SHA256_BYTES]);
void gm_sha256(const void *data, size_t n_bytes, uint8_t digest[GM_SHA256_BYTES]);
/* Lower-case hex with NUL; returns hex. */
char *gm_hex(const uint8_t *bytes, size_t n_bytes, char *hex);
char *gm_sha256_hex(const uint8_t digest[GM_SHA256_BYTES], char hex[GM_SHA256_HEX_BYTES]);

uint64_t gm_xxh64(const void *data, size_t n_bytes, uint64_t seed);
struct gm_hash128 {
    uint64_t low, high;
};
struct gm_hash128 gm_xxh128(const void *data, size_t n_bytes);

#endif
