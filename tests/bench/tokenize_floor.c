/* tokenize_floor FILE.jsonl OUT OUT_BYTES: what any program that makes token files has to do
 * besides encoding, each alone and as fast as this project knows how, with nothing between it and
 * the next: read the file (it is in the cache), decode the strings of its lines, hash what is
 * written (SHA-256), write it (past the cache, in pieces of 2 MB, to OUT, which is removed again).
 * Prints "tokenize_floor READ JSON SHA256 WRITE": nanoseconds of CPU time for each byte of the
 * file, the fastest of three passes, where a pass makes OUT_BYTES of output. */
#include "base/fs.h"
#include "base/hash.h"
#include "cpu_time.h"
#include "json/quick.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { READ_BYTES = 256 << 10, PIECE_BYTES = 2 << 20, MOST_BYTES = 256 << 20, N_PASSES = 3 };

struct job {
    const char *path, *out;
    struct gm_buf file;
    uint8_t *piece; /* PIECE_BYTES: what is written, and room for what is decoded */
    uint64_t out_bytes;
};

static void die(const char *what)
{
    fprintf(stderr, "tokenize_floor: %s\n", what);
    exit(1);
}

static void read_file(struct job *job)
{
    int fd = open(job->path, O_RDONLY | O_CLOEXEC);
    ssize_t n = 1;
    if (fd < 0)
        die("unable to open the file");
    while (n > 0)
        n = read(fd, job->piece, READ_BYTES);
    close(fd);
}

static void decode_lines(struct job *job)
{
    struct gm_json_quick quick = {.tier = gm_json_best_tier(), .field = "text"};
    const uint8_t *at = job->file.data, *end = at + job->file.n_bytes;
    while (at < end) {
        const uint8_t *newline = memchr(at, '\n', (size_t)(end - at));
        size_t n_bytes = (size_t)((newline ? newline : end) - at);
        if (n_bytes + GM_JSON_QUICK_SLACK <= PIECE_BYTES &&
            !gm_json_quick_string(&quick, at, n_bytes, job->piece))
            die("a line is no object with a text");
        at += n_bytes + 1;
    }
}

static void hash_output(struct job *job)
{
    struct gm_sha256 *state = gm_sha256_new();
    uint8_t digest[GM_SHA256_BYTES];
    if (!state)
        die("no memory");
    for (uint64_t at = 0; at < job->out_bytes; at += PIECE_BYTES)
        gm_sha256_update(state, job->piece, PIECE_BYTES);
    gm_sha256_final(state, digest);
    gm_sha256_free(state);
}

static void write_output(struct job *job)
{
    int fd = open(job->out, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_DIRECT, 0666);
    if (fd < 0)
        die("unable to create the output");
    for (uint64_t at = 0; at < job->out_bytes; at += PIECE_BYTES)
        if (write(fd, job->piece, PIECE_BYTES) != PIECE_BYTES)
            die("unable to write the output");
    if (fdatasync(fd) != 0)
        die("unable to sync the output");
    close(fd);
    unlink(job->out);
}

static double fastest_ns(struct job *job, void (*part)(struct job *))
{
    double fastest = 0;
    for (int i = 0; i < N_PASSES; i++) {
        double before = cpu_seconds();
        part(job);
        double ns = (cpu_seconds() - before) * 1e9 / (double)job->file.n_bytes;
        if (i == 0 || ns < fastest)
            fastest = ns;
    }
    return fastest;
}

int main(int argc, char **argv)
{
    struct gm_err err = {0};
    if (argc != 4)
        die("expected FILE.jsonl OUT OUT_BYTES");
    struct job job = {argv[1], argv[2], GM_BUF_INIT, aligned_alloc(4096, PIECE_BYTES),
                      strtoull(argv[3], NULL, 10)};
    if (!job.piece || gm_read_file(AT_FDCWD, job.path, MOST_BYTES, &job.file, &err) != GM_OK)
        die(err.text);
    memset(job.piece, 1, PIECE_BYTES);
    double read_ns = fastest_ns(&job, read_file), json_ns = fastest_ns(&job, decode_lines);
    double sha256_ns = fastest_ns(&job, hash_output), write_ns = fastest_ns(&job, write_output);
    printf("tokenize_floor %.3f %.3f %.3f %.3f\n", read_ns, json_ns, sha256_ns, write_ns);
    gm_buf_free(&job.file);
    free(job.piece);
    return 0;
}
