/* The tokenizer as a whole: opening files and images, policies for invalid UTF-8, flags, decoding.
 * That ids are the reference's: tests/conformance/tokenize. */
#include "base/hash.h"
#include "tokenize/tokenizer.h"

#include "base/fs.h"
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

static char folder[] = "/tmp/gm-tokenizer-XXXXXX";
static char json_path[64], image_path[64];

/* A byte-level vocabulary: byte b has id b, then "ab" 256, " a" 257, "abc" 258; added "<s>" 259. */
static void write_json(const char *path, const char *more)
{
    struct gm_buf text = GM_BUF_INIT;
    gm_buf_text(&text,
                "{\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false},"
                "\"decoder\":{\"type\":\"ByteLevel\"},\"added_tokens\":[{\"id\":259,"
                "\"content\":\"<s>\",\"single_word\":false,\"lstrip\":false,\"rstrip\":false,"
                "\"normalized\":false,\"special\":true}],\"post_processor\":{\"type\":"
                "\"BertProcessing\",\"cls\":[\"<s>\",259],\"sep\":[\"a\",97]},");
    gm_buf_text(&text, more);
    gm_buf_text(&text, "\"model\":{\"type\":\"BPE\",\"merges\":[\"a b\",\"\xC4\xA0 a\",\"ab c\"],"
                       "\"vocab\":{");
    for (unsigned byte = 0; byte < 256; byte++) {
        bool own = (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte != 0xAD);
        unsigned shifted = byte == 0xAD ? 0x143 : byte <= 0x20 ? 0x100 + byte : 0x121 + byte - 0x7F;
        gm_buf_printf(&text, "\"\\u%04x\":%u,", own ? byte : shifted, byte);
    }
    gm_buf_text(&text, "\"ab\":256,\"\xC4\xA0"
                       "a\":257,\"abc\":258}}}");
    assert_int_equal(gm_write_file_durable(AT_FDCWD, path, text.data, text.n_bytes, NULL), GM_OK);
    gm_buf_free(&text);
}

static struct gm_tokenizer *open_good(const char *path, const char *image)
{
    struct gm_tokenizer *tokenizer;
    struct gm_tokenizer_opts opts = {.image_path = image};
    struct gm_err err;
    gm_err_clear(&err);
    enum gm_status status = gm_tokenizer_open(&tokenizer, path, &opts, &err);
    assert_string_equal(err.text, "");
    assert_int_equal(status, GM_OK);
    if (image && gm_tokenizer_is_new(tokenizer)) {
        size_t n_bytes;
        const uint8_t *data = gm_tokenizer_image(tokenizer, &n_bytes);
        assert_int_equal(gm_tokenizer_save_image(image, data, n_bytes, &err), GM_OK);
    }
    return tokenizer;
}

static struct gm_encoder *encoder_of(const struct gm_tokenizer *tokenizer,
                                     struct gm_encoder_opts opts)
{
    struct gm_encoder *encoder;
    struct gm_err err;
    opts.tier = GM_TIER_COUNT;
    opts.cache_bytes = 1 << 20;
    assert_int_equal(gm_encoder_new(&encoder, tokenizer, &opts, &err), GM_OK);
    return encoder;
}

/* The ids as "97 98". */
static const char *ids_of(struct gm_encoder *encoder, const char *text, size_t n_bytes)
{
    static char line[1200];
    const uint32_t *ids;
    size_t n_ids, n = 0;
    struct gm_err err;
    char *copy = malloc(n_bytes ? n_bytes : 1);
    assert_non_null(copy);
    memcpy(copy, text, n_bytes);
    enum gm_status status = gm_encode(encoder, copy, n_bytes, &ids, &n_ids, &err);
    free(copy);
    if (status != GM_OK) {
        snprintf(line, sizeof line, "%s: %s", gm_status_name(status), err.text);
        return line;
    }
    line[0] = '\0';
    for (size_t i = 0; i < n_ids; i++)
        n += (size_t)snprintf(line + n, sizeof line - n, "%s%u", i ? " " : "", ids[i]);
    return line;
}

#define IDS(encoder, text) ids_of(encoder, text, sizeof(text) - 1)

