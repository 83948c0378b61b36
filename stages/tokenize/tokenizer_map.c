/* Where the image comes from. A stored image is named by the digest of the file that it was made
 * from; one that does not fit or is damaged is made again. Stored images are mapped, never read. */
#include "tokenize/tokenizer_parts.h"

#include "base/fs.h"
#include "json/json.h"
#include "tokenize/load.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define MAX_IMAGE_BYTES ((size_t)1 << 32)

void gm_mapping_close(struct gm_mapping *mapping)
{
    if (mapping->is_new)
        free(mapping->data);
    else if (mapping->data)
        munmap(mapping->data, mapping->n_bytes);
    *mapping = (struct gm_mapping){.data = NULL};
}

/* Maps the whole file read-only. */
static enum gm_status map_file(struct gm_mapping *mapping, const char *path, struct gm_err *err)
{
    int fd;
    struct stat info;
    enum gm_status status = gm_open_at(AT_FDCWD, path, O_RDONLY, &fd, err);
    if (status != GM_OK)
        return status;
    if (fstat(fd, &info) != 0) {
        status = gm_err_sys(err, GM_IO, errno, "%s", path);
    } else if (!S_ISREG(info.st_mode) || info.st_size <= 0 ||
               (uint64_t)info.st_size > MAX_IMAGE_BYTES) {
        status = gm_err_set(err, GM_INPUT, "%s: not a tokenizer image", path);
    } else {
        mapping->n_bytes = (size_t)info.st_size;
        mapping->data = mmap(NULL, mapping->n_bytes, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 0);
        if (mapping->data == MAP_FAILED) {
            *mapping = (struct gm_mapping){.data = NULL};
            status = gm_err_sys(err, GM_SYSTEM, errno, "unable to map %s", path);
        }
    }
    gm_close(&fd);
    return status;
}

static enum gm_status open_mapped(struct gm_mapping *mapping, struct gm_image **image,
                                  const uint8_t *digest, struct gm_err *err)
{
    enum gm_status status = gm_image_open(image, mapping->data, mapping->n_bytes, digest, err);
    if (status != GM_OK)
        gm_mapping_close(mapping);
    return status;
}

static enum gm_status open_image_file(struct gm_mapping *mapping, struct gm_image **image,
                                      const char *path, const uint8_t *digest, struct gm_err *err)
{
    enum gm_status status = map_file(mapping, path, err);
    if (status != GM_OK)
        return status;
    status = open_mapped(mapping, image, digest, err);
    return status == GM_OK ? GM_OK : gm_err_add(err, "%s", path);
}

/* What the image is made from: the file, and for rank files the encoding's name as well, without
 * which the file does not say what it means. */
static enum gm_status digest_source(const struct gm_buf *file, const char *path,
                                    const struct gm_tokenizer_opts *opts, uint8_t *digest)
{
    gm_sha256(file->data, file->n_bytes, digest);
    if (gm_load_kind(file->data, file->n_bytes) != GM_LOAD_TIKTOKEN)
        return GM_OK;
    struct gm_load_opts load_opts = {.name = path, .scheme = opts->scheme};
    const char *encoding = gm_load_encoding(&load_opts);
    struct gm_buf both = GM_BUF_INIT;
    gm_buf_append(&both, digest, GM_SHA256_BYTES);
    gm_buf_text(&both, encoding ? encoding : "");
    if (!both.failed)
        gm_sha256(both.data, both.n_bytes, digest);
    enum gm_status status = both.failed ? GM_NOMEM : GM_OK;
    gm_buf_free(&both);
    return status;
}

