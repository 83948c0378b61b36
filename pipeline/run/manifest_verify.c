/* Proving the bytes: every file of a manifest is read and hashed, a list line by line. */
#include "run/manifest.h"

#include "base/fs.h"
#include "run/placer_name.h"
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { READ_BYTES = 1024 * 1024, MAX_LISTED_PROBLEMS = 100 };

struct verifier {
    int dir_fd;
    struct gm_verify_result *result;
    struct gm_sha256 *state;
    uint8_t *chunk;
};

GM_PRINTF(2, 3) static void problem(struct verifier *verifier, const char *format, ...)
{
    struct gm_verify_result *result = verifier->result;
    if (result->n_problems++ >= MAX_LISTED_PROBLEMS)
        return;
    char text[2048];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    gm_buf_text(&result->problems, text);
    gm_buf_char(&result->problems, '\n');
}

/* Hashes a file; false: it could not be read, which has been noted. */
static bool hash_file(struct verifier *verifier, const char *name, uint64_t *n_bytes,
                      uint8_t sha256[GM_SHA256_BYTES])
{
    struct gm_err err = {0};
    int fd = -1;
    size_t n_read = READ_BYTES;
    *n_bytes = 0;
    gm_sha256_reset(verifier->state);
    enum gm_status status =
        gm_open_at(verifier->dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, &fd, &err);
    while (status == GM_OK && n_read == READ_BYTES) {
        status = gm_read_full(fd, verifier->chunk, READ_BYTES, &n_read, &err);
        gm_sha256_update(verifier->state, verifier->chunk, n_read);
        *n_bytes += n_read;
    }
    gm_close(&fd);
    gm_sha256_final(verifier->state, sha256);
    if (status != GM_OK)
        problem(verifier, "%s: %s", name, err.text);
    return status == GM_OK;
}

static void file_is_right(struct verifier *verifier, uint64_t n_bytes)
{
    verifier->result->n_files++;
    verifier->result->n_bytes += n_bytes;
}

/* Takes back the escapes of a list line's name, in place; false: malformed. */
static bool unescape(char *name)
{
    char *to = name;
    for (const char *from = name; *from; from++, to++) {
        *to = *from;
        if (*from != '\\')
            continue;
        from++;
        if (*from != '\\' && *from != 'n' && *from != 'r')
            return false;
        *to = *from == 'n' ? '\n' : *from == 'r' ? '\r' : '\\';
    }
    *to = '\0';
    return true;
}

static bool parse_line(char *line, size_t n_bytes, const char **hex, char **name)
{
    if (n_bytes == 0 || line[n_bytes - 1] != '\n' || strlen(line) != n_bytes)
        return false;
    line[n_bytes - 1] = '\0';
    bool escaped = line[0] == '\\';
    line += escaped;
    if (strlen(line) < 2 * GM_SHA256_BYTES + 3 || memcmp(line + 2 * GM_SHA256_BYTES, "  ", 2) != 0)
        return false;
    line[2 * GM_SHA256_BYTES] = '\0';
    *hex = line;
    *name = line + 2 * GM_SHA256_BYTES + 2;
    return (!escaped || unescape(*name)) &&
           gm_placer_path_ok((const uint8_t *)*name, strlen(*name));
}

static void verify_line(struct verifier *verifier, const struct gm_manifest_file *list,
                        uint64_t number, char *line, size_t n_bytes)
{
    const char *hex;
    char *name;
    uint64_t n_read;
    uint8_t sha256[GM_SHA256_BYTES];
    char found[GM_SHA256_HEX_BYTES];
    if (!parse_line(line, n_bytes, &hex, &name)) {
        problem(verifier, "%s:%llu: malformed line", list->name, (unsigned long long)number);
        return;
    }
    if (!hash_file(verifier, name, &n_read, sha256))
        return;
    if (strcmp(gm_sha256_hex(sha256, found), hex) != 0)
        problem(verifier, "%s: its bytes have changed (sha256 %s instead of %s)", name, found, hex);
    else
        file_is_right(verifier, n_read);
}

static enum gm_status verify_list(struct verifier *verifier, const struct gm_manifest_file *list,
                                  struct gm_err *err)
{
    int fd = -1;
    enum gm_status status =
        gm_open_at(verifier->dir_fd, list->name, O_RDONLY | O_NOFOLLOW, &fd, err);
    FILE *stream = status == GM_OK ? fdopen(fd, "r") : NULL;
    if (!stream) {
        gm_close(&fd);
        return status == GM_OK ? gm_err_sys(err, GM_IO, errno, "unable to read %s", list->name)
                               : status;
    }
    char *line = NULL;
    size_t capacity = 0;
    ssize_t n_bytes;
    uint64_t n_lines = 0;
    while ((n_bytes = getline(&line, &capacity, stream)) > 0)
        verify_line(verifier, list, ++n_lines, line, (size_t)n_bytes);
    if (n_lines != list->n_listed)
        problem(verifier, "%s: lists %llu files instead of %llu", list->name,
                (unsigned long long)n_lines, (unsigned long long)list->n_listed);
    free(line);
    fclose(stream);
    return GM_OK;
}

static enum gm_status verify_file(struct verifier *verifier, const struct gm_manifest_file *file,
                                  struct gm_err *err)
{
    uint64_t n_bytes;
    uint8_t sha256[GM_SHA256_BYTES];
    if (!gm_placer_path_ok((const uint8_t *)file->name, strlen(file->name))) {
        problem(verifier, "%s: a name that leads out of the folder", file->name);
        return GM_OK;
    }
    if (!hash_file(verifier, file->name, &n_bytes, sha256))
        return GM_OK;
    if (n_bytes != file->n_bytes) {
        problem(verifier, "%s: %llu bytes instead of %llu", file->name, (unsigned long long)n_bytes,
                (unsigned long long)file->n_bytes);
        return GM_OK;
    }
    if (memcmp(sha256, file->sha256, sizeof sha256) != 0) {
        char found[GM_SHA256_HEX_BYTES], wanted[GM_SHA256_HEX_BYTES];
        problem(verifier, "%s: its bytes have changed (sha256 %s instead of %s)", file->name,
                gm_sha256_hex(sha256, found), gm_sha256_hex(file->sha256, wanted));
        return GM_OK;
    }
    file_is_right(verifier, n_bytes);
    return file->is_list ? verify_list(verifier, file, err) : GM_OK;
}

enum gm_status gm_manifest_verify(const struct gm_manifest *manifest, int dir_fd,
                                  struct gm_verify_result *result, struct gm_err *err)
{
    *result = (struct gm_verify_result){.problems = GM_BUF_INIT};
    struct verifier verifier = {dir_fd, result, gm_sha256_new(), malloc(READ_BYTES)};
    enum gm_status status =
        verifier.state && verifier.chunk ? GM_OK : gm_err_set(err, GM_NOMEM, "verify: no memory");
    if (status == GM_OK && !gm_manifest_adds_up(manifest))
        problem(&verifier, GM_MANIFEST_NAME ": the counts do not add up");
    for (size_t i = 0; i < manifest->n_files && status == GM_OK; i++)
        status = verify_file(&verifier, &manifest->files[i], err);
    gm_sha256_free(verifier.state);
    free(verifier.chunk);
    return status;
}