static void texts_are_encoded(void **state)
{
    (void)state;
    struct gm_tokenizer *tokenizer = open_good(json_path, NULL);
    struct gm_encoder *encoder = encoder_of(tokenizer, (struct gm_encoder_opts){0});
    assert_string_equal(IDS(encoder, ""), "");
    assert_string_equal(IDS(encoder, "abc ab"), "258 32 256");
    assert_string_equal(IDS(encoder, "ab<s>c"), "256 259 99");
    assert_string_equal(IDS(encoder, "\xC3\xA9"), "195 169");
    assert_int_equal(gm_encoder_counters(encoder)->n_tokens, 7); /* added tokens are no pieces */
    gm_encoder_free(encoder);

    encoder = encoder_of(tokenizer, (struct gm_encoder_opts){.flags = GM_ENCODE_ORDINARY});
    assert_string_equal(IDS(encoder, "<s>"), "60 115 62");
    gm_encoder_free(encoder);

    encoder = encoder_of(tokenizer, (struct gm_encoder_opts){.flags = GM_ENCODE_SPECIAL_TOKENS});
    assert_string_equal(IDS(encoder, "c"), "259 99 97");
    assert_string_equal(IDS(encoder, ""), "259 97");
    gm_encoder_free(encoder);
    assert_int_equal(gm_tokenizer_id(tokenizer, "<s>", 3), 259);
    assert_int_equal(gm_tokenizer_id(tokenizer, " a", 2), 257);
    assert_int_equal(gm_tokenizer_id(tokenizer, "abx", 3), GM_NO_TOKEN);
    gm_tokenizer_free(tokenizer);
}

/* Ids of a text with room lent for n_room of them; *lent: whether they are there. */
static const char *ids_in(struct gm_encoder *encoder, const char *text, size_t n_room, bool *lent)
{
    static uint32_t room[64];
    const uint32_t *ids;
    size_t n_ids;
    struct gm_err err;
    assert_true(n_room < GM_ARRAY_LEN(room));
    memset(room, 0xee, sizeof room);
    gm_encoder_lend(encoder, room, n_room);
    assert_int_equal(gm_encode(encoder, text, strlen(text), &ids, &n_ids, &err), GM_OK);
    *lent = ids == room;
    for (size_t i = *lent ? n_ids : n_room; i < GM_ARRAY_LEN(room); i++)
        assert_int_equal(room[i], i < n_room ? room[i] : 0xeeeeeeee);
    static char line[1200];
    line[0] = '\0';
    for (size_t i = 0, n = 0; i < n_ids; i++)
        n += (size_t)snprintf(line + n, sizeof line - n, "%s%u", i ? " " : "", ids[i]);
    return line;
}

static void ids_are_written_where_room_is_lent(void **state)
{
    (void)state;
    bool lent;
    struct gm_tokenizer *tokenizer = open_good(json_path, NULL);
    struct gm_encoder *encoder =
        encoder_of(tokenizer, (struct gm_encoder_opts){.flags = GM_ENCODE_SPECIAL_TOKENS});
    const char text[] = "abc ab<s>c";
    const char wanted[] = "259 258 32 256 259 99 97";
    assert_string_equal(ids_in(encoder, text, sizeof text + 2, &lent), wanted);
    assert_true(lent);
    for (size_t n_room = 0; n_room <= sizeof text; n_room++)
        assert_string_equal(ids_in(encoder, text, n_room, &lent), wanted);
    assert_string_equal(ids_in(encoder, text, 1, &lent), wanted);
    assert_false(lent);
    assert_string_equal(IDS(encoder, text), wanted); /* it was lent for one text */
    gm_encoder_free(encoder);
    gm_tokenizer_free(tokenizer);
}

static void invalid_utf8_follows_the_policy(void **state)
{
    (void)state;
    struct gm_tokenizer *tokenizer = open_good(json_path, NULL);
    struct gm_encoder *encoder = encoder_of(tokenizer, (struct gm_encoder_opts){0});
    assert_string_equal(IDS(encoder, "ab\xFF"), "INPUT: invalid UTF-8 at byte 2");
    assert_string_equal(IDS(encoder, "\xE2\x96"), "INPUT: invalid UTF-8 at byte 0");
    assert_string_equal(IDS(encoder, "ab"), "256");
    gm_encoder_free(encoder);

    encoder = encoder_of(tokenizer, (struct gm_encoder_opts){.invalid_utf8 = GM_INVALID_REPLACE});
    assert_string_equal(IDS(encoder, "ab\xFFz"), "256 239 191 189 122");
    assert_string_equal(IDS(encoder, "\xE2\x96"), "239 191 189"); /* one maximal subpart */
    assert_string_equal(IDS(encoder, "\x80\x80"), "239 191 189 239 191 189");
    gm_encoder_free(encoder);

    encoder = encoder_of(tokenizer, (struct gm_encoder_opts){.invalid_utf8 = GM_INVALID_BYTES});
    assert_string_equal(IDS(encoder, "ab\xFF\xE2\x96z"), "256 255 226 150 122");
    assert_string_equal(IDS(encoder, "\xFF<s>\xFF"), "255 259 255");
    assert_string_equal(IDS(encoder, "\xF0\x9F\x98"), "240 159 152");
    gm_encoder_free(encoder);
    gm_tokenizer_free(tokenizer);
}

