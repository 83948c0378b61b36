/* YAML to a tree: places, what is refused, and that one mistake does not hide the others. */
#include "run/config.h"

#include "run/plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

struct parsed {
    struct gm_config *config;
    struct gm_report *report;
    struct gm_node *root;
    struct gm_mistakes mistakes;
    const char *text; /* of the mistakes */
};

static void parse_bytes(struct parsed *parsed, const char *yaml, size_t n_bytes)
{
    parsed->config = gm_config_new();
    parsed->report = gm_report_new();
    const struct gm_origin *origin = gm_config_origin(parsed->config, "job.yaml", yaml, n_bytes);
    assert_int_equal(gm_config_parse(parsed->config, origin, parsed->report, &parsed->root, NULL),
                     GM_OK);
    gm_report_render(parsed->report, &parsed->mistakes);
    parsed->text = gm_buf_cstr(&parsed->mistakes.text);
}

static void parse(struct parsed *parsed, const char *yaml)
{
    parse_bytes(parsed, yaml, strlen(yaml));
}

static void drop(struct parsed *parsed)
{
    gm_buf_free(&parsed->mistakes.text);
    gm_report_free(parsed->report);
    gm_config_free(parsed->config);
}

static void refused(const char *yaml, const char *expected)
{
    struct parsed parsed;
    parse(&parsed, yaml);
    if (parsed.root || strncmp(parsed.text, expected, strlen(expected)) != 0)
        print_error("%.200s\ngave:\n%s", yaml, parsed.text);
    assert_null(parsed.root);
    assert_int_equal(strncmp(parsed.text, expected, strlen(expected)), 0);
    drop(&parsed);
}

static void nodes_know_their_places(void **state)
{
    (void)state;
    struct parsed parsed;
    parse(&parsed, "a: 1\nb:\n  - x: {\xc3\xa9: \"q\", z: [1,\n    2]}\nc:\n");
    assert_non_null(parsed.root);
    assert_int_equal(parsed.mistakes.n_mistakes, 0);
    const struct gm_node *b = gm_node_find(parsed.root, "b");
    assert_int_equal(b->kind, GM_NODE_LIST);
    const struct gm_node *x = gm_node_find(b->first, "x");
    const struct gm_node *accent = gm_node_find(x, "\xc3\xa9");
    assert_string_equal(accent->value, "q");
    assert_int_equal(accent->place.line, 3);
    assert_int_equal(accent->place.column, 12); /* code points, not bytes */
    const struct gm_node *z = gm_node_find(x, "z");
    assert_int_equal(gm_node_count(z), 2);
    assert_int_equal(z->last->place.line, 4);
    assert_int_equal(z->last->place.column, 5);
    assert_true(gm_node_find(parsed.root, "c")->is_empty);
    assert_int_equal(gm_node_find(parsed.root, "c")->key_place.line, 5);
    drop(&parsed);
}

static void every_value_is_text(void **state)
{
    (void)state;
    struct parsed parsed;
    parse(&parsed, "a: no\nb: 010\nc: 1e3\nd: ~\ne: \"\"\nf: 'it''s'\ng: |\n  x\n  y\nh: null\n");
    static const char *const expected[] = {"no", "010", "1e3", "~", "", "it's", "x\ny\n", "null"};
    const struct gm_node *node = parsed.root->first;
    for (size_t i = 0; i < GM_ARRAY_LEN(expected); i++, node = node->next) {
        assert_string_equal(node->value, expected[i]);
        assert_false(node->is_empty);
    }
    drop(&parsed);
}

static void an_empty_text_is_an_empty_job(void **state)
{
    (void)state;
    static const char *const empty[] = {"", "\n\n", "# only this\n", "---\n", "---\n...\n"};
    for (size_t i = 0; i < GM_ARRAY_LEN(empty); i++) {
        struct parsed parsed;
        parse(&parsed, empty[i]);
        assert_non_null(parsed.root);
        assert_int_equal(gm_node_count(parsed.root), 0);
        drop(&parsed);
    }
}

static void what_a_job_does_not_need_is_refused(void **state)
{
    (void)state;
    refused("a: &x 1\n", "job.yaml:1:5: YAML anchors");
    refused("a: *x\n", "job.yaml:1:5: YAML anchors");
    refused("a: !!int 1\n", "job.yaml:1:4: YAML tags");
    refused("%YAML 1.1\n---\na: 1\n", "job.yaml:1:1: YAML directives");
    refused("a: 1\n---\nb: 1\n", "job.yaml:2:1: a second YAML document");
    refused("? [a]\n: 1\n", "job.yaml:1:3: a key must be plain text");
    refused("- a\n", "job.yaml:1:1: expected options");
    refused("just words\n", "job.yaml:1:1: expected options");
    refused("a: \xff\n", "job.yaml:1:4: this byte is not valid UTF-8");
    refused("a: \"x\\0y\"\n", "job.yaml:1:4: a value cannot contain a NUL");
    refused("a: 1\n\tb: 2\n", "job.yaml:1:4: not valid YAML");
    refused("a: b: c\n", "job.yaml:1:5: not valid YAML");
    refused("a: \"x\n", "job.yaml:1:");
    refused("a: [1, 2\n", "job.yaml:");
}

