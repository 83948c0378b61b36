/* image_bench MODE LIST OUT-DIR
 *
 * Reads every file named in LIST (a line each), makes it gray and writes it below OUT-DIR, in one
 * process, without the engine: what the image stage itself costs. MODE: lossless, exact, luma (to
 * JPEG), png, pgm (any format to that), or bytes (read and write only). Prints a JSON line: CPU
 * seconds, files, pixels, bytes out, and how many files each route took. Peers of the same shape
 * are in peers_images.py and peers_images.js.
 */
#include "base/fs.h"
#include "cpu_time.h"
#include "image/encode.h"
#include "image/jpeg_copy.h"
#include "image/picture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <unistd.h>

#define QUALITY 75

enum mode { LOSSLESS, EXACT, LUMA, PNG, PGM, BYTES, N_MODES };
static const char *const mode_names[] = {"lossless", "exact", "luma", "png", "pgm", "bytes"};

struct bench {
    enum mode mode;
    const char *out_dir;
    struct gm_jpeg_copier *copier;
    struct gm_jpeg_encoder *encoder;
    struct gm_png_encoder *png;
    struct gm_picture picture;
    struct gm_buf in, out; /* a worker's memory, kept from file to file */
    unsigned n_files, n_copied, n_coefficients, n_pixels_route;
    uint64_t n_pixels, bytes_out;
};

static void die(const char *what, const char *name)
{
    fprintf(stderr, "image_bench: %s: %s\n", name, what);
    exit(1);
}

static void through_pixels(struct bench *bench, const struct gm_jpeg_file *file, const char *name)
{
    struct gm_err err = {0};
    bench->picture.luma_mode = bench->mode == LUMA ? GM_LUMA_FAST : GM_LUMA_EXACT;
    bench->picture.limits.extra_bytes_per_pixel = 1;
    enum gm_media media = gm_media_sniff(file->data, file->n_bytes, "", 0);
    if (gm_picture_decode(&bench->picture, media, file->data, file->n_bytes))
        die(bench->picture.message, name);
    struct gm_gray plane = {bench->picture.plane, bench->picture.width, bench->picture.height};
    enum gm_status status =
        bench->mode == PNG   ? gm_png_encode(bench->png, &plane, &bench->out, &err)
        : bench->mode == PGM ? gm_pgm_encode(&plane, &bench->out, &err)
                             : gm_jpeg_encode(bench->encoder, &plane, NULL, &bench->out, &err);
    if (status)
        die(err.text, name);
    bench->n_pixels_route++;
}

static void convert(struct bench *bench, const struct gm_jpeg_file *file, const char *name)
{
    if (bench->mode == BYTES) {
        gm_buf_append(&bench->out, file->data, file->n_bytes);
        return;
    }
    enum gm_reason reason = GM_PICTURE_PASS;
    if (bench->mode == LOSSLESS) {
        reason = gm_jpeg_copy(bench->copier, file, &bench->picture, &bench->out);
        bench->n_copied += reason == GM_REASON_NONE;
    }
    if (bench->mode == LOSSLESS && reason == GM_PICTURE_PASS) {
        gm_buf_clear(&bench->out);
        reason = gm_jpeg_coefficients(file, &bench->picture, &bench->out);
        bench->n_coefficients += reason == GM_REASON_NONE;
    }
    if (reason == GM_REASON_NONE)
        return;
    gm_buf_clear(&bench->out);
    through_pixels(bench, file, name);
}

static void run_file(struct bench *bench, const char *name)
{
    char path[4096];
    struct gm_err err = {0};
    struct gm_jpeg_file file = {.metadata = GM_METADATA_ORIENTATION};
    gm_buf_clear(&bench->in);
    gm_buf_clear(&bench->out);
    if (gm_read_file(AT_FDCWD, name, (size_t)1 << 30, &bench->in, &err))
        die(err.text, name);
    file.data = bench->in.data;
    file.n_bytes = bench->in.n_bytes;
    convert(bench, &file, name);
    snprintf(path, sizeof path, "%s/%u.jpg", bench->out_dir, bench->n_files++);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0 || gm_write_full(fd, bench->out.data, bench->out.n_bytes, path, &err))
        die(err.text, path);
    close(fd);
    bench->n_pixels += (uint64_t)bench->picture.width * bench->picture.height;
    bench->bytes_out += bench->out.n_bytes;
    gm_picture_trim(&bench->picture);
    gm_jpeg_copier_trim(bench->copier);
}

int main(int argc, char **argv)
{
    struct bench bench = {.mode = N_MODES};
    for (int i = 0; argc == 4 && i < N_MODES; i++)
        if (strcmp(argv[1], mode_names[i]) == 0)
            bench.mode = (enum mode)i;
    FILE *list = argc == 4 ? fopen(argv[2], "re") : NULL;
    if (bench.mode == N_MODES || !list) {
        fputs("usage: image_bench lossless|exact|luma|png|pgm|bytes LIST OUT-DIR\n", stderr);
        return 64;
    }
    bench.out_dir = argv[3];
    double start = cpu_seconds();
    gm_picture_init(&bench.picture);
    bench.copier = gm_jpeg_copier_new();
    bench.encoder = gm_jpeg_encoder_new(QUALITY);
    bench.png = gm_png_encoder_new(1);
    if (!bench.copier || !bench.encoder || !bench.png)
        die("no memory", "start");
    char name[4096];
    while (fgets(name, sizeof name, list)) {
        name[strcspn(name, "\n")] = '\0';
        run_file(&bench, name);
    }
    printf("{\"cpu_s\":%.6f,\"files\":%u,\"pixels\":%llu,\"bytes_out\":%llu,\"copied\":%u,"
           "\"coefficients\":%u,\"pixels_route\":%u}\n",
           cpu_seconds() - start, bench.n_files, (unsigned long long)bench.n_pixels,
           (unsigned long long)bench.bytes_out, bench.n_copied, bench.n_coefficients,
           bench.n_pixels_route);
    fclose(list);
    gm_picture_fini(&bench.picture);
    gm_jpeg_copier_free(bench.copier);
    gm_jpeg_encoder_free(bench.encoder);
    gm_png_encoder_free(bench.png);
    gm_buf_free(&bench.in);
    gm_buf_free(&bench.out);
    return 0;
}
