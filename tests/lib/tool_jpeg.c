/* tool_jpeg [-o DIR] FILE...
 *
 * Runs the lossless routes over JPEG files and lets libjpeg judge: one line a file with the route
 * that took it ("-": none), then "same" or what differs between the gray pixels of the source and
 * of the result. The last line counts. -o writes DIR/N.jpg for the N-th file. Exit 1: something
 * differs. */
#include "base/fs.h"
#include "image/jpeg_copy.h"
#include "image_row.h"
#include "jpeg_reference.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <unistd.h>

enum { COPY, COEFFICIENTS, NEITHER, N_ROUTES };
static const char *const routes[] = {"jpeg.copy", "jpeg.coefficients", "-"};

static unsigned route(struct gm_jpeg_copier *copier, const struct gm_jpeg_file *file,
                      struct gm_buf *out)
{
    struct gm_picture picture;
    gm_picture_init(&picture);
    enum gm_reason reason = gm_jpeg_copy(copier, file, &picture, out);
    if (reason == GM_REASON_NONE)
        return COPY;
    gm_buf_clear(out);
    if (reason == GM_PICTURE_PASS)
        reason = gm_jpeg_coefficients(file, &picture, out);
    return reason == GM_REASON_NONE ? COEFFICIENTS : NEITHER;
}

static const char *compare(const struct gm_jpeg_file *file, const struct gm_buf *out)
{
    struct jpeg_reference from, to;
    const char *verdict = "same";
    jpeg_reference_decode(&from, file->data, file->n_bytes, UINT64_MAX);
    jpeg_reference_decode(&to, out->data, out->n_bytes, UINT64_MAX);
    if (!from.plane)
        verdict = "DIFFERS: libjpeg refuses the source";
    else if (!to.plane)
        verdict = "DIFFERS: libjpeg refuses the result";
    else if (to.n_warnings || to.n_components != 1)
        verdict = "DIFFERS: libjpeg has doubts about the result";
    else if (from.width != to.width || from.height != to.height)
        verdict = "DIFFERS: other size";
    else if (memcmp(from.plane, to.plane, (size_t)from.width * from.height) != 0)
        verdict = "DIFFERS: other pixels";
    jpeg_reference_free(&from);
    jpeg_reference_free(&to);
    return verdict;
}

static void write_file(const char *dir, int number, const struct gm_buf *out)
{
    char path[4096];
    struct gm_err err = {0};
    snprintf(path, sizeof path, "%s/%d.jpg", dir, number);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0 || gm_write_full(fd, out->data, out->n_bytes, path, &err)) {
        fprintf(stderr, "tool_jpeg: %s: %s\n", path, err.text);
        exit(99);
    }
    close(fd);
}

int main(int argc, char **argv)
{
    unsigned counts[N_ROUTES] = {0}, n_different = 0;
    struct gm_jpeg_copier *copier = gm_jpeg_copier_new();
    struct gm_buf out = GM_BUF_INIT;
    const char *dir = NULL;
    for (int c; (c = getopt(argc, argv, "o:")) != -1;) {
        if (c != 'o')
            return 64;
        dir = optarg;
    }
    for (int i = optind; i < argc && copier; i++) {
        struct gm_jpeg_file file = {0};
        uint8_t *data = image_row_read(argv[i], &file.n_bytes);
        file.data = data;
        gm_buf_clear(&out);
        unsigned taken = route(copier, &file, &out);
        const char *verdict = taken == NEITHER ? "" : compare(&file, &out);
        counts[taken]++;
        n_different += strncmp(verdict, "DIFFERS", 7) == 0;
        printf("%s %s %s\n", routes[taken], verdict, argv[i]);
        if (dir && taken != NEITHER)
            write_file(dir, i - optind, &out);
        free(data);
    }
    printf("%u copied, %u through coefficients, %u neither, %u different\n", counts[COPY],
           counts[COEFFICIENTS], counts[NEITHER], n_different);
    gm_buf_free(&out);
    gm_jpeg_copier_free(copier);
    return n_different > 0;
}
