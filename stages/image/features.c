/* The features stage: numbers that describe a gray picture, and hashes that find copies: of the
 * gray plane, which is the same for a picture that was only packed anew, and perceptual ones, which
 * are near each other for pictures that look alike.
 *
 * mean and std (population) are computed in integers from the histogram, so that they do not depend
 * on the order of pixels; entropy is Shannon's over the 256 gray values, in bits; sharpness is the
 * variance of the Laplacian (plane_stats.h says how at the border). The plane is gray's: resized or
 * turned, if that was asked for. */
#include "base/hash.h"
#include "image/hash.h"
#include "image/plane_stats.h"
#include "stage.h"

#include <stdio.h>
#include <math.h>

struct features_opts {
    bool histogram;
    bool hashes;
};

static const struct gm_opt features_opt_table[] = {
    {"histogram", GM_OPT_BOOL, offsetof(struct features_opts, histogram), "false", 0, 0, NULL, NULL,
     "also the 256 counts themselves"},
    {"hashes", GM_OPT_BOOL, offsetof(struct features_opts, hashes), "true", 0, 0, NULL, NULL,
     "average, difference and perceptual hash, as imagehash computes them"},
    GM_OPT_END};

enum in { IN_WIDTH, IN_HEIGHT, IN_PLANE };
static const struct gm_column_def features_in[] = {
    /* Not asked for by name, so that a job without gray hears of one lack, not of three. */
    [IN_WIDTH] = {"gray_width", GM_TYPE_U64, 0, "optional", NULL},
    [IN_HEIGHT] = {"gray_height", GM_TYPE_U64, 0, "optional", NULL},
    [IN_PLANE] = {"gray_plane", GM_TYPE_BYTES, 0, NULL, NULL},
    GM_COLUMN_END,
};

enum out {
    OUT_MEAN,
    OUT_STD,
    OUT_MIN,
    OUT_MAX,
    OUT_ENTROPY,
    OUT_CONTRAST,
    OUT_SHARPNESS,
    OUT_HISTOGRAM,
    OUT_AVERAGE,
    OUT_DIFFERENCE,
    OUT_PERCEPTUAL,
    OUT_GRAY_SHA256
};
static const struct gm_column_def features_out[] = {
    [OUT_MEAN] = {"mean", GM_TYPE_F64, 0, "gray levels", "mean gray value, 0 black to 255 white"},
    [OUT_STD] = {"std", GM_TYPE_F64, 0, "gray levels", "standard deviation of the gray values"},
    [OUT_MIN] = {"min", GM_TYPE_U64, 0, "gray levels", "darkest value"},
    [OUT_MAX] = {"max", GM_TYPE_U64, 0, "gray levels", "brightest value"},
    [OUT_ENTROPY] = {"entropy", GM_TYPE_F64, 0, "bits", "entropy of the 256-bin histogram"},
    [OUT_CONTRAST] = {"rms_contrast", GM_TYPE_F64, 0, NULL, "std / 255"},
    [OUT_SHARPNESS] = {"sharpness", GM_TYPE_F64, 0, "gray levels squared",
                       "variance of the Laplacian"},
    [OUT_HISTOGRAM] = {"histogram", GM_TYPE_JSON, 0, "pixels",
                       "how many pixels have each gray value, 256 counts; with histogram: true"},
    [OUT_AVERAGE] = {"ahash", GM_TYPE_STRING, 0, NULL, "average hash, 16 hexadecimal digits"},
    [OUT_DIFFERENCE] = {"dhash", GM_TYPE_STRING, 0, NULL, "difference hash"},
    [OUT_PERCEPTUAL] = {"phash", GM_TYPE_STRING, 0, NULL, "perceptual hash"},
    [OUT_GRAY_SHA256] = {"gray_sha256", GM_TYPE_STRING, 0, NULL,
                         "SHA-256 of the gray values, row by row"},
    GM_COLUMN_END,
};

struct features {
    const struct features_opts *opts;
    const struct gm_bind *bind;
    struct gm_hasher hasher;
};

static enum gm_status features_open(void *ctx, const void *opts, const struct gm_prepared *prepared,
                                    const struct gm_bind *bind, struct gm_err *err)
{
    struct features *features = ctx;
    (void)prepared;
    features->opts = opts;
    features->bind = bind;
    if (!gm_hasher_init(&features->hasher))
        return gm_err_set(err, GM_NOMEM, "no memory for the hashes");
    /* The hash library finds its fastest code at the first use; that may read files. */
    uint8_t digest[GM_SHA256_BYTES];
    gm_sha256("", 0, digest);
    return GM_OK;
}

static void features_close(void *ctx)
{
    struct features *features = ctx;
    gm_hasher_fini(&features->hasher);
}

