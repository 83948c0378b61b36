/* Runs a fuzz target over files instead of a fuzzer: every file of a stored corpus, and the empty
 * input. Makes a corpus a regression test for compilers that have no libFuzzer. */
#include "base/buf.h"
#include "base/fs.h"

#include <fcntl.h>
#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

int main(int argc, char **argv)
{
    LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
    for (int i = 1; i < argc; i++) {
        struct gm_buf bytes = GM_BUF_INIT;
        struct gm_err err = {0};
        fprintf(stderr, "%s\n", argv[i]); /* the last one named is the one that failed */
        if (gm_read_file(AT_FDCWD, argv[i], SIZE_MAX, &bytes, &err) != GM_OK) {
            fprintf(stderr, "%s\n", err.text);
            return 1;
        }
        LLVMFuzzerTestOneInput(bytes.data, bytes.n_bytes);
        gm_buf_free(&bytes);
    }
    return 0;
}
