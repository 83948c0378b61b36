/* Fuzzes the splitters: on any bytes no tier reads outside of the text (it lies before an
 * unreadable page, and behind one), all pieces together are the text, and on valid UTF-8 the tiers
 * agree. */
#include "base/assert.h"
#include "base/utf8.h"
#include "tokenize/split.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { PAGE = 4096, MAX = 4 * PAGE };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static const char *const characters[64] = {"a",
                                           "s",
                                           "l",
                                           "e",
                                           "A",
                                           "L",
                                           "\u00E9",
                                           "\u017F",
                                           "\u0416",
                                           "\u01C5",
                                           "\u02B0",
                                           "\u05D0",
                                           "\u4E00",
                                           "\u9FA6",
                                           "\uAC00",
                                           "\u3042",
                                           "\u0301",
                                           "\u0903",
                                           "\u0488",
                                           "\uFE0F",
                                           "\u3099",
                                           "0",
                                           "7",
                                           "\u0660",
                                           "\u00B2",
                                           "\uFF11",
                                           " ",
                                           " ",
                                           "\t",
                                           "\n",
                                           "\r",
                                           "\u00A0",
                                           "\u3000",
                                           "\u2028",
                                           "'",
                                           "'s",
                                           "'ll",
                                           "'RE",
                                           "/",
                                           "!",
                                           "(",
                                           "\u3002",
                                           "\u2019",
                                           "\u30FB",
                                           "\u20AC",
                                           "\u200B",
                                           "\u200D",
                                           "\x01",
                                           "\u0378",
                                           "\u3040",
                                           "\uE000",
                                           "\U0001F600",
                                           "\U0001D7CE",
                                           "\U00020000",
                                           "\U000105C0",
                                           "\U000E0100",
                                           "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                                           "                    ",
                                           "\u4E2D\u6587\u5B57\u4E2D\u6587\u5B57",
                                           "1234567890123",
                                           "\n\n",
                                           "\n/",
                                           "A\u4E00",
                                           "\u0410\u0411\u0430"};

/* Random bytes are seldom UTF-8: one kind of input names characters by number. */
static size_t spell(const uint8_t *data, size_t n_bytes, uint8_t *text)
{
    size_t n = 0;
    for (size_t i = 0; i < n_bytes; i++) {
        const char *each = characters[data[i] & 63];
        if (n + strlen(each) > MAX)
            break;
        memcpy(text + n, each, strlen(each));
        n += strlen(each);
    }
    return n;
}

static size_t split(enum gm_scheme scheme, enum gm_split_tier tier, const uint8_t *text,
                    size_t n_bytes, uint32_t *ends)
{
    struct gm_split state;
    size_t n = 0, each;
    gm_split_begin(&state, scheme, tier, text, n_bytes);
    while ((each = gm_split_next(&state, ends + n, GM_SPLIT_MIN_PIECES)) > 0)
        n += each;
    for (size_t i = 0; i < n; i++)
        GM_ASSERT(ends[i] > (i > 0 ? ends[i - 1] : 0));
    GM_ASSERT(n_bytes == 0 ? n == 0 : ends[n - 1] == n_bytes);
    return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
    static uint8_t *pages;
    static uint32_t scalar[MAX + 2 * GM_SPLIT_MIN_PIECES], vector[MAX + 2 * GM_SPLIT_MIN_PIECES];
    if (pages == NULL) {
        pages = mmap(NULL, MAX + 2 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        GM_ASSERT(pages != MAP_FAILED);
        GM_ASSERT(mprotect(pages + PAGE, MAX, PROT_READ | PROT_WRITE) == 0);
    }
    if (n_bytes < 2 || n_bytes - 2 > MAX)
        return 0;
    enum gm_scheme scheme =
        (enum gm_scheme)(GM_SCHEME_WHOLE + data[0] % (GM_SCHEME_BERT - GM_SCHEME_WHOLE));
    static uint8_t spelt[MAX];
    unsigned kind = data[1];
    n_bytes = kind & 2 ? spell(data + 2, n_bytes - 2, spelt) : n_bytes - 2;
    /* In front of the page behind it or behind the page in front of it. */
    uint8_t *text = kind & 1 ? pages + PAGE : pages + PAGE + MAX - n_bytes;
    memcpy(text, kind & 2 ? spelt : data + 2, n_bytes);
    bool is_valid = gm_utf8_valid_prefix(text, n_bytes) == n_bytes;
    size_t n = split(scheme, GM_TIER_SCALAR, text, n_bytes, scalar);
    for (unsigned tier = 1; tier <= gm_split_best_tier(); tier++) {
        size_t n_vector = split(scheme, (enum gm_split_tier)tier, text, n_bytes, vector);
        GM_ASSERT(!is_valid || (n_vector == n && memcmp(scalar, vector, n * 4) == 0));
    }
    return 0;
}