static void control_characters_are_refused_and_not_echoed(void **state)
{
    (void)state;
    struct parsed parsed;
    parse(&parsed, "a: 1\nb: \033[31mred\n");
    assert_null(parsed.root);
    assert_non_null(strstr(parsed.text, "job.yaml:2:4: a control character"));
    assert_null(strchr(parsed.text, '\033'));
    drop(&parsed);
}

static void a_key_given_twice_is_told_with_both_lines(void **state)
{
    (void)state;
    struct parsed parsed;
    parse(&parsed, "a: 1\nb:\n  c: 1\n  c: 2\na: 3\n");
    assert_non_null(parsed.root); /* the rest can still be looked at */
    assert_int_equal(parsed.mistakes.n_mistakes, 2);
    assert_non_null(strstr(parsed.text, "job.yaml:4:3: \"c\" is given twice"));
    assert_non_null(strstr(parsed.text, "it stands in line 1 too"));
    drop(&parsed);
}

static void depth_and_size_are_bounded(void **state)
{
    (void)state;
    char deep[64];
    snprintf(deep, sizeof deep, "a: %.*s", 20, "[[[[[[[[[[[[[[[[[[[[");
    refused(deep, "job.yaml:1:19: nested deeper than 16 levels");

    struct gm_buf many = GM_BUF_INIT;
    gm_buf_text(&many, "a:\n");
    for (int i = 0; i < GM_CONFIG_MAX_NODES; i++)
        gm_buf_text(&many, " - 1\n");
    refused(gm_buf_cstr(&many), "job.yaml:9999:4: the job has more than 10,000 values");
    while (many.n_bytes <= GM_CONFIG_MAX_BYTES)
        gm_buf_text(&many, "# more\n");
    refused(gm_buf_cstr(&many), "job.yaml: the job is larger than 1 MB");
    gm_buf_free(&many);
}

static void the_caret_stands_under_the_place(void **state)
{
    (void)state;
    struct parsed parsed;
    parse(&parsed, "a: 1\n\xc3\xa9\t: &x 2\n");
    assert_non_null(strstr(parsed.text, "      2 | \xc3\xa9\t: &x 2\n"
                                        "        |  \t   ^\n"));
    drop(&parsed);
}

static void a_long_line_is_cut_around_the_caret(void **state)
{
    (void)state;
    struct gm_buf yaml = GM_BUF_INIT;
    gm_buf_text(&yaml, "a: {");
    for (int i = 0; i < 500; i++)
        gm_buf_printf(&yaml, "k%d: %d, ", i, i);
    gm_buf_text(&yaml, "bad: &anchor 1, more: 2}\n");
    struct parsed parsed;
    parse(&parsed, gm_buf_cstr(&yaml));
    assert_null(parsed.root);
    assert_true(parsed.mistakes.text.n_bytes < 500);
    assert_non_null(strstr(parsed.text, "bad: &anchor 1"));
    drop(&parsed);
    gm_buf_free(&yaml);
}

static void what_is_printed_reads_back_as_the_same(void **state)
{
    (void)state;
    static const char yaml[] = "job: a b\nout: out/x\nempty:\nno: \"\"\nsource:\n"
                               "- {urls: \"-\", column: 'it''s'}\n- files: [a/**, \"b: #\"]\n"
                               "text: [stats, normalize: {form: nfc}]\nsink: {records: {}, x: []}\n"
                               "odd: \"tab\\t\\x07 \\u00e9 -\"\n";
    struct parsed first, second;
    struct gm_buf one = GM_BUF_INIT, two = GM_BUF_INIT;
    parse(&first, yaml);
    gm_config_print(first.root, &one);
    parse(&second, gm_buf_cstr(&one));
    assert_non_null(second.root);
    gm_config_print(second.root, &two);
    assert_string_equal(gm_buf_cstr(&one), gm_buf_cstr(&two));
    assert_string_equal(gm_node_find(second.root, "odd")->value,
                        gm_node_find(first.root, "odd")->value);
    assert_true(gm_node_find(second.root, "empty")->is_empty);
    assert_false(gm_node_find(second.root, "no")->is_empty);
    gm_buf_free(&one);
    gm_buf_free(&two);
    drop(&first);
    drop(&second);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nodes_know_their_places),
        cmocka_unit_test(every_value_is_text),
        cmocka_unit_test(an_empty_text_is_an_empty_job),
        cmocka_unit_test(what_a_job_does_not_need_is_refused),
        cmocka_unit_test(control_characters_are_refused_and_not_echoed),
        cmocka_unit_test(a_key_given_twice_is_told_with_both_lines),
        cmocka_unit_test(depth_and_size_are_bounded),
        cmocka_unit_test(the_caret_stands_under_the_place),
        cmocka_unit_test(a_long_line_is_cut_around_the_caret),
        cmocka_unit_test(what_is_printed_reads_back_as_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
