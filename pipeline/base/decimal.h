/* Digits: of whole numbers, and the shortest decimal of a double, which every floating-point number
 * of the output goes through. Any process, any thread. */
#ifndef GM_BASE_DECIMAL_H
#define GM_BASE_DECIMAL_H

#include <stddef.h>
#include <stdint.h>

#define GM_DECIMAL_U64_MAX    20
#define GM_DECIMAL_DIGITS_MAX 17

/* Writes the digits of value, no NUL, at most GM_DECIMAL_U64_MAX; returns how many. */
size_t gm_decimal_u64(uint64_t value, char *text);

/* The number 0.d1d2d3... * 10^point. */
struct gm_decimal {
    char digits[GM_DECIMAL_DIGITS_MAX + 3]; /* '0'..'9', no NUL; the last is not '0' */
    int n_digits;                           /* 1..17 */
    int point;
};

/* The fewest digits that read back as value, and of those the nearest. value is finite and above
 * 0. Does not depend on the locale. About 25 ns between 1e-5 and 1e15, else about 1 us. */
void gm_decimal_shortest(double value, struct gm_decimal *decimal);

#endif
