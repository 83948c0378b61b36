/* Fuzz target: an expression, a zero byte and a text, any bytes; the first byte chooses the
 * dialect. A refused expression has a message; an accepted one gives matches in order, inside of
 * the text, that are found again from where they start. Of expressions with counts of three digits
 * or counts of counts, which take ten to a hundred times as long and are a few states again and
 * again, one in eight is tried: those whose bytes have a sum of 0 modulo 8, as the stored one has.
 */
#include "tokenize/regex.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static void check_matches(const struct gm_regex *regex, const uint8_t *text, size_t n_bytes)
{
    struct gm_regex_text work;
    size_t start, end, last = 0, n = 0;
    gm_regex_text_init(&work);
    if (!gm_regex_begin(&work, regex, text, n_bytes))
        return;
    while (gm_regex_next(&work, &start, &end)) {
        size_t again, again_end;
        GM_ASSERT(start >= last && end >= start && end <= n_bytes && n++ <= n_bytes);
        GM_ASSERT(gm_regex_find(&work, start, &again, &again_end));
        GM_ASSERT(again == start && again_end == end);
        last = end;
    }
    gm_regex_text_free(&work);
}

/* Behind the count, {n} or {n,m}, that begins at `at`; NULL: none does. is_large: set if it is. */
static const uint8_t *skip_count(const uint8_t *at, const uint8_t *end, bool *is_large)
{
    unsigned n_digits = 0;
    if (at == end || *at != '{')
        return NULL;
    for (at++; at < end && ((*at >= '0' && *at <= '9') || *at == ','); at++) {
        n_digits = *at == ',' ? 0 : n_digits + 1;
        *is_large |= n_digits == 3;
    }
    return at < end && *at == '}' ? at + 1 : NULL;
}

static bool is_left_out(const uint8_t *pattern, size_t n_bytes)
{
    const uint8_t *end = pattern + n_bytes, *behind;
    unsigned sum = 0;
    bool is_slow = false;
    for (const uint8_t *at = pattern; at < end; at++) {
        sum += *at;
        behind = skip_count(at, end, &is_slow);
        is_slow |= behind && skip_count(behind, end, &is_slow);
    }
    return is_slow && sum % 8 != 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
    const uint8_t *pattern, *text;
    struct gm_regex *regex;
    struct gm_err err = {0};
    size_t n_pattern;
    enum gm_status status;
    if (n_bytes < 2)
        return 0;
    pattern = data + 1;
    text = memchr(pattern, 0, n_bytes - 1);
    n_pattern = text ? (size_t)(text - pattern) : n_bytes - 1;
    if (is_left_out(pattern, n_pattern))
        return 0;
    status = gm_regex_new(&regex, pattern, n_pattern,
                          data[0] == 'r' ? GM_REGEX_RUST : GM_REGEX_ONIGURUMA, &err);
    if (status != GM_OK) {
        GM_ASSERT(status == GM_INPUT && err.text[0] != '\0' && !regex);
        return 0;
    }
    if (text)
        check_matches(regex, text + 1, n_bytes - n_pattern - 2);
    gm_regex_free(regex);
    return 0;
}