static void bytes_policy_needs_bytes(void **state)
{
    (void)state;
    static const char text[] = "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[]}}";
    char path[96];
    snprintf(path, sizeof path, "%s/characters.json", folder);
    assert_int_equal(gm_write_file_durable(AT_FDCWD, path, text, sizeof text - 1, NULL), GM_OK);
    struct gm_tokenizer *tokenizer = open_good(path, NULL);
    struct gm_encoder *encoder;
    struct gm_encoder_opts opts = {.invalid_utf8 = GM_INVALID_BYTES};
    struct gm_err err;
    assert_int_equal(gm_encoder_new(&encoder, tokenizer, &opts, &err), GM_CONFIG);
    assert_null(encoder);
    gm_tokenizer_free(tokenizer);
}

static void ids_are_decoded(void **state)
{
    (void)state;
    struct gm_tokenizer *tokenizer = open_good(json_path, NULL);
    struct gm_buf text = GM_BUF_INIT;
    struct gm_err err;
    static const uint32_t ids[] = {259, 258, 257, 195, 169, 195, 97};
    assert_int_equal(gm_decode(tokenizer, ids, 7, 0, &text, &err), GM_OK);
    assert_string_equal(gm_buf_cstr(&text), "<s>abc a\xC3\xA9\xEF\xBF\xBD"
                                            "a");
    gm_buf_clear(&text);
    assert_int_equal(gm_decode(tokenizer, ids, 2, GM_DECODE_SKIP_SPECIAL, &text, &err), GM_OK);
    assert_string_equal(gm_buf_cstr(&text), "abc");
    static const uint32_t unknown[] = {97, 260};
    assert_int_equal(gm_decode(tokenizer, unknown, 2, 0, &text, &err), GM_INPUT);
    assert_string_equal(err.text, "ids[1]: 260 is not in the vocabulary");
    gm_buf_free(&text);
    gm_tokenizer_free(tokenizer);
}

/* ---- images ---- */

static void read_all(const char *path, struct gm_buf *bytes)
{
    gm_buf_clear(bytes);
    assert_int_equal(gm_read_file(AT_FDCWD, path, 1 << 26, bytes, NULL), GM_OK);
}

static void assert_works(struct gm_tokenizer *tokenizer)
{
    struct gm_encoder *encoder = encoder_of(tokenizer, (struct gm_encoder_opts){0});
    assert_string_equal(IDS(encoder, "abc ab"), "258 32 256");
    gm_encoder_free(encoder);
    gm_tokenizer_free(tokenizer);
}

static void image_is_stored_and_used(void **state)
{
    (void)state;
    struct gm_buf first = GM_BUF_INIT, again = GM_BUF_INIT;
    unlink(image_path);
    assert_works(open_good(json_path, image_path));
    read_all(image_path, &first);
    assert_works(open_good(json_path, image_path));
    assert_works(open_good(image_path, NULL)); /* alone, without its source */
    struct gm_tokenizer *tokenizer = open_good(image_path, NULL);
    struct gm_tokenizer *source = open_good(json_path, NULL);
    assert_memory_equal(gm_tokenizer_digest(tokenizer), gm_tokenizer_digest(source), 32);
    gm_tokenizer_free(tokenizer);
    gm_tokenizer_free(source);

    /* Damaged, cut off, or empty: made again, with the same bytes. */
    for (int kind = 0; kind < 3; kind++) {
        struct gm_buf bad = GM_BUF_INIT;
        gm_buf_append(&bad, first.data, kind == 2 ? 0 : first.n_bytes - (kind == 1 ? 4096 : 0));
        if (kind == 0)
            bad.data[first.n_bytes - 5000] ^= 1;
        assert_int_equal(gm_write_file_durable(AT_FDCWD, image_path, bad.data, bad.n_bytes, NULL),
                         GM_OK);
        assert_works(open_good(json_path, image_path));
        read_all(image_path, &again);
        assert_int_equal(again.n_bytes, first.n_bytes);
        assert_memory_equal(again.data, first.data, first.n_bytes);
        gm_buf_free(&bad);
    }
    gm_buf_free(&first);
    gm_buf_free(&again);
}

