/* tool_gray [-s option=value]... [-r N] [-o DIR] FILE...
 *
 * Runs the image stages over files and prints a JSON line for each: the reason code and message, or
 * the columns. -o writes DIR/N.plane (the gray values) and DIR/N.file (the gray file) for the N-th
 * file. -r repeats all files N times without output, for measuring. */
#include "base/fs.h"
#include "image_row.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <unistd.h>

#define MAX_SETTINGS 16

static void put_value(struct gm_buf *line, const struct gm_batch *batch, int column)
{
    const struct gm_column_def *def = batch->columns[column].def;
    struct gm_view view;
    gm_json_key(line, def->name);
    if (gm_batch_is_null(batch, column, 0)) {
        gm_buf_text(line, "null");
        return;
    }
    switch (def->type) {
    case GM_TYPE_U64:
        gm_json_u64(line, gm_batch_u64(batch, column, 0));
        break;
    case GM_TYPE_F64:
        gm_json_f64(line, gm_batch_f64(batch, column, 0));
        break;
    case GM_TYPE_JSON:
        view = gm_batch_view(batch, column, 0);
        gm_buf_append(line, view.data, view.n_bytes);
        break;
    default:
        view = gm_batch_view(batch, column, 0);
        gm_json_string(line, view.data, view.n_bytes);
    }
}

static void print_row(struct image_row *row, const char *path, enum gm_reason reason)
{
    const struct gm_batch *batch = image_row_batch(row);
    struct gm_buf line = GM_BUF_INIT;
    gm_buf_char(&line, '{');
    gm_json_key(&line, "path");
    gm_json_string(&line, path, strlen(path));
    gm_json_key(&line, "reason");
    gm_json_string(&line, gm_reason_code(reason), strlen(gm_reason_code(reason)));
    gm_json_key(&line, "message");
    gm_json_string(&line, image_row_message(row), strlen(image_row_message(row)));
    for (int i = GM_IN_COUNT; i < (int)batch->n_columns && !reason; i++)
        if (!(batch->columns[i].def->flags & GM_COLUMN_HIDDEN))
            put_value(&line, batch, i);
    gm_buf_char(&line, '}');
    puts(gm_buf_cstr(&line));
    gm_buf_free(&line);
}

static int write_view(const char *dir, int number, const char *suffix, struct gm_view view)
{
    char path[4096];
    struct gm_err err = {0};
    snprintf(path, sizeof(path), "%s/%d.%s", dir, number, suffix);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0 || gm_write_full(fd, view.data, view.n_bytes, path, &err)) {
        fprintf(stderr, "tool_gray: %s: %s\n", path, err.text);
        return 1;
    }
    close(fd);
    return 0;
}

static int run_file(struct image_row *row, const char *path, int number, const char *dir)
{
    struct image_row_input input = {.item = (uint64_t)number, .member = UINT64_MAX, .name = path};
    uint8_t *data = image_row_read(path, &input.n_bytes);
    input.data = data;
    enum gm_reason reason = image_row_run(row, &input);
    int failed = 0;
    if (dir && !reason)
        failed = write_view(dir, number, "plane", image_row_view(row, "gray_plane")) ||
                 write_view(dir, number, "file", image_row_view(row, "gray_image"));
    print_row(row, path, reason);
    free(data);
    return failed;
}

static void repeat_files(struct image_row *row, char **paths, int n_paths, unsigned long n)
{
    for (unsigned long i = 0; i < n; i++)
        for (int k = 0; k < n_paths; k++) {
            struct image_row_input input = {.member = UINT64_MAX, .name = paths[k]};
            uint8_t *data = image_row_read(paths[k], &input.n_bytes);
            input.data = data;
            image_row_run(row, &input);
            free(data);
        }
}

int main(int argc, char **argv)
{
    const char *settings[MAX_SETTINGS + 1] = {NULL}, *dir = NULL;
    unsigned long n_repeats = 0;
    size_t n_settings = 0;
    for (int c; (c = getopt(argc, argv, "s:r:o:")) != -1;) {
        if (c == 's' && n_settings < MAX_SETTINGS)
            settings[n_settings++] = optarg;
        else if (c == 'r')
            n_repeats = strtoul(optarg, NULL, 10);
        else if (c == 'o')
            dir = optarg;
        else
            return 64;
    }
    struct image_row *row = image_row_new(settings);
    int failed = 0;
    if (n_repeats)
        repeat_files(row, argv + optind, argc - optind, n_repeats);
    for (int i = optind; i < argc && !n_repeats; i++)
        failed |= run_file(row, argv[i], i - optind, dir);
    image_row_free(row);
    return failed;
}
