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
    /* In front of the page behind it or behind the page in front of it. */
    uint8_t *text = data[1] & 1 ? pages + PAGE : pages + PAGE + MAX - (n_bytes - 2);
    n_bytes -= 2;
    memcpy(text, data + 2, n_bytes);
    bool is_valid = gm_utf8_valid_prefix(text, n_bytes) == n_bytes;
    size_t n = split(scheme, GM_TIER_SCALAR, text, n_bytes, scalar);
    for (unsigned tier = 1; tier <= gm_split_best_tier(); tier++) {
        size_t n_vector = split(scheme, (enum gm_split_tier)tier, text, n_bytes, vector);
        GM_ASSERT(!is_valid || (n_vector == n && memcmp(scalar, vector, n * 4) == 0));
    }
    return 0;
}
