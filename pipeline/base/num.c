/* Numbers from and to text. Values with units are computed in 128-bit integers, so that "0.1GB" is
 * the same number on every machine and nothing wraps unseen; a fraction is rounded down to whole
 * bytes or milliseconds. Only gm_parse_f64 needs the C library, and takes its C locale. */
#include "base/num.h"

#include <ctype.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define QUOTED_BYTES_MAX 60
#define DIGITS_MAX       18 /* of a fraction; 10^18 fits 64 bits */

typedef unsigned __int128 u128;

struct unit {
    const char *name;
    uint64_t factor;
};

static const struct unit byte_units[] = {
    {"", 1},
    {"B", 1},
    {"K", 1u << 10},
    {"KB", 1u << 10},
    {"KiB", 1u << 10},
    {"M", 1u << 20},
    {"MB", 1u << 20},
    {"MiB", 1u << 20},
    {"G", 1u << 30},
    {"GB", 1u << 30},
    {"GiB", 1u << 30},
    {"T", 1ull << 40},
    {"TB", 1ull << 40},
    {"TiB", 1ull << 40},
    {NULL, 0},
};

static const struct unit time_units[] = {
    {"", 1000}, {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}, {NULL, 0},
};

static const struct unit rate_units[] = {
    {"", 1}, {"/s", 1}, {"/m", 60}, {"/h", 3600}, {"/d", 86400}, {NULL, 0},
};

static const struct {
    const char *name;
    bool value;
} bool_words[] = {
    {"true", true}, {"yes", true}, {"on", true}, {"false", false}, {"no", false}, {"off", false},
};

static enum gm_status unexpected(const char *text, size_t n_bytes, const char *expected,
                                 struct gm_err *err)
{
    bool cut = n_bytes > QUOTED_BYTES_MAX;
    return gm_err_set(err, GM_CONFIG, "expected %s, not \"%.*s%s\"", expected,
                      (int)(cut ? QUOTED_BYTES_MAX : n_bytes), text, cut ? "..." : "");
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Digits from *at on, which is moved behind them. False if there are none or they do not fit. */
static bool take_u64(const char *text, size_t n_bytes, size_t *at, uint64_t *out)
{
    size_t first = *at;
    uint64_t value = 0;
    for (; *at < n_bytes && is_digit(text[*at]); ++*at) {
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(text[*at] - '0'), &value))
            return false;
    }
    *out = value;
    return *at > first;
}

enum gm_status gm_parse_u64(const char *text, size_t n_bytes, uint64_t *out, struct gm_err *err)
{
    size_t at = 0;
    uint64_t value;
    if (!take_u64(text, n_bytes, &at, &value) || at != n_bytes)
        return unexpected(text, n_bytes, "a whole number from 0 to 18446744073709551615", err);
    *out = value;
    return GM_OK;
}

static size_t skip_digits(const char *text, size_t n_bytes, size_t at)
{
    while (at < n_bytes && is_digit(text[at]))
        at++;
    return at;
}

/* [-] digits [. digits] [e [+-] digits], which is narrower than what strtod reads. */
static bool is_decimal(const char *text, size_t n_bytes)
{
    size_t at = n_bytes > 0 && text[0] == '-';
    size_t end = skip_digits(text, n_bytes, at);
    if (end == at)
        return false;
    at = end;
    if (at < n_bytes && text[at] == '.') {
        end = skip_digits(text, n_bytes, at + 1);
        if (end == at + 1)
            return false;
        at = end;
    }
    if (at < n_bytes && (text[at] == 'e' || text[at] == 'E')) {
        at++;
        if (at < n_bytes && (text[at] == '+' || text[at] == '-'))
            at++;
        end = skip_digits(text, n_bytes, at);
        if (end == at)
            return false;
        at = end;
    }
    return at == n_bytes;
}

enum gm_status gm_parse_f64(const char *text, size_t n_bytes, double *out, struct gm_err *err)
{
    char copy[400]; /* longer than any double needs, written without exponent */
    if (n_bytes >= sizeof copy || !is_decimal(text, n_bytes))
        return unexpected(text, n_bytes, "a number such as 0.25", err);
    memcpy(copy, text, n_bytes);
    copy[n_bytes] = '\0';
    locale_t c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (c_locale == (locale_t)0)
        return gm_err_set(err, GM_NOMEM, "unable to read a number: out of memory");
    double value = strtod_l(copy, NULL, c_locale);
    freelocale(c_locale);
    if (!isfinite(value))
        return unexpected(text, n_bytes, "a number below 1.8e308", err);
    *out = value;
    return GM_OK;
}

/* A decimal number with a unit: (whole + fraction / fraction_scale) * factor */
struct quantity {
    uint64_t whole;
    uint64_t fraction, fraction_scale;
    uint64_t factor;
};

static bool take_fraction(const char *text, size_t n_bytes, size_t *at, struct quantity *out)
{
    out->fraction = 0;
    out->fraction_scale = 1;
    if (*at == n_bytes || text[*at] != '.')
        return true;
    size_t first = ++*at;
    for (; *at < n_bytes && is_digit(text[*at]); ++*at) {
        if (*at - first == DIGITS_MAX)
            return false;
        out->fraction = out->fraction * 10 + (uint64_t)(text[*at] - '0');
        out->fraction_scale *= 10;
    }
    return *at > first;
}

