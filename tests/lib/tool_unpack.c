/* Runs the splitter over a file and prints one line a row, for scripts (system calls, memory) and
 * by hand: tool_unpack FILE [option=value ...]. */
#include "fake_emit.h"

#include <stdio.h>

static void print_rows(const struct gm_emit *emit)
{
    static const char *const kinds[] = {"member", "reject", "container"};
    for (size_t i = 0; i < emit->n_rows; i++) {
        const struct gm_fake_row *row = &emit->rows[i];
        printf("%s\t%s\t%s\t%llu\t%s\t%s\n", kinds[row->kind], row->has_name ? row->name : "-",
               gm_media_name(row->media), (unsigned long long)row->n_bytes,
               gm_reason_code(row->reason), row->message);
    }
    printf("members %llu, rejects %llu, container rejects %llu, bytes %llu\n",
           (unsigned long long)emit->n_members, (unsigned long long)emit->n_rejects,
           (unsigned long long)emit->n_container_rejects, (unsigned long long)emit->body_bytes);
}

int main(int argc, char **argv)
{
    struct gm_err err = {0};
    if (argc < 2) {
        fprintf(stderr, "usage: tool_unpack FILE [option=value ...]\n");
        return 64;
    }
    struct gm_emit emit;
    gm_fake_init(&emit);
    emit.max_rows = 1000;
    emit.keep_bytes = 0;
    emit.max_record_bytes = 16 << 20;
    enum gm_status status = gm_fake_split_file(&emit, argv[1], (const char *const *)argv + 2, &err);
    print_rows(&emit);
    gm_fake_free(&emit);
    if (status != GM_OK)
        fprintf(stderr, "tool_unpack: %s: %s\n", gm_status_name(status), err.text);
    return gm_status_exit_code(status);
}
