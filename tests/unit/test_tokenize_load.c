/* The tokenizer's loaders: what a file says is in the spec, and what cannot be carried out exactly
 * is refused with its place. */
#include "tokenize/byte_alphabet.h"
#include "tokenize/load.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* A BPE model, short enough to be repeated: members in front of vocab, then vocab and merges. */
#define BPE(members, vocab, merges)                                                                \
    "{\"model\":{\"type\":\"BPE\"," members "\"vocab\":{" vocab "},\"merges\":[" merges "]}"
#define AB   "\"a\":0,\"b\":1,\"ab\":2"
#define TINY BPE("", AB, "\"a b\"")
#define WORDS(model)                                                                               \
    "{\"model\":{\"type\":\"" model "\",\"unk_token\":\"[UNK]\","                                  \
    "\"continuing_subword_prefix\":\"##\",\"max_input_chars_per_word\":9,"                         \
    "\"vocab\":{\"[UNK]\":0,\"x\":1,\"##y\":2}}}"
#define ADDED(id, content, more)                                                                   \
    "{\"id\":" #id ",\"content\":\"" content "\",\"single_word\":false,\"lstrip\":false,"          \
    "\"rstrip\":false,\"normalized\":false,\"special\":true" more "}"

static struct gm_buf notes;

static enum gm_status load(const char *text, struct gm_spec *spec, struct gm_err *err)
{
    struct gm_load_opts opts = {.notes = &notes};
    /* An exact copy, so that a sanitizer guards its end. */
    size_t n_bytes = strlen(text);
    char *copy = malloc(n_bytes ? n_bytes : 1);
    assert_non_null(copy);
    memcpy(copy, text, n_bytes);
    gm_err_clear(err);
    gm_spec_init(spec);
    gm_buf_clear(&notes);
    enum gm_status status = gm_spec_load(spec, copy, n_bytes, &opts, err);
    free(copy);
    return status;
}

static void load_good(const char *text, struct gm_spec *spec)
{
    struct gm_err err;
    enum gm_status status = load(text, spec, &err);
    assert_string_equal(err.text, "");
    assert_int_equal(status, GM_OK);
}

static void assert_text(const struct gm_spec *spec, struct gm_spec_text text, const char *wanted)
{
    assert_int_equal(text.n_bytes, strlen(wanted));
    assert_memory_equal(gm_spec_bytes(spec, text), wanted, text.n_bytes);
}

/* ---- models ---- */

static void bpe_is_read_in_both_spellings(void **state)
{
    (void)state;
    static const char *const files[] = {
        BPE("\"fuse_unk\":true,", "\"c\":7,\"ab\":2,\"b\":1,\"a\":0,\"abc\":3",
            "\"#version: 0.2\",\"a b\",\"ab c\"") "}",
        BPE("\"fuse_unk\":true,", "\"c\":7,\"ab\":2,\"b\":1,\"a\":0,\"abc\":3",
            "[\"a\",\"b\"],[\"ab\",\"c\"]") "}",
    };
    for (size_t i = 0; i < GM_ARRAY_LEN(files); i++) {
        struct gm_spec spec;
        load_good(files[i], &spec);
        assert_int_equal(spec.model, GM_MODEL_BPE);
        assert_int_equal(spec.n_tokens, 5);
        assert_int_equal(spec.n_ids, 8);
        assert_int_equal(spec.tokens[4].id, 7);
        assert_text(&spec, spec.tokens[4].text, "c");
        assert_int_equal(spec.n_merges, 2);
        assert_memory_equal(&spec.merges[1], (&(struct gm_spec_merge){2, 7, 3}),
                            sizeof *spec.merges);
        assert_int_equal(spec.flags, GM_SPEC_FUSE_UNK | GM_SPEC_MERGES_BY_ID);
        assert_int_equal(spec.unk_id, GM_NO_TOKEN);
        gm_spec_free(&spec);
    }
}

