/* SHA-256 against the examples of FIPS 180-4 and XXH3 against values of its reference program. */
#include "base/hash.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

static const struct {
    const char *text;
    const char *hex;
} known[] = {
    {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
     "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
};

static void sha256_of_known_texts(void **state)
{
    uint8_t digest[GM_SHA256_BYTES];
    char hex[GM_SHA256_HEX_BYTES];
    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        gm_sha256(known[i].text, strlen(known[i].text), digest);
        assert_string_equal(gm_sha256_hex(digest, hex), known[i].hex);
    }
}

static void sha256_in_pieces_and_again(void **state)
{
    uint8_t digest[GM_SHA256_BYTES];
    char hex[GM_SHA256_HEX_BYTES];
    char piece[1000];
    struct gm_sha256 *sha = gm_sha256_new();
    (void)state;
    assert_non_null(sha);
    memset(piece, 'a', sizeof piece);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 1000; i++)
            gm_sha256_update(sha, piece, sizeof piece);
        gm_sha256_final(sha, digest);
        /* A million times "a", the third example of the standard. */
        assert_string_equal(gm_sha256_hex(digest, hex),
                            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
        gm_sha256_reset(sha);
    }
    gm_sha256_free(sha);
    gm_sha256_free(NULL);
}

static void a_look_at_the_digest_changes_nothing(void **state)
{
    uint8_t peeked[GM_SHA256_BYTES], digest[GM_SHA256_BYTES], bytes[300];
    struct gm_sha256 *sha = gm_sha256_new();
    (void)state;
    assert_non_null(sha);
    memset(bytes, 'b', sizeof bytes);
    for (size_t n = 0; n <= sizeof bytes; n += 20) {
        gm_sha256_peek(sha, peeked);
        gm_sha256(bytes, n, digest);
        assert_memory_equal(peeked, digest, sizeof digest);
        if (n < sizeof bytes)
            gm_sha256_update(sha, bytes, 20);
    }
    gm_sha256_final(sha, digest);
    assert_memory_equal(peeked, digest, sizeof digest);
    gm_sha256_free(sha);
}

static void hex_is_lower_case(void **state)
{
    static const uint8_t bytes[] = {0x00, 0x9A, 0xBC, 0xFF};
    char hex[9];
    (void)state;
    assert_ptr_equal(gm_hex(bytes, sizeof bytes, hex), hex);
    assert_string_equal(hex, "009abcff");
    assert_string_equal(gm_hex(bytes, 0, hex), "");
}

static void xxh3_of_known_texts(void **state)
{
    (void)state;
    assert_true(gm_xxh64("", 0, 0) == 0x2D06800538D394C2u);
    struct gm_hash128 hash = gm_xxh128("", 0);
    assert_true(hash.high == 0x99AA06D3014798D8u && hash.low == 0x6001C324468D497Fu);
    assert_true(gm_xxh64("abc", 3, 0) != gm_xxh64("abc", 3, 1));
}

/* Whatever instructions are chosen. */
static void xxh3_is_that_of_the_library(void **state)
{
    static uint8_t bytes[3000];
    (void)state;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * i >> 3);
    for (size_t n = 0; n <= sizeof bytes; n += n < 600 ? 1 : 37) {
        assert_true(gm_xxh64(bytes, n, n) == XXH3_64bits_withSeed(bytes, n, n));
        const XXH128_hash_t wanted = XXH3_128bits(bytes, n);
        const struct gm_hash128 found = gm_xxh128(bytes, n);
        assert_true(found.low == wanted.low64 && found.high == wanted.high64);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha256_of_known_texts),
        cmocka_unit_test(sha256_in_pieces_and_again),
        cmocka_unit_test(a_look_at_the_digest_changes_nothing),
        cmocka_unit_test(hex_is_lower_case),
        cmocka_unit_test(xxh3_of_known_texts),
        cmocka_unit_test(xxh3_is_that_of_the_library),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
