/* The shortest decimal of a double: what every floating-point number of the output goes through.
 * Any process, any thread. */
#ifndef GM_BASE_DECIMAL_H
#define GM_BASE_DECIMAL_H

#define GM_DECIMAL_DIGITS_MAX 17

/* The number 0.d1d2d3... * 10^point. */
struct gm_decimal {
    char digits[GM_DECIMAL_DIGITS_MAX + 3]; /* '0'..'9', no NUL; the last is not '0' */
    int n_digits;                           /* 1..17 */
    int point;
};

/* The fewest digits that read back as value, and of those the nearest. value is finite and above
 * 0. Does not depend on the locale. About 60 ns between 1e-5 and 1e15, else about 1 us. */
void gm_decimal_shortest(double value, struct gm_decimal *decimal);

#endif