static void bpe_options_are_read(void **state)
{
    (void)state;
    struct gm_spec spec;
    load_good(BPE("\"dropout\":0.0,\"unk_token\":\"b\",\"continuing_subword_prefix\":\"##\","
                  "\"end_of_word_suffix\":\"</w>\",\"byte_fallback\":true,\"ignore_merges\":true,",
                  AB ",\"##b\":3", "\"a ##b\"") "}",
              &spec);
    assert_int_equal(spec.flags,
                     GM_SPEC_BYTE_FALLBACK | GM_SPEC_IGNORE_MERGES | GM_SPEC_MERGES_BY_ID);
    assert_int_equal(spec.unk_id, 1);
    assert_text(&spec, spec.word_prefix, "##");
    assert_text(&spec, spec.word_suffix, "</w>");
    assert_int_equal(spec.merges[0].merged, 2);
    gm_spec_free(&spec);
}

/* The rank of a pair is its last place in the list. */
static void repeated_merges_count_where_they_stand_last(void **state)
{
    (void)state;
    struct gm_spec spec;
    load_good(BPE("", AB ",\"ba\":3", "\"a b\",\"b a\",\"a b\"") "}", &spec);
    assert_int_equal(spec.n_merges, 2);
    assert_int_equal(spec.merges[0].merged, 3);
    assert_int_equal(spec.merges[1].merged, 2);
    assert_false(spec.flags & GM_SPEC_MERGES_BY_ID);
    assert_non_null(strstr(gm_buf_cstr(&notes), "listed again"));
    gm_spec_free(&spec);
}

static void byte_level_text_becomes_bytes(void **state)
{
    (void)state;
    static const char *const files[] = {
        BPE("", "\"\xC4\xA0\":0,\"\xC3\xA9\":1,\"\xC4\xA0\xC3\xA9\":2,\"\xE2\x96\x81\":3",
            "\"\xC4\xA0 \xC3\xA9\"") ",\"pre_tokenizer\":{\"type\":\"Sequence\",\"pretokenizers\":["
                                     "{\"type\":\"ByteLevel\",\"add_prefix_space\":false}]}}",
        BPE("", "\"\xC4\xA0\":0,\"\xC3\xA9\":1,\"\xC4\xA0\xC3\xA9\":2,\"\xE2\x96\x81\":3",
            "\"\xC4\xA0 \xC3\xA9\"") ",\"normalizer\":{\"type\":\"ByteLevel\"}}",
    };
    for (size_t i = 0; i < GM_ARRAY_LEN(files); i++) {
        struct gm_spec spec;
        load_good(files[i], &spec);
        assert_true(spec.flags & GM_SPEC_BYTE_LEVEL);
        assert_text(&spec, spec.tokens[0].text, " ");
        assert_text(&spec, spec.tokens[2].text, " \xE9");
        assert_int_equal(spec.tokens[2].flags, 0);
        assert_text(&spec, spec.tokens[3].text, "\xE2\x96\x81");
        assert_int_equal(spec.tokens[3].flags, GM_SPEC_TOKEN_UNREACHABLE);
        assert_int_equal(spec.merges[0].merged, 2);
        gm_spec_free(&spec);
    }
}

static void alphabet_is_a_bijection(void **state)
{
    (void)state;
    struct gm_buf text = GM_BUF_INIT, back = GM_BUF_INIT;
    for (unsigned byte = 0; byte < 256; byte++)
        gm_alphabet_encode(&(uint8_t){(uint8_t)byte}, 1, &text);
    assert_true(gm_alphabet_decode(text.data, text.n_bytes, &back));
    assert_int_equal(back.n_bytes, 256);
    for (unsigned byte = 0; byte < 256; byte++)
        assert_int_equal(back.data[byte], byte);
    assert_int_equal(gm_alphabet_byte(0x120), ' ');
    assert_int_equal(gm_alphabet_byte(0x10A), '\n');
    assert_int_equal(gm_alphabet_byte(0x143), 0xAD);
    assert_int_equal(gm_alphabet_byte(0x144), -1);
    assert_int_equal(gm_alphabet_byte(' '), -1);
    gm_buf_free(&text);
    gm_buf_free(&back);
}

