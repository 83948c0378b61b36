/* Two lanes, each with a message of its own; the one that ends first takes the next message. For a
 * single message, without the SHA instructions and on other architectures: libcrypto.
 *
 * The instructions hold the eight words of the state as ABEF and CDGH, do two rounds at a time and
 * half of the message schedule; the other half is here. Names of words as in FIPS 180-4. */
#include "base/sha256_many.h"

#ifdef __x86_64__

#include <cpuid.h>
#include <immintrin.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

#define BLOCK_BYTES  64u
#define LENGTH_BYTES 8u
#define CPUID_7_SHA  (1u << 29) /* of EBX */

#define LANES        static inline __attribute__((target("sha,sse4.1"), always_inline))

static const uint32_t k[64] __attribute__((aligned(16))) = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

/* A message on its way: whole blocks of it first, then its last bytes with padding and length. */
struct lane {
    __m128i abef, cdgh;
    const uint8_t *block;
    size_t n_blocks; /* from there on */
    uint8_t *digest; /* NULL: no message */
    bool in_tail;
    size_t n_tail_blocks;
    uint8_t tail[2 * BLOCK_BYTES];
};

/* What a lane holds while it goes through one block. */
struct rounds {
    __m128i abef, cdgh, w[4];
};

/* ---- one block ---- */

LANES void load_block(struct rounds *r, const struct lane *lane)
{
    const __m128i big_endian = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
    r->abef = lane->abef;
    r->cdgh = lane->cdgh;
    for (size_t i = 0; i < 4; i++)
        r->w[i] = _mm_shuffle_epi8(
            _mm_loadu_si128((const __m128i *)(const void *)(lane->block + 16 * i)), big_endian);
}

/* Rounds i to i + 3, with the words w[j]. */
LANES void four_rounds(struct rounds *r, size_t i, size_t j)
{
    __m128i kw = _mm_add_epi32(r->w[j], _mm_load_si128((const __m128i *)(const void *)&k[i]));
    r->cdgh = _mm_sha256rnds2_epu32(r->cdgh, r->abef, kw);
    r->abef = _mm_sha256rnds2_epu32(r->abef, r->cdgh, _mm_shuffle_epi32(kw, 0x0e));
}

/* The words w[j] become those of sixteen rounds later. */
LANES void schedule(struct rounds *r, size_t j)
{
    __m128i last = r->w[(j + 3) % 4];
    __m128i sum = _mm_add_epi32(_mm_sha256msg1_epu32(r->w[j], r->w[(j + 1) % 4]),
                                _mm_alignr_epi8(last, r->w[(j + 2) % 4], 4));
    r->w[j] = _mm_sha256msg2_epu32(sum, last);
}

LANES void end_block(struct lane *lane, const struct rounds *r)
{
    lane->abef = _mm_add_epi32(lane->abef, r->abef);
    lane->cdgh = _mm_add_epi32(lane->cdgh, r->cdgh);
    lane->block += BLOCK_BYTES;
    lane->n_blocks--;
}

/* Four rounds of both lanes in turns: one computes while the other waits. */
LANES void step(struct rounds *a, struct rounds *b, size_t i, size_t j, bool is_last)
{
    four_rounds(a, i + 4 * j, j);
    four_rounds(b, i + 4 * j, j);
    if (is_last)
        return;
    schedule(a, j);
    schedule(b, j);
}

LANES void sixteen_rounds(struct rounds *a, struct rounds *b, size_t i, bool is_last)
{
    step(a, b, i, 0, is_last);
    step(a, b, i, 1, is_last);
    step(a, b, i, 2, is_last);
    step(a, b, i, 3, is_last);
}

/* n blocks of each. */
__attribute__((target("sha,sse4.1"))) static void both(struct lane *a, struct lane *b, size_t n)
{
    for (; n > 0; n--) {
        struct rounds ra, rb;
        load_block(&ra, a);
        load_block(&rb, b);
        sixteen_rounds(&ra, &rb, 0, false); /* as a loop 20 % slower */
        sixteen_rounds(&ra, &rb, 16, false);
        sixteen_rounds(&ra, &rb, 32, false);
        sixteen_rounds(&ra, &rb, 48, true);
        end_block(a, &ra);
        end_block(b, &rb);
    }
}

/* ---- messages ---- */

