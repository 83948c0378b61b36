/* The meta file is lines of "key value", closed by "end", so that a torn write is told from a whole
 * one:
 *
 *      gristmill-part 1
 *      boot 6f1c...        /proc/sys/kernel/random/boot_id
 *      url https://...
 *      etag "abc"          only if not empty, as are the next two
 *      last_modified ...
 *      content_type ...
 *      total 123           only if stated
 *      status 200
 *      sha256 9f86...      only if complete
 *      end
 *
 * It is not synced: a machine that goes down changes its boot id, which discards the part. */
#include "fetch/spool.h"

#include "base/buf.h"
#include "base/fs.h"
#include "base/num.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define META_MAX_BYTES 32768
#define NAME_BYTES     48
#define HASH_STEP      (256u * 1024u)

static const char *part_name(char *name, uint64_t number, const char *extension)
{
    snprintf(name, NAME_BYTES, "item-%llu.%s", (unsigned long long)number, extension);
    return name;
}

/* ---- leftovers ---- */

static int by_number(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static bool is_part_name(const char *name, uint64_t *number)
{
    size_t length = strlen(name);
    return length > 10 && strncmp(name, "item-", 5) == 0 &&
           strcmp(name + length - 5, ".part") == 0 &&
           gm_parse_u64(name + 5, length - 10, number, NULL) == GM_OK;
}

static enum gm_status list_leftovers(struct gm_spool *spool, DIR *dir, struct gm_err *err)
{
    struct dirent *entry;
    size_t capacity = 0;
    uint64_t number;
    while ((entry = readdir(dir))) {
        if (!is_part_name(entry->d_name, &number))
            continue;
        if (spool->n_leftovers == capacity) {
            capacity = capacity ? 2 * capacity : 64;
            uint64_t *more = reallocarray(spool->leftovers, capacity, sizeof *more);
            if (!more)
                return gm_err_set(err, GM_NOMEM, "no memory for the list of partial downloads");
            spool->leftovers = more;
        }
        spool->leftovers[spool->n_leftovers++] = number;
    }
    if (spool->n_leftovers)
        qsort(spool->leftovers, spool->n_leftovers, sizeof *spool->leftovers, by_number);
    return GM_OK;
}

static void read_boot_id(struct gm_spool *spool)
{
    struct gm_buf text = GM_BUF_INIT;
    if (gm_read_file(AT_FDCWD, "/proc/sys/kernel/random/boot_id", 64, &text, NULL) == GM_OK) {
        size_t n = 0;
        while (n < text.n_bytes && n < sizeof spool->boot_id - 1 && text.data[n] > ' ')
            n++;
        memcpy(spool->boot_id, text.data, n);
    }
    gm_buf_free(&text);
}

enum gm_status gm_spool_init(struct gm_spool *spool, int dir_fd, struct gm_err *err)
{
    *spool = (struct gm_spool){.dir_fd = dir_fd};
    read_boot_id(spool);
    int fd;
    enum gm_status status = gm_open_at(dir_fd, ".", O_RDONLY | O_DIRECTORY, &fd, err);
    if (status != GM_OK)
        return gm_err_add(err, "spool folder");
    DIR *dir = fdopendir(fd);
    if (!dir) {
        gm_close(&fd);
        return gm_err_sys(err, GM_IO, errno, "unable to read the spool folder");
    }
    status = list_leftovers(spool, dir, err);
    closedir(dir);
    return status;
}

void gm_spool_fini(struct gm_spool *spool)
{
    free(spool->leftovers);
    *spool = (struct gm_spool){.dir_fd = -1};
}

bool gm_spool_has_leftover(const struct gm_spool *spool, uint64_t number)
{
    return spool->n_leftovers &&
           bsearch(&number, spool->leftovers, spool->n_leftovers, sizeof number, by_number);
}

/* ---- meta ---- */

static void put(struct gm_buf *text, const char *key, const char *value)
{
    if (*value)
        gm_buf_printf(text, "%s %s\n", key, value);
}

enum gm_status gm_spool_write_meta(const struct gm_spool *spool, uint64_t number,
                                   const struct gm_spool_meta *meta, struct gm_err *err)
{
    char name[NAME_BYTES], hex[GM_SHA256_HEX_BYTES];
    struct gm_buf text = GM_BUF_INIT;
    int fd = -1;
    gm_buf_text(&text, "gristmill-part 1\n");
    put(&text, "boot", spool->boot_id);
    put(&text, "url", meta->url);
    put(&text, "etag", meta->etag);
    put(&text, "last_modified", meta->last_modified);
    put(&text, "content_type", meta->content_type);
    if (meta->total_bytes != UINT64_MAX)
        gm_buf_printf(&text, "total %llu\n", (unsigned long long)meta->total_bytes);
    gm_buf_printf(&text, "status %u\n", meta->http_status);
    if (meta->complete)
        put(&text, "sha256", gm_sha256_hex(meta->sha256, hex));
    gm_buf_text(&text, "end\n");
    enum gm_status status = text.failed ? gm_err_set(err, GM_NOMEM, "no memory for %s", name)
                                        : gm_open_at(spool->dir_fd, part_name(name, number, "meta"),
                                                     O_WRONLY | O_CREAT | O_TRUNC, &fd, err);
    if (status == GM_OK)
        status = gm_write_full(fd, text.data, text.n_bytes, name, err);
    gm_close(&fd);
    gm_buf_free(&text);
    return status;
}

static bool parse_hex(const char *hex, uint8_t digest[GM_SHA256_BYTES])
{
    if (strlen(hex) != 2 * GM_SHA256_BYTES)
        return false;
    for (size_t i = 0; i < 2 * GM_SHA256_BYTES; i++) {
        const char *digits = "0123456789abcdef";
        const char *at = strchr(digits, hex[i]);
        if (!at)
            return false;
        unsigned value = (unsigned)(at - digits);
        digest[i / 2] = (uint8_t)(i % 2 ? digest[i / 2] | value : value << 4);
    }
    return true;
}

struct meta_reader {
    const struct gm_spool *spool;
    struct gm_spool_meta *meta;
    bool boot, url, end, bad;
};

static bool copy_text(char *to, const char *value)
{
    size_t n_bytes = strlen(value) + 1;
    if (n_bytes > GM_SPOOL_TEXT_BYTES)
        return false;
    memcpy(to, value, n_bytes);
    return true;
}

static bool read_pair(struct meta_reader *r, const char *key, const char *value)
{
    uint64_t number = 0;
    if (strcmp(key, "gristmill-part") == 0)
        return strcmp(value, "1") == 0;
    if (strcmp(key, "boot") == 0)
        return r->boot = *r->spool->boot_id && strcmp(value, r->spool->boot_id) == 0;
    if (strcmp(key, "url") == 0)
        return r->url = strcmp(value, r->meta->url) == 0;
    if (strcmp(key, "etag") == 0)
        return copy_text(r->meta->etag, value);
    if (strcmp(key, "last_modified") == 0)
        return copy_text(r->meta->last_modified, value);
    if (strcmp(key, "content_type") == 0)
        return copy_text(r->meta->content_type, value);
    if (strcmp(key, "sha256") == 0)
        return r->meta->complete = parse_hex(value, r->meta->sha256);
    if (gm_parse_u64(value, strlen(value), &number, NULL) != GM_OK)
        return false;
    if (strcmp(key, "total") == 0)
        r->meta->total_bytes = number;
    else if (strcmp(key, "status") == 0)
        r->meta->http_status = (unsigned)number;
    else
        return false;
    return true;
}

static bool read_meta(const struct gm_spool *spool, uint64_t number, struct gm_spool_meta *meta)
{
    char name[NAME_BYTES];
    struct gm_buf text = GM_BUF_INIT;
    struct meta_reader reader = {.spool = spool, .meta = meta};
    *meta = (struct gm_spool_meta){.url = meta->url, .total_bytes = UINT64_MAX};
    if (gm_read_file(spool->dir_fd, part_name(name, number, "meta"), META_MAX_BYTES, &text, NULL) !=
        GM_OK)
        reader.bad = true;
    gm_buf_char(&text, '\0');
    char *rest = (char *)text.data, *line;
    while (!text.failed && !reader.bad && !reader.end && (line = strsep(&rest, "\n"))) {
        char *value = strchr(line, ' ');
        reader.end = strcmp(line, "end") == 0;
        if (reader.end)
            break;
        if (value)
            *value++ = '\0';
        reader.bad = !value || !read_pair(&reader, line, value);
    }
    gm_buf_free(&text);
    return !reader.bad && reader.end && reader.boot && reader.url;
}

/* ---- parts ---- */

enum gm_status gm_spool_reopen(const struct gm_spool *spool, uint64_t number,
                               struct gm_spool_meta *meta, int *fd, uint64_t *n_bytes)
{
    char name[NAME_BYTES];
    struct stat info;
    *fd = -1;
    bool usable = read_meta(spool, number, meta) &&
                  gm_open_at(spool->dir_fd, part_name(name, number, "part"), O_RDWR | O_NOFOLLOW,
                             fd, NULL) == GM_OK &&
                  fstat(*fd, &info) == 0 && S_ISREG(info.st_mode);
    if (usable) {
        *n_bytes = (uint64_t)info.st_size;
        bool whole = meta->total_bytes == UINT64_MAX || *n_bytes == meta->total_bytes;
        usable = meta->complete
                     ? whole
                     : gm_spool_validator(meta) && *n_bytes > 0 && *n_bytes < meta->total_bytes;
    }
    if (usable)
        return GM_OK;
    gm_close(fd);
    gm_spool_remove(spool, number);
    return GM_MISSING;
}

enum gm_status gm_spool_create(const struct gm_spool *spool, uint64_t number,
                               const struct gm_spool_meta *meta, int *fd, struct gm_err *err)
{
    char name[NAME_BYTES];
    enum gm_status status = gm_open_at(spool->dir_fd, part_name(name, number, "part"),
                                       O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW, fd, err);
    if (status == GM_OK && gm_spool_validator(meta))
        status = gm_spool_write_meta(spool, number, meta, err);
    return status;
}

void gm_spool_remove(const struct gm_spool *spool, uint64_t number)
{
    char name[NAME_BYTES];
    unlinkat(spool->dir_fd, part_name(name, number, "meta"), 0);
    unlinkat(spool->dir_fd, part_name(name, number, "part"), 0);
}

const char *gm_spool_validator(const struct gm_spool_meta *meta)
{
    if (*meta->etag)
        return strncmp(meta->etag, "W/", 2) == 0 ? NULL : meta->etag;
    return *meta->last_modified ? meta->last_modified : NULL;
}

enum gm_status gm_spool_hash(int fd, uint64_t n_bytes, struct gm_sha256 *hash, struct gm_err *err)
{
    uint8_t *data = malloc(HASH_STEP);
    enum gm_status status = data ? GM_OK : gm_err_set(err, GM_NOMEM, "no memory to hash a body");
    for (uint64_t at = 0; status == GM_OK && at < n_bytes;) {
        size_t want = n_bytes - at < HASH_STEP ? (size_t)(n_bytes - at) : HASH_STEP, n_read = 0;
        status = gm_pread_full(fd, data, want, at, &n_read, err);
        if (status == GM_OK && n_read < want)
            status = gm_err_set(err, GM_IO, "a spool file is shorter than it was");
        gm_sha256_update(hash, data, n_read);
        at += n_read;
    }
    free(data);
    return status;
}