static void other_models_are_read(void **state)
{
    (void)state;
    struct gm_spec spec;
    load_good(WORDS("WordPiece"), &spec);
    assert_int_equal(spec.model, GM_MODEL_WORDPIECE);
    assert_int_equal(spec.max_chars_per_word, 9);
    assert_int_equal(spec.unk_id, 0);
    assert_text(&spec, spec.word_prefix, "##");
    gm_spec_free(&spec);

    load_good(WORDS("WordLevel"), &spec);
    assert_int_equal(spec.model, GM_MODEL_WORDLEVEL);
    gm_spec_free(&spec);

    load_good("{\"model\":{\"type\":\"Unigram\",\"unk_id\":1,\"vocab\":[[\"a\",-1.5],[\"<unk>\",0],"
              "[\"b\",-2]],\"byte_fallback\":true}}",
              &spec);
    assert_int_equal(spec.model, GM_MODEL_UNIGRAM);
    assert_true(spec.tokens[0].score == -1.5 && spec.tokens[2].score == -2);
    assert_int_equal(spec.unk_id, 1);
    assert_int_equal(spec.flags, GM_SPEC_BYTE_FALLBACK | GM_SPEC_FUSE_UNK);
    gm_spec_free(&spec);
}

/* Files from before the kind was named. */
static void kind_is_told_from_the_members(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum gm_model_kind kind;
    } cases[] = {
        {"{\"model\":{\"vocab\":{" AB "},\"merges\":[]}}", GM_MODEL_BPE},
        {"{\"model\":{\"vocab\":{\"x\":0},\"unk_token\":\"x\"}}", GM_MODEL_WORDLEVEL},
        {"{\"model\":{\"vocab\":{\"x\":0},\"unk_token\":\"x\",\"continuing_subword_prefix\":\"\","
         "\"max_input_chars_per_word\":1}}",
         GM_MODEL_WORDPIECE},
        {"{\"model\":{\"vocab\":[[\"x\",0]],\"unk_id\":0}}", GM_MODEL_UNIGRAM},
    };
    for (size_t i = 0; i < GM_ARRAY_LEN(cases); i++) {
        struct gm_spec spec;
        load_good(cases[i].text, &spec);
        assert_int_equal(spec.model, cases[i].kind);
        gm_spec_free(&spec);
    }
}

/* ---- steps ---- */

static void sequences_are_flat(void **state)
{
    (void)state;
    struct gm_spec spec;
    load_good(TINY ",\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"NFC\"},"
                   "{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"Prepend\",\"prepend\":"
                   "\"_\"}]},{\"type\":\"BertNormalizer\",\"clean_text\":true,"
                   "\"handle_chinese_chars\":false,\"strip_accents\":null,\"lowercase\":true}]},"
                   "\"pre_tokenizer\":{\"type\":\"Sequence\",\"pretokenizers\":["
                   "{\"type\":\"Split\",\"pattern\":{\"Regex\":\"x+\"},\"behavior\":\"Removed\","
                   "\"invert\":true},{\"type\":\"Metaspace\",\"replacement\":\"\xE2\x96\x81\","
                   "\"prepend_scheme\":\"first\",\"split\":false},{\"type\":\"Punctuation\"}]},"
                   "\"decoder\":{\"type\":\"Strip\",\"content\":\" \",\"start\":1,\"stop\":2}}",
              &spec);
    assert_int_equal(spec.n_normalizers, 3);
    assert_int_equal(spec.normalizers[1].kind, GM_OP_PREPEND);
    assert_int_equal(spec.normalizers[2].flags, GM_OP_CLEAN | GM_OP_LOWER | GM_OP_ACCENTS);
    assert_int_equal(spec.n_pretokenizers, 3);
    assert_int_equal(spec.pretokenizers[0].flags, GM_OP_REGEX | GM_OP_INVERT);
    assert_int_equal(spec.pretokenizers[0].value, GM_SPLIT_REMOVED);
    assert_text(&spec, spec.pretokenizers[0].a, "x+");
    assert_int_equal(spec.pretokenizers[1].value, GM_PREPEND_FIRST);
    assert_int_equal(spec.pretokenizers[1].flags, 0);
    assert_int_equal(spec.pretokenizers[2].value, GM_SPLIT_ISOLATED);
    assert_int_equal(spec.n_decoders, 1);
    assert_int_equal(spec.decoders[0].value, 1);
    assert_int_equal(spec.decoders[0].value2, 2);
    gm_spec_free(&spec);
}

