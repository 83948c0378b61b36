/* Thin covers over libcrypto and libxxhash. SHA-256 goes through EVP, because that is where the
 * CPU's SHA instructions are used. The algorithm is fetched once per state: a fetch costs more
 * than hashing a small record, so who hashes many should keep a state and reset it. libcrypto can
 * fail here only for want of memory or of the algorithm itself; after `new` both are asserted. */
#include "base/hash.h"

#include "base/assert.h"
#include <openssl/evp.h>
#include <stdlib.h>
#ifdef __x86_64__
#include <immintrin.h>
#endif
#if defined(__x86_64__) && __has_include(<xxh_x86dispatch.h>)
#include <xxh_x86dispatch.h> /* the same hashes, with the instructions that this CPU has */
#else
#include <xxhash.h>
#endif

#define XXH3_MIDSIZE_BYTES 240u /* longer texts are hashed with vectors */

struct gm_sha256 {
    EVP_MD_CTX *context;
    EVP_MD_CTX *copy; /* for peek */
    EVP_MD *algorithm;
};

struct gm_sha256 *gm_sha256_new(void)
{
    struct gm_sha256 *state = calloc(1, sizeof *state);
    if (!state)
        return NULL;
    state->context = EVP_MD_CTX_new();
    state->copy = EVP_MD_CTX_new();
    state->algorithm = EVP_MD_fetch(NULL, "SHA256", NULL);
    if (!state->context || !state->copy || !state->algorithm ||
        EVP_DigestInit_ex(state->context, state->algorithm, NULL) != 1 ||
        EVP_DigestInit_ex(state->copy, state->algorithm, NULL) != 1) {
        gm_sha256_free(state);
        return NULL;
    }
    return state;
}

void gm_sha256_free(struct gm_sha256 *state)
{
    if (!state)
        return;
    EVP_MD_CTX_free(state->context);
    EVP_MD_CTX_free(state->copy);
    EVP_MD_free(state->algorithm);
    free(state);
}

void gm_sha256_reset(struct gm_sha256 *state)
{
    int ok = EVP_DigestInit_ex(state->context, state->algorithm, NULL);
    GM_ASSERT(ok == 1);
}

void gm_sha256_update(struct gm_sha256 *state, const void *data, size_t n_bytes)
{
    int ok = EVP_DigestUpdate(state->context, data, n_bytes);
    GM_ASSERT(ok == 1);
}

void gm_sha256_peek(struct gm_sha256 *state, uint8_t digest[GM_SHA256_BYTES])
{
    unsigned n_bytes = 0;
    int ok = EVP_MD_CTX_copy_ex(state->copy, state->context) == 1 &&
             EVP_DigestFinal_ex(state->copy, digest, &n_bytes) == 1;
    GM_ASSERT(ok && n_bytes == GM_SHA256_BYTES);
}

void gm_sha256_final(struct gm_sha256 *state, uint8_t digest[GM_SHA256_BYTES])
{
    unsigned n_bytes = 0;
    int ok = EVP_DigestFinal_ex(state->context, digest, &n_bytes);
    GM_ASSERT(ok == 1 && n_bytes == GM_SHA256_BYTES);
}

void gm_sha256(const void *data, size_t n_bytes, uint8_t digest[GM_SHA256_BYTES])
{
    unsigned n_written = 0;
    int ok = EVP_Digest(data, n_bytes, digest, &n_written, EVP_sha256(), NULL);
    GM_ASSERT(ok == 1 && n_written == GM_SHA256_BYTES);
}

char *gm_hex(const uint8_t *bytes, size_t n_bytes, char *hex)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < n_bytes; i++) {
        hex[2 * i] = digits[bytes[i] >> 4];
        hex[2 * i + 1] = digits[bytes[i] & 15];
    }
    hex[2 * n_bytes] = '\0';
    return hex;
}

char *gm_sha256_hex(const uint8_t digest[GM_SHA256_BYTES], char hex[GM_SHA256_HEX_BYTES])
{
    return gm_hex(digest, GM_SHA256_BYTES, hex);
}

/* libxxhash leaves the upper halves of the vector registers in use; then all SSE code takes longer,
 * SHA-256 by a third. */
#ifdef __x86_64__
__attribute__((target("avx"))) static void clear_upper_halves(void)
{
    _mm256_zeroupper();
}

static void end_of_vectors(size_t n_bytes)
{
    if (n_bytes > XXH3_MIDSIZE_BYTES && __builtin_cpu_supports("avx"))
        clear_upper_halves();
}
#else
static void end_of_vectors(size_t n_bytes)
{
    (void)n_bytes;
}
#endif

uint64_t gm_xxh64(const void *data, size_t n_bytes, uint64_t seed)
{
    uint64_t hash = XXH3_64bits_withSeed(data, n_bytes, seed);
    end_of_vectors(n_bytes);
    return hash;
}

struct gm_hash128 gm_xxh128(const void *data, size_t n_bytes)
{
    XXH128_hash_t hash = XXH3_128bits(data, n_bytes);
    end_of_vectors(n_bytes);
    return (struct gm_hash128){hash.low64, hash.high64};
}
