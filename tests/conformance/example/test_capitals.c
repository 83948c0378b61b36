/* The worked example of docs/adding-a-stage.md. */
#include "chain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include "capitals.c"

extern const struct gm_stage gm_text_extract, gm_text_utf8;

static void run(struct chain *chain, const char *settings, const char *text)
{
    chain_init(chain);
    chain_add(chain, &gm_text_extract, NULL);
    chain_add(chain, &gm_text_utf8, NULL);
    chain_add(chain, &gm_text_capitals, settings);
    chain_run_text(chain, GM_MEDIA_TEXT, text);
}

static void capitals_are_counted_among_letters_only(void **state)
{
    struct chain chain;
    (void)state;
    run(&chain, NULL, "ABc d, 12 \xc3\x84!");
    assert_int_equal(chain_reason(&chain, 0), GM_REASON_NONE);
    assert_true(chain_f64(&chain, "capital_ratio", 0) == 0.5);
    chain_free(&chain);
}

static void a_text_without_letters_has_no_share(void **state)
{
    struct chain chain;
    (void)state;
    run(&chain, NULL, "1871 @[`{");
    assert_int_equal(chain_reason(&chain, 0), GM_REASON_NONE);
    assert_true(chain_is_null(&chain, "capital_ratio", 0));
    chain_free(&chain);
}

static void a_text_without_letters_is_rejected_on_request(void **state)
{
    struct chain chain;
    (void)state;
    run(&chain, "require_letters=true", "1871");
    assert_int_equal(chain_reason(&chain, 0), GM_REASON_TEXT_EMPTY);
    assert_true(chain_equals(&chain, NULL, 0, "no letter from A to Z"));
    chain_free(&chain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(capitals_are_counted_among_letters_only),
        cmocka_unit_test(a_text_without_letters_has_no_share),
        cmocka_unit_test(a_text_without_letters_is_rejected_on_request),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
