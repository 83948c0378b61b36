/* The way of FFTPACK, which SciPy's library follows, too: neighbours are added and subtracted, a
 * real inverse Fourier transform of 32 = 2 x 4 x 4 is taken (radix 2 first), and its halves are
 * combined. Which sums are taken in which order is all that matters here, so the general loops are
 * kept, and contraction into fused multiply-add, which rounds once instead of twice, is turned off.
 */
#include "image/dct32.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#define N    GM_DCT_SIZE
#define HALF (N / 2)

struct turn {
    double c, s;
};

/* The angle 2 pi i / n in the first quarter, from the nearer end of its half. */
static struct turn exact_turn(unsigned i, unsigned n)
{
    double step = (double)(0.25L * 3.141592653589793238462643383279502884197L / n);
    unsigned eighths = 8 * i;
    if (eighths < n)
        return (struct turn){cos(eighths * step), sin(eighths * step)};
    if (eighths < 2 * n)
        return (struct turn){sin((2 * n - eighths) * step), cos((2 * n - eighths) * step)};
    eighths -= 2 * n;
    if (eighths < n)
        return (struct turn){-sin(eighths * step), cos(eighths * step)};
    return (struct turn){-cos((2 * n - eighths) * step), sin((2 * n - eighths) * step)};
}

/* The same for i <= n / 2 as a product of a fine and a coarse turn, rounded as that product is:
 * SciPy's tables are made so. fine: a power of two. */
static struct turn table_turn(unsigned i, unsigned n, unsigned fine)
{
    struct turn a = {1, 0}, b = {1, 0};
    if (i % fine)
        a = exact_turn(i % fine, n);
    if (i / fine)
        b = exact_turn(i / fine * fine, n);
    return (struct turn){a.c * b.c - a.s * b.s, a.c * b.s + a.s * b.c};
}

void gm_dct32_init(struct gm_dct32 *dct)
{
    for (unsigned i = 0; i < HALF; i++) {
        struct turn turn = table_turn(i, N, 8);
        dct->cosines[i] = turn.c;
        dct->sines[i] = turn.s;
    }
    for (unsigned i = 0; i < N; i++)
        dct->last[i] = table_turn(i, 4 * N, 16).c;
}

/* One pass over `from`, which holds `groups` interleaved transforms: for radix r, r x groups of
 * `length` values each become groups x r of them. */
struct pass {
    size_t length, groups, radix;
    const struct gm_dct32 *dct;
    const double *from;
    double *to;
};

static double in(const struct pass *pass, size_t i, size_t part, size_t group)
{
    return pass->from[i + pass->length * (part + pass->radix * group)];
}

static double *out(const struct pass *pass, size_t i, size_t group, size_t part)
{
    return &pass->to[i + pass->length * (group + pass->groups * part)];
}

/* Turns (re, im) by the angle of factor `part` of element i and stores it at i - 1 and i. */
static void put_turned(const struct pass *pass, size_t i, const size_t at[2], const double value[2])
{
    size_t group = at[0], part = at[1];
    size_t angle = part * pass->groups * (i / 2);
    double c = pass->dct->cosines[angle], s = pass->dct->sines[angle];
    *out(pass, i, group, part) = c * value[1] + s * value[0];
    *out(pass, i - 1, group, part) = c * value[0] - s * value[1];
}

static void pass2(const struct pass *pass)
{
    size_t length = pass->length;
    for (size_t k = 0; k < pass->groups; k++) {
        double first = in(pass, 0, 0, k), last = in(pass, length - 1, 1, k);
        *out(pass, 0, k, 0) = first + last;
        *out(pass, 0, k, 1) = first - last;
        *out(pass, length - 1, k, 0) = 2 * in(pass, length - 1, 0, k);
        *out(pass, length - 1, k, 1) = -2 * in(pass, 0, 1, k);
        for (size_t i = 2; i < length; i += 2) {
            size_t j = length - i;
            double real = in(pass, i - 1, 0, k), real2 = in(pass, j - 1, 1, k);
            double imag = in(pass, i, 0, k), imag2 = in(pass, j, 1, k);
            *out(pass, i - 1, k, 0) = real + real2;
            *out(pass, i, k, 0) = imag - imag2;
            put_turned(pass, i, (size_t[2]){k, 1}, (double[2]){real - real2, imag + imag2});
        }
    }
}

