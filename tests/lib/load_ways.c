#include "load_ways.h"

#include "base/assert.h"
#include "base/hash.h"
#include "tokenize/image.h"
#include "tokenize/load.h"
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct loaded {
    enum gm_status status;
    struct gm_buf merges, image;
};

static bool is_equal(const struct gm_buf *one, const struct gm_buf *other)
{
    return one->n_bytes == other->n_bytes &&
           (one->n_bytes == 0 || memcmp(one->data, other->data, one->n_bytes) == 0);
}

static enum gm_status build(const struct gm_spec *spec, struct gm_buf *image)
{
    static const uint8_t digest[GM_SHA256_BYTES];
    struct gm_err err = {0};
    return gm_image_build(spec, gm_scheme_recognise(spec), digest, image, &err);
}

/* What the loader knows of merges is what the builder finds out otherwise. */
static void check_merges(struct gm_spec *spec, const struct loaded *loaded)
{
    struct gm_buf image = GM_BUF_INIT;
    spec->merges_are_joined = false;
    GM_ASSERT(build(spec, &image) == loaded->status && is_equal(&image, &loaded->image));
    gm_buf_free(&image);
}

static struct loaded load(const void *text, size_t n_bytes)
{
    struct loaded loaded = {.merges = GM_BUF_INIT, .image = GM_BUF_INIT};
    struct gm_spec spec;
    struct gm_err err = {0};
    gm_spec_init(&spec);
    loaded.status = gm_spec_load(&spec, text, n_bytes, NULL, &err);
    if (loaded.status == GM_OK) {
        for (uint32_t i = 0; i < spec.n_merges; i++)
            gm_buf_append(&loaded.merges, &spec.merges[i], sizeof spec.merges[i]);
        loaded.status = build(&spec, &loaded.image);
        check_merges(&spec, &loaded);
    }
    gm_spec_free(&spec);
    return loaded;
}

/* From a copy at the end of readable memory. */
static struct loaded load_at_the_end(const void *text, size_t n_bytes)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), readable = n_bytes + page - n_bytes % page;
    uint8_t *memory =
        mmap(NULL, readable + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    GM_ASSERT(memory != MAP_FAILED && mprotect(memory + readable, page, PROT_NONE) == 0);
    uint8_t *copy = memory + readable - n_bytes;
    if (n_bytes > 0)
        memcpy(copy, text, n_bytes);
    struct loaded loaded = load(copy, n_bytes);
    munmap(memory, readable + page);
    return loaded;
}

bool load_ways_agree(const void *text, size_t n_bytes, enum gm_status *status)
{
    static const char key[] = "\"model\"";
    struct gm_buf other = GM_BUF_INIT;
    const char *at = text, *end = at + n_bytes, *next;
    while (n_bytes > 0 && (next = memmem(at, (size_t)(end - at), key, sizeof key - 1)) != NULL) {
        gm_buf_append(&other, at, (size_t)(next - at));
        gm_buf_text(&other, "\"\\u006dodel\"");
        at = next + sizeof key - 1;
    }
    gm_buf_append(&other, at, (size_t)(end - at));
    GM_ASSERT(!other.failed);
    struct loaded quick = load_at_the_end(text, n_bytes);
    struct loaded document = load_at_the_end(other.data, other.n_bytes);
    bool agree = quick.status == document.status && is_equal(&quick.merges, &document.merges) &&
                 is_equal(&quick.image, &document.image);
    *status = quick.status;
    gm_buf_free(&quick.merges);
    gm_buf_free(&quick.image);
    gm_buf_free(&document.merges);
    gm_buf_free(&document.image);
    gm_buf_free(&other);
    return agree;
}
