/* The copy that stops: with every instruction set the same, at the first byte that is not plain,
 * and not one byte read or written outside. */
#include "base/verbatim.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { MOST = 300 };

static uint8_t *read_end, *write_end; /* the next byte is not mapped */

static uint8_t *guarded(void)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    uint8_t *pages =
        mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(pages, MAP_FAILED);
    assert_int_equal(mprotect(pages + page, page, PROT_NONE), 0);
    return pages + page;
}

static bool is_plain(uint8_t byte, bool with_high)
{
    return byte >= 0x20 && byte != '"' && byte != '\\' && byte != 0x7F &&
           (with_high || byte < 0x80);
}

static void check(const uint8_t *text, size_t n_bytes, bool with_high)
{
    size_t expected = 0;
    while (expected < n_bytes && is_plain(text[expected], with_high))
        expected++;
    uint8_t *from = read_end - n_bytes, *to = write_end - n_bytes;
    memcpy(from, text, n_bytes);
    for (int tier = GM_VERBATIM_LANES; tier <= (int)gm_verbatim_best_tier(); tier++) {
        memset(to - 1, 0xEE, n_bytes + 1);
        assert_int_equal(
            gm_verbatim_copy((enum gm_verbatim_tier)tier, to, from, n_bytes, with_high), expected);
        assert_memory_equal(to, text, expected);
        assert_int_equal(to[-1], 0xEE);
    }
}

static void stops_at_each_byte_at_each_place(void **state)
{
    static const size_t lengths[] = {1, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100, 130};
    uint8_t text[MOST];
    (void)state;
    for (unsigned byte = 0; byte < 256; byte++)
        for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
            for (size_t at = 0; at < lengths[i]; at += at % 16 == 2 ? 11 : 1) {
                memset(text, 'x', sizeof text);
                text[at] = (uint8_t)byte;
                check(text, lengths[i], false);
                check(text, lengths[i], true);
            }
}

static void takes_all_of_a_plain_text(void **state)
{
    uint8_t text[MOST];
    (void)state;
    memset(text, 'x', sizeof text);
    for (size_t n_bytes = 0; n_bytes <= sizeof text; n_bytes++) {
        check(text, n_bytes, false);
        check(text, n_bytes, true);
    }
    memset(text, 0xC3, sizeof text);
    check(text, sizeof text, true);
}

int main(void)
{
    read_end = guarded();
    write_end = guarded();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stops_at_each_byte_at_each_place),
        cmocka_unit_test(takes_all_of_a_plain_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
