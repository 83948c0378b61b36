/* The features stage: numbers that describe a gray picture, and two hashes that find copies: of the
 * file as it came, and of the gray plane, which is the same for a picture that was only packed
 * anew.
 *
 * mean and std (population) are computed in integers from the histogram, so that they do not depend
 * on the order of pixels; entropy is Shannon's over the 256 gray values, in bits. */
#include "base/hash.h"
#include "stage.h"

#include <string.h>
#include <math.h>

static const struct gm_opt features_opt_table[] = {GM_OPT_END};

struct features_opts {
    char none; /* the stage has no options */
};

enum in { IN_BODY, IN_PLANE };
static const struct gm_column_def features_in[] = {
    [IN_BODY] = {"body", GM_TYPE_BYTES, 0, NULL, NULL},
    [IN_PLANE] = {"gray_plane", GM_TYPE_BYTES, 0, NULL, NULL},
    GM_COLUMN_END,
};

enum out { OUT_MEAN, OUT_STD, OUT_MIN, OUT_MAX, OUT_ENTROPY, OUT_SHA256, OUT_GRAY_SHA256 };
static const struct gm_column_def features_out[] = {
    [OUT_MEAN] = {"mean", GM_TYPE_F64, 0, "gray levels", "mean gray value, 0 black to 255 white"},
    [OUT_STD] = {"std", GM_TYPE_F64, 0, "gray levels", "standard deviation of the gray values"},
    [OUT_MIN] = {"min", GM_TYPE_U64, 0, "gray levels", "darkest value"},
    [OUT_MAX] = {"max", GM_TYPE_U64, 0, "gray levels", "brightest value"},
    [OUT_ENTROPY] = {"entropy", GM_TYPE_F64, 0, "bits", "entropy of the 256-bin histogram"},
    [OUT_SHA256] = {"sha256", GM_TYPE_STRING, 0, NULL, "SHA-256 of the file as it came"},
    [OUT_GRAY_SHA256] = {"gray_sha256", GM_TYPE_STRING, 0, NULL,
                         "SHA-256 of the gray values, row by row"},
    GM_COLUMN_END,
};

struct features {
    const struct gm_bind *bind;
};

static enum gm_status features_open(void *ctx, const void *opts, const void *prepared,
                                    const struct gm_bind *bind, struct gm_err *err)
{
    struct features *features = ctx;
    (void)opts;
    (void)prepared;
    (void)err;
    features->bind = bind;
    /* The hash library finds its fastest code at the first use; that may read files. */
    uint8_t digest[GM_SHA256_BYTES];
    gm_sha256("", 0, digest);
    return GM_OK;
}

/* Four tables, because neighbours are often equal and one counter would wait for itself. */
static void count_values(struct gm_view plane, uint64_t histogram[256])
{
    uint32_t tables[4][256];
    const uint8_t *p = plane.data, *end = p + plane.n_bytes;
    memset(histogram, 0, 256 * sizeof(*histogram));
    while (p < end) {
        const uint8_t *stop = end - p > INT32_MAX ? p + INT32_MAX : end;
        memset(tables, 0, sizeof(tables));
        for (; stop - p >= 4; p += 4)
            for (size_t k = 0; k < 4; k++)
                tables[k][p[k]]++;
        for (; p < stop; p++)
            tables[0][*p]++;
        for (size_t v = 0; v < 256; v++)
            histogram[v] += (uint64_t)tables[0][v] + tables[1][v] + tables[2][v] + tables[3][v];
    }
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
    gm_batch_set_f64(batch, out[OUT_MEAN], row, (double)sum / (double)n);
    gm_batch_set_f64(batch, out[OUT_STD], row, sqrt((double)spread) / (double)n);
    gm_batch_set_u64(batch, out[OUT_MIN], row, min);
    gm_batch_set_u64(batch, out[OUT_MAX], row, max);
    gm_batch_set_f64(batch, out[OUT_ENTROPY], row, entropy > 0 ? entropy : 0);
}

static bool set_hash(struct gm_batch *batch, int column, uint32_t row, struct gm_view bytes)
{
    uint8_t digest[GM_SHA256_BYTES];
    char hex[GM_SHA256_HEX_BYTES];
    gm_sha256(bytes.data, bytes.n_bytes, digest);
    gm_sha256_hex(digest, hex);
    return gm_batch_set_copy(batch, column, row, hex, GM_SHA256_HEX_BYTES - 1);
}

static enum gm_status features_process(void *ctx, struct gm_batch *batch, uint32_t row,
                                       struct gm_err *err)
{
    struct features *features = ctx;
    const struct gm_bind *bind = features->bind;
    struct gm_view body = gm_batch_view(batch, bind->in[IN_BODY], row);
    struct gm_view plane = gm_batch_view(batch, bind->in[IN_PLANE], row);
    if (plane.n_bytes == 0)
        return gm_err_set(err, GM_INTERNAL, "features needs gray before it in the list");
    uint64_t histogram[256];
    count_values(plane, histogram);
    set_statistics(features, batch, row, histogram);
    if (!set_hash(batch, bind->out[OUT_SHA256], row, body) ||
        !set_hash(batch, bind->out[OUT_GRAY_SHA256], row, plane))
        return gm_err_set(err, GM_NOMEM, "no memory for the hashes");
    return GM_OK;
}

const struct gm_stage gm_image_features = {
    .name = "features",
    .family = "image",
    .summary = "mean, deviation, range, entropy and hashes of the gray picture",
    .in = features_in,
    .out = features_out,
    .opts = features_opt_table,
    .opts_bytes = sizeof(struct features_opts),
    .ctx_bytes = sizeof(struct features),
    .open = features_open,
    .process = features_process,
};