static void stale_image_is_made_again(void **state)
{
    (void)state;
    char path[96];
    struct gm_buf before = GM_BUF_INIT, after = GM_BUF_INIT;
    snprintf(path, sizeof path, "%s/changing.json", folder);
    write_json(path, "");
    assert_works(open_good(path, image_path));
    read_all(image_path, &before);
    write_json(path, "\"normalizer\":{\"type\":\"NFC\"},");
    assert_works(open_good(path, image_path));
    read_all(image_path, &after);
    assert_true(before.n_bytes != after.n_bytes ||
                memcmp(before.data, after.data, before.n_bytes) != 0);
    gm_buf_free(&before);
    gm_buf_free(&after);
}

static void other_files_are_not_written_over(void **state)
{
    (void)state;
    char path[96];
    struct gm_buf kept = GM_BUF_INIT;
    struct gm_err err;
    snprintf(path, sizeof path, "%s/notes.txt", folder);
    assert_int_equal(gm_write_file_durable(AT_FDCWD, path, "mine", 4, NULL), GM_OK);
    assert_int_equal(gm_tokenizer_save_image(path, "image", 5, &err), GM_CONFIG);
    assert_non_null(strstr(err.text, "is not a tokenizer image"));
    read_all(path, &kept);
    assert_int_equal(kept.n_bytes, 4);
    gm_buf_free(&kept);
}

/* What a worker does: it opens an image in memory that it has inherited. */
static void an_image_in_memory_is_a_tokenizer(void **state)
{
    (void)state;
    struct gm_tokenizer *parent = open_good(json_path, NULL), *tokenizer;
    size_t n_bytes;
    const uint8_t *data = gm_tokenizer_image(parent, &n_bytes);
    struct gm_err err;
    assert_true(gm_tokenizer_is_new(parent));
    assert_int_equal(gm_tokenizer_open_image(&tokenizer, data, n_bytes, &err), GM_OK);
    assert_false(gm_tokenizer_is_new(tokenizer));
    assert_memory_equal(gm_tokenizer_digest(tokenizer), gm_tokenizer_digest(parent),
                        GM_SHA256_BYTES);
    assert_works(tokenizer);
    assert_int_equal(gm_tokenizer_open_image(&tokenizer, data, n_bytes - 1, &err), GM_INPUT);
    assert_null(tokenizer);
    gm_tokenizer_free(parent);
}

/* A forked worker encodes with what its parent opened. */
static void children_share_the_tokenizer(void **state)
{
    (void)state;
    struct gm_tokenizer *tokenizer = open_good(json_path, NULL);
    pid_t child = fork();
    if (child == 0) {
        struct gm_encoder *encoder = encoder_of(tokenizer, (struct gm_encoder_opts){0});
        bool good = strcmp(IDS(encoder, "abc"), "258") == 0;
        gm_encoder_free(encoder);
        _exit(good ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    gm_tokenizer_free(tokenizer);
}

static void failures_name_the_file(void **state)
{
    (void)state;
    char path[96];
    struct gm_tokenizer *tokenizer;
    struct gm_err err;
    snprintf(path, sizeof path, "%s/absent.json", folder);
    assert_int_equal(gm_tokenizer_open(&tokenizer, path, NULL, &err), GM_MISSING);
    assert_null(tokenizer);
    assert_non_null(strstr(err.text, "absent.json"));
    snprintf(path, sizeof path, "%s/bad.json", folder);
    assert_int_equal(gm_write_file_durable(AT_FDCWD, path, "{\"model\":{}}", 12, NULL), GM_OK);
    assert_int_equal(gm_tokenizer_open(&tokenizer, path, NULL, &err), GM_INPUT);
    assert_non_null(strstr(err.text, "bad.json: model: vocab is missing"));
}

static int set_up(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(json_path, sizeof json_path, "%s/tokenizer.json", folder);
    snprintf(image_path, sizeof image_path, "%s/tokenizer.img", folder);
    write_json(json_path, "");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    return gm_remove_tree(AT_FDCWD, folder, NULL) == GM_OK ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_encoded),
        cmocka_unit_test(ids_are_written_where_room_is_lent),
        cmocka_unit_test(invalid_utf8_follows_the_policy),
        cmocka_unit_test(bytes_policy_needs_bytes),
        cmocka_unit_test(ids_are_decoded),
        cmocka_unit_test(image_is_stored_and_used),
        cmocka_unit_test(stale_image_is_made_again),
        cmocka_unit_test(other_files_are_not_written_over),
        cmocka_unit_test(an_image_in_memory_is_a_tokenizer),
        cmocka_unit_test(children_share_the_tokenizer),
        cmocka_unit_test(failures_name_the_file),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
