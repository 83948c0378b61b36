/* Runs or resumes the job of output_job.h in a folder, for scripts that make its system calls fail:
 *
 *      tool_output DIR BLOCKS GROUP        exit code of the status, message on standard error
 *      tool_output digest DIR              prints the digest of what is there */
#include "output_job.h"

#include "base/fs.h"
#include "base/num.h"
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

static uint64_t number(const char *text)
{
    uint64_t value = 0;
    GM_ASSERT(gm_parse_u64(text, strlen(text), &value, NULL) == GM_OK);
    return value;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "digest") == 0) {
        char hex[GM_SHA256_HEX_BYTES];
        job_digest(argv[2], hex);
        puts(hex);
        return 0;
    }
    if (argc != 4)
        return gm_status_exit_code(GM_USAGE);
    int fd = -1;
    struct gm_err err = {0};
    enum gm_status status = gm_open_at(AT_FDCWD, argv[1], O_RDONLY | O_DIRECTORY, &fd, &err);
    if (status == GM_OK) {
        struct gm_output_config config = job_config(fd, argv[1], JOB_WITH_FILES);
        status = job_run(&config, number(argv[2]), number(argv[3]), &err);
    }
    if (status != GM_OK)
        fprintf(stderr, "tool_output: %s\n", err.text);
    gm_close(&fd);
    return gm_status_exit_code(status);
}