/* ---- added tokens, post-processors ---- */

/* As the reference: the file's own ids do not count. */
static void added_tokens_are_numbered_behind_the_vocabulary(void **state)
{
    (void)state;
    struct gm_spec spec;
    load_good(TINY ",\"added_tokens\":[" ADDED(3, "<x>", "") "," ADDED(1, "b", "") "," ADDED(
                  99, "<y>", ",\"special\":false,\"lstrip\":true") "]}",
              &spec);
    assert_int_equal(spec.n_added, 3);
    assert_int_equal(spec.added[0].id, 3);
    assert_int_equal(spec.added[1].id, 1);
    assert_int_equal(spec.added[2].id, 4);
    assert_int_equal(spec.added[0].flags, GM_ADDED_SPECIAL);
    assert_int_equal(spec.added[2].flags, GM_ADDED_LSTRIP);
    assert_text(&spec, spec.added[2].content, "<y>");
    assert_int_equal(spec.n_ids, 5);
    assert_non_null(strstr(gm_buf_cstr(&notes), "added_tokens[2]: \"<y>\" is said to have id 99"));
    gm_spec_free(&spec);
}

static void ids_around_a_text_are_read(void **state)
{
    (void)state;
    static const char *const processors[] = {
        "{\"type\":\"TemplateProcessing\",\"single\":[{\"SpecialToken\":{\"id\":\"x\"}},"
        "{\"Sequence\":{\"id\":\"A\"}},{\"SpecialToken\":{\"id\":\"y\"}}],\"pair\":[],"
        "\"special_tokens\":{\"x\":{\"ids\":[7]},\"y\":{\"ids\":[8]}}}",
        "{\"type\":\"BertProcessing\",\"sep\":[\"y\",8],\"cls\":[\"x\",7]}",
        "{\"type\":\"Sequence\",\"processors\":[{\"type\":\"ByteLevel\"},{\"type\":"
        "\"RobertaProcessing\",\"sep\":[\"y\",8],\"cls\":[\"x\",7]}]}",
    };
    for (size_t i = 0; i < GM_ARRAY_LEN(processors); i++) {
        char text[1024];
        snprintf(text, sizeof text, "%s,\"post_processor\":%s}", TINY, processors[i]);
        struct gm_spec spec;
        load_good(text, &spec);
        assert_int_equal(spec.n_prefix_ids, 1);
        assert_int_equal(spec.n_suffix_ids, 1);
        assert_int_equal(spec.prefix_ids[0], 7);
        assert_int_equal(spec.suffix_ids[0], 8);
        assert_int_equal(spec.n_ids, 9);
        gm_spec_free(&spec);
    }
}

static void ignored_members_are_noted(void **state)
{
    (void)state;
    struct gm_spec spec;
    load_good(TINY ",\"truncation\":{\"max_length\":5},\"padding\":null}", &spec);
    assert_non_null(strstr(gm_buf_cstr(&notes), "truncation: has no effect"));
    assert_null(strstr(gm_buf_cstr(&notes), "padding"));
    gm_spec_free(&spec);
}

/* ---- refusals ---- */

