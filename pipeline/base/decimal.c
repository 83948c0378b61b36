/* Shortest decimals.
 *
 * Between 1e-5 and 1e15 a double times the power of ten that makes it a number of 17 digits fits
 * 128 bits exactly, so the nearest decimal of 15, 16 or 17 digits, and whether it lies within the
 * rounding interval of the double, are found in integers without any table of big powers. Outside
 * this range, printf and strtod are asked. Both ways give the same digits. */
#include "base/decimal.h"

#include "base/assert.h"
#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FAST_MIN      1e-5
#define FAST_MAX      1e15
#define MANTISSA_BITS 52
#define TEN_TO_16     10000000000000000u
#define LOG10_2       78913 /* log10(2) * 2^18, rounded down; floors are right below 2^17 */
#define LOG10_2_BITS  18

typedef unsigned __int128 u128;

/* value * 10^power as a fixed-point number, and how far from it a decimal may be. */
struct scaled {
    u128 value;
    u128 above, below; /* half the distances to the neighbouring doubles */
    unsigned shift;    /* bits behind the point */
    int power;
    bool even; /* a decimal right in the middle between two doubles reads as the even one */
};

size_t gm_decimal_u64(uint64_t value, char *text)
{
    static const char pairs[] = "00010203040506070809101112131415161718192021222324"
                                "25262728293031323334353637383940414243444546474849"
                                "50515253545556575859606162636465666768697071727374"
                                "75767778798081828384858687888990919293949596979899";
    char digits[GM_DECIMAL_U64_MAX];
    size_t at = sizeof digits;
    while (value >= 10) {
        at -= 2;
        memcpy(digits + at, pairs + value % 100 * 2, 2);
        value /= 100;
    }
    if (value > 0 || at == sizeof digits)
        digits[--at] = (char)('0' + value);
    memcpy(text, digits + at, sizeof digits - at);
    return sizeof digits - at;
}

/* 5^power, up to what FAST_MIN needs and one more. */
static uint64_t five_to(int power)
{
    static const uint64_t powers[] = {1,
                                      5,
                                      25,
                                      125,
                                      625,
                                      3125,
                                      15625,
                                      78125,
                                      390625,
                                      1953125,
                                      9765625,
                                      48828125,
                                      244140625,
                                      1220703125,
                                      6103515625,
                                      30517578125,
                                      152587890625,
                                      762939453125,
                                      3814697265625,
                                      19073486328125,
                                      95367431640625,
                                      476837158203125,
                                      2384185791015625};
    GM_ASSERT(power >= 0 && (size_t)power < sizeof powers / sizeof powers[0]);
    return powers[power];
}

static void scale(uint64_t bits, int power, struct scaled *scaled)
{
    uint64_t hidden = 1ull << MANTISSA_BITS;
    uint64_t mantissa = (bits & (hidden - 1)) | hidden;
    int exponent = (int)(bits >> MANTISSA_BITS) - 1023 - MANTISSA_BITS;
    uint64_t fives = five_to(power);
    /* Two bits more than the product needs, for the quarter steps below a power of two. */
    scaled->value = (u128)mantissa * fives * 4;
    scaled->above = (u128)fives * 2;
    scaled->below = mantissa == hidden ? fives : scaled->above;
    scaled->shift = (unsigned)(2 - exponent - power);
    scaled->power = power;
    scaled->even = mantissa % 2 == 0;
}

/* Scales so that the whole part has 17 digits. */
static void scale_to_17_digits(double value, struct scaled *scaled)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    /* The logarithm of the power of two at or below the value, rounded down: the value's own is
     * that or one more. */
    int exponent = (int)(bits >> MANTISSA_BITS) - 1023;
    int power = 16 - (exponent * LOG10_2 >> LOG10_2_BITS);
    scale(bits, power, scaled);
    if ((uint64_t)(scaled->value >> scaled->shift) / 10 >= TEN_TO_16)
        scale(bits, power - 1, scaled);
}

/* Rounds to a multiple of unit; true if the result reads back as the double. */
static inline __attribute__((always_inline)) bool round_to(const struct scaled *scaled,
                                                           uint64_t unit, uint64_t *out)
{
    uint64_t whole = (uint64_t)(scaled->value >> scaled->shift);
    u128 fraction = scaled->value - ((u128)whole << scaled->shift);
    uint64_t down = whole - whole % unit;
    u128 rest = ((u128)(whole % unit) << scaled->shift) + fraction;
    u128 missing = ((u128)unit << scaled->shift) - rest;
    bool odd = down / unit % 2;
    bool up = rest > missing || (rest == missing && odd);
    u128 distance = up ? missing : rest;
    u128 allowed = up ? scaled->above : scaled->below;
    *out = up ? down + unit : down;
    return distance < allowed || (distance == allowed && scaled->even);
}

static void write_digits(uint64_t number, int power, struct gm_decimal *decimal)
{
    for (; number % 100 == 0; number /= 100)
        power -= 2;
    if (number % 10 == 0) {
        number /= 10;
        power--;
    }
    decimal->n_digits = (int)gm_decimal_u64(number, decimal->digits);
    decimal->point = decimal->n_digits - power;
}

static void shortest_in_integers(double value, struct gm_decimal *decimal)
{
    struct scaled scaled;
    uint64_t number = 0;
    scale_to_17_digits(value, &scaled);
    /* Any decimal of up to 15 digits survives the way through a double, so if there is a shorter
     * one, it is the one of 15 digits with zeros behind. */
    bool found = round_to(&scaled, 100, &number) || round_to(&scaled, 10, &number) ||
                 round_to(&scaled, 1, &number);
    GM_ASSERT(found);
    write_digits(number, scaled.power, decimal);
}

/* Rounds value to n_digits; true if that reads back as value. */
static bool print_digits(double value, int n_digits, struct gm_decimal *decimal)
{
    char text[40];
    snprintf(text, sizeof text, "%.*e", n_digits - 1, value);
    bool exact = strtod(text, NULL) == value;
    /* The decimal point is skipped rather than named: it depends on the locale. */
    const char *at = text;
    decimal->n_digits = 0;
    for (; *at != 'e'; at++) {
        if (*at >= '0' && *at <= '9')
            decimal->digits[decimal->n_digits++] = *at;
    }
    decimal->point = (int)strtol(at + 1, NULL, 10) + 1;
    while (decimal->n_digits > 1 && decimal->digits[decimal->n_digits - 1] == '0')
        decimal->n_digits--;
    return exact;
}

void gm_decimal_shortest(double value, struct gm_decimal *decimal)
{
    GM_ASSERT(value > 0 && isfinite(value));
    if (value >= FAST_MIN && value < FAST_MAX) {
        shortest_in_integers(value, decimal);
        return;
    }
    /* Subnormals hold fewer than 15 digits, so for them every length has to be tried. */
    for (int n_digits = value < DBL_MIN ? 1 : DBL_DIG; n_digits <= GM_DECIMAL_DIGITS_MAX;
         n_digits++) {
        if (print_digits(value, n_digits, decimal))
            return;
    }
}
