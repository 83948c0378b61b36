/* See open_output.h. */
#include "open_output.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

void assert_ok(enum gm_status status, const struct gm_err *err)
{
    if (status != GM_OK)
        fail_msg("%s: %s", gm_status_name(status), err->text);
}

void open_output_begin(struct open_output *open, enum job_kind kind)
{
    *open = (struct open_output){0};
    job_folder_make(&open->folder);
    open->config = job_config(open->folder.fd, open->folder.path, kind);
    gm_out_init(&open->out);
    assert_ok(gm_output_open(&open->output, &open->config, &open->err), &open->err);
}

void open_output_close(struct open_output *open)
{
    gm_output_close(open->output);
    open->output = NULL;
}

void open_output_again(struct open_output *open)
{
    open_output_close(open);
    assert_ok(gm_output_open(&open->output, &open->config, &open->err), &open->err);
}

enum gm_status open_output_append(struct open_output *open, uint64_t next)
{
    struct gm_order_key key = {.task = next};
    return gm_output_append(open->output, open->out.bytes.data, open->out.bytes.n_bytes, &key,
                            &open->err);
}

void open_output_finish(struct open_output *open)
{
    assert_ok(gm_output_finish(open->output, &open->err), &open->err);
    open_output_close(open);
}

void open_output_drop(struct open_output *open)
{
    gm_output_close(open->output);
    gm_out_free(&open->out);
    job_folder_drop(&open->folder);
}
