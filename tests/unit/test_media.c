/* What a body is told to be from its first bytes, and the tables of media and reasons. */
#include "media.h"
#include "reason.h"

#include "base/assert.h"
#include "fixture.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define CASE(media, name, bytes)                                                                   \
    {                                                                                              \
        GM_MEDIA_##media, name, bytes, sizeof(bytes) - 1                                           \
    }

static const struct {
    enum gm_media media;
    const char *name;
    const char *bytes;
    size_t n_bytes;
} cases[] = {
    CASE(EMPTY, "a.jsonl", ""),
    CASE(JPEG, "a.png", "\xff\xd8\xff\xe0\0\x10JFIF"),
    CASE(PNG, "a.jpg", "\x89PNG\r\n\x1a\n\0\0\0\rIHDR"),
    CASE(GIF, "", "GIF89a\x01\0"),
    CASE(GIF, "", "GIF87a\x01\0"),
    CASE(TEXT, "", "GIF88a is no version"),
    CASE(WEBP, "", "RIFF\x10\0\0\0WEBPVP8 "),
    CASE(UNKNOWN, "", "RIFF\x10\0\0\0WAVEfmt "),
    CASE(TIFF, "", "II*\0\x08\0\0\0"),
    CASE(TIFF, "", "MM\0*\0\0\0\x08"),
    CASE(BMP, "", "BM\x36\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0"),
    CASE(TEXT, "", "BMW and Audi make cars"),
    CASE(PNM, "", "P5 640 480 255\n"),
    CASE(PNM, "", "P6\n# made by hand\n1 1 255\nabc"),
    CASE(TEXT, "", "P5 is a kind of file"),
    CASE(TEXT, "", "P53 10"),
    CASE(PSD, "", "8BPS\0\1\0\0\0\0\0\0\0\3"),
    CASE(PSD, "", "8BPS\0\2\0\0\0\0\0\0\0\3"),
    CASE(TEXT, "", "8BPS is how Photoshop begins"),
    CASE(UNKNOWN, "", "8BPS\0\3\0\0\0\0\0\0\0\3"),
    CASE(GZIP, "a.jsonl.gz", "\x1f\x8b\x08\0\0\0\0\0\0\x03"),
    CASE(UNKNOWN, "", "\x1f\x8b\x07\0"),
    CASE(BZIP2, "", "BZh91AY&SY\x12\x34"),
    CASE(BZIP2, "", "BZh9\x17\x72\x45\x38\x50\x90\0\0\0\0"),
    CASE(TEXT, "", "BZh9 is how bzip2 starts"),
    CASE(XZ, "",
         "\xfd"
         "7zXZ\0\0\x04"),
    CASE(ZSTD, "", "\x28\xb5\x2f\xfd\x24\0"),
    CASE(ZSTD, "", "\x50\x2a\x4d\x18\x04\0\0\0"),
    CASE(ZSTD, "", "\x5f\x2a\x4d\x18\x04\0\0\0"),
    CASE(ZIP, "", "PK\x03\x04\x14\0"),
    CASE(ZIP, "", "PK\x05\x06\0\0"),
    CASE(SEVENZIP, "", "7z\xbc\xaf\x27\x1c\0\x04"),
    CASE(PDF, "", "%PDF-1.7\n"),
    CASE(TEXT, "", "plain text\r\n\twith a tab\f\v\x1b[0m"),
    CASE(TEXT, "", "\xef\xbb\xbfwith a mark"),
    CASE(TEXT, "", "broken \xff\xc3 UTF-8 is the text stage's matter"),
    CASE(UNKNOWN, "", "text with a \0 inside"),
    CASE(UNKNOWN, "", "text with a \x01 inside"),
    CASE(UNKNOWN, "a.jsonl", "\xff\xfe{\0}\0"),
    CASE(UNKNOWN, "", "\xfe\xff\x4e\x2d\x65\x87"),
    CASE(TEXT, "a.json", "{}"),
    CASE(TEXT, "jsonl", "{}"),
    CASE(JSONL, "a.jsonl", "{}"),
    CASE(JSONL, "dir/A.JSONL", "{}"),
    CASE(JSONL, "a.ndjson", "\n\n{}"),
    CASE(JSONL, "a.jsonl.gz", "{}"),
    CASE(JSONL, "a.ndjson.zst", "{}"),
    CASE(JSONL, "a.jsonl.xz", "{}"),
    CASE(JSONL, "a.jsonl.bz2", "{}"),
    CASE(TEXT, "a.jsonl.txt", "{}"),
    CASE(JSONL, "a.jsonl", "{\"a\":\"\0\"}"),
    CASE(ZIP, "a.jsonl", "PK\x03\x04"),
    CASE(TGA, "", "\0\0\2\0\0\0\0\0\0\0\0\0\x18\0\x10\0\x18\0"),
    CASE(TGA, "", "\x05\0\x0a\0\0\0\0\0\0\0\x10\0\x18\0\x10\0\x20\x28names"),
    CASE(TGA, "", "\0\0\2\0\0\0\0\0\0\0\0\0\x18\0\x10\0\x10\1"),
    CASE(TGA, "", "\0\0\x0b\0\0\0\0\0\0\0\0\0\x18\0\x10\0\x10\x38"),
    CASE(TGA, "", "\0\1\x09\0\0\0\1\x18\0\0\0\0\x18\0\x10\0\x08\0"),
    CASE(TGA, "", "f\0\3\0\0\0\0\0\0\0\0\0\1\0\1\0\x01\0"),
    CASE(JSONL, "a.jsonl", "\0\0\2\0\0\0\0\0\0\0\0\0\x18\0\x10\0\x18\0"),
    CASE(UNKNOWN, "", "\0\0\2\0\0\0\0\0\0\0\0\0\x18\0\x10\0\x18"),               /* a byte less */
    CASE(UNKNOWN, "", "\0\0\1\0\1\0\x10\x10\0\0\1\0\x18\0\x68\3\0\0\x16\0\0\0"), /* icon */
    CASE(UNKNOWN, "", "\0\0\2\0\1\0\x10\x10\0\0\1\0\x18\0\x68\3\0\0\x16\0\0\0"), /* cursor */
    CASE(UNKNOWN, "", "\0\0\2\0\0\0\0\0\0\0\0\0\0\0\x10\0\x18\0"),               /* no width */
    CASE(UNKNOWN, "", "\0\0\2\0\0\0\0\0\0\0\0\0\x18\0\0\0\x18\0"),               /* no height */
    CASE(UNKNOWN, "", "\0\0\2\0\0\0\0\0\0\0\0\0\x18\0\x10\0\x08\0"),   /* color of 8 bits */
    CASE(UNKNOWN, "", "\0\0\2\0\0\0\0\0\0\0\0\0\x18\0\x10\0\x18\x40"), /* interleaved */
    CASE(UNKNOWN, "", "\0\0\2\0\0\0\0\0\0\0\0\0\x18\0\x10\0\x18\5"),   /* 5 bits of alpha */
    CASE(UNKNOWN, "", "\0\0\2\0\0\0\0\x18\0\0\0\0\x18\0\x10\0\x18\0"), /* a map, and none */
    CASE(UNKNOWN, "", "\0\0\1\0\0\0\0\0\0\0\0\0\x18\0\x10\0\x08\0"),   /* indexes, no map */
    CASE(UNKNOWN, "", "\0\1\1\0\0\0\0\x18\0\0\0\0\x18\0\x10\0\x08\0"), /* an empty map */
    CASE(UNKNOWN, "", "\0\0\x20\0\0\0\0\0\0\0\0\0\x18\0\x10\0\x18\0"), /* type 32 */
};