static void set_statistics(const struct features *features, struct gm_batch *batch, uint32_t row,
                           const uint64_t histogram[256])
{
    const int *out = features->bind->out;
    uint64_t n = 0, sum = 0, min = 255, max = 0;
    unsigned __int128 squares = 0;
    for (uint64_t v = 0; v < 256; v++) {
        if (!histogram[v])
            continue;
        n += histogram[v];
        sum += histogram[v] * v;
        squares += (unsigned __int128)histogram[v] * v * v;
        min = v < min ? v : min;
        max = v;
    }
    double entropy = 0;
    for (size_t v = 0; v < 256; v++) {
        double share = (double)histogram[v] / (double)n;
        if (histogram[v])
            entropy -= share * log2(share);
    }
    unsigned __int128 spread = squares * n - (unsigned __int128)sum * sum; /* n^2 x variance */
    double std = sqrt((double)spread) / (double)n;
    gm_batch_set_f64(batch, out[OUT_MEAN], row, (double)sum / (double)n);
    gm_batch_set_f64(batch, out[OUT_STD], row, std);
    gm_batch_set_u64(batch, out[OUT_MIN], row, min);
    gm_batch_set_u64(batch, out[OUT_MAX], row, max);
    gm_batch_set_f64(batch, out[OUT_ENTROPY], row, entropy > 0 ? entropy : 0);
    gm_batch_set_f64(batch, out[OUT_CONTRAST], row, std / 255);
}

static bool set_histogram(const struct features *features, struct gm_batch *batch, uint32_t row,
                          const uint64_t histogram[256])
{
    struct gm_buf text = GM_BUF_INIT;
    for (size_t v = 0; v < 256; v++)
        gm_buf_printf(&text, "%c%llu", v ? ',' : '[', (unsigned long long)histogram[v]);
    gm_buf_char(&text, ']');
    bool good = !text.failed && gm_batch_set_copy(batch, features->bind->out[OUT_HISTOGRAM], row,
                                                  text.data, text.n_bytes);
    gm_buf_free(&text);
    return good;
}

static bool set_sha256(struct gm_batch *batch, int column, uint32_t row, struct gm_view bytes)
{
    uint8_t digest[GM_SHA256_BYTES];
    char hex[GM_SHA256_HEX_BYTES];
    gm_sha256(bytes.data, bytes.n_bytes, digest);
    gm_sha256_hex(digest, hex);
    return gm_batch_set_copy(batch, column, row, hex, GM_SHA256_HEX_BYTES - 1);
}

static bool set_hash(struct gm_batch *batch, int column, uint32_t row, uint64_t hash)
{
    char hex[17];
    snprintf(hex, sizeof(hex), "%016llx", (unsigned long long)hash);
    return gm_batch_set_copy(batch, column, row, hex, sizeof(hex) - 1);
}

static bool set_hashes(struct features *features, struct gm_batch *batch, uint32_t row,
                       const struct gm_gray *gray)
{
    const int *out = features->bind->out;
    struct gm_image_hashes hashes;
    return gm_hash_plane(&features->hasher, gray, &hashes) &&
           set_hash(batch, out[OUT_AVERAGE], row, hashes.average) &&
           set_hash(batch, out[OUT_DIFFERENCE], row, hashes.difference) &&
           set_hash(batch, out[OUT_PERCEPTUAL], row, hashes.perceptual);
}

static bool set_numbers(struct features *features, struct gm_batch *batch, uint32_t row,
                        const struct gm_gray *gray)
{
    uint64_t histogram[256];
    struct gm_laplacian laplacian;
    gm_plane_histogram(gray, histogram);
    set_statistics(features, batch, row, histogram);
    gm_plane_laplacian(gray, &laplacian);
    gm_batch_set_f64(batch, features->bind->out[OUT_SHARPNESS], row,
                     gm_laplacian_variance(&laplacian, gray));
    return !features->opts->histogram || set_histogram(features, batch, row, histogram);
}

static enum gm_status features_process(void *ctx, struct gm_batch *batch, uint32_t row,
                                       struct gm_err *err)
{
    struct features *features = ctx;
    const int *in = features->bind->in, *out = features->bind->out;
    struct gm_view plane = gm_batch_view(batch, in[IN_PLANE], row);
    if (in[IN_WIDTH] == GM_NO_COLUMN || in[IN_HEIGHT] == GM_NO_COLUMN)
        return gm_err_set(err, GM_INTERNAL, "gray_plane comes without its size");
    struct gm_gray gray = {plane.data, (uint32_t)gm_batch_u64(batch, in[IN_WIDTH], row),
                           (uint32_t)gm_batch_u64(batch, in[IN_HEIGHT], row)};
    if (plane.n_bytes == 0 || plane.n_bytes != (size_t)gray.width * gray.height)
        return gm_err_set(err, GM_INTERNAL, "features needs gray before it in the list");
    if (!set_numbers(features, batch, row, &gray) ||
        (features->opts->hashes && !set_hashes(features, batch, row, &gray)) ||
        !set_sha256(batch, out[OUT_GRAY_SHA256], row, plane))
        return gm_err_set(err, GM_NOMEM, "no memory for the features");
    return GM_OK;
}

const struct gm_stage gm_image_features = {
    .name = "features",
    .family = "image",
    .summary = "statistics, sharpness and hashes of a gray picture",
    .in = features_in,
    .out = features_out,
    .opts = features_opt_table,
    .opts_bytes = sizeof(struct features_opts),
    .ctx_bytes = sizeof(struct features),
    .open = features_open,
    .process = features_process,
    .close = features_close,
};