static enum gm_status build(struct gm_buf *file, const char *path,
                            const struct gm_tokenizer_opts *opts, const uint8_t *digest,
                            struct gm_buf *bytes, struct gm_err *err)
{
    struct gm_spec spec;
    struct gm_load_opts load_opts = {.name = path, .scheme = opts->scheme};
    if (gm_buf_reserve(file, GM_JSON_PADDING_BYTES)) {
        memset(file->data + file->n_bytes, 0, GM_JSON_PADDING_BYTES);
        load_opts.n_behind = GM_JSON_PADDING_BYTES;
    }
    gm_spec_init(&spec);
    enum gm_status status = gm_spec_load(&spec, file->data, file->n_bytes, &load_opts, err);
    gm_buf_free(file);
    if (status == GM_OK)
        status = gm_image_build(&spec, gm_scheme_recognise(&spec), digest, bytes, err);
    gm_spec_free(&spec);
    return status == GM_OK ? GM_OK : gm_err_add(err, "%s", path);
}

/* Enough of the file to tell what it is. */
static enum gm_status read_kind(const char *path, enum gm_load_kind *kind, struct gm_err *err)
{
    int fd;
    char head[16];
    size_t n_read;
    enum gm_status status = gm_open_at(AT_FDCWD, path, O_RDONLY, &fd, err);
    if (status != GM_OK)
        return status;
    status = gm_read_full(fd, head, sizeof head, &n_read, err);
    gm_close(&fd);
    if (status != GM_OK)
        return gm_err_add(err, "%s", path);
    *kind = n_read > 0 ? gm_load_kind(head, n_read) : GM_LOAD_NOTHING;
    return GM_OK;
}

static enum gm_status build_and_map(struct gm_mapping *mapping, struct gm_image **image,
                                    const char *path, const struct gm_tokenizer_opts *opts,
                                    struct gm_err *err)
{
    struct gm_buf file = GM_BUF_INIT, bytes = GM_BUF_INIT;
    uint8_t digest[GM_SHA256_BYTES];
    enum gm_status status = gm_read_file(AT_FDCWD, path, GM_LOAD_MAX_BYTES, &file, err);
    if (status == GM_OK && digest_source(&file, path, opts, digest) != GM_OK)
        status = gm_err_set(err, GM_NOMEM, "no memory to open %s", path);
    if (status == GM_OK && opts->image_path &&
        open_image_file(mapping, image, opts->image_path, digest, NULL) == GM_OK)
        goto out;
    if (status == GM_OK)
        status = build(&file, path, opts, digest, &bytes, err);
    if (status == GM_OK) {
        *mapping =
            (struct gm_mapping){.data = bytes.data, .n_bytes = bytes.n_bytes, .is_new = true};
        gm_buf_init(&bytes);
        status = open_mapped(mapping, image, digest, err);
    }
out:
    gm_buf_free(&bytes);
    gm_buf_free(&file);
    return status;
}

enum gm_status gm_mapping_open(struct gm_mapping *mapping, struct gm_image **image,
                               const char *path, const struct gm_tokenizer_opts *opts,
                               struct gm_err *err)
{
    enum gm_load_kind kind = GM_LOAD_UNKNOWN;
    enum gm_status status = read_kind(path, &kind, err);
    if (status != GM_OK)
        return status;
    return kind == GM_LOAD_IMAGE ? open_image_file(mapping, image, path, NULL, err)
                                 : build_and_map(mapping, image, path, opts, err);
}

/* An image may be written over: it can be made again. Anything else is somebody's file. */
enum gm_status gm_tokenizer_save_image(const char *path, const void *data, size_t n_bytes,
                                       struct gm_err *err)
{
    enum gm_load_kind kind = GM_LOAD_NOTHING;
    enum gm_status status = read_kind(path, &kind, NULL);
    if (status != GM_OK && status != GM_MISSING)
        return gm_err_set(err, status, "unable to read %s", path);
    if (kind != GM_LOAD_NOTHING && kind != GM_LOAD_IMAGE)
        return gm_err_set(err, GM_CONFIG, "%s exists and is not a tokenizer image", path);
    return gm_write_file_durable(AT_FDCWD, path, data, n_bytes, err);
}