static void bodies_are_told_by_their_bytes(void **state)
{
    (void)state;
    for (size_t i = 0; i < GM_ARRAY_LEN(cases); i++) {
        /* An exact copy, so that a sanitizer sees a read behind it. */
        uint8_t *copy = malloc(cases[i].n_bytes + 1);
        memcpy(copy + 1, cases[i].bytes, cases[i].n_bytes);
        enum gm_media media =
            gm_media_sniff(copy + 1, cases[i].n_bytes, cases[i].name, strlen(cases[i].name));
        free(copy);
        if (media != cases[i].media)
            fail_msg("case %zu (%s): %s instead of %s", i, cases[i].bytes, gm_media_name(media),
                     gm_media_name(cases[i].media));
    }
}

static void tar_is_told_by_its_mark_or_its_checksum(void **state)
{
    (void)state;
    uint8_t head[512] = "member.txt";
    memcpy(head + 100, "0000644\0000000000\0000000000\00000000000005\00014371573742\0", 48);
    assert_int_equal(gm_media_sniff(head, 512, "", 0), GM_MEDIA_UNKNOWN);
    memcpy(head + 257,
           "ustar\0"
           "00",
           8);
    assert_int_equal(gm_media_sniff(head, 512, "", 0), GM_MEDIA_TAR);
    memcpy(head + 257, "ustar  \0", 8);
    assert_int_equal(gm_media_sniff(head, 512, "", 0), GM_MEDIA_TAR);
    memset(head + 257, 0, 8);

    unsigned sum = 8 * ' ';
    for (size_t i = 0; i < 512; i++)
        sum += i >= 148 && i < 156 ? 0 : head[i];
    for (int digit = 5; digit >= 0; digit--, sum /= 8)
        head[148 + digit] = (uint8_t)('0' + sum % 8);
    memcpy(head + 154, "\0 ", 2);
    assert_int_equal(gm_media_sniff(head, 512, "", 0), GM_MEDIA_TAR);
    head[149] ^= 1;
    assert_int_equal(gm_media_sniff(head, 512, "", 0), GM_MEDIA_UNKNOWN);

    memset(head, 0, sizeof(head));
    assert_int_equal(gm_media_sniff(head, 512, "", 0), GM_MEDIA_UNKNOWN);
}

