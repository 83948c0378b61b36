/* The one place that holds stb_image (Debian's libstb-dev), built for TGA and PSD only. Its
 * decoders for other formats are not compiled: some are known to write out of bounds. */
#include "image/stb_read.h"

#include <string.h>

/* stb_image's hooks for memory have no context, so what it may take is a variable of the thread:
 * one piece of memory for the samples, and nothing else. */
struct grant {
    uint8_t *memory; /* NULL: taken, or nothing granted */
    size_t n_bytes;
};

static _Thread_local struct grant grant;

static void *take(size_t n_bytes)
{
    void *memory = n_bytes <= grant.n_bytes ? grant.memory : NULL;
    grant.memory = NULL;
    return memory;
}

#define STBI_MALLOC(n_bytes)          take(n_bytes)
#define STBI_REALLOC(memory, n_bytes) ((void)(memory), take(n_bytes))
#define STBI_FREE(memory)             ((void)(memory)) /* it stays the picture's scratch */
#define STBI_ASSERT(truth)            GM_ASSERT(truth)
#define STBI_MAX_DIMENSIONS           GM_PICTURE_MAX_SIDE
#define STBI_NO_STDIO
#define STBI_NO_SIMD
#define STBI_NO_FAILURE_STRINGS
#define STBI_ONLY_TGA
#define STBI_ONLY_PSD
#define STB_IMAGE_STATIC
#define STB_IMAGE_IMPLEMENTATION
#include <stb/stb_image.h>

/* Where stb_image is in the file that it is shown. */
struct reader {
    const struct gm_stb_file *file;
    size_t piece, at;
};

/* Moves on by at most n_bytes and copies them, unless to is NULL. Returns how many there were. */
static size_t advance(struct reader *reader, char *to, size_t n_bytes)
{
    size_t done = 0;
    while (done < n_bytes && reader->piece < GM_STB_MAX_PIECES) {
        struct gm_view piece = reader->file->pieces[reader->piece];
        size_t left = piece.n_bytes - reader->at;
        size_t step = left < n_bytes - done ? left : n_bytes - done;
        if (to && step)
            memcpy(to + done, piece.data + reader->at, step);
        done += step;
        reader->at += step;
        if (reader->at == piece.n_bytes) {
            reader->piece++;
            reader->at = 0;
        }
    }
    return done;
}

static int read_some(void *user, char *to, int n_bytes)
{
    return n_bytes > 0 ? (int)advance(user, to, (size_t)n_bytes) : 0;
}

static void skip_some(void *user, int n_bytes)
{
    if (n_bytes > 0)
        advance(user, NULL, (size_t)n_bytes);
}

static int is_at_end(void *user)
{
    return ((struct reader *)user)->piece == GM_STB_MAX_PIECES;
}

enum gm_reason gm_stb_read(struct gm_picture *picture, const struct gm_stb_file *file,
                           uint8_t **samples)
{
    static const stbi_io_callbacks callbacks = {read_some, skip_some, is_at_end};
    struct reader reader = {.file = file};
    uint64_t need = gm_stb_bytes(file);
    uint8_t *memory = need <= INT32_MAX ? gm_picture_scratch(picture, (size_t)need) : NULL;
    if (!memory)
        return gm_picture_fail(picture, GM_REASON_LIMIT_MEMORY,
                               "no memory for %llu bytes of samples", (unsigned long long)need);
    int width = 0, height = 0, channels = 0;
    grant = (struct grant){memory, (size_t)need};
    *samples = stbi_load_from_callbacks(&callbacks, &reader, &width, &height, &channels, 0);
    grant = (struct grant){NULL, 0};
    if (!*samples)
        return gm_picture_fail(picture, GM_REASON_IMAGE_BROKEN, "stb_image refuses the samples");
    GM_ASSERT(*samples == memory && (uint32_t)width == file->width &&
              (uint32_t)height == file->height && (unsigned)channels == file->channels);
    return GM_REASON_NONE;
}