static bool take_quantity(const char *text, size_t n_bytes, const struct unit *units,
                          struct quantity *out)
{
    size_t at = 0;
    if (!take_u64(text, n_bytes, &at, &out->whole) || !take_fraction(text, n_bytes, &at, out))
        return false;
    if (at + 1 < n_bytes && text[at] == ' ')
        at++;
    for (; units->name; units++) {
        if (strlen(units->name) == n_bytes - at &&
            strncasecmp(units->name, text + at, n_bytes - at) == 0)
            break;
    }
    out->factor = units->factor;
    return units->name != NULL;
}

static enum gm_status parse_scaled(const char *text, size_t n_bytes, const struct unit *units,
                                   const char *expected, uint64_t *out, struct gm_err *err)
{
    struct quantity quantity;
    if (!take_quantity(text, n_bytes, units, &quantity))
        return unexpected(text, n_bytes, expected, err);
    u128 value = (u128)quantity.whole * quantity.factor +
                 (u128)quantity.fraction * quantity.factor / quantity.fraction_scale;
    /* A positive value that becomes 0 would turn into "off" or "no limit". */
    bool vanished = value == 0 && quantity.fraction > 0;
    if (value > UINT64_MAX || vanished)
        return unexpected(text, n_bytes, expected, err);
    *out = (uint64_t)value;
    return GM_OK;
}

enum gm_status gm_parse_bytes(const char *text, size_t n_bytes, uint64_t *out, struct gm_err *err)
{
    return parse_scaled(text, n_bytes, byte_units,
                        "a size such as 100, 64KB, 1.5GB (units B, KB, MB, GB, TB)", out, err);
}

enum gm_status gm_parse_ms(const char *text, size_t n_bytes, uint64_t *out, struct gm_err *err)
{
    return parse_scaled(text, n_bytes, time_units,
                        "a duration such as 250ms, 60s, 5m, 2h, 1d (at least 1ms, or 0)", out, err);
}

enum gm_status gm_parse_rate(const char *text, size_t n_bytes, double *out, struct gm_err *err)
{
    struct quantity quantity;
    if (!take_quantity(text, n_bytes, rate_units, &quantity))
        return unexpected(text, n_bytes, "a rate such as 20/s, 600/m, 0.5/s, or 0 for no limit",
                          err);
    double count =
        (double)quantity.whole + (double)quantity.fraction / (double)quantity.fraction_scale;
    *out = count / (double)quantity.factor;
    return GM_OK;
}

enum gm_status gm_parse_bool(const char *text, size_t n_bytes, bool *out, struct gm_err *err)
{
    for (size_t i = 0; i < GM_ARRAY_LEN(bool_words); i++) {
        if (strlen(bool_words[i].name) == n_bytes &&
            strncasecmp(bool_words[i].name, text, n_bytes) == 0) {
            *out = bool_words[i].value;
            return GM_OK;
        }
    }
    return unexpected(text, n_bytes, "true or false", err);
}

bool gm_add_size(size_t a, size_t b, size_t *out)
{
    size_t sum;
    if (__builtin_add_overflow(a, b, &sum))
        return false;
    *out = sum;
    return true;
}

bool gm_mul_size(size_t a, size_t b, size_t *out)
{
    size_t product;
    if (__builtin_mul_overflow(a, b, &product))
        return false;
    *out = product;
    return true;
}

/* One digit behind the point, cut rather than rounded: 1023.99 KB never reads "1024.0 KB". */
const char *gm_format_bytes(uint64_t bytes, char *text)
{
    static const char *const names[] = {"B", "KB", "MB", "GB", "TB", "PB", "EB"};
    unsigned unit = 0;
    while (unit + 1 < GM_ARRAY_LEN(names) && bytes >> (10 * (unit + 1)))
        unit++;
    if (unit == 0) {
        snprintf(text, GM_NUM_TEXT_BYTES, "%u B", (unsigned)bytes);
        return text;
    }
    unsigned shift = 10 * unit;
    uint64_t whole = bytes >> shift;
    uint64_t rest = bytes - (whole << shift);
    unsigned tenth = (unsigned)((u128)rest * 10 >> shift);
    snprintf(text, GM_NUM_TEXT_BYTES, "%u.%u %s", (unsigned)whole, tenth, names[unit]);
    return text;
}

const char *gm_format_ms(uint64_t ms, char *text)
{
    uint64_t s = ms / 1000;
    if (s == 0)
        snprintf(text, GM_NUM_TEXT_BYTES, "%u ms", (unsigned)ms);
    else if (s < 60)
        snprintf(text, GM_NUM_TEXT_BYTES, "%u.%u s", (unsigned)s, (unsigned)(ms % 1000 / 100));
    else if (s < 3600)
        snprintf(text, GM_NUM_TEXT_BYTES, "%u m %02u s", (unsigned)(s / 60), (unsigned)(s % 60));
    else if (s < 86400)
        snprintf(text, GM_NUM_TEXT_BYTES, "%u h %02u m", (unsigned)(s / 3600),
                 (unsigned)(s % 3600 / 60));
    else
        snprintf(text, GM_NUM_TEXT_BYTES, "%llu d %02u h", (unsigned long long)(s / 86400),
                 (unsigned)(s % 86400 / 3600));
    return text;
}

const char *gm_format_count(uint64_t count, char *text)
{
    char digits[24];
    int n = snprintf(digits, sizeof digits, "%llu", (unsigned long long)count);
    char *out = text;
    for (int i = 0; i < n; i++) {
        if (i > 0 && (n - i) % 3 == 0)
            *out++ = ',';
        *out++ = digits[i];
    }
    *out = '\0';
    return text;
}