/* The last bytes, a one bit, zeros, and the length in bits. */
static void make_tail(struct lane *lane, const struct gm_sha256_message *message)
{
    size_t n_rest = message->n_bytes % BLOCK_BYTES;
    lane->n_tail_blocks = n_rest + 1 + LENGTH_BYTES <= BLOCK_BYTES ? 1 : 2;
    size_t tail_bytes = lane->n_tail_blocks * BLOCK_BYTES;
    memset(lane->tail, 0, tail_bytes);
    if (n_rest > 0)
        memcpy(lane->tail, message->data + message->n_bytes - n_rest, n_rest);
    lane->tail[n_rest] = 0x80;
    uint64_t n_bits = __builtin_bswap64((uint64_t)message->n_bytes * 8);
    memcpy(lane->tail + tail_bytes - LENGTH_BYTES, &n_bits, LENGTH_BYTES);
}

static void enter_tail(struct lane *lane)
{
    lane->in_tail = true;
    lane->block = lane->tail;
    lane->n_blocks = lane->n_tail_blocks;
}

static void begin(struct lane *lane, const struct gm_sha256_message *message)
{
    lane->abef = _mm_set_epi32(0x6a09e667, (int)0xbb67ae85, 0x510e527f, (int)0x9b05688c);
    lane->cdgh = _mm_set_epi32(0x3c6ef372, (int)0xa54ff53a, 0x1f83d9ab, 0x5be0cd19);
    lane->digest = message->digest;
    lane->in_tail = false;
    lane->block = message->data;
    lane->n_blocks = message->n_bytes / BLOCK_BYTES;
    make_tail(lane, message);
    if (lane->n_blocks == 0)
        enter_tail(lane);
}

static void put_word(uint8_t *to, uint32_t word)
{
    word = __builtin_bswap32(word);
    memcpy(to, &word, sizeof word);
}

static void put_digest(const struct lane *lane)
{
    uint32_t abef[4], cdgh[4]; /* from the last letter to the first */
    memcpy(abef, &lane->abef, sizeof abef);
    memcpy(cdgh, &lane->cdgh, sizeof cdgh);
    const uint32_t words[] = {abef[3], abef[2], cdgh[3], cdgh[2],
                              abef[1], abef[0], cdgh[1], cdgh[0]};
    for (size_t i = 0; i < 8; i++)
        put_word(lane->digest + 4 * i, words[i]);
}

/* Blocks at hand are done: on to the tail or to the digest. true: the lane is free. */
static bool go_on(struct lane *lane)
{
    if (lane->n_blocks > 0)
        return false;
    if (!lane->in_tail) {
        enter_tail(lane);
        return false;
    }
    put_digest(lane);
    return true;
}

static bool has_sha_instructions(void)
{
    /* Asking the CPU takes longer than hashing a small message. 0: not asked yet. */
    static _Atomic signed char answer;
    signed char known = atomic_load_explicit(&answer, memory_order_relaxed);
    if (known == 0) {
        unsigned eax, ebx = 0, ecx, edx;
        bool has = __builtin_cpu_supports("sse4.1") &&
                   __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) && (ebx & CPUID_7_SHA);
        known = has ? 1 : -1;
        atomic_store_explicit(&answer, known, memory_order_relaxed);
    }
    return known > 0;
}

/* The other lane does the same blocks for nothing: alone this one would take as long. */
static void finish_alone(struct lane *lane)
{
    do {
        struct lane idle = *lane;
        both(lane, &idle, lane->n_blocks);
    } while (!go_on(lane));
}

/* n_messages >= 2. */
static void in_two_lanes(const struct gm_sha256_message *messages, size_t n_messages)
{
    struct lane lanes[2];
    size_t next = 0;
    begin(&lanes[0], &messages[next++]);
    begin(&lanes[1], &messages[next++]);
    for (;;) {
        size_t n = lanes[0].n_blocks < lanes[1].n_blocks ? lanes[0].n_blocks : lanes[1].n_blocks;
        both(&lanes[0], &lanes[1], n);
        for (size_t i = 0; i < 2; i++) {
            if (!go_on(&lanes[i]))
                continue;
            if (next == n_messages) {
                finish_alone(&lanes[1 - i]);
                return;
            }
            begin(&lanes[i], &messages[next++]);
        }
    }
}

#endif

bool gm_sha256_many_is_faster(void)
{
#ifdef __x86_64__
    return has_sha_instructions();
#else
    return false;
#endif
}

void gm_sha256_many(const struct gm_sha256_message *messages, size_t n_messages)
{
#ifdef __x86_64__
    if (n_messages >= 2 && has_sha_instructions()) {
        in_two_lanes(messages, n_messages);
        return;
    }
#endif
    for (size_t i = 0; i < n_messages; i++)
        gm_sha256(messages[i].data, messages[i].n_bytes, messages[i].digest);
}