/* The first element of each group, and with an even length the last. */
static void pass4_ends(const struct pass *pass, size_t k)
{
    size_t last = pass->length - 1;
    double sum = in(pass, 0, 0, k) + in(pass, last, 3, k);
    double difference = in(pass, 0, 0, k) - in(pass, last, 3, k);
    double twice1 = 2 * in(pass, last, 1, k), twice2 = 2 * in(pass, 0, 2, k);
    *out(pass, 0, k, 0) = sum + twice1;
    *out(pass, 0, k, 2) = sum - twice1;
    *out(pass, 0, k, 3) = difference + twice2;
    *out(pass, 0, k, 1) = difference - twice2;
    if (pass->length % 2)
        return;
    double imag1 = in(pass, 0, 3, k) + in(pass, 0, 1, k);
    double imag2 = in(pass, 0, 3, k) - in(pass, 0, 1, k);
    double real2 = in(pass, last, 0, k) + in(pass, last, 2, k);
    double real1 = in(pass, last, 0, k) - in(pass, last, 2, k);
    *out(pass, last, k, 0) = real2 + real2;
    *out(pass, last, k, 1) = M_SQRT2 * (real1 - imag1);
    *out(pass, last, k, 2) = imag2 + imag2;
    *out(pass, last, k, 3) = -M_SQRT2 * (real1 + imag1);
}

static void pass4_inner(const struct pass *pass, size_t k, size_t i)
{
    size_t j = pass->length - i;
    double real2 = in(pass, i - 1, 0, k) + in(pass, j - 1, 3, k);
    double real1 = in(pass, i - 1, 0, k) - in(pass, j - 1, 3, k);
    double imag1 = in(pass, i, 0, k) + in(pass, j, 3, k);
    double imag2 = in(pass, i, 0, k) - in(pass, j, 3, k);
    double real4 = in(pass, i, 2, k) + in(pass, j, 1, k);
    double imag3 = in(pass, i, 2, k) - in(pass, j, 1, k);
    double real3 = in(pass, i - 1, 2, k) + in(pass, j - 1, 1, k);
    double imag4 = in(pass, i - 1, 2, k) - in(pass, j - 1, 1, k);
    *out(pass, i - 1, k, 0) = real2 + real3;
    *out(pass, i, k, 0) = imag2 + imag3;
    put_turned(pass, i, (size_t[2]){k, 1}, (double[2]){real1 - real4, imag1 + imag4});
    put_turned(pass, i, (size_t[2]){k, 2}, (double[2]){real2 - real3, imag2 - imag3});
    put_turned(pass, i, (size_t[2]){k, 3}, (double[2]){real1 + real4, imag1 - imag4});
}

static void pass4(const struct pass *pass)
{
    for (size_t k = 0; k < pass->groups; k++) {
        pass4_ends(pass, k);
        for (size_t i = 2; i < pass->length; i += 2)
            pass4_inner(pass, k, i);
    }
}

void gm_dct32(const struct gm_dct32 *dct, double values[GM_DCT_SIZE])
{
    double other[N];
    values[0] *= 2;
    values[N - 1] *= 2;
    for (size_t k = 1; k < N - 1; k += 2) {
        double before = values[k + 1];
        values[k + 1] = before - values[k];
        values[k] = before + values[k];
    }
    pass2(&(struct pass){HALF, 1, 2, dct, values, other});
    pass4(&(struct pass){4, 2, 4, dct, other, values});
    pass4(&(struct pass){1, 8, 4, dct, values, other});
    memcpy(values, other, sizeof(other));
    for (size_t k = 1, j = N - 1; k < HALF; k++, j--) {
        double c = dct->last[k], s = dct->last[j];
        double t1 = c * values[j] + s * values[k], t2 = c * values[k] - s * values[j];
        values[k] = 0.5 * (t1 + t2);
        values[j] = 0.5 * (t1 - t2);
    }
    values[HALF] *= dct->last[HALF];
}