static const char *const refusals[][2] = {
    {"", "neither a tokenizer.json nor"},
    {"hello", "neither a tokenizer.json nor"},
    {"{\"model\":", "byte 9:"},
    {"{}", "model: missing"},
    {"{\"model\":[]}", "model: not an object"},
    {"{\"version\":\"2.0\"}", "version \"2.0\" is not supported"},
    {"{\"model\":{\"type\":\"CharBPE\"}}", "model: type \"CharBPE\" is not supported"},
    {"{\"model\":{\"type\":\"BPE\"}}", "model.vocab: missing"},
    {"{\"model\":{\"type\":\"BPE\",\"vocab\":{}}}", "model.merges: missing"},
    {BPE("\"dropout\":0.1,", AB, "") "}", "model: dropout is random"},
    {BPE("\"fuse_unk\":1,", AB, "") "}", "model.fuse_unk: a whole number where a boolean"},
    {BPE("\"unk_token\":\"<unk>\",", AB, "") "}", "unk_token \"<unk>\" is not in the"},
    {BPE("", "\"a\":0,\"a\":1", "") "}", "model.vocab: \"a\" is listed twice"},
    {BPE("", "\"a\":0,\"b\":0", "") "}", "model.vocab: id 0 is used twice"},
    {BPE("", "\"a\":16777216", "") "}", "model.vocab: \"a\" has an id above 2^24"},
    {BPE("", "\"a\":-1", "") "}", "model.vocab: \"a\" has an id that is not"},
    {BPE("", "\"a\":\"b\"", "") "}", "model.vocab: \"a\" has an id that is not"},
    {BPE("", AB, "\"a b\",\"b c\"") "}", "model.merges[1]: \"c\" is not in the vocabulary"},
    {BPE("", AB, "\"b a\"") "}", "model.merges[0]: \"ba\" is not in the vocabulary"},
    {BPE("", AB, "\"a b c\"") "}", "model.merges[0]: \"a b c\" is not two names"},
    {BPE("", AB, "\"ab\"") "}", "model.merges[0]: \"ab\" is not two names"},
    {BPE("", AB, "\"a b\",[\"a\",\"b\"]") "}", "model.merges[1]: an array among"},
    {BPE("", AB, "[\"a\"]") "}", "model.merges[0]: two names"},
    {BPE("", AB, "[\"a\",\"b\",\"a\"]") "}", "model.merges[0]: two names"},
    {BPE("", AB, "[1,2]") "}", "model.merges[0]: two names"},
    {BPE("", AB, "7") "}", "model.merges[0]: a whole number among"},
    {BPE("\"continuing_subword_prefix\":\"##\",", AB, "\"a b\"") "}", "shorter than"},
    {BPE("\"byte_fallback\":true,", AB, "") ",\"normalizer\":{\"type\":\"ByteLevel\"}}",
     "byte_fallback of a ByteLevel vocabulary"},
    {"{\"model\":{\"type\":\"Unigram\",\"unk_id\":1,\"vocab\":[[\"a\",0]]}}", "unk_id is not"},
    {"{\"model\":{\"type\":\"Unigram\",\"unk_id\":0,\"vocab\":[[\"a\"]]}}",
     "model.vocab[0]: [text, score]"},
    {"{\"model\":{\"type\":\"WordPiece\",\"vocab\":{\"a\":0},\"unk_token\":\"a\"}}",
     "continuing_subword_prefix: missing"},
    {TINY ",\"normalizer\":{\"type\":\"Foo\"}}", "normalizer: type \"Foo\" is not a supported"},
    {TINY ",\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"NFC\"},{"
          "\"type\":\"Strip\",\"strip_left\":true}]}}",
     "normalizer.normalizers[1].strip_right: missing"},
    {TINY ",\"normalizer\":{\"type\":\"Precompiled\",\"precompiled_charsmap\":\"AAA\"}}",
     "normalizer: precompiled_charsmap is not Base64"},
    {TINY ",\"normalizer\":{\"type\":\"Precompiled\",\"precompiled_charsmap\":\"BAAAAA==\"}}",
     "normalizer: precompiled_charsmap is damaged"},
    {TINY ",\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":{\"Regex\":\"a\"},\"behavior\":"
          "\"Merged\",\"invert\":false}}",
     "pre_tokenizer.behavior: \"Merged\" is not supported"},
    {TINY ",\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":\"a\"}}",
     "pre_tokenizer.pattern: {\"String\""},
    {TINY ",\"pre_tokenizer\":{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":"
          "\"ByteLevel\",\"add_prefix_space\":false},{\"type\":\"Whitespace\"}]}}",
     "pre_tokenizer: a step behind ByteLevel"},
    {TINY ",\"pre_tokenizer\":{\"type\":\"CharDelimiterSplit\",\"delimiter\":\"ab\"}}",
     "pre_tokenizer: delimiter is not one character"},
    {TINY ",\"pre_tokenizer\":{\"type\":\"Metaspace\",\"replacement\":\"_\","
          "\"add_prefix_space\":false}}",
     "pre_tokenizer: add_prefix_space does not agree"},
    {TINY ",\"pre_tokenizer\":{\"type\":\"FixedLength\",\"length\":0}}", "length is 0"},
    {TINY ",\"decoder\":{\"type\":\"Strip\",\"content\":\"a\",\"start\":4294967296}}",
     "decoder.start: 4294967296 is too large"},
    {TINY ",\"decoder\":7}", "decoder: a whole number where an object"},
    {TINY ",\"added_tokens\":[" ADDED(3, "", "") "]}", "added_tokens[0]: content is empty"},
    {TINY ",\"added_tokens\":[" ADDED(3, "x", "") "," ADDED(4, "x", "") "]}",
     "added_tokens[1]: \"x\" is listed twice"},
    {TINY ",\"added_tokens\":[{\"id\":1}]}", "added_tokens[0].content: missing"},
    {TINY ",\"post_processor\":{\"type\":\"BertProcessing\",\"sep\":[\"a\",1],\"cls\":[]}}",
     "post_processor: cls: [text, id]"},
    {TINY ",\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":[{\"SpecialToken\":"
          "{\"id\":\"q\"}}],\"special_tokens\":{}}}",
     "post_processor.single[0]: \"q\" is not in special_tokens"},
    {TINY ",\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":[]}}",
     "post_processor: single: the text must stand"},
    {TINY ",\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":[{\"Sequence\":"
          "{\"id\":\"A\"}},{\"Sequence\":{\"id\":\"A\"}}]}}",
     "post_processor.single[1]: the text must stand"},
    {"{\"model\":{\"type\":\"WordLevel\",\"unk_token\":\"a\",\"vocab\":{\"a\":0}},"
     "\"normalizer\":{\"type\":\"ByteLevel\"}}",
     "model: WordLevel with ByteLevel is not supported"},
};

static void what_is_not_supported_is_refused_by_name(void **state)
{
    (void)state;
    for (size_t i = 0; i < GM_ARRAY_LEN(refusals); i++) {
        struct gm_spec spec;
        struct gm_err err;
        enum gm_status status = load(refusals[i][0], &spec, &err);
        if (status != GM_INPUT || !strstr(err.text, refusals[i][1]))
            print_message("%s\n gives: %s\n not: %s\n", refusals[i][0], err.text, refusals[i][1]);
        assert_int_equal(status, GM_INPUT);
        assert_non_null(strstr(err.text, refusals[i][1]));
        assert_null(spec.tokens);
    }
}

static void deep_nesting_is_refused(void **state)
{
    (void)state;
    struct gm_buf text = GM_BUF_INIT;
    gm_buf_text(&text, TINY ",\"normalizer\":");
    for (int i = 0; i < 100000; i++)
        gm_buf_text(&text, "{\"type\":\"Sequence\",\"normalizers\":[");
    gm_buf_text(&text, "null");
    for (int i = 0; i < 100000; i++)
        gm_buf_text(&text, "]}");
    gm_buf_char(&text, '}');
    struct gm_spec spec;
    struct gm_err err;
    assert_int_equal(load(gm_buf_cstr(&text), &spec, &err), GM_LIMIT);
    gm_buf_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bpe_is_read_in_both_spellings),
        cmocka_unit_test(bpe_options_are_read),
        cmocka_unit_test(repeated_merges_count_where_they_stand_last),
        cmocka_unit_test(byte_level_text_becomes_bytes),
        cmocka_unit_test(alphabet_is_a_bijection),
        cmocka_unit_test(other_models_are_read),
        cmocka_unit_test(kind_is_told_from_the_members),
        cmocka_unit_test(sequences_are_flat),
        cmocka_unit_test(added_tokens_are_numbered_behind_the_vocabulary),
        cmocka_unit_test(ids_around_a_text_are_read),
        cmocka_unit_test(ignored_members_are_noted),
        cmocka_unit_test(what_is_not_supported_is_refused_by_name),
        cmocka_unit_test(deep_nesting_is_refused),
    };
    int n_failed = cmocka_run_group_tests(tests, NULL, NULL);
    gm_buf_free(&notes);
    return n_failed;
}