static void only_the_head_counts(void **state)
{
    (void)state;
    uint8_t body[GM_MEDIA_HEAD_BYTES + 1];
    memset(body, 'a', sizeof(body));
    body[GM_MEDIA_HEAD_BYTES] = 0;
    assert_int_equal(gm_media_sniff(body, sizeof(body), "", 0), GM_MEDIA_TEXT);
    body[GM_MEDIA_HEAD_BYTES - 1] = 0;
    assert_int_equal(gm_media_sniff(body, sizeof(body), "", 0), GM_MEDIA_UNKNOWN);
}

static void random_bytes_are_no_tga(void **state)
{
    (void)state;
    uint64_t random = 1;
    for (unsigned i = 0; i < 6000000; i++) {
        uint8_t head[24];
        for (size_t k = 0; k < sizeof(head); k++) {
            random = random * 6364136223846793005u + 1442695040888963407u;
            head[k] = (uint8_t)(random >> 56);
        }
        if (gm_media_sniff(head, sizeof(head), "", 0) == GM_MEDIA_TGA)
            fail_msg("head %u is taken for a TGA", i);
    }
}

static unsigned n_seen, n_strange;

static int look(const char *path, const struct stat *status, int kind, struct FTW *place)
{
    (void)status, (void)place;
    uint8_t head[GM_MEDIA_HEAD_BYTES];
    FILE *file = kind == FTW_F ? fopen(path, "rb") : NULL;
    if (!file)
        return 0;
    size_t n_bytes = fread(head, 1, sizeof(head), file), length = strlen(path);
    fclose(file);
    bool is_named = length > 4 && strcasecmp(path + length - 4, ".tga") == 0;
    n_seen++;
    if (!is_named && gm_media_sniff(head, n_bytes, path, length) == GM_MEDIA_TGA) {
        print_message("%s is taken for a TGA\n", path);
        n_strange++;
    }
    return 0;
}

/* Of the tree; and of the fixtures, where they are. */
static void no_other_file_is_taken_for_a_tga(void **state)
{
    char fixtures[4096];
    (void)state;
    nftw("data", look, 16, FTW_PHYS);
    nftw("tests/fuzz/corpus", look, 16, FTW_PHYS);
    assert_true(n_seen > 100);
    if (fixture_path("", fixtures, sizeof(fixtures)))
        nftw(fixtures, look, 16, FTW_PHYS);
    print_message("%u files, %u strange\n", n_seen, n_strange);
    assert_int_equal(n_strange, 0);
}

static void every_medium_has_a_name_a_family_and_an_extension(void **state)
{
    (void)state;
    for (int i = 0; i < GM_MEDIA_COUNT; i++) {
        const char *family = gm_media_family((enum gm_media)i);
        assert_true(gm_media_name((enum gm_media)i)[0] != '\0');
        assert_non_null(gm_media_extension((enum gm_media)i));
        assert_true(strcmp(family, "") == 0 || strcmp(family, "text") == 0 ||
                    strcmp(family, "image") == 0 || strcmp(family, "unpack") == 0);
    }
    assert_string_equal(gm_media_extension(GM_MEDIA_JPEG), "jpg");
    assert_string_equal(gm_media_extension(GM_MEDIA_UNKNOWN), "bin");
}

static void reasons_are_unique_and_say_what_to_do(void **state)
{
    (void)state;
    assert_string_equal(gm_reason_code(GM_REASON_NONE), "");
    assert_int_equal(gm_reason_outcome(GM_REASON_NONE), GM_OUTCOME_WRITTEN);
    assert_string_equal(gm_reason_code(GM_REASON_LIMIT_RATIO), "limit.ratio");
    assert_int_equal(gm_reason_outcome(GM_REASON_LIMIT_RATIO), GM_OUTCOME_REJECTED);
    for (int i = 1; i < GM_REASON_COUNT; i++) {
        const char *code = gm_reason_code((enum gm_reason)i);
        assert_non_null(strchr(code, '.'));
        assert_true(gm_reason_advice((enum gm_reason)i)[0] != '\0');
        assert_int_not_equal(gm_reason_outcome((enum gm_reason)i), GM_OUTCOME_WRITTEN);
        for (int j = 0; j < i; j++)
            assert_string_not_equal(code, gm_reason_code((enum gm_reason)j));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bodies_are_told_by_their_bytes),
        cmocka_unit_test(tar_is_told_by_its_mark_or_its_checksum),
        cmocka_unit_test(only_the_head_counts),
        cmocka_unit_test(random_bytes_are_no_tga),
        cmocka_unit_test(no_other_file_is_taken_for_a_tga),
        cmocka_unit_test(every_medium_has_a_name_a_family_and_an_extension),
        cmocka_unit_test(reasons_are_unique_and_say_what_to_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
